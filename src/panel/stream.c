/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define SECOND INT64_C(1000000)
enum { OPEN_S = 15 };

struct stream {
    struct calls *calls;
    struct stream_opts opts;
    struct http_call *call;
    struct session_waiter waiter;
    struct loop_timer *timer;
    unsigned serial;
    bool entered, opened, relogged;
};

static void stream_free(struct stream *s)
{
    session_unwait(s->calls->session, &s->waiter);
    if (s->call)
        http_cancel(s->call);
    if (s->entered)
        contact_leave(s->calls->contact);
    loop_timer_free(s->timer);
    free(s);
}

static void end(struct stream *s, enum stream_end how, const struct err *err)
{
    s->opts.on_end(s->opts.arg, s, how, err);
    stream_free(s);
}

static void on_token(void *arg, int rc, const struct err *err)
{
    struct stream *s = arg;

    if (rc)
        end(s, rc == ERR_AUTH || rc == ERR_REFUSED ? STREAM_LOGIN : STREAM_FAULT, err);
    else
        loop_timer_set_real(s->timer, 0);
}

static void on_open(void *arg, const struct http_answer *answer)
{
    struct stream *s = arg;

    (void)answer;
    s->entered = false;
    s->opened = true;
    contact_answered(s->calls->contact);
    session_accepted(s->calls->session, s->serial);
    s->opts.on_open(s->opts.arg, s);
}

static void on_data(void *arg, struct slice bytes)
{
    struct stream *s = arg;

    s->opts.on_data(s->opts.arg, s, bytes);
}

static void on_refusal(struct stream *s, const struct http_answer *a)
{
    struct contact *contact = s->calls->contact;
    struct err err = {0};
    struct reply reply;
    char what[64];

    snprintf(what, sizeof(what), "log of node %lld", (long long)s->opts.node_id);
    reply_judge(a->status, buf_slice(a->body), a->location, a->retry_after_s, what, &reply, &err);
    s->entered = false;
    if (reply.kind == REPLY_RETRY && a->status >= 500)
        contact_fault(contact, &err);
    else
        contact_answered(contact);
    if (reply.kind == REPLY_LOGIN) {
        session_rejected(s->calls->session, s->serial);
        if (!s->relogged && !session_has_key(s->calls->session)) {
            s->relogged = true;
            loop_timer_set_real(s->timer, 0);
            return;
        }
        end(s, STREAM_LOGIN, &err);
        return;
    }
    if (a->status != 401)
        session_accepted(s->calls->session, s->serial);
    if (reply.kind == REPLY_OK)
        err_set(&err, ERR_PROTOCOL, "%s: the panel answered %d without a stream", what, a->status);
    end(s,
        a->status == 404 && reply.missing != MISSING_ROUTE ? STREAM_MISSING
        : a->status == 403                                 ? STREAM_DENIED
        : reply.kind == REPLY_RETRY                        ? STREAM_FAULT
                                                           : STREAM_REFUSED,
        &err);
}

static void on_end(void *arg, int rc, const struct err *net_err, struct http_answer *answer)
{
    struct stream *s = arg;
    struct err err = *net_err;

    s->call = NULL;
    if (answer) {
        on_refusal(s, answer);
        return;
    }
    if (rc == ERR_OK) {
        err_set(&err, ERR_OK, "the panel ended the stream");
        end(s, STREAM_CLEAN, &err);
        return;
    }
    if (s->entered && rc != ERR_CANCELLED) {
        s->entered = false;
        contact_fault(s->calls->contact, &err);
    }
    end(s, STREAM_FAULT, &err);
}

static void connect_now(struct stream *s, const struct http_header *credential)
{
    const struct http_header headers[] = {*credential, {"Accept", "text/event-stream"}};
    struct http_stream_opts opts = {.headers = headers,
                                    .n_headers = ARRAY_LEN(headers),
                                    .open_us = OPEN_S * SECOND,
                                    .idle_us = s->opts.idle_us,
                                    .read_gap_us = s->opts.read_gap_us,
                                    .on_open = on_open,
                                    .on_data = on_data,
                                    .on_end = on_end};
    struct err err = {0};
    char url[640];
    int rc;

    if (!contact_enter(s->calls->contact, &err)) {
        end(s, STREAM_FAULT, &err);
        return;
    }
    s->entered = true;
    snprintf(url, sizeof(url), "%s/api/node/%lld/logs", s->calls->base, (long long)s->opts.node_id);
    opts.url = url;
    rc = http_stream(s->calls->http, &opts, s, &s->call);
    if (rc) {
        err_set(&err, rc, "%s", err_name(rc));
        end(s, STREAM_FAULT, &err);
    }
}

static void on_timer(void *arg)
{
    struct stream *s = arg;
    struct http_header credential;

    if (session_header(s->calls->session, &credential, &s->serial))
        connect_now(s, &credential);
    else
        session_wait(s->calls->session, &s->waiter);
}

int stream_new(struct calls *calls, const struct stream_opts *opts, struct stream **ret_s)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (!s)
        return ERR_NOMEM;
    *s = (struct stream){.calls = calls, .opts = *opts};
    s->waiter = (struct session_waiter){.fn = on_token, .arg = s};
    if (loop_timer_new(calls->loop, on_timer, s, &s->timer) != ERR_OK) {
        free(s);
        return ERR_NOMEM;
    }
    loop_timer_set_real(s->timer, 0);
    *ret_s = s;
    return ERR_OK;
}

void stream_close(struct stream *s)
{
    stream_free(s);
}

void stream_retire(struct stream *s)
{
    if (s->call && s->opened)
        http_stream_retire(s->call);
}

bool stream_is_open(const struct stream *s)
{
    return s->opened;
}
