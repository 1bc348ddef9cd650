/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_CACHE_MEM_H
#define CACHE_CACHE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/map.h"
#include "base/slice.h"

/*
 * Values by key in memory, each until its time: at most LIMIT_CACHE_ENTRIES and LIMIT_CACHE_MEMORY
 * bytes, those not touched for longest go first. A value may be "nothing" (p NULL): known to be gone.
 * Times come from the caller. No I/O.
 */
struct cache_entry {
    struct cache_entry *prev, *next; /* from the last touched on */
    int64_t until_us;
    bool dirty; /* the caller's: not yet told to Redis */
    bool gone;  /* nothing */
    uint8_t kind;
    size_t key_n, value_n;
    char bytes[]; /* key, value */
};

struct cache_mem {
    struct smap by_key;
    struct cache_entry list; /* head of the ring */
    size_t bytes;
};

/* An empty one; allocates nothing. It must not be moved. */
void cache_mem_init(struct cache_mem *m, struct hash_key key);
/* Overwrites and frees all. */
void cache_mem_release(struct cache_mem *m);
/* Keeps a value in place of any before; NULL: no memory, or too large, and any before is dropped. */
struct cache_entry *cache_mem_put(struct cache_mem *m, uint8_t kind, struct slice key,
                                  struct slice value, int64_t until_us);
/* The entry of a key that holds at now_us, or NULL; valid until the next put or get. */
struct cache_entry *cache_mem_get(struct cache_mem *m, struct slice key, int64_t now_us);
/* Key and value of an entry; value.p is NULL where it is nothing. */
struct slice cache_entry_key(const struct cache_entry *e);
struct slice cache_entry_value(const struct cache_entry *e);

#endif
