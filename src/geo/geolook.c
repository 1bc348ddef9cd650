/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geolook.h"

#include <stdlib.h>

#include "geo/geocache.h"
#include "geo/geopack.h"
#include "base/banned.h"

struct look {
    struct look *prev, *next;
    struct geolook *l;
    struct addr addr;
    struct cache_get *get;
};

struct geolook {
    struct geolook_opts o;
    struct look under_way; /* head of the ring */
};

struct geolook *geolook_new(const struct geolook_opts *opts)
{
    struct geolook *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->o = *opts;
    l->under_way.prev = l->under_way.next = &l->under_way;
    return l;
}

static void drop(struct look *k)
{
    k->prev->next = k->next;
    k->next->prev = k->prev;
    free(k);
}

void geolook_free(struct geolook *l)
{
    if (!l)
        return;
    while (l->under_way.next != &l->under_way) {
        l->o.cache->cancel(l->o.cache->ctx, l->under_way.next->get);
        drop(l->under_way.next);
    }
    free(l);
}

static void on_kept(void *arg, struct slice value)
{
    struct look *k = arg;
    struct geolook *l = k->l;
    struct addr addr = k->addr;
    struct provider_told told;
    int64_t until_us = 0;
    bool known = value.p && !geopack_read(value, loop_wall_us(l->o.loop), &told, &until_us);

    drop(k);
    l->o.fn(l->o.arg, addr, known ? &told : NULL, until_us);
}

static struct slice block_name(struct addr addr, char text[ADDR_TEXT])
{
    return slice_of(addr_text(geocache_block(addr), text));
}

bool geolook_ask(struct geolook *l, struct addr addr)
{
    struct look *k = calloc(1, sizeof(*k));
    char text[ADDR_TEXT];

    if (!k)
        return false;
    k->l = l;
    k->addr = addr;
    k->get = l->o.cache->get(l->o.cache->ctx, CACHE_ISP, block_name(addr, text), on_kept, k);
    if (!k->get) {
        free(k);
        return false;
    }
    k->prev = l->under_way.prev;
    k->next = &l->under_way;
    k->prev->next = k->next->prev = k;
    return true;
}

void geolook_keep(struct geolook *l, struct addr block, const struct provider_told *told,
                  int64_t until_us)
{
    char text[ADDR_TEXT];
    struct buf value;

    buf_init(&value, 512);
    geopack_write(&value, told, until_us);
    if (!value.failed)
        l->o.cache->put(l->o.cache->ctx, CACHE_ISP, block_name(block, text), buf_slice(&value));
    buf_release(&value);
}
