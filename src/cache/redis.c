/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/redis_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
enum { RING_FIRST = 64 };
static const int64_t open_us = 3 * SECOND;
static const int64_t first_wait_us = SECOND / 2, last_wait_us = 15 * SECOND;
static const int64_t steady_us = 30 * SECOND; /* READY so long: the next wait is short again */

static void on_open(void *arg);
static void on_data(void *arg, struct slice bytes);
static void on_end(void *arg, const struct err *err);

/* ---- what has been asked ---- */

static int grow(struct redis *r)
{
    unsigned cap = r->cap ? 2 * r->cap : RING_FIRST, i;
    struct redis_request *ring;

    if (r->n == LIMIT_CACHE_QUEUE)
        return ERR_BUSY;
    ring = calloc(cap, sizeof(*ring));
    if (!ring)
        return ERR_NOMEM;
    for (i = 0; i < r->n; i++)
        ring[i] = r->ring[(r->first + i) % r->cap];
    free(r->ring);
    r->ring = ring;
    r->cap = cap;
    r->first = 0;
    return ERR_OK;
}

static struct redis_request take_first(struct redis *r)
{
    struct redis_request q = r->ring[r->first];

    r->first = (r->first + 1) % r->cap;
    r->n--;
    return q;
}

static void tell_all(struct redis *r, int rc)
{
    while (r->n) {
        struct redis_request q = take_first(r);

        if (q.fn)
            q.fn(q.arg, rc, NULL);
    }
}

static void set_watch(struct redis *r)
{
    int64_t now_us = loop_clock_us(), due_us;

    due_us = r->n ? r->ring[r->first].sent_us + REDIS_HANG_US : r->heard_us + REDIS_IDLE_US;
    loop_timer_set_real(r->watch, due_us - now_us);
}

int redis_put(struct redis *r, const struct slice *words, size_t n, redis_fn fn, void *arg)
{
    struct buf line;
    int rc = r->n == r->cap ? grow(r) : ERR_OK;

    if (rc)
        return rc;
    buf_init(&line, LIMIT_CACHE_OUT);
    rc = resp_command(&line, words, n);
    if (!rc)
        rc = conn_send(r->conn, buf_slice(&line));
    buf_release(&line);
    if (rc)
        return rc == ERR_TOO_BIG ? ERR_BUSY : rc;
    r->ring[(r->first + r->n++) % r->cap] = (struct redis_request){fn, arg, loop_clock_us()};
    if (r->n == 1)
        set_watch(r);
    return ERR_OK;
}

int redis_send(struct redis *r, const struct slice *words, size_t n, redis_fn fn, void *arg)
{
    return r->facts.state == REDIS_READY ? redis_put(r, words, n, fn, arg) : ERR_UNREACHABLE;
}

/* ---- up and down ---- */

void redis_changed(struct redis *r)
{
    if (!r->closing)
        r->o.on_change(r->o.arg);
}

static void set_state(struct redis *r, enum redis_state state)
{
    if (r->facts.state == state)
        return;
    r->facts.state = state;
    r->facts.since_us = loop_wall_us(r->o.loop);
}

void redis_is_ready(struct redis *r)
{
    r->greeting = false;
    r->ready_us = loop_clock_us();
    r->why = (struct err){0};
    r->facts.cure = NULL;
    r->facts.ups++;
    set_state(r, REDIS_READY);
    redis_changed(r);
}

void redis_lost(struct redis *r, const struct err *why, const char *cure)
{
    bool news = r->facts.state != REDIS_DOWN || strcmp(r->why.text, why->text) != 0;

    if (r->facts.state == REDIS_READY) {
        r->facts.downs++;
        /* One that is up for a moment only, again and again, is not hurried after. */
        if (loop_clock_us() - r->ready_us > steady_us)
            backoff_reset(&r->wait);
    }
    r->why = *why;
    r->facts.cure = cure;
    r->greeting = false;
    r->late = false;
    set_state(r, REDIS_DOWN);
    conn_close(r->conn);
    loop_timer_stop(r->watch);
    if (!r->closing)
        loop_timer_set_real(r->retry, backoff_next(&r->wait, loop_random(r->o.loop)));
    tell_all(r, r->closing ? ERR_CANCELLED : ERR_UNREACHABLE);
    if (news)
        redis_changed(r);
}

static void on_watch(void *arg)
{
    static const struct slice ping[] = {SLICE("PING")};
    struct redis *r = arg;
    int64_t now_us = loop_clock_us();
    struct err why = {0};

    if (r->n && now_us - r->ring[r->first].sent_us >= REDIS_HANG_US) {
        if (!r->late) {
            /* If it was us who stood still, the reply waits in the socket. */
            r->late = true;
            loop_timer_set_real(r->watch, 1000);
            return;
        }
        err_set(&why, ERR_TIMEOUT, "it has not answered for %d ms", (int)(REDIS_HANG_US / 1000));
        redis_lost(r, &why, NULL);
        return;
    }
    if (!r->n && now_us - r->heard_us >= REDIS_IDLE_US && redis_put(r, ping, 1, NULL, NULL)) {
        err_set(&why, ERR_NOMEM, "out of memory");
        redis_lost(r, &why, NULL);
        return;
    }
    set_watch(r);
}

static void on_retry(void *arg)
{
    struct redis *r = arg;

    resp_free(r->resp);
    r->resp = resp_new();
    if (r->resp)
        conn_open(r->conn);
    else
        loop_timer_set_real(r->retry, last_wait_us);
}

static void on_open(void *arg)
{
    struct redis *r = arg;

    r->greeting = true;
    r->heard_us = loop_clock_us();
    redis_greet(r);
}

static void on_end(void *arg, const struct err *err)
{
    redis_lost(arg, err, NULL);
}

/* ---- replies ---- */

/* False: the connection is given up. */
static bool take_reply(struct redis *r, const struct resp_reply *reply)
{
    struct redis_request q;
    struct err why = {0};
    const char *cure = NULL;

    if (reply->type == RESP_ERROR && redis_is_fatal(reply->text, &why, &cure)) {
        redis_lost(r, &why, cure);
        return false;
    }
    if (!r->n) {
        err_set(&why, ERR_PROTOCOL, "it says what it was not asked (is it a Redis?)");
        redis_lost(r, &why, NULL);
        return false;
    }
    q = take_first(r);
    r->heard_us = loop_clock_us();
    r->facts.answer_us = r->heard_us - q.sent_us;
    r->late = false;
    if (q.fn)
        q.fn(q.arg, ERR_OK, reply);
    return true;
}

static void on_data(void *arg, struct slice bytes)
{
    struct redis *r = arg;
    struct resp_reply reply;
    struct err why = {0};
    uint64_t lost = r->facts.downs;
    int rc = resp_feed(r->resp, bytes);

    while (!rc) {
        rc = resp_next(r->resp, &reply);
        /* What is told of a reply may lose the connection, too. */
        if (!rc && (!take_reply(r, &reply) || !conn_is_open(r->conn) || r->facts.downs != lost))
            return;
    }
    if (rc == ERR_NOT_FOUND) {
        set_watch(r);
        return;
    }
    err_set(&why, rc, "%s", rc == ERR_NOMEM ? "out of memory" : "it answers what no Redis answers");
    redis_lost(r, &why, rc == ERR_NOMEM ? NULL : "see what listens at REDIS_URL");
}

/* ---- ---- */

int redis_new(const struct redis_opts *opts, struct redis **ret_redis, struct err *err)
{
    struct redis *r = calloc(1, sizeof(*r));
    struct conn_opts co = {.loop = opts->loop,
                           .worker = opts->worker,
                           .host = opts->url->host[0] ? opts->url->host : NULL,
                           .port = opts->url->port,
                           .path = opts->url->path[0] ? opts->url->path : NULL,
                           .tls = opts->url->tls,
                           .ca_file = opts->ca_file,
                           .insecure = opts->insecure,
                           .ca_name = "REDIS_CA_FILE",
                           .open_us = open_us,
                           .out_max = LIMIT_CACHE_OUT,
                           .on_open = on_open,
                           .on_data = on_data,
                           .on_end = on_end,
                           .arg = r};
    int rc;

    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->o = *opts;
    r->url = *opts->url;
    r->o.url = &r->url;
    r->facts = (struct redis_facts){.since_us = loop_wall_us(opts->loop),
                                    .maxmemory = -1,
                                    .answer_us = -1};
    backoff_init(&r->wait, first_wait_us, last_wait_us);
    r->probe = strdup(opts->probe);
    rc = conn_new(&co, &r->conn, err);
    if (!rc && (!r->probe || loop_timer_new(opts->loop, on_watch, r, &r->watch) ||
                loop_timer_new(opts->loop, on_retry, r, &r->retry)))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc) {
        redis_free(r);
        return rc;
    }
    *ret_redis = r;
    return ERR_OK;
}

void redis_start(struct redis *r)
{
    loop_timer_set_real(r->retry, 0);
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    r->closing = true;
    if (r->conn)
        conn_close(r->conn);
    tell_all(r, ERR_CANCELLED);
    conn_free(r->conn);
    loop_timer_free(r->watch);
    loop_timer_free(r->retry);
    resp_free(r->resp);
    explicit_bzero(&r->url, sizeof(r->url));
    free(r->probe);
    free(r->ring);
    free(r);
}

struct redis_facts redis_facts(const struct redis *r)
{
    struct redis_facts facts = r->facts;

    facts.code = r->facts.state == REDIS_READY ? ERR_OK : r->why.code;
    facts.why = r->facts.state == REDIS_READY ? "" : r->why.text;
    return facts;
}

enum redis_state redis_state(const struct redis *r)
{
    return r->facts.state;
}
