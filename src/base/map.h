/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/slice.h"

/*
 * Hash tables with open addressing, linear probing and backward-shift deletion, keyed with SipHash,
 * at most 7/8 full. Two kinds: integers to 32-bit numbers (an index into the owner's array), and
 * texts to pointers.
 */

/* int64 → uint32. 12 bytes a slot. */
struct imap {
    int64_t *keys;
    uint32_t *vals; /* MAP_FREE marks a free slot */
    uint32_t cap;   /* a power of two, or 0 */
    uint32_t n;
    struct hash_key key;
};

#define MAP_FREE UINT32_MAX

/* An empty map; allocates nothing. */
void imap_init(struct imap *m, struct hash_key key);
/* Frees the memory; the map is empty afterwards and usable. */
void imap_release(struct imap *m);
/* The value of k, or MAP_FREE. O(1). */
uint32_t imap_get(const struct imap *m, int64_t k);
/* Sets k to v (not MAP_FREE), new or not. ERR_NOMEM leaves the map as it was. */
int imap_put(struct imap *m, int64_t k, uint32_t v) MUST_CHECK;
/* Removes k; false when it was not there. */
bool imap_del(struct imap *m, int64_t k);

/* text → pointer. The map owns a copy of each key, not what the pointers point at. */
struct smap_slot {
    char *key;
    uint32_t len;
    uint32_t hash;
    void *val;
};
struct smap {
    struct smap_slot *slots;
    uint32_t cap;
    uint32_t n;
    uint32_t max; /* most entries; 0 = no bound */
    struct hash_key key;
};

/* An empty map of at most max entries (0: unbounded); allocates nothing. */
void smap_init(struct smap *m, struct hash_key key, uint32_t max);
/* Frees keys and table; the values are the owner's to free before. */
void smap_release(struct smap *m);
/* The value of k, or NULL. */
void *smap_get(const struct smap *m, struct slice k);
/* Sets k to val (not NULL), new or not. ERR_NOMEM, ERR_TOO_BIG (max) leave the map as it was. */
int smap_put(struct smap *m, struct slice k, void *val) MUST_CHECK;
/* Removes k and returns its value, NULL when it was not there. */
void *smap_del(struct smap *m, struct slice k);
/* Iteration: start with *pos = 0; NULL at the end. The map must not change meanwhile. */
struct smap_slot *smap_next(const struct smap *m, uint32_t *pos);

#endif
