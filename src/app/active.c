/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "core/brief.h"
#include "service/jout.h"
#include "base/banned.h"

/* The users who are active now: GET /users/active. Only those of the page are sorted and weighed. */

struct found {
    struct user_brief *users;
    size_t n, max;
    const char *state;
    const struct db_scope *only;
    bool single, failed;
};

static const char *state_name(enum user_state s)
{
    return s == USER_CLEAR ? "clear" : s == USER_MONITORING ? "monitoring" : "punished";
}

static void find(void *arg, const struct user_brief *b)
{
    struct found *f = arg;

    if (!db_scope_has(f->only, b->id))
        return;
    if (f->state ? strcmp(f->state, state_name(b->state)) != 0
                 : !f->single && b->devices < 2 && b->state == USER_CLEAR)
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
    struct found f = {.state = what->state,
                      .only = what->only,
                      .single = what->single < 0 ? settings_bool(&d->settings, SET_SINGLE_IP_USERS)
                                                 : what->single > 0};
    size_t i, first = (size_t)what->offset;

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
    free(f.users);
    free(v);
}
