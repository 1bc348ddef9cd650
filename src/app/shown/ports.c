/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "app/shown/estimate.h"
#include "base/log.h"
#include "bot/notice/notice.h"
#include "base/stamp.h"
#include "geo/geoview.h"
#include "panel/checkup.h"
#include "panel/everyone.h"
#include "panel/puser.h"
#include "service/jout.h"
#include "base/banned.h"

/*
 * What the operations are given of the daemon. At its end the last answers of the database come when panel
 * and enforcement are gone already: nothing here touches them then.
 */

static const struct settings *port_settings(void *app)
{
    return &((struct daemon *)app)->settings;
}

static int64_t port_now(void *app)
{
    return daemon_now(app);
}

static const char *port_env_file(void *app)
{
    return ((struct daemon *)app)->env_file;
}

static int stopping(struct err *err)
{
    return err_set(err, ERR_CANCELLED, "the daemon is stopping");
}

static void port_changed(void *app, unsigned what)
{
    struct daemon *d = app;

    if (d->stopping) /* The next start reads it. */
        return;
    if (what & OP_CHANGED_ALL)
        restored_begin(d);
    else if (what & (OP_CHANGED_LIMITS | OP_CHANGED_SETTINGS | OP_CHANGED_SHARED) &&
             rules_reload(d))
        log_error("rules", "the change is kept but not in force: the database is busy");
    if (what & OP_CHANGED_LIMITS)
        heirs_look(d);
    if (what & OP_CHANGED_TOPICS)
        notices_changed(d->notices);
    if (what & OP_CHANGED_ACCESS)
        restored_access(d);
    if (what & OP_CHANGED_ADMINS)
        served_reload(d);
    if (what & OP_CHANGED_JOURNAL) {
        d->offer[0] = '\0';
        enforce_reread(d->enforce);
    }
}

/* ---- a user by exact name ---- */

struct find {
    struct daemon *d;
    panel_user_fn fn;
    void *arg;
    char name[LIMIT_USER_NAME + 1];
};

/* The panel's filter is exact in all versions known; a page that holds another name is passed over. */
static void found(void *arg, const struct call_result *result)
{
    struct find *f = arg;
    struct puser_page page;
    struct err why = {0};
    size_t i;
    int rc = result->rc;

    if (rc == 0)
        rc = puser_page_parse(buf_slice(result->body), &page, &why);
    else
        why = *result->err;
    if (rc) {
        f->fn(f->arg, rc, &why, NULL);
        free(f);
        return;
    }
    for (i = 0; i < page.n && !slice_eq(page.users[i].name, slice_of(f->name)); i++)
        ;
    if (i < page.n) {
        f->fn(f->arg, ERR_OK, NULL, &page.users[i]);
    } else {
        err_set(&why, ERR_NOT_FOUND, "the panel knows no user %s", f->name);
        f->fn(f->arg, ERR_NOT_FOUND, &why, NULL);
    }
    puser_page_release(&page);
    free(f);
}

static void add_percent(struct buf *b, struct slice s)
{
    size_t i;

    for (i = 0; i < s.n; i++)
        buf_addf(b, "%%%02X", (unsigned char)s.p[i]);
}

static void port_find_user(void *app, int64_t id, struct slice name, panel_user_fn fn, void *arg)
{
    struct daemon *d = app;
    struct err err = {0};
    struct find *f;
    struct buf path;
    int rc;

    if (d->stopping) {
        fn(arg, stopping(&err), &err, NULL);
        return;
    }
    if (id) {
        rc = panel_lookup(d->panel, id, fn, arg);
        if (rc)
            fn(arg, rc,
               (err_set(&err, rc, "the panel is not asked now: too many questions wait"), &err),
               NULL);
        return;
    }
    f = calloc(1, sizeof(*f));
    buf_init(&path, 1024);
    buf_add_str(&path, "/api/users?username=");
    add_percent(&path, name);
    if (!f || path.failed || name.n > LIMIT_USER_NAME) {
        rc = err_set(&err, ERR_NOMEM, "out of memory");
    } else {
        *f = (struct find){.d = d, .fn = fn, .arg = arg};
        memcpy(f->name, name.p, name.n);
        rc = panel_get(d->panel, buf_str(&path), "looking up a user", found, f);
        if (rc)
            err_set(&err, rc, "the panel cannot be asked: %s", err_name(rc));
    }
    if (rc) {
        free(f);
        fn(arg, rc, &err, NULL);
    }
    buf_release(&path);
}

/* ---- enabling ---- */

struct enabling {
    struct daemon *d;
    op_enable_fn fn;
    void *arg;
    struct buf out;
    int64_t *ids; /* some of all: those of op_enable.only */
    size_t n;
};

static const char *result_name(enum enforce_result r)
{
    switch (r) {
    case ENFORCE_ENABLED:
        return "enabled";
    case ENFORCE_NOT_DISABLED:
        return "not_disabled";
    case ENFORCE_LEFT:
        return "superseded";
    case ENFORCE_FAILED:
        return "failed";
    }
    return "failed";
}

static void enabling_free(struct enabling *e)
{
    if (!e)
        return;
    buf_release(&e->out);
    free(e->ids);
    free(e);
}

static void told(void *arg, const struct enforce_told *t)
{
    struct enabling *e = arg;
    struct slice name;

    if (!t) {
        jout_close(&e->out, ']');
        e->fn(e->arg, ERR_OK, NULL, buf_slice(&e->out));
        enabling_free(e);
        return;
    }
    name = t->name.n ? t->name : limits_name(engine_limits(e->d->engine), t->user_id);
    jout_open(&e->out, NULL, '{');
    jout_int(&e->out, "id", t->user_id);
    jout_str(&e->out, "username", name);
    jout_text(&e->out, "result", result_name(t->result));
    jout_text(&e->out, "detail", t->text);
    jout_close(&e->out, '}');
}

/* What enforce_release forgives in the database, forgiven in the engine too. */
static int forgive(void *arg, const struct enforce_view *v)
{
    engine_forgive(((struct daemon *)arg)->engine, v->user_id, v->verdict_us, INT64_MAX);
    return 0;
}

struct forgiving {
    struct daemon *d;
    const struct op_enable *what;
    struct enabling *e; /* takes the ids down */
};

static bool is_meant(const struct op_enable *what, const struct enforce_view *v)
{
    return (what->since_us == 0 || v->applied_us == STAMP_NONE ||
            v->applied_us >= what->since_us) &&
           db_scope_has(what->only, v->user_id);
}

static int forgive_meant(void *arg, const struct enforce_view *v)
{
    const struct forgiving *f = arg;

    if (is_meant(f->what, v))
        forgive(f->d, v);
    return 0;
}

static int take_id(void *arg, const struct enforce_view *v)
{
    const struct forgiving *f = arg;

    if (is_meant(f->what, v))
        f->e->ids[f->e->n++] = v->user_id;
    return 0;
}

/* "All" of some users is a list of them. */
static int name_them(struct enabling *e, const struct op_enable *what, struct enforce_release *r)
{
    struct forgiving f = {e->d, what, e};

    if (!what->all || !what->only)
        return ERR_OK;
    e->ids = malloc((enforce_count(e->d->enforce) + 1) * sizeof(*e->ids));
    if (!e->ids)
        return ERR_NOMEM;
    (void)!enforce_each(e->d->enforce, take_id, &f);
    r->ids = e->ids;
    r->n = e->n;
    r->all = false;
    r->since_us = 0;
    return ERR_OK;
}

static void forgive_in_engine(struct daemon *d, const struct op_enable *what)
{
    struct forgiving f = {d, what, NULL};
    struct enforce_view v;
    size_t i;

    for (i = 0; i < what->n; i++)
        if (!enforce_find(d->enforce, what->ids[i], &v))
            forgive(d, &v);
    if (what->all)
        (void)!enforce_each(d->enforce, forgive_meant, &f);
}

static void port_enable(void *app, const struct op_enable *what, op_enable_fn fn, void *arg)
{
    struct daemon *d = app;
    struct enforce_release r = {.ids = what->ids,
                                .n = what->n,
                                .all = what->all,
                                .since_us = what->since_us,
                                .forgive = what->forgive,
                                .who = what->who};
    struct enabling *e = calloc(1, sizeof(*e));
    struct err err = {0};
    size_t i;
    int rc = ERR_NOMEM;

    if (d->stopping) {
        free(e);
        fn(arg, stopping(&err), &err, (struct slice){NULL, 0});
        return;
    }
    if (what->forgive)
        forgive_in_engine(d, what);
    for (i = 0; i < what->n; i++)
        carry_excuse(d->carry, what->ids[i]);
    if (what->all)
        carry_excuse_all(d->carry, what->since_us, what->only);
    if (e) {
        e->d = d;
        e->fn = fn;
        e->arg = arg;
        buf_init(&e->out, LIMIT_OP_ANSWER);
        jout_open(&e->out, NULL, '[');
        rc = name_them(e, what, &r);
        if (rc == 0)
            rc = enforce_release(d->enforce, &r, told, e);
    }
    if (rc == 0)
        return;
    enabling_free(e);
    err_set(&err, rc, "nobody was enabled: %s", err_name(rc));
    fn(arg, rc, &err, (struct slice){NULL, 0});
}

/* ---- views and checks ---- */

static void port_check(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                       void *arg)
{
    struct daemon *d = app;
    struct err err = {0};

    if (d->stopping)
        fn(arg, stopping(&err), &err);
    else
        groups_check(d, next, confirmed, fn, arg);
}

static void port_status(void *app, struct buf *out)
{
    if (((struct daemon *)app)->stopping)
        buf_add_str(out, "{}");
    else
        views_status(app, out);
}

static void port_nodes(void *app, struct buf *out)
{
    if (((struct daemon *)app)->stopping)
        buf_add_str(out, "{}");
    else
        views_nodes(app, out);
}

static void port_user(void *app, int64_t id, struct buf *out)
{
    if (((struct daemon *)app)->stopping)
        buf_add_str(out, "{}");
    else
        views_user(app, id, out);
}

static void port_doctor(void *app, struct doctor_facts *facts, void (*fn)(void *arg), void *arg)
{
    struct daemon *d = app;

    facts->watched_us = daemon_now(d) - d->started_us;
    messenger_facts(d, facts);
    caching_facts(d, facts);
    hook_facts(d, facts);
    if (d->stopping || checkup_start(d->panel, d->engine, daemon_now(d), facts, fn, arg))
        fn(arg);
}

static void port_breaker(void *app, struct buf *out)
{
    if (((struct daemon *)app)->stopping)
        buf_add_str(out, "{}");
    else
        trip_json(app, out);
}

static void port_geo(void *app, struct buf *out)
{
    struct daemon *d = app;

    if (!d->stopping)
        atlas_json(d->atlas, out);
}

static void port_geo_address(void *app, struct addr addr, struct buf *out)
{
    struct daemon *d = app;
    struct slice isp;
    struct geo geo;

    if (d->stopping)
        return;
    atlas_look(d->atlas, addr, &geo, &isp);
    geoview_address(out, addr, &geo, isp);
}

static int port_geo_update(void *app, struct err *err)
{
    struct daemon *d = app;

    return d->stopping ? stopping(err) : atlas_update(d->atlas, err);
}

static void port_active(void *app, const struct op_active *what, struct buf *out)
{
    if (((struct daemon *)app)->stopping)
        buf_add_str(out, "{\"data\":[],\"total\":0}");
    else
        active_json(app, what, out);
}

static void port_metrics(void *app, struct buf *out)
{
    if (!((struct daemon *)app)->stopping)
        metrics_text(app, out);
}

static void port_remember(void *app, int64_t id, const int64_t *at_us, size_t n)
{
    struct daemon *d = app;
    size_t i;

    if (d->stopping)
        return;
    engine_forgive(d->engine, id, 0, INT64_MAX);
    for (i = n; i-- > 0;)
        if (engine_had_violation(d->engine, id, at_us[i]))
            log_error("rules", "a violation is not remembered: out of memory");
}

static void port_list_users(void *app, op_check_fn fn, void *arg)
{
    struct daemon *d = app;
    struct err err = {0};

    if (d->stopping)
        fn(arg, stopping(&err), &err);
    else
        people_list_now(d->people, fn, arg);
}

struct everyone {
    void (*page)(void *arg, const struct panel_user *users, size_t n);
    op_check_fn fn;
    void *arg;
};

static void everyone_page(void *arg, const struct panel_user *users, size_t n, bool full)
{
    struct everyone *e = arg;

    (void)full;
    e->page(e->arg, users, n);
}

static void everyone_end(void *arg, int rc, const struct err *err, size_t n)
{
    struct everyone *e = arg;

    (void)n;
    e->fn(e->arg, rc, err);
    free(e);
}

static void port_everyone(void *app,
                          void (*page)(void *arg, const struct panel_user *users, size_t n),
                          op_check_fn fn, void *arg)
{
    struct daemon *d = app;
    struct everyone *e = calloc(1, sizeof(*e));
    struct err err = {0};
    int rc = ERR_NOMEM;

    if (d->stopping) {
        rc = stopping(&err);
    } else if (e) {
        *e = (struct everyone){page, fn, arg};
        rc = everyone_list(d->panel, everyone_page, everyone_end, e);
        if (!rc)
            return;
        err_set(&err, rc, "the panel cannot be asked: %s", err_name(rc));
    } else {
        err_set(&err, rc, "out of memory");
    }
    free(e);
    fn(arg, rc, &err);
}

void ports_init(struct daemon *d)
{
    d->port = (struct op_port){.app = d,
                               .submit = owner_submit,
                               .store = d->owner,
                               .settings = port_settings,
                               .now_us = port_now,
                               .env_file = port_env_file,
                               .find_user = port_find_user,
                               .enable = port_enable,
                               .order = orders_give,
                               .pardon = orders_pardon,
                               .stuck = stuck_list,
                               .try_access = access_try,
                               .check_settings = port_check,
                               .estimate = estimate_change,
                               .freed = freed_users,
                               .names = groups_names,
                               .users_of = mine_users,
                               .roster = served_roster,
                               .schedule_json = backups_json,
                               .setting_note = views_setting_note,
                               .changed = port_changed,
                               .status_json = port_status,
                               .nodes_json = port_nodes,
                               .active_json = port_active,
                               .metrics_text = port_metrics,
                               .remember = port_remember,
                               .list_users = port_list_users,
                               .work = restored_work,
                               .everyone = port_everyone,
                               .live_json = port_user,
                               .brief = active_brief,
                               .clear = active_clear,
                               .report_json = reports_json,
                               .breaker_json = port_breaker,
                               .breaker_resume = trip_resume,
                               .breaker_users = trip_users,
                               .breaker_undone = trip_undone,
                               .topics_live = notify_topics_live,
                               .topics_check = notify_topics_check,
                               .topics_make = notify_topics_make,
                               .backlog = notify_backlog,
                               .doctor = port_doctor,
                               .geo_json = port_geo,
                               .geo_address_json = port_geo_address,
                               .geo_update = port_geo_update,
                               .webhook_json = hook_json,
                               .webhook_test = hook_test};
}
