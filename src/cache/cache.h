/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "cache/redis.h"
#include "net/loop.h"
#include "net/worker.h"
#include "service/cache_port.h"

/*
 * The cache: memory, and Redis behind it when REDIS_URL is set. What is in memory is given from there;
 * Redis is asked for the rest and told of everything, so that a restart finds it again. While Redis is
 * away memory stands alone, and what changed meanwhile is told when it is back. Whatever Redis does, a
 * question is answered within CACHE_ANSWER_US, nothing here waits, and what is held is bounded. Keys are
 * pgl:1:<panel>:<kind>:<name>, panel and name as keyed hashes; values are sealed (cache_seal.h). Loop thread.
 */
struct cache;

#define CACHE_ANSWER_US INT64_C(300000)

/* Texts and key are copied as far as they are needed. */
struct cache_opts {
    struct loop *loop;
    struct worker *worker;
    const char *url;          /* REDIS_URL; NULL or empty: memory only */
    const char *password;     /* REDIS_PASSWORD; what stands in the URL wins */
    bool tls;                 /* REDIS_SSL: as if the URL were rediss:// */
    const char *ca_file;      /* NULL: the system's */
    bool insecure;            /* the certificate is not verified */
    bool keep_token;          /* whether the panel's token goes to Redis */
    const unsigned char *key; /* CACHE_KEY bytes, this installation's own */
    const char *panel;        /* URL of the panel */
    const char *access;       /* user and secret it is used with: hashed, never sent */
    struct hash_key hash_key;
    /* Another store is in use, or why has changed; later. */
    void (*on_change)(void *arg);
    void *arg;
};

struct cache_facts {
    bool configured;   /* REDIS_URL is set */
    bool in_redis;     /* Redis is in use, else memory */
    bool settled;      /* it is known which of them */
    bool open_network; /* not over TLS, and neither to this machine nor to a private address */
    char url[400];     /* without user and password; "" = none */
    const char *why;   /* why memory is in use although REDIS_URL is set; "" = it is not */
    const char *cure;  /* what to do about it; NULL: nothing known */
    struct redis_facts redis;             /* all zero without a URL */
    uint64_t hits, misses, late, foreign; /* late: not answered in time; foreign: did not open */
    uint64_t kept, left_out;              /* values put; too large or not sent */
    size_t entries, bytes;                /* in memory */
};

/*
 * Makes a cache; a URL that cannot be read is a fact, not a failure. ERR_NOMEM, ERR_INVALID (no key).
 * Nothing is asked before cache_start.
 */
int cache_new(const struct cache_opts *opts, struct cache **ret_cache, struct err *err) MUST_CHECK;
/* Begins to connect. Once. */
void cache_start(struct cache *c);
/* Every question under way is told nothing, at once; there are no more from then on. */
void cache_stop(struct cache *c);
/* Questions under way are dropped without a word: cache_stop first. Not in a callback; NULL is allowed. */
void cache_free(struct cache *c);
/* The functions its users are given; valid until cache_free. */
const struct cache_port *cache_port(struct cache *c);
/* What is known of it; texts live until the next turn. */
struct cache_facts cache_facts(const struct cache *c);
/* Appends the member "cache" of the status. */
void cache_json(const struct cache *c, struct buf *out);

#endif
