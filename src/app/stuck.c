/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "panel/puser.h"
#include "service/jout.h"
#include "base/banned.h"

/*
 * Who is disabled in the panel, or in disabled_group_id, without a row of ours: read from the panel a
 * sorted page at a time, first by status, then by group. Only a list that came whole is shown.
 */

enum { PAGE = 500 };

struct stuck {
    struct daemon *d;
    op_enable_fn fn;
    void *arg;
    int64_t offset, limit;
    const struct db_scope *only;
    int64_t group_id; /* 0: no second list */
    bool by_group;    /* the list being read */
    size_t read;      /* users of it so far */
    int64_t total;    /* stuck ones of both */
    int64_t last_id;
    struct buf out;
};

static void end(struct stuck *s, int rc, const struct err *err)
{
    if (!rc && s->out.failed) {
        struct err big = {0};

        err_set(&big, ERR_TOO_BIG, "the answer is larger than it may be");
        s->fn(s->arg, ERR_TOO_BIG, &big, (struct slice){NULL, 0});
    } else if (rc) {
        s->fn(s->arg, rc, err, (struct slice){NULL, 0});
    } else {
        jout_close(&s->out, ']');
        jout_int(&s->out, "total", s->total);
        jout_close(&s->out, '}');
        s->fn(s->arg, ERR_OK, NULL, buf_slice(&s->out));
    }
    buf_release(&s->out);
    free(s);
}

static void add(struct stuck *s, const struct panel_user *u)
{
    struct enforce_view view;
    bool disabled = u->status == PANEL_STATUS_DISABLED;

    if (!db_scope_has(s->only, u->id) || enforce_find(s->d->enforce, u->id, &view) == 0)
        return;
    /* In the second list he has been told of before; with other groups besides he is not cut off. */
    if (s->by_group && (disabled || u->n_groups != 1 || u->groups[0] != s->group_id))
        return;
    if (s->total++ < s->offset || s->total > s->offset + s->limit)
        return;
    jout_open(&s->out, NULL, '{');
    jout_int(&s->out, "id", u->id);
    jout_str(&s->out, "username", u->name);
    jout_text(&s->out, "how", s->by_group ? "group" : "status");
    jout_str(&s->out, "note", u->note.n ? u->note : (struct slice){NULL, 0});
    jout_time(&s->out, "edited_at", u->edit_at_us);
    jout_close(&s->out, '}');
}

static void ask(struct stuck *s);

static int take(struct stuck *s, const struct puser_page *page, bool *ret_more, struct err *err)
{
    size_t i;

    for (i = 0; i < page->n; i++) {
        /* The order is by id: one that is not higher means that the list has moved under our hands. */
        if (page->users[i].id <= s->last_id)
            return err_set(err, ERR_PROTOCOL, "the panel's list is not in the order of ids");
        s->last_id = page->users[i].id;
        add(s, &page->users[i]);
    }
    s->read += page->n;
    *ret_more = page->total < 0 ? page->n == PAGE : (int64_t)s->read < page->total;
    if (*ret_more && page->n == 0)
        return err_set(err, ERR_PROTOCOL, "the panel's list ends before it is whole: try again");
    return ERR_OK;
}

static void on_page(void *arg, const struct call_result *result)
{
    struct stuck *s = arg;
    struct puser_page page = {0};
    struct err err = *result->err;
    bool more = false;
    int rc = result->rc;

    if (!rc)
        rc = puser_page_parse(buf_slice(result->body), &page, &err);
    if (!rc)
        rc = take(s, &page, &more, &err);
    puser_page_release(&page);
    if (rc) {
        end(s, rc, &err);
    } else if (more) {
        ask(s);
    } else if (!s->by_group && s->group_id) {
        s->by_group = true;
        s->read = 0;
        s->last_id = 0;
        ask(s);
    } else {
        end(s, ERR_OK, NULL);
    }
}

static void ask(struct stuck *s)
{
    struct err err = {0};
    struct buf path;
    int rc;

    buf_init(&path, 256);
    if (s->by_group)
        buf_addf(&path, "/api/users?group=%lld", (long long)s->group_id);
    else
        buf_add_str(&path, "/api/users?status=disabled");
    buf_addf(&path, "&sort=id&offset=%zu&limit=%d", s->read, PAGE);
    rc = path.failed ? ERR_NOMEM
                     : panel_get(s->d->panel, buf_str(&path), "listing disabled users", on_page, s);
    buf_release(&path);
    if (rc) {
        err_set(&err, rc, "the panel cannot be asked: %s", err_name(rc));
        end(s, rc, &err);
    }
}

void stuck_list(void *app, int64_t offset, int64_t limit, const struct db_scope *only,
                op_enable_fn fn, void *arg)
{
    struct daemon *d = app;
    struct stuck *s = d->stopping ? NULL : calloc(1, sizeof(*s));
    struct err err = {0};

    if (!s) {
        err_set(&err, d->stopping ? ERR_CANCELLED : ERR_NOMEM, "%s",
                d->stopping ? "the daemon is stopping" : "out of memory");
        fn(arg, err.code, &err, (struct slice){NULL, 0});
        return;
    }
    *s = (struct stuck){.d = d,
                        .fn = fn,
                        .arg = arg,
                        .offset = offset,
                        .limit = limit,
                        .only = only,
                        .group_id = settings_int(&d->settings, SET_DISABLED_GROUP_ID)};
    buf_init(&s->out, LIMIT_OP_ANSWER);
    jout_open(&s->out, NULL, '{');
    jout_open(&s->out, "data", '[');
    ask(s);
}
