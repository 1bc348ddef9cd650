/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geocache.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/banned.h"

void geocache_init(struct geocache *c, struct hash_key key)
{
    *c = (struct geocache){.key = key};
    imap_init(&c->by_block, key);
}

void geocache_release(struct geocache *c)
{
    imap_release(&c->by_block);
    free(c->rows);
    geocache_init(c, c->key);
}

struct addr geocache_block(struct addr a)
{
    a = addr_device(a, 128);
    return addr_mask(a, addr_is4(a) ? 96 + 24 : 48);
}

/* Two blocks share a number by 2^-64 chance: the block in the row decides. */
static int64_t number(const struct geocache *c, struct addr block)
{
    return (int64_t)hash_u128(&c->key, block.hi, block.lo);
}

struct geocache_row *geocache_find(const struct geocache *c, struct addr a)
{
    struct addr block = geocache_block(a);
    uint32_t at = imap_get(&c->by_block, number(c, block));

    return at != MAP_FREE && addr_eq(c->rows[at].block, block) ? &c->rows[at] : NULL;
}

static bool grow(struct geocache *c)
{
    uint32_t cap = c->cap ? c->cap * 2 : 64;
    void *p = realloc(c->rows, cap * sizeof(*c->rows));

    if (!p)
        return false;
    c->rows = p;
    c->cap = cap;
    return true;
}

struct geocache_row *geocache_add(struct geocache *c, struct addr a)
{
    struct geocache_row *row = geocache_find(c, a);
    struct addr block = geocache_block(a);
    uint32_t at;

    if (row)
        return row;
    if (c->n < LIMIT_GEO_CACHE) {
        if (c->n == c->cap && !grow(c))
            return NULL;
        at = c->n;
    } else {
        at = c->oldest;
        imap_del(&c->by_block, number(c, c->rows[at].block));
    }
    if (imap_put(&c->by_block, number(c, block), at)) {
        /* The row at `at` is out of the map, if it was in: nobody finds it, and it is the next to go. */
        return NULL;
    }
    if (at == c->n)
        c->n++;
    else
        c->oldest = (c->oldest + 1) % LIMIT_GEO_CACHE;
    c->rows[at] = (struct geocache_row){.block = block, .sample = a};
    return &c->rows[at];
}
