/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_REDIS_H
#define CACHE_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "cache/redis_url.h"
#include "cache/resp.h"
#include "net/loop.h"
#include "net/worker.h"

/*
 * One connection to Redis or Valkey, kept up: greeted with AUTH, SELECT and a value written and read
 * back, watched by what it is asked (a PING where it is asked nothing), given up as soon as it does not
 * answer for REDIS_HANG_US, says what no Redis says, or refuses to keep values; tried again with
 * back-off. Commands are sent one behind the other, their replies come in that order. Loop thread.
 */
struct redis;

#define REDIS_HANG_US INT64_C(500000)
#define REDIS_IDLE_US INT64_C(400000)

enum redis_state {
    REDIS_TRYING, /* the first try has not ended */
    REDIS_READY,
    REDIS_DOWN,
};

struct redis_opts {
    struct loop *loop;
    struct worker *worker;
    const struct redis_url *url; /* copied */
    const char *ca_file;         /* as conn_opts */
    bool insecure;
    const char *probe; /* key of the value that is written and read back */
    /* The state or what is known of the server has changed; called from the loop only. */
    void (*on_change)(void *arg);
    void *arg;
};

/* What is known of it; texts live until the next turn. */
struct redis_facts {
    enum redis_state state;
    int64_t since_us;    /* wall clock: of the state */
    int code;            /* down: ERR_… of the reason */
    const char *why;     /* … and for people; else "" */
    const char *cure;    /* … and what to do; NULL: nothing known */
    char server[48];     /* "Redis 7.0.15"; "" = not told */
    char policy[32];     /* maxmemory-policy; "" = not told */
    int64_t maxmemory;   /* bytes, 0: no bound; -1: not told */
    int64_t answer_us;   /* of the last reply; -1: none */
    uint64_t ups, downs; /* times it became READY, and was lost */
};

/* rc 0 with a reply that is no error of REDIS_DOWN's kind, else reply is NULL. */
typedef void (*redis_fn)(void *arg, int rc, const struct resp_reply *reply);

/* Makes one that does nothing yet. ERR_NOMEM, ERR_INVALID. */
int redis_new(const struct redis_opts *opts, struct redis **ret_redis, struct err *err) MUST_CHECK;
/* Every question is told ERR_CANCELLED. Not inside a callback; NULL is allowed. */
void redis_free(struct redis *r);
/* Begins. Once. */
void redis_start(struct redis *r);
/*
 * Sends a command of n words; fn (NULL: nobody cares) is called once, later. ERR_UNREACHABLE
 * (not READY), ERR_BUSY (too much waits), ERR_NOMEM: never.
 */
int redis_send(struct redis *r, const struct slice *words, size_t n, redis_fn fn,
               void *arg) MUST_CHECK;
/* What is known of it now. */
struct redis_facts redis_facts(const struct redis *r);
/* Whether it can be asked. */
enum redis_state redis_state(const struct redis *r);

#endif
