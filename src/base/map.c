/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/map.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/banned.h"

enum { FIRST_CAP = 16 };

static bool needs_growth(uint32_t n, uint32_t cap)
{
    return (uint64_t)(n + 1) * 8 > (uint64_t)cap * 7;
}

void imap_init(struct imap *m, struct hash_key key)
{
    *m = (struct imap){.key = key};
}

void imap_release(struct imap *m)
{
    free(m->keys);
    free(m->vals);
    imap_init(m, m->key);
}

static uint32_t imap_slot(const struct imap *m, int64_t k)
{
    uint32_t i = (uint32_t)hash_u64(&m->key, (uint64_t)k) & (m->cap - 1);

    while (m->vals[i] != MAP_FREE && m->keys[i] != k)
        i = (i + 1) & (m->cap - 1);
    return i;
}

uint32_t imap_get(const struct imap *m, int64_t k)
{
    if (m->cap == 0)
        return MAP_FREE;
    return m->vals[imap_slot(m, k)];
}

static int imap_grow(struct imap *m)
{
    struct imap old = *m, new = *m;
    uint32_t i, at;

    new.cap = old.cap ? old.cap * 2 : FIRST_CAP;
    new.keys = malloc(new.cap * sizeof(*new.keys));
    new.vals = malloc(new.cap * sizeof(*new.vals));
    if (!new.keys || !new.vals) {
        free(new.keys);
        free(new.vals);
        return ERR_NOMEM;
    }
    memset(new.vals, 0xff, new.cap * sizeof(*new.vals));
    for (i = 0; i < old.cap; i++) {
        if (old.vals[i] == MAP_FREE)
            continue;
        at = imap_slot(&new, old.keys[i]);
        new.keys[at] = old.keys[i];
        new.vals[at] = old.vals[i];
    }
    free(old.keys);
    free(old.vals);
    *m = new;
    return ERR_OK;
}

int imap_put(struct imap *m, int64_t k, uint32_t v)
{
    uint32_t i;

    if (needs_growth(m->n, m->cap)) {
        int rc = imap_grow(m);

        if (rc)
            return rc;
    }
    i = imap_slot(m, k);
    if (m->vals[i] == MAP_FREE)
        m->n++;
    m->keys[i] = k;
    m->vals[i] = v;
    return ERR_OK;
}

bool imap_del(struct imap *m, int64_t k)
{
    uint32_t hole, i, home;

    if (m->cap == 0)
        return false;
    hole = imap_slot(m, k);
    if (m->vals[hole] == MAP_FREE)
        return false;
    for (i = (hole + 1) & (m->cap - 1); m->vals[i] != MAP_FREE; i = (i + 1) & (m->cap - 1)) {
        home = (uint32_t)hash_u64(&m->key, (uint64_t)m->keys[i]) & (m->cap - 1);
        /* Only an entry whose way from home leads over the hole may move into it. */
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->keys[hole] = m->keys[i];
            m->vals[hole] = m->vals[i];
            hole = i;
        }
    }
    m->vals[hole] = MAP_FREE;
    m->n--;
    return true;
}

void smap_init(struct smap *m, struct hash_key key, uint32_t max)
{
    *m = (struct smap){.key = key, .max = max};
}

void smap_release(struct smap *m)
{
    uint32_t i;

    for (i = 0; i < m->cap; i++)
        free(m->slots[i].key);
    free(m->slots);
    smap_init(m, m->key, m->max);
}

static uint32_t smap_slot_of(const struct smap *m, struct slice k, uint32_t hash)
{
    uint32_t i = hash & (m->cap - 1);

    while (m->slots[i].key && (m->slots[i].hash != hash || m->slots[i].len != k.n ||
                               memcmp(m->slots[i].key, k.p, k.n) != 0))
        i = (i + 1) & (m->cap - 1);
    return i;
}

static uint32_t smap_hash(const struct smap *m, struct slice k)
{
    return (uint32_t)hash_bytes(&m->key, k.p, k.n);
}

void *smap_get(const struct smap *m, struct slice k)
{
    if (m->n == 0)
        return NULL;
    return m->slots[smap_slot_of(m, k, smap_hash(m, k))].val;
}

static int smap_grow(struct smap *m)
{
    struct smap new = *m;
    uint32_t i, at;

    new.cap = m->cap ? m->cap * 2 : FIRST_CAP;
    new.slots = calloc(new.cap, sizeof(*new.slots));
    if (!new.slots)
        return ERR_NOMEM;
    for (i = 0; i < m->cap; i++) {
        if (!m->slots[i].key)
            continue;
        at = m->slots[i].hash & (new.cap - 1);
        while (new.slots[at].key)
            at = (at + 1) & (new.cap - 1);
        new.slots[at] = m->slots[i];
    }
    free(m->slots);
    *m = new;
    return ERR_OK;
}

int smap_put(struct smap *m, struct slice k, void *val)
{
    uint32_t hash = smap_hash(m, k), i;
    char *copy;

    if (m->n) {
        i = smap_slot_of(m, k, hash);
        if (m->slots[i].key) {
            m->slots[i].val = val;
            return ERR_OK;
        }
    }
    if (m->max && m->n >= m->max)
        return ERR_TOO_BIG;
    if (needs_growth(m->n, m->cap)) {
        int rc = smap_grow(m);

        if (rc)
            return rc;
    }
    copy = malloc(k.n + 1);
    if (!copy)
        return ERR_NOMEM;
    if (k.n)
        memcpy(copy, k.p, k.n);
    copy[k.n] = '\0';
    i = smap_slot_of(m, k, hash);
    m->slots[i] = (struct smap_slot){copy, (uint32_t)k.n, hash, val};
    m->n++;
    return ERR_OK;
}

void *smap_del(struct smap *m, struct slice k)
{
    uint32_t hole, i, home;
    void *val;

    if (m->n == 0)
        return NULL;
    hole = smap_slot_of(m, k, smap_hash(m, k));
    if (!m->slots[hole].key)
        return NULL;
    val = m->slots[hole].val;
    free(m->slots[hole].key);
    for (i = (hole + 1) & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
        home = m->slots[i].hash & (m->cap - 1);
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct smap_slot){0};
    m->n--;
    return val;
}

struct smap_slot *smap_next(const struct smap *m, uint32_t *pos)
{
    while (*pos < m->cap) {
        struct smap_slot *s = &m->slots[(*pos)++];

        if (s->key)
            return s;
    }
    return NULL;
}
