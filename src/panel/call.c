/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/backoff.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
enum { BODY_MAX = 1 << 20, DEADLINE_S = 10 };

struct call {
    struct call *prev, *next;
    struct calls *calls;
    char *method, *url, *body;
    size_t body_n, body_max;
    char what[96];
    unsigned tries; /* left */
    int64_t deadline_us;
    struct backoff wait;
    bool relogged, entered, aside, once;
    unsigned serial;
    int64_t sent_us;
    struct session_waiter waiter;
    struct http_call *http_call;
    struct loop_timer *timer;
    call_fn fn;
    void *arg;
    struct err err; /* of the last try */
    struct call_result result;
};

void calls_init(struct calls *c, struct loop *loop, struct http *http, struct session *session,
                struct contact *contact, const char *base)
{
    *c = (struct calls){
        .loop = loop, .http = http, .session = session, .contact = contact, .base = base};
}

static void call_free(struct call *call)
{
    struct calls *c = call->calls;

    if (call->prev)
        call->prev->next = call->next;
    else if (c->list == call)
        c->list = call->next;
    if (call->next)
        call->next->prev = call->prev;
    session_unwait(c->session, &call->waiter);
    if (call->http_call)
        http_cancel(call->http_call);
    if (call->entered)
        contact_leave(c->contact);
    loop_timer_free(call->timer);
    free(call->method);
    free(call->url);
    free(call->body);
    free(call);
}

/* Tells the result; the call is gone afterwards. */
static void finish(struct call *call, int rc)
{
    call_fn fn = call->fn;
    void *arg = call->arg;
    struct call_result result = call->result;
    struct err err = call->err;

    result.rc = rc;
    result.err = &err;
    if (rc)
        result.body = NULL;
    call_free(call);
    fn(arg, &result);
}

void calls_close(struct calls *c)
{
    c->closing = true;
    while (c->list) {
        err_set(&c->list->err, ERR_CANCELLED, "%s: cancelled", c->list->what);
        finish(c->list, ERR_CANCELLED);
    }
}

void call_cancel(struct call *call)
{
    if (call)
        call_free(call);
}

static void again_or_fail(struct call *call, int64_t least_us)
{
    int64_t wait;

    if (call->tries == 0) {
        finish(call, call->err.code);
        return;
    }
    wait = backoff_next(&call->wait, loop_random(call->calls->loop));
    loop_timer_set(call->timer, wait > least_us ? wait : least_us);
}

static void on_token(void *arg, int rc, const struct err *err)
{
    struct call *call = arg;

    if (rc) {
        err_set(&call->err, rc, "%s: %s", call->what, err->text);
        /* A refused login stays refused; a fault on the way to it may pass. */
        if (rc == ERR_AUTH || rc == ERR_REFUSED || rc == ERR_CANCELLED) {
            finish(call, rc);
            return;
        }
        if (call->tries)
            call->tries--;
        again_or_fail(call, 0);
        return;
    }
    loop_timer_set_real(call->timer, 0);
}

static void rejected(struct call *call)
{
    struct calls *c = call->calls;

    session_rejected(c->session, call->serial);
    if (call->relogged || session_has_key(c->session)) {
        finish(call, ERR_AUTH);
        return;
    }
    call->relogged = true;
    call->tries++;
    loop_timer_set_real(call->timer, 0);
}

static void on_answer(void *arg, int rc, const struct err *net_err, struct http_answer *a)
{
    struct call *call = arg;
    struct calls *c = call->calls;
    struct reply reply;
    bool sent = http_sent(call->http_call);

    call->http_call = NULL;
    call->entered = false;
    call->result = (struct call_result){.took_us = loop_real_us(c->loop) - call->sent_us,
                                        .unclear = call->result.unclear};
    /* 503 is said before anything is begun; the other faults may come of the doing. */
    call->result.unclear |= rc ? sent : a->status == 408 || (a->status >= 500 && a->status != 503);
    if (rc) {
        err_set(&call->err, rc, "%s: %s", call->what, net_err->text);
        if (rc == ERR_CANCELLED || rc == ERR_TOO_BIG) {
            contact_leave(c->contact);
            finish(call, rc);
            return;
        }
        if (call->aside && rc == ERR_TIMEOUT)
            contact_leave(c->contact);
        else
            contact_fault(c->contact, net_err);
        again_or_fail(call, 0);
        return;
    }
    reply_judge(a->status, buf_slice(a->body), a->location, a->retry_after_s, call->what, &reply,
                &call->err);
    call->result.status = a->status;
    call->result.missing = reply.missing;
    if (reply.kind == REPLY_RETRY && a->status >= 500 && call->aside)
        contact_leave(c->contact);
    else if (reply.kind == REPLY_RETRY && a->status >= 500)
        contact_fault(c->contact, &call->err);
    else
        contact_answered(c->contact);
    if (reply.kind == REPLY_RETRY) {
        again_or_fail(call, reply.wait_us);
        return;
    }
    if (reply.kind == REPLY_LOGIN) {
        rejected(call);
        return;
    }
    session_accepted(c->session, call->serial);
    call->result.body = a->body;
    finish(call, reply.kind == REPLY_OK ? ERR_OK : reply.code);
}

static void send_now(struct call *call, const struct http_header *credential)
{
    struct calls *c = call->calls;
    const struct http_header headers[] = {*credential,
                                          {"Accept", "application/json"},
                                          {"Content-Type", "application/json"}};
    struct http_request req = {.method = call->method,
                               .url = call->url,
                               .headers = headers,
                               .n_headers = call->body ? 3 : 2,
                               .once = call->once,
                               .body = {call->body, call->body_n},
                               .deadline_us = call->deadline_us,
                               .body_max = call->body_max};
    int rc;

    if (call->tries)
        call->tries--;
    if (!contact_enter(c->contact, &call->err)) {
        err_prefix(&call->err, "%s", call->what);
        again_or_fail(call, 0);
        return;
    }
    call->entered = true;
    call->sent_us = loop_real_us(c->loop);
    rc = http_start(c->http, &req, on_answer, call, &call->http_call);
    if (rc) {
        err_set(&call->err, rc, "%s: %s", call->what, err_name(rc));
        finish(call, rc);
    }
}

static void on_timer(void *arg)
{
    struct call *call = arg;
    struct http_header credential;

    if (session_header(call->calls->session, &credential, &call->serial))
        send_now(call, &credential);
    else
        session_wait(call->calls->session, &call->waiter);
}

static int copy_opts(struct call *call, const struct call_opts *opts)
{
    size_t base = strlen(call->calls->base), path = strlen(opts->path);

    call->method = strdup(opts->method);
    call->url = malloc(base + path + 1);
    if (!call->method || !call->url)
        return ERR_NOMEM;
    memcpy(call->url, call->calls->base, base);
    memcpy(call->url + base, opts->path, path + 1);
    if (opts->body.p) {
        call->body = malloc(opts->body.n + 1);
        if (!call->body)
            return ERR_NOMEM;
        memcpy(call->body, opts->body.p, opts->body.n);
        call->body_n = opts->body.n;
    }
    return loop_timer_new(call->calls->loop, on_timer, call, &call->timer);
}

int call_start(struct calls *c, const struct call_opts *opts, call_fn fn, void *arg,
               struct call **ret_call)
{
    struct call *call;
    int rc;

    if (c->closing)
        return ERR_CANCELLED;
    call = calloc(1, sizeof(*call));
    if (!call)
        return ERR_NOMEM;
    *call = (struct call){.calls = c, .fn = fn, .arg = arg, .tries = opts->tries ? opts->tries : 1};
    call->result.took_us = -1;
    call->aside = opts->aside;
    call->once = opts->once;
    call->deadline_us = opts->deadline_us ? opts->deadline_us : DEADLINE_S * SECOND;
    call->body_max = opts->body_max ? opts->body_max : BODY_MAX;
    call->waiter = (struct session_waiter){.fn = on_token, .arg = call};
    snprintf(call->what, sizeof(call->what), "%s", opts->what);
    backoff_init(&call->wait, SECOND, 30 * SECOND);
    rc = copy_opts(call, opts);
    if (rc) {
        call_free(call);
        return rc;
    }
    call->next = c->list;
    if (call->next)
        call->next->prev = call;
    c->list = call;
    loop_timer_set_real(call->timer, 0);
    *ret_call = call;
    return ERR_OK;
}
