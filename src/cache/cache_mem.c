/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/cache_mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/banned.h"

void cache_mem_init(struct cache_mem *m, struct hash_key key)
{
    *m = (struct cache_mem){0};
    smap_init(&m->by_key, key, LIMIT_CACHE_ENTRIES);
    m->list.prev = m->list.next = &m->list;
}

static size_t weight(const struct cache_entry *e)
{
    return sizeof(*e) + e->key_n + e->value_n;
}

static void unlink_entry(struct cache_entry *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
}

static void link_first(struct cache_mem *m, struct cache_entry *e)
{
    e->prev = &m->list;
    e->next = m->list.next;
    e->next->prev = e;
    m->list.next = e;
}

static void drop(struct cache_mem *m, struct cache_entry *e)
{
    smap_del(&m->by_key, cache_entry_key(e));
    unlink_entry(e);
    m->bytes -= weight(e);
    explicit_bzero(e->bytes, e->key_n + e->value_n);
    free(e);
}

void cache_mem_release(struct cache_mem *m)
{
    while (m->list.next && m->list.next != &m->list)
        drop(m, m->list.next);
    smap_release(&m->by_key);
}

struct cache_entry *cache_mem_put(struct cache_mem *m, uint8_t kind, struct slice key,
                                  struct slice value, int64_t until_us)
{
    struct cache_entry *e = smap_get(&m->by_key, key);

    if (e)
        drop(m, e);
    if (sizeof(*e) + key.n + value.n > LIMIT_CACHE_MEMORY)
        return NULL;
    e = malloc(sizeof(*e) + key.n + value.n);
    if (!e)
        return NULL;
    *e = (struct cache_entry){.until_us = until_us,
                              .gone = value.p == NULL,
                              .kind = kind,
                              .key_n = key.n,
                              .value_n = value.n};
    if (key.n)
        memcpy(e->bytes, key.p, key.n);
    if (value.n)
        memcpy(e->bytes + key.n, value.p, value.n);
    while (m->by_key.n &&
           (m->by_key.n >= LIMIT_CACHE_ENTRIES || m->bytes + weight(e) > LIMIT_CACHE_MEMORY))
        drop(m, m->list.prev);
    if (smap_put(&m->by_key, key, e)) {
        free(e);
        return NULL;
    }
    link_first(m, e);
    m->bytes += weight(e);
    return e;
}

struct cache_entry *cache_mem_get(struct cache_mem *m, struct slice key, int64_t now_us)
{
    struct cache_entry *e = smap_get(&m->by_key, key);

    if (!e)
        return NULL;
    if (e->until_us <= now_us) {
        drop(m, e);
        return NULL;
    }
    unlink_entry(e);
    link_first(m, e);
    return e;
}

struct slice cache_entry_key(const struct cache_entry *e)
{
    return (struct slice){e->bytes, e->key_n};
}

struct slice cache_entry_value(const struct cache_entry *e)
{
    return (struct slice){e->gone ? NULL : e->bytes + e->key_n, e->value_n};
}
