/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_REDIS_INT_H
#define CACHE_REDIS_INT_H

/* What the parts of the connection to Redis share; nobody else includes this. */

#include "cache/redis.h"
#include "core/backoff.h"
#include "net/conn.h"

struct redis_request {
    redis_fn fn;
    void *arg;
    int64_t sent_us; /* real time */
};

struct redis {
    struct redis_opts o;
    struct redis_url url;
    char *probe;
    struct conn *conn;
    struct resp *resp;
    struct redis_facts facts;
    struct err why;
    bool greeting; /* connected, but not READY */
    bool closing;
    bool late; /* the head has had its time: one more turn */
    struct redis_request *ring;
    unsigned cap, first, n;
    int64_t heard_us; /* the last reply */
    struct loop_timer *watch, *retry;
    struct backoff wait;
    int64_t ready_us; /* real time of the last READY */
};

/* Puts a command on the way whatever the state. As redis_send. */
int redis_put(struct redis *r, const struct slice *words, size_t n, redis_fn fn,
              void *arg) MUST_CHECK;
/* Gives the connection up for this reason; cure lives for ever, or is NULL. */
void redis_lost(struct redis *r, const struct err *why, const char *cure);
/* The connection is of use. */
void redis_is_ready(struct redis *r);
/* Reports a change of facts. */
void redis_changed(struct redis *r);

/* redis_greet.c: begins to greet the server that has just been connected to. */
void redis_greet(struct redis *r);
/*
 * Whether an error's text means that values are not kept or given at all. Then *ret_cure says what to
 * do (or is NULL) and err what it is.
 */
bool redis_is_fatal(struct slice error, struct err *err, const char **ret_cure);
/* Takes from an answer to INFO what is of interest. */
void redis_read_info(struct redis_facts *facts, struct slice info);

#endif
