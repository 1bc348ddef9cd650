/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "panel/jval.h"
#include "panel/puser.h"
#include "service/jout.h"
#include "base/banned.h"

/*
 * Who is disabled in the panel, or in disabled_group_id, without a row of ours: read from the panel a
 * sorted page at a time, first by status, then by group. Only a list that came whole is shown. Whoever
 * turns its pages within a minute sees that list, whatever the panel says meanwhile; its first page is
 * always the panel's.
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
    struct buf list; /* JSON for the cache; failed: too long for it */
    char key[32];    /* of it: the group */
};

/* One who is disabled, wherever that is from. */
struct stuck_user {
    int64_t id, edit_at_us;
    struct slice name, note;
    bool by_group;
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
    buf_release(&s->list);
    free(s);
}

static void show(struct stuck *s, const struct stuck_user *u)
{
    struct enforce_view view;

    if (!db_scope_has(s->only, u->id) || enforce_find(s->d->enforce, u->id, &view) == 0)
        return;
    if (s->total++ < s->offset || s->total > s->offset + s->limit)
        return;
    jout_open(&s->out, NULL, '{');
    jout_int(&s->out, "id", u->id);
    jout_str(&s->out, "username", u->name);
    jout_text(&s->out, "how", u->by_group ? "group" : "status");
    jout_str(&s->out, "note", u->note.n ? u->note : (struct slice){NULL, 0});
    jout_time(&s->out, "edited_at", u->edit_at_us);
    jout_close(&s->out, '}');
}

static void add(struct stuck *s, const struct panel_user *u)
{
    struct stuck_user one = {.id = u->id,
                             .edit_at_us = u->edit_at_us,
                             .name = u->name,
                             .note = u->note,
                             .by_group = s->by_group};

    /* In the second list he has been told of before; with other groups besides he is not cut off. */
    if (s->by_group &&
        (u->status == PANEL_STATUS_DISABLED || u->n_groups != 1 || u->groups[0] != s->group_id))
        return;
    jout_open(&s->list, NULL, '{');
    jout_int(&s->list, "id", one.id);
    jout_int(&s->list, "edited", one.edit_at_us);
    jout_str(&s->list, "name", one.name);
    jout_str(&s->list, "note", one.note);
    jout_bool(&s->list, "by_group", one.by_group);
    jout_close(&s->list, '}');
    show(s, &one);
}

static void keep(struct stuck *s)
{
    const struct cache_port *cache = caching_port(s->d);

    jout_close(&s->list, ']');
    if (cache && s->list.failed)
        cache->drop(cache->ctx, CACHE_USERS, slice_of(s->key));
    else if (cache)
        cache->put(cache->ctx, CACHE_USERS, slice_of(s->key), buf_slice(&s->list));
}

void stuck_changed(struct daemon *d)
{
    const struct cache_port *cache = caching_port(d);
    char key[32];

    if (!cache)
        return;
    snprintf(key, sizeof(key), "stuck %lld",
             (long long)settings_int(&d->settings, SET_DISABLED_GROUP_ID));
    cache->drop(cache->ctx, CACHE_USERS, slice_of(key));
}

static void ask(struct stuck *s);

static void on_kept(void *arg, struct slice value)
{
    struct stuck *s = arg;
    struct jval *doc = NULL;
    size_t i;

    if (!value.p || jval_parse(value, &doc, NULL) || !jval_is_array(doc)) {
        jval_free(doc);
        ask(s);
        return;
    }
    for (i = 0; i < jval_len(doc); i++) {
        const struct jval *v = jval_at(doc, i);
        struct stuck_user one = {.id = jval_opt_int(v, "id", 0),
                                 .edit_at_us = jval_opt_int(v, "edited", STAMP_NONE),
                                 .name = jval_opt_text(v, "name"),
                                 .note = jval_opt_text(v, "note"),
                                 .by_group = jval_opt_bool(v, "by_group", false)};

        show(s, &one);
    }
    jval_free(doc);
    end(s, ERR_OK, NULL);
}

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
        keep(s);
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
    const struct cache_port *cache = caching_port(d);
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
    snprintf(s->key, sizeof(s->key), "stuck %lld", (long long)s->group_id);
    buf_init(&s->list, LIMIT_CACHE_VALUE);
    jout_open(&s->list, NULL, '[');
    if (offset == 0 || !cache || !cache->get(cache->ctx, CACHE_USERS, slice_of(s->key), on_kept, s))
        ask(s);
}
