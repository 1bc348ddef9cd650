/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/reply.h"

#include <strings.h>

#include "panel/jval.h"
#include "base/banned.h"

enum { DETAIL_MAX = 300, RETRY_AFTER_MAX_S = 300 };

struct fields {
    struct buf *b;
    unsigned n;
};

static void add_cut(struct buf *b, struct slice s)
{
    size_t room = b->max > b->n ? b->max - b->n : 0;

    if (s.n > room)
        s.n = room;
    buf_add_slice(b, s);
}

static void add_field(void *arg, struct slice name, const struct jval *v)
{
    struct fields *f = arg;
    struct slice text;

    if (f->n++)
        add_cut(f->b, SLICE("; "));
    add_cut(f->b, name);
    add_cut(f->b, SLICE(": "));
    if (jval_text(v, &text) == ERR_OK)
        add_cut(f->b, text);
    else
        add_cut(f->b, SLICE("(no text)"));
}

void reply_add_detail(struct buf *b, struct slice body)
{
    struct fields fields = {.b = b};
    const struct jval *detail;
    struct jval *doc = NULL;
    struct slice text;
    size_t i;

    if (jval_parse(body, &doc, NULL) != ERR_OK) {
        body = slice_trim(body);
        /* Often the page of a proxy in front of the panel: its beginning tells whose. */
        if (body.n > 80)
            body.n = 80;
        add_cut(b, body);
        return;
    }
    detail = jval_get(doc, "detail");
    if (jval_text(detail, &text) == ERR_OK) {
        add_cut(b, text);
    } else if (jval_is_object(detail)) {
        jval_each(detail, add_field, &fields);
    } else {
        /* FastAPI's own form: a list of {"loc", "msg"}. */
        for (i = 0; i < jval_len(detail) && i < 5; i++)
            add_field(&fields, SLICE("body"), jval_get(jval_at(detail, i), "msg"));
    }
    jval_free(doc);
}

static bool has_word(struct slice s, const char *word)
{
    size_t n = strlen(word), i;

    for (i = 0; i + n <= s.n; i++)
        if (strncasecmp(s.p + i, word, n) == 0)
            return true;
    return false;
}

static enum reply_missing missing_what(struct slice detail)
{
    if (slice_eq(detail, SLICE("Not Found")))
        return MISSING_ROUTE;
    if (has_word(detail, "group"))
        return MISSING_OTHER;
    if (has_word(detail, "user") && has_word(detail, "not found"))
        return MISSING_USER;
    if (has_word(detail, "node") && has_word(detail, "not found"))
        return MISSING_NODE;
    return MISSING_OTHER;
}

static int fail_code(int status)
{
    switch (status) {
    case 401:
        return ERR_AUTH;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    default:
        return ERR_REFUSED;
    }
}

void reply_judge(int status, struct slice body, const char *location, int64_t retry_after_s,
                 const char *what, struct reply *ret_reply, struct err *err)
{
    struct reply r = {.kind = REPLY_FAIL, .missing = MISSING_OTHER};
    struct buf detail, shown;

    buf_init(&detail, DETAIL_MAX);
    buf_init(&shown, 4 * DETAIL_MAX + 1);
    if (status >= 200 && status < 300) {
        r.kind = REPLY_OK;
        *ret_reply = r;
        return;
    }
    reply_add_detail(&detail, body);
    buf_add_escaped(&shown, buf_slice(&detail));
    if (status == 401) {
        r.kind = REPLY_LOGIN;
    } else if (status == 408 || status == 429 || status >= 500) {
        r.kind = REPLY_RETRY;
        if (retry_after_s > RETRY_AFTER_MAX_S)
            retry_after_s = RETRY_AFTER_MAX_S;
        r.wait_us = retry_after_s > 0 ? retry_after_s * 1000000 : 0;
    }
    r.code = r.kind == REPLY_RETRY ? ERR_UNREACHABLE : fail_code(status);
    if (status == 404)
        r.missing = missing_what(buf_slice(&detail));
    if (status >= 300 && status < 400)
        err_set(err, ERR_REFUSED,
                "%s: the panel sends us elsewhere (%d, %.200s): write that address "
                "into PANEL_DOMAIN",
                what, status, location);
    else if (status < 200)
        err_set(err, r.code = ERR_PROTOCOL, "%s: the panel answered with no valid status", what);
    else
        err_set(err, r.code, "%s: the panel answered %d%s%.300s", what, status, shown.n ? ": " : "",
                buf_str(&shown));
    buf_release(&detail);
    buf_release(&shown);
    *ret_reply = r;
}
