/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_PROVIDER_H
#define GEO_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "core/address/addr.h"

/*
 * The services on the internet that tell country and network of an address: how each is asked, and what its
 * answer says. Nothing here speaks to anyone.
 */
enum provider { PROVIDER_IP_API, PROVIDER_IPINFO, PROVIDER_IPLOCATION, PROVIDER_IPAPI };
enum { PROVIDERS = 4, PROVIDER_BATCH = 100, PROVIDER_ISP = 64 };

struct provider_def {
    const char *name; /* in geo_providers */
    const char
        *url;  /* {ip} stands for the address; without it the addresses are a list in the body */
    int batch; /* most addresses of one request */
    int64_t pause_us; /* between two requests, so that its free use is not passed */
    bool token;       /* wants ipinfo_token */
};

/* What is known of a service; lives for ever. */
const struct provider_def *provider_def(enum provider p);
/* By name; ERR_NOT_FOUND. */
int provider_find(struct slice name, enum provider *ret) MUST_CHECK;

/* What was told of one address; unknown members are empty. */
struct provider_told {
    bool known; /* something was told */
    char country[3];
    uint32_t asn;
    char isp[PROVIDER_ISP]; /* UTF-8, without control characters, cut */
};

/*
 * Writes URL and body (empty: a GET) of a question about n addresses (1…batch). url is the provider's own
 * or what stands in its place.
 */
int provider_ask(const char *url, const struct addr *addrs, size_t n, struct buf *ret_url,
                 struct buf *ret_body) MUST_CHECK;
/*
 * Reads an answer into told, n entries in the order of addrs. What it says of addresses that were not asked
 * for is passed over, what is of no sense is unknown. ERR_PROTOCOL: no JSON of the form; told is then as it
 * was.
 */
int provider_read(enum provider p, struct slice body, const struct addr *addrs, size_t n,
                  struct provider_told *told) MUST_CHECK;

#endif
