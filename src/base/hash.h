/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The key of a hash table, drawn at random once a process so that outsiders cannot aim collisions. */
struct hash_key {
    uint64_t k0, k1;
};

/* SipHash-1-3 (Aumasson and Bernstein, 2012; 1 compression and 3 finalisation rounds) of n bytes. */
uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t n);
/* The same for one 64-bit word, without the loop. */
uint64_t hash_u64(const struct hash_key *key, uint64_t v);
/* The same for two words, e.g. an IPv6 address. */
uint64_t hash_u128(const struct hash_key *key, uint64_t a, uint64_t b);

#endif
