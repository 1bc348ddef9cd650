/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOCACHE_H
#define GEO_GEOCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/map.h"
#include "core/address/addr.h"
#include "geo/provider.h"

/*
 * What providers told, by block (IPv4 /24, IPv6 /48): at most LIMIT_GEO_CACHE of them, the oldest go
 * first. Pure: times come from the caller.
 */
struct geocache_row {
    struct addr block;
    struct addr sample; /* an address of it, to be asked about */
    struct provider_told told;
    int64_t until_us; /* told: when it expires; not told: when it may be asked again */
    uint8_t failures; /* in a row */
    bool waiting;     /* asked, or in the queue */
    bool looked;      /* the cache behind this one was asked */
};

struct geocache {
    struct geocache_row *rows;
    uint32_t n, cap, oldest;
    struct imap by_block;
    struct hash_key key;
};

/* An empty cache; allocates nothing. */
void geocache_init(struct geocache *c, struct hash_key key);
/* Frees the memory; c is empty and usable afterwards. */
void geocache_release(struct geocache *c);
/* The block of an address. */
struct addr geocache_block(struct addr a);
/* Its row, or NULL; valid until the next geocache_add. O(1). */
struct geocache_row *geocache_find(const struct geocache *c, struct addr a);
/* Its row, made when it is new (waiting false, nothing told); NULL: no memory. */
struct geocache_row *geocache_add(struct geocache *c, struct addr a);

#endif
