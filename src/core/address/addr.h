/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_ADDR_H
#define CORE_ADDRESS_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/*
 * An IP address as one 128-bit number in host order; IPv4 stands as ::ffff:a.b.c.d (RFC 4291
 * 2.5.5.2), so that both families compare, hash and store alike.
 */
struct addr {
    uint64_t hi, lo;
};

enum { ADDR_TEXT = 48 }; /* longest text with its NUL */

/* What an address is good for. */
enum addr_class {
    ADDR_PUBLIC,  /* counts */
    ADDR_PRIVATE, /* not globally reachable: counts only under count_private_ips */
    ADDR_NEVER,   /* unspecified, multicast, broadcast: never a client */
};

/* Dotted quad, decimal, no leading zeros (the form Go prints). ERR_INVALID. */
int addr_parse4(struct slice s, struct addr *ret) MUST_CHECK;
/*
 * RFC 4291 text, upper or lower case, dotted tail allowed, `%zone` ignored. An IPv4-mapped address
 * comes out as IPv4. ERR_INVALID.
 */
int addr_parse6(struct slice s, struct addr *ret) MUST_CHECK;
/* Either family, IPv6 with or without brackets. ERR_INVALID. */
int addr_parse(struct slice s, struct addr *ret) MUST_CHECK;

/* Writes the canonical text (RFC 5952) into out (ADDR_TEXT bytes) and returns out. */
char *addr_text(struct addr a, char *out);

/* Whether a stands for an IPv4 address. */
static inline bool addr_is4(struct addr a)
{
    return a.hi == 0 && a.lo >> 32 == 0xffff;
}

/* Whether both are the same address. */
static inline bool addr_eq(struct addr a, struct addr b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* a with all but its first bits (0…128, counted in 128) cleared. */
struct addr addr_mask(struct addr a, unsigned bits);

/*
 * The IANA special-purpose registries (IPv4 and IPv6, as of 2026): what is not globally reachable is
 * ADDR_PRIVATE. Not so 100.64.0.0/10 (nodes inside a carrier see real clients there), 64:ff9b::/96
 * and 2002::/16, which stand for public IPv4 addresses.
 */
enum addr_class addr_classify(struct addr a);

/*
 * The address that identifies a device: IPv4 as it is, NAT64 (64:ff9b::/96) as the IPv4 inside,
 * IPv6 cut to prefix bits (32…128). O(1).
 */
struct addr addr_device(struct addr a, unsigned ipv6_prefix);

/* Whether a and b are of one family and share their first /16 (IPv4) or /32 (IPv6). */
bool addr_same_carrier(struct addr a, struct addr b);

#endif
