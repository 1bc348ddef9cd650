/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/panel_int.h"

#include "base/banned.h"

static void read_user(void *ctx, int64_t id, panel_user_fn fn, void *arg)
{
    struct panel *p = ctx;

    act_read(&p->acts, id, fn, arg);
}

static void set_disabled(void *ctx, int64_t id, bool disabled, const struct slice *note,
                         panel_user_fn fn, void *arg)
{
    struct panel *p = ctx;

    act_set_disabled(&p->acts, id, disabled, note, fn, arg);
}

static void set_groups(void *ctx, int64_t id, const int64_t *groups, size_t n,
                       const struct slice *note, panel_user_fn fn, void *arg)
{
    struct panel *p = ctx;

    act_set_groups(&p->acts, id, groups, n, note, fn, arg);
}

static void set_note(void *ctx, int64_t id, struct slice note, panel_user_fn fn, void *arg)
{
    struct panel *p = ctx;

    act_set_note(&p->acts, id, note, fn, arg);
}

static void revoke(void *ctx, int64_t id, panel_user_fn fn, void *arg)
{
    struct panel *p = ctx;

    act_revoke(&p->acts, id, fn, arg);
}

static bool is_up(void *ctx)
{
    struct panel *p = ctx;

    return p->contact.up && session_state(p->session) != SESSION_REFUSED;
}

void port_init(struct panel *p)
{
    p->port = (struct panel_port){.ctx = p,
                                  .read_user = read_user,
                                  .set_disabled = set_disabled,
                                  .set_groups = set_groups,
                                  .set_note = set_note,
                                  .revoke = revoke,
                                  .is_up = is_up};
}

const struct panel_port *panel_port(struct panel *p)
{
    return &p->port;
}

static void on_page(void *arg, const struct panel_user *users, size_t n, bool full)
{
    struct panel *p = arg;

    p->page_fn(p->list_arg, users, n, full);
}

static void on_listed(void *arg, int rc, const struct err *err, size_t n)
{
    struct panel *p = arg;

    p->listing = NULL;
    p->listed_fn(p->list_arg, rc, err, n);
}

int panel_list_users(struct panel *p, bool full, panel_page_fn page, panel_listed_fn end, void *arg)
{
    struct listing_opts opts = {.calls = &p->calls,
                                .worker = p->worker,
                                .full = full,
                                .on_page = on_page,
                                .on_end = on_listed,
                                .arg = p};

    if (p->listing)
        return ERR_BUSY;
    p->page_fn = page;
    p->listed_fn = end;
    p->list_arg = arg;
    return listing_new(&opts, &p->listing);
}

void listing_cancel(struct panel *p)
{
    struct err err;

    if (!p->listing)
        return;
    listing_free(p->listing);
    p->listing = NULL;
    err_set(&err, ERR_CANCELLED, "%s", err_name(ERR_CANCELLED));
    p->listed_fn(p->list_arg, ERR_CANCELLED, &err, 0);
}

int panel_lookup(struct panel *p, int64_t id, panel_user_fn fn, void *arg)
{
    return asker_user(&p->lookups, id, fn, arg);
}

int panel_online(struct panel *p, int64_t id, bool urgent, panel_online_fn fn, void *arg)
{
    return asker_online(&p->onlines, id, urgent, fn, arg);
}

int panel_get(struct panel *p, const char *path, const char *what, call_fn fn, void *arg)
{
    struct call_opts opts = {
        .method = "GET", .path = path, .what = what, .tries = 2, .body_max = 16 << 20};
    struct call *call;

    return call_start(&p->calls, &opts, fn, arg, &call);
}
