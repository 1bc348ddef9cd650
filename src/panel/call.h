/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_CALL_H
#define PANEL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/http.h"
#include "panel/contact.h"
#include "panel/reply.h"
#include "panel/session.h"

/*
 * A call to the panel's REST interface with the rules of spec/panel.md 5: logged in first; 401 leads to
 * one new login and one more try; 408, 429, 5xx and faults of the connection are repeated a few times
 * with growing pauses (Retry-After is obeyed) while the gate is open; nothing else is repeated. What is
 * sent once is repeated only after a new login.
 */
struct call;

/* Where calls go; embedded in the panel. All parts outlive it. */
struct calls {
    struct loop *loop;
    struct http *http;
    struct session *session;
    struct contact *contact;
    const char *base;
    struct call *list;
    bool closing;
};

struct call_result {
    int rc; /* ERR_OK: a 2xx answer */
    const struct err *err;
    int status;                 /* of the last answer, 0 when none came */
    enum reply_missing missing; /* when status is 404 */
    struct buf *body;           /* of a 2xx answer, else NULL; may be emptied with buf_take */
    int64_t took_us;            /* of the last try, network and panel; -1 when none was sent */
    bool unclear;               /* a sending had no clear answer: it may be done, now or yet */
};
typedef void (*call_fn)(void *arg, const struct call_result *result);

struct call_opts {
    const char *method;
    const char *path;    /* from /api on, with query; copied */
    struct slice body;   /* JSON; p NULL: none; copied */
    const char *what;    /* names the call in errors; copied, cut at 95 bytes */
    unsigned tries;      /* sendings at most, 0: 1. A new login does not count */
    bool once;           /* never by the network's own means either: each sending may count */
    bool aside;          /* no answer, or a server's fault, says nothing of the panel as a whole */
    int64_t deadline_us; /* of one sending, 0: 10 s */
    size_t body_max;     /* 0: 1 MB */
};

/* Fills c; base is borrowed. */
void calls_init(struct calls *c, struct loop *loop, struct http *http, struct session *session,
                struct contact *contact, const char *base);
/* Ends all calls, each with ERR_CANCELLED. New ones are refused from then on. */
void calls_close(struct calls *c);

/* Starts a call; fn is called exactly once, later. On failure (ERR_NOMEM, ERR_CANCELLED) never. */
int call_start(struct calls *c, const struct call_opts *opts, call_fn fn, void *arg,
               struct call **ret_call) MUST_CHECK;
/* Drops a call whose fn has not been called: it will not be. NULL is allowed. */
void call_cancel(struct call *call);

#endif
