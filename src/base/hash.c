/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/hash.h"

#include <string.h>

#include "base/banned.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void round1(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline struct sip start(const struct hash_key *key)
{
    return (
        struct sip){key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                    key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
}

static inline void word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    round1(s);
    s->v0 ^= m;
}

static inline uint64_t finish(struct sip *s)
{
    s->v2 ^= 0xff;
    round1(s);
    round1(s);
    round1(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t n)
{
    const unsigned char *b = p;
    struct sip s = start(key);
    uint64_t last = (uint64_t)n << 56, m;
    size_t left = n & 7, i;

    for (i = 0; i + 8 <= n; i += 8) {
        memcpy(&m, b + i, 8);
        word(&s, m);
    }
    while (left--)
        last |= (uint64_t)b[i + left] << (8 * left);
    word(&s, last);
    return finish(&s);
}

uint64_t hash_u64(const struct hash_key *key, uint64_t v)
{
    struct sip s = start(key);

    word(&s, v);
    word(&s, UINT64_C(8) << 56);
    return finish(&s);
}

uint64_t hash_u128(const struct hash_key *key, uint64_t a, uint64_t b)
{
    struct sip s = start(key);

    word(&s, a);
    word(&s, b);
    word(&s, UINT64_C(16) << 56);
    return finish(&s);
}
