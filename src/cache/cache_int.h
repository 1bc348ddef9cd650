/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_CACHE_INT_H
#define CACHE_CACHE_INT_H

/* What the parts of the cache share; nobody else includes this. */

#include "cache/cache.h"
#include "cache/cache_kind.h"
#include "cache/cache_mem.h"
#include "cache/cache_seal.h"
#include "base/limits.h"

enum { CACHE_KEY_TEXT = 8 + CACHE_NAME_TEXT + 16 + CACHE_NAME_TEXT };

/* A question. It lives until it was answered and Redis, if it was asked, has replied. */
struct cache_get {
    struct cache_get *prev, *next; /* while it is not answered */
    struct cache *c;
    enum cache_kind kind;
    cache_got_fn fn;
    void *arg;
    int64_t due_us; /* real time */
    bool answered, sent;
    bool early; /* waits for the end of the first try to reach Redis */
    char key[CACHE_KEY_TEXT];
};

struct cache {
    struct cache_opts o;
    struct cache_port port;
    struct redis *redis; /* NULL: memory only */
    struct cache_seal *seal;
    struct cache_mem mem;
    struct cache_get asked; /* head of the ring of questions not answered */
    size_t n_gets;          /* all of them, answered or not */
    struct loop_timer *timer;
    char space[CACHE_NAME_TEXT]; /* of the keys: the panel */
    struct redis_url url;
    char shown[400];
    struct err problem; /* of REDIS_URL */
    bool configured, in_redis, stopped;
    uint64_t hits, misses, late, foreign, kept, left_out;
};

#endif
