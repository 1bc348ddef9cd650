/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cache/cache_doctor.h"
#include "cache/cache_int.h"
#include "core/address/addr.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

/* What people are told of the cache. */

/* This machine, or a network of its own: a name without a dot is a container's, or stands in hosts. */
static bool is_near(const struct redis_url *u)
{
    struct addr a;

    if (u->path[0] || !strchr(u->host, '.'))
        return !strchr(u->host, ':') || !strcmp(u->host, "::1");
    return !addr_parse(slice_of(u->host), &a) && addr_classify(a) != ADDR_PUBLIC;
}

struct cache_facts cache_facts(const struct cache *c)
{
    struct cache_facts f = {
        .configured = c->configured,
        .in_redis = c->in_redis,
        .settled = !c->redis || redis_state(c->redis) != REDIS_TRYING,
        .why = c->problem.text,
        .hits = c->hits,
        .misses = c->misses,
        .late = c->late,
        .foreign = c->foreign,
        .kept = c->kept,
        .left_out = c->left_out,
        .entries = c->mem.by_key.n,
        .bytes = c->mem.bytes,
    };

    memcpy(f.url, c->shown, sizeof(f.url));
    if (c->problem.code)
        f.cure = "write it as redis://[user:password@]host[:port][/db], rediss://… or unix:///path";
    if (c->redis) {
        f.redis = redis_facts(c->redis);
        f.why = f.redis.why;
        f.cure = f.redis.cure;
        f.open_network = !c->url.tls && !is_near(&c->url);
    }
    return f;
}

void cache_json(const struct cache *c, struct buf *out)
{
    struct cache_facts f = cache_facts(c);

    jout_open(out, "cache", '{');
    jout_text(out, "in_use", f.in_redis ? "redis" : "memory");
    jout_text(out, "url", f.url[0] ? f.url : NULL);
    jout_text(out, "server", f.redis.server[0] ? f.redis.server : NULL);
    jout_time(out, "since", c->redis && f.settled ? f.redis.since_us : STAMP_NONE);
    jout_text(out, "error", f.why[0] ? f.why : NULL);
    jout_text(out, "cure", f.why[0] ? f.cure : NULL);
    jout_int(out, "hits", (int64_t)f.hits);
    jout_int(out, "misses", (int64_t)f.misses);
    jout_int(out, "late", (int64_t)f.late);
    jout_int(out, "foreign", (int64_t)f.foreign);
    jout_int(out, "kept", (int64_t)f.kept);
    jout_int(out, "entries", (int64_t)f.entries);
    jout_int(out, "bytes", (int64_t)f.bytes);
    jout_close(out, '}');
}

void cache_doctor(const struct cache *c, struct doctor_cache *ret)
{
    struct cache_facts f = cache_facts(c);

    *ret = (struct doctor_cache){.asked = f.settled,
                                 .configured = f.configured,
                                 .in_redis = f.in_redis,
                                 .open_network = f.open_network,
                                 .maxmemory = f.redis.maxmemory,
                                 .answer_us = f.redis.answer_us};
    memcpy(ret->url, f.url, sizeof(ret->url));
    memcpy(ret->server, f.redis.server, sizeof(ret->server));
    memcpy(ret->policy, f.redis.policy, sizeof(ret->policy));
    snprintf(ret->why, sizeof(ret->why), "%s", f.why);
    ret->cure = f.cure;
}
