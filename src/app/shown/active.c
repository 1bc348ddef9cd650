/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "core/user/brief.h"
#include "service/jout.h"
#include "base/banned.h"

/* The users who are active now: GET /users/active. Only those of the page are sorted and weighed. */

struct found {
    const struct op_active *what;
    struct user_brief *users;
    size_t n, max;
    struct imap there; /* who has a device at the node or inbound asked for */
    bool single, failed;
};

static const char *state_name(enum user_state s)
{
    return s == USER_CLEAR ? "clear" : s == USER_MONITORING ? "monitoring" : "punished";
}

/* Where the devices are asked for, who has but one is shown as well. */
static bool by_place(const struct op_active *what)
{
    return what->node || what->inbound;
}

static bool fits(const struct found *f, const struct user_brief *b)
{
    const struct op_active *what = f->what;

    if (!db_scope_has(what->only, b->id) || (what->least && b->devices < what->least))
        return false;
    if (by_place(what) && imap_get(&f->there, b->id) == MAP_FREE)
        return false;
    if (what->state)
        return strcmp(what->state, state_name(b->state)) == 0;
    return f->single || b->devices > 1 || b->state != USER_CLEAR;
}

static void see_place(void *arg, const struct device_brief *b)
{
    struct found *f = arg;
    const struct op_active *what = f->what;

    if ((what->node && b->node_id != what->node) ||
        (what->inbound && strcmp(b->inbound ? b->inbound : "", what->inbound) != 0))
        return;
    if (imap_put(&f->there, b->user_id, 1))
        f->failed = true;
}

static void find(void *arg, const struct user_brief *b)
{
    struct found *f = arg;

    if (!fits(f, b))
        return;
    if (f->n == f->max) {
        size_t max = f->max ? f->max * 2 : 256;
        struct user_brief *users = realloc(f->users, max * sizeof(*users));

        if (!users) {
            f->failed = true;
            return;
        }
        f->users = users;
        f->max = max;
    }
    f->users[f->n++] = *b;
}

static void add_nodes(struct daemon *d, const struct evidence *ev, struct buf *out)
{
    int i, k;

    jout_open(out, "nodes", '[');
    for (i = 0; i < ev->n_devices; i++) {
        int64_t node = ev->devices[i].node_id;

        for (k = 0; k < i && ev->devices[k].node_id != node; k++)
            ;
        if (k == i && node)
            jout_text(out, NULL, watch_name(d->watch, node));
    }
    jout_close(out, ']');
}

static void add_addresses(struct daemon *d, const struct evidence *ev, struct buf *out)
{
    char text[ADDR_TEXT];
    int i;

    jout_open(out, "addresses", '[');
    for (i = 0; i < ev->n_devices; i++) {
        const struct device_view *v = &ev->devices[i];

        jout_open(out, NULL, '{');
        jout_text(out, "address", addr_text(v->addr, text));
        jout_text(out, "node", watch_name(d->watch, v->node_id));
        jout_text(out, "inbound", v->inbound);
        jout_time(out, "first_seen", v->first_us);
        jout_time(out, "last_seen", v->last_us);
        jout_text(out, "role", device_role_name(v->role));
        evidence_network(d, v, out);
        jout_close(out, '}');
    }
    jout_close(out, ']');
}

static int64_t last_seen(const struct evidence *ev)
{
    int64_t last_us = STAMP_NONE;
    int i;

    for (i = 0; i < ev->n_devices; i++)
        if (last_us == STAMP_NONE || ev->devices[i].last_us > last_us)
            last_us = ev->devices[i].last_us;
    return last_us;
}

static void add_user(struct daemon *d, const struct user_view *v, struct buf *out)
{
    struct slice name = limits_name(engine_limits(d->engine), v->id);

    jout_open(out, NULL, '{');
    jout_int(out, "id", v->id);
    jout_str(out, "username", name.n ? name : (struct slice){NULL, 0});
    jout_text(out, "state", state_name(v->state));
    jout_int(out, "limit", v->limit);
    jout_text(out, "limit_from", limit_source_name(v->limit_from));
    jout_int(out, "devices", v->devices);
    jout_int(out, "concurrent", v->concurrent);
    jout_time(out, "since", v->since_us ? v->since_us : STAMP_NONE);
    jout_time(out, "last_seen", last_seen(&v->evidence));
    jout_int(out, "trust", v->evidence.trust.score);
    add_nodes(d, &v->evidence, out);
    if (settings_bool(&d->settings, SET_ENHANCED_DETAILS))
        add_addresses(d, &v->evidence, out);
    jout_close(out, '}');
}

void active_json(void *app, const struct op_active *what, struct buf *out)
{
    struct daemon *d = app;
    struct user_view *v = malloc(sizeof(*v));
    struct found f = {.what = what,
                      .single = what->single < 0 ? settings_bool(&d->settings, SET_SINGLE_IP_USERS)
                                                 : what->single > 0};
    size_t i, first = (size_t)what->offset;

    if (what->single < 0 && by_place(what))
        f.single = true;
    imap_init(&f.there, d->key);
    if (by_place(what))
        engine_each_device(d->engine, daemon_now(d), see_place, &f);
    engine_each_brief(d->engine, daemon_now(d), find, &f);
    brief_page(f.users, f.n, first, (size_t)what->limit);
    jout_open(out, NULL, '{');
    jout_open(out, "data", '[');
    for (i = first; v && i < f.n && i - first < (size_t)what->limit; i++)
        if (!engine_view(d->engine, f.users[i].id, daemon_now(d), v))
            add_user(d, v, out);
    jout_close(out, ']');
    jout_int(out, "total", (int64_t)f.n);
    jout_close(out, '}');
    if (!v || f.failed)
        out->failed = true;
    imap_release(&f.there);
    free(f.users);
    free(v);
}

void active_brief(void *app, int64_t id, struct op_brief *ret)
{
    struct daemon *d = app;
    struct enforce_view row;
    enum limit_source from;
    struct user_brief b;

    *ret = (struct op_brief){.state = "not seen", .limit_from = "general"};
    if (d->stopping)
        return;
    ret->limit = limits_of(engine_limits(d->engine), id, d->policy.general_limit, &from);
    ret->limit_from = limit_source_name(from);
    ret->disabled = enforce_find(d->enforce, id, &row) == 0;
    if (engine_brief(d->engine, id, daemon_now(d), &b))
        return;
    ret->state = state_name(b.state);
    ret->devices = b.devices;
}

int active_clear(void *app, int64_t id, bool really)
{
    struct daemon *d = app;
    struct enforce_view row;
    struct user_brief b;

    if (d->stopping)
        return ERR_CANCELLED;
    if (enforce_find(d->enforce, id, &row) == 0)
        return ERR_REFUSED;
    if (engine_brief(d->engine, id, daemon_now(d), &b) || b.state == USER_CLEAR)
        return ERR_NOT_FOUND;
    if (b.state != USER_MONITORING)
        return ERR_REFUSED;
    if (!really)
        return ERR_OK;
    engine_clear_user(d->engine, id);
    janitor_engine_due(d->janitor);
    return ERR_OK;
}
