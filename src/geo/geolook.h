/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOLOOK_H
#define GEO_GEOLOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address/addr.h"
#include "geo/provider.h"
#include "net/loop.h"
#include "service/cache_port.h"

/* Answers of providers kept in the cache (Redis), by block: looked up before anybody is asked. */
struct geolook;

struct geolook_opts {
    struct loop *loop;
    const struct cache_port *cache;
    /* What is kept of the block of addr; told NULL: nothing. Later than geolook_ask. */
    void (*fn)(void *arg, struct addr addr, const struct provider_told *told, int64_t until_us);
    void *arg;
};

/* NULL: no memory. */
struct geolook *geolook_new(const struct geolook_opts *opts);
/* Nothing is told any more. NULL is allowed. */
void geolook_free(struct geolook *l);
/* Looks an address' block up; false: it is not looked up, fn will not be called. */
bool geolook_ask(struct geolook *l, struct addr addr);
/* Keeps what was told of a block. */
void geolook_keep(struct geolook *l, struct addr block, const struct provider_told *told,
                  int64_t until_us);

#endif
