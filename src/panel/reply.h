/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_REPLY_H
#define PANEL_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* What an answer of the panel means and what is done about it (spec/panel.md 5). Pure. */
enum reply_kind {
    REPLY_OK,    /* 2xx */
    REPLY_LOGIN, /* 401: log in again, once */
    REPLY_RETRY, /* 408, 429, 5xx: again later, and a fault of the panel */
    REPLY_FAIL,  /* any other 4xx, a redirect: never again by itself */
};

/* Which of the three 404 it is; only the panel's own words tell. */
enum reply_missing {
    MISSING_ROUTE, /* FastAPI's own "Not Found": this version has no such call */
    MISSING_USER,
    MISSING_NODE,
    MISSING_OTHER, /* a group, or words we do not know: never taken for a user who is gone */
};

struct reply {
    enum reply_kind kind;
    int code;                   /* ERR_OK or what the caller is told */
    enum reply_missing missing; /* of a 404 */
    int64_t wait_us;            /* Retry-After of a REPLY_RETRY, else 0 */
};

/*
 * Judges an answer and writes a text for a person into err when it is no 2xx: what the panel said
 * (`detail`, an object of 422 as "field: text"), with the permission a 403 names. `what` is a short
 * name of the call, e.g. "disable user 7". location as in struct http_answer.
 */
void reply_judge(int status, struct slice body, const char *location, int64_t retry_after_s,
                 const char *what, struct reply *ret_reply, struct err *err);

/* Appends the `detail` of an error body as plain text; whatever else it is, cut, when there is none. */
void reply_add_detail(struct buf *b, struct slice body);

#endif
