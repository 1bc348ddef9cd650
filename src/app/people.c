/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "store/db_cleanup.h"
#include "store/db_heirs.h"
#include "store/db_limits.h"
#include "store/db_settings.h"
#include "store/db_users.h"
#include "base/banned.h"

/*
 * Who the panel's users are: the listing at the start and every user_sync_hours, single ids that lines
 * name before the listing does. Names go into the engine's directory at once and into the table users.
 */

static const int64_t ask_again_us = 600 * STAMP_SECOND; /* an id the panel did not know */
static const int64_t list_again_us = 60 * STAMP_SECOND; /* after a listing that did not end well */
enum { STRANGERS_MAX = 3, ASKED_MAX = 65536 };

/* Somebody waits for a complete listing. */
struct waiting {
    struct waiting *next;
    op_check_fn fn;
    void *arg;
};

struct people {
    struct daemon *d;
    struct loop_timer *timer;
    struct imap asked; /* id → unix minute of the question */
    bool listing;
    struct waiting *waiting;
    int64_t synced_us;
    int64_t asked_us; /* when the running listing began */
    uint32_t users;
    struct panel_port panel; /* that the enforcement's questions go on to */
};

static void sync_due(void *arg)
{
    people_sync(arg);
}

struct people *people_new(struct daemon *d)
{
    struct people *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->d = d;
    imap_init(&p->asked, d->key);
    if (loop_timer_new(d->loop, sync_due, p, &p->timer)) {
        people_free(p);
        return NULL;
    }
    return p;
}

/* Everyone who waits for this listing; one who begins to wait meanwhile waits for the next. */
static void tell_waiting(struct people *p, int rc, const struct err *err)
{
    struct waiting *w = p->waiting, *next;

    p->waiting = NULL;
    for (; w; w = next) {
        next = w->next;
        w->fn(w->arg, rc, err);
        free(w);
    }
}

void people_free(struct people *p)
{
    if (!p)
        return;
    loop_timer_free(p->timer);
    tell_waiting(p, ERR_CANCELLED, &(struct err){.code = ERR_CANCELLED});
    imap_release(&p->asked);
    free(p);
}

int64_t people_synced(const struct people *p, uint32_t *ret_users)
{
    *ret_users = p->users;
    return p->synced_us;
}

/* ---- into the database ---- */

struct known {
    int64_t id, created_us;
    char name[LIMIT_USER_NAME + 1];
};

struct page {
    struct daemon *d;
    int64_t seen_us;
    size_t n, strangers, resolved, aside;
    bool single;   /* not a page of a listing */
    bool namesake; /* another id is known by his name: only a listing tells which of them is gone */
    struct known users[];
};

static int write_page(struct db *db, void *arg, struct err *err)
{
    struct page *p = arg;
    struct db_user *rows = calloc(p->n ? p->n : 1, sizeof(*rows));
    size_t i;
    int rc;

    if (!rows)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (i = 0; i < p->n; i++)
        rows[i] =
            (struct db_user){p->users[i].id, slice_of(p->users[i].name), p->users[i].created_us};
    p->strangers = p->resolved = p->aside = 0;
    rc = db_users_strangers(db, rows, p->n, &p->strangers, err);
    /* A rebuilt panel's users must not be written over those that our rows speak of. */
    if (!rc && p->strangers > STRANGERS_MAX)
        rc = db_meta_put(db, "held", SLICE("1"), err);
    else if (!rc && p->strangers)
        rc = db_heirs_set_aside(db, rows, p->n, p->seen_us, &p->aside, err);
    if (!rc && p->strangers <= STRANGERS_MAX)
        rc = db_users_put(db, rows, p->n, p->seen_us, err);
    if (!rc && p->single && p->n)
        rc = db_heirs_namesake(db, rows[0].id, rows[0].name, &p->namesake, err);
    if (!rc)
        rc = db_limits_resolve(db, &p->resolved, err);
    free(rows);
    return rc;
}

static void page_done(void *arg, int rc, const struct err *err)
{
    struct page *p = arg;
    struct daemon *d = p->d;

    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "names of %zu users not kept: %s", p->n, err->text);
    if (rc == 0 && p->strangers > STRANGERS_MAX && !d->hold && !d->stopping) {
        d->hold = true;
        enforce_hold(d->enforce, true);
        tell_count(d, NOTICE_HELD, (int)p->strangers, "");
        log_error_told(
            "enforce",
            "%zu known ids now belong to users created at another time: was the panel "
            "rebuilt? Nobody is disabled or enabled until you say that these are the users: "
            "`pg-limiter config set enforcement on` (or shadow)",
            p->strangers);
    }
    if (rc == 0 && p->aside && !d->stopping)
        log_warning("panel",
                    "%zu ids belong to other users now: the special limits and exceptions of those "
                    "of before no longer hold for them (`pg-limiter user recreated`)",
                    p->aside);
    if (rc == 0 && (p->resolved || p->aside) && !d->stopping && rules_reload(d))
        log_error("rules", "out of memory");
    if (rc == 0 && p->namesake && !d->stopping)
        people_sync(d->people);
    free(p);
}

static void keep(struct daemon *d, const struct panel_user *users, size_t n, bool single)
{
    struct page *p = calloc(1, sizeof(*p) + n * sizeof(p->users[0]));
    size_t i;

    if (!p)
        return;
    p->d = d;
    p->seen_us = daemon_now(d);
    p->single = single;
    for (i = 0; i < n; i++) {
        struct known *k = &p->users[p->n];

        if (users[i].name.n == 0 || users[i].name.n > LIMIT_USER_NAME)
            continue;
        k->id = users[i].id;
        k->created_us = users[i].created_at_us;
        memcpy(k->name, users[i].name.p, users[i].name.n);
        p->n++;
    }
    if (owner_submit(d->owner, OWNER_WRITE, write_page, page_done, p))
        free(p);
}

/* Whether his only group is the one of disabled users, or was when we moved him there. */
static bool is_aside(const struct daemon *d, const struct panel_user *u)
{
    int64_t aside = settings_int(&d->settings, SET_DISABLED_GROUP_ID);
    struct enforce_view row;

    if (u->n_groups > 1)
        return false;
    if (aside && u->n_groups == 1 && u->groups[0] == aside)
        return true;
    if (!d->enforce || enforce_find(d->enforce, u->id, &row) || !row.by_group)
        return false;
    /* None at all: that group was deleted. */
    return u->n_groups == 0 || u->groups[0] == row.group_id;
}

void people_learn(struct daemon *d, const struct panel_user *u)
{
    struct limit_person p = {.id = u->id,
                             .name = u->name,
                             .groups_known = u->groups_told,
                             .owner_known = u->admin_told,
                             .hwid_known = u->status_text.n > 0,
                             .groups = u->groups,
                             .n_groups = u->n_groups,
                             .owner_id = u->admin_id,
                             .owner = u->admin_name,
                             .hwid_limit = u->hwid_limit};

    /* Put aside by the group method, he has no groups of his own: those he had before are his. */
    if (is_aside(d, u))
        p.groups_known = false;
    if (limits_learn_person(engine_limits(d->engine), &p) == 1)
        engine_limits_changed(d->engine);
}

/* ---- the listing ---- */

static void on_page(void *arg, const struct panel_user *users, size_t n, bool full)
{
    struct people *p = arg;
    size_t i;

    for (i = 0; i < n; i++) {
        people_learn(p->d, &users[i]);
        if (full)
            enforce_seen(p->d->enforce, &users[i], p->asked_us);
    }
    keep(p->d, users, n, false);
}

struct mark {
    struct daemon *d;
    int64_t listed_us, now_us;
};

/* After the pages, which stand before it in the queue. */
static int mark_gone(struct db *db, void *arg, struct err *err)
{
    struct mark *m = arg;
    char held[8];

    if (db_meta_get(db, "held", held, sizeof(held), err) == ERR_OK)
        return err_set(err, ERR_BUSY,
                       "the panel's user ids mean other people than before: confirm them first "
                       "(`config set enforcement on`)");
    return db_gone_mark(db, m->listed_us, m->now_us, err);
}

static void marked(void *arg, int rc, const struct err *err)
{
    struct mark *m = arg;
    struct daemon *d = m->d;

    free(m);
    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "users who are gone are not marked: %s", err->text);
    else if (!rc && !d->stopping)
        heirs_look(d);
    tell_waiting(d->people, rc, err);
}

static void note_gone(struct people *p)
{
    struct mark *m = calloc(1, sizeof(*m));
    struct err err = {0};
    int rc = ERR_NOMEM;

    if (m) {
        *m = (struct mark){p->d, p->asked_us, daemon_now(p->d)};
        rc = owner_submit(p->d->owner, OWNER_WRITE, mark_gone, marked, m);
    }
    if (rc) {
        free(m);
        tell_waiting(p, err_set(&err, rc, "%s", err_name(rc)), &err);
    }
}

static void on_end(void *arg, int rc, const struct err *err, size_t n)
{
    struct people *p = arg;
    struct daemon *d = p->d;

    p->listing = false;
    if (rc) {
        tell_waiting(p, rc, err);
        if (rc == ERR_CANCELLED)
            return;
        log_warning("panel", "the list of users is incomplete, asked again in %d s: %s",
                    (int)(list_again_us / STAMP_SECOND), err->text);
        loop_timer_set(p->timer, list_again_us);
        return;
    }
    if (p->synced_us == 0)
        log_info("panel", "%zu users known", n);
    else
        log_debug("panel", "%zu users known", n);
    p->synced_us = daemon_now(d);
    p->users = (uint32_t)n;
    note_gone(p);
    loop_timer_set(p->timer, settings_int(&d->settings, SET_USER_SYNC_HOURS) * 3600 * STAMP_SECOND);
}

void people_sync(struct people *p)
{
    struct daemon *d = p->d;

    if (p->listing || d->stopping)
        return;
    p->asked_us = daemon_now(d);
    p->listing = panel_list_users(d->panel, true, on_page, on_end, p) == 0;
    if (!p->listing)
        loop_timer_set(p->timer, list_again_us);
}

void people_list_now(struct people *p, op_check_fn fn, void *arg)
{
    struct waiting *w = calloc(1, sizeof(*w));
    struct err err = {0};

    if (w && !p->d->stopping) {
        w->fn = fn;
        w->arg = arg;
        w->next = p->waiting;
        p->waiting = w;
        people_sync(p);
        if (p->listing)
            return;
        p->waiting = w->next;
    }
    free(w);
    fn(arg, err_set(&err, ERR_BUSY, "the panel cannot be asked for its users now"), &err);
}

/* ---- a rebuilt panel ---- */

static int write_confirm(struct db *db, void *arg, struct err *err)
{
    int rc = db_users_confirm(db, err);

    (void)arg;
    return rc ? rc : db_meta_delete(db, "held", err);
}

static void confirmed(void *arg, int rc, const struct err *err)
{
    struct daemon *d = arg;

    if (rc == ERR_CANCELLED || d->stopping)
        return;
    if (rc) {
        log_error("store", "the panel's users are not confirmed, set enforcement again: %s",
                  err->text);
        return;
    }
    d->hold = false;
    enforce_hold(d->enforce, false);
    log_warning("enforce", "the operator confirms the panel's users: enforcement goes on");
    tell_count(d, NOTICE_CONFIRMED, 0, "");
    people_sync(d->people);
}

void people_confirm(struct people *p)
{
    if (owner_submit(p->d->owner, OWNER_WRITE, write_confirm, confirmed, p->d))
        log_error("store",
                  "the panel's users are not confirmed, set enforcement again: the database is "
                  "busy");
}

/* ---- what the enforcement reads ---- */

struct overheard {
    struct people *p;
    panel_user_fn fn;
    void *arg;
};

static void on_answer(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct overheard o = *(struct overheard *)arg;

    free(arg);
    if (rc == 0 && user && !o.p->d->stopping)
        people_learn(o.p->d, user);
    o.fn(o.arg, rc, err, user);
}

/* Without memory the answer goes straight to who asked: the next listing tells the same. */
static struct overheard *overhear(struct people *p, panel_user_fn fn, void *arg)
{
    struct overheard *o = malloc(sizeof(*o));

    if (o)
        *o = (struct overheard){p, fn, arg};
    return o;
}

static void read_user(void *ctx, int64_t id, panel_user_fn fn, void *arg)
{
    struct people *p = ctx;
    struct overheard *o = overhear(p, fn, arg);

    p->panel.read_user(p->panel.ctx, id, o ? on_answer : fn, o ? o : arg);
}

static void set_disabled(void *ctx, int64_t id, bool disabled, const struct slice *note,
                         panel_user_fn fn, void *arg)
{
    struct people *p = ctx;
    struct overheard *o = overhear(p, fn, arg);

    p->panel.set_disabled(p->panel.ctx, id, disabled, note, o ? on_answer : fn, o ? o : arg);
}

static void set_groups(void *ctx, int64_t id, const int64_t *groups, size_t n,
                       const struct slice *note, panel_user_fn fn, void *arg)
{
    struct people *p = ctx;
    struct overheard *o = overhear(p, fn, arg);

    p->panel.set_groups(p->panel.ctx, id, groups, n, note, o ? on_answer : fn, o ? o : arg);
}

static void set_note(void *ctx, int64_t id, struct slice note, panel_user_fn fn, void *arg)
{
    struct people *p = ctx;
    struct overheard *o = overhear(p, fn, arg);

    p->panel.set_note(p->panel.ctx, id, note, o ? on_answer : fn, o ? o : arg);
}

static void revoke(void *ctx, int64_t id, panel_user_fn fn, void *arg)
{
    struct people *p = ctx;
    struct overheard *o = overhear(p, fn, arg);

    p->panel.revoke(p->panel.ctx, id, o ? on_answer : fn, o ? o : arg);
}

static bool is_up(void *ctx)
{
    struct people *p = ctx;

    return p->panel.is_up(p->panel.ctx);
}

struct panel_port people_port(struct people *p, const struct panel_port *panel)
{
    struct panel_port port = *panel;

    p->panel = *panel;
    port.ctx = p;
    port.read_user = read_user;
    port.set_disabled = set_disabled;
    port.set_groups = set_groups;
    port.set_note = set_note;
    port.revoke = revoke;
    port.is_up = is_up;
    return port;
}

/* ---- single ids ---- */

static void on_user(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct people *p = arg;

    if (rc == 0) {
        people_learn(p->d, user);
        keep(p->d, user, 1, true);
    } else if (rc != ERR_CANCELLED) {
        log_debug("panel", "a user whom lines name: %s", err->text);
    }
}

void people_unknown(struct people *p, int64_t id)
{
    struct daemon *d = p->d;
    uint32_t minute = (uint32_t)(daemon_now(d) / (60 * STAMP_SECOND));
    uint32_t asked = imap_get(&p->asked, id);

    /* While the first listing runs, it tells the names. */
    if (p->synced_us == 0 && p->listing)
        return;
    if (asked != MAP_FREE && minute - asked < ask_again_us / (60 * STAMP_SECOND))
        return;
    if (p->asked.n >= ASKED_MAX)
        imap_release(&p->asked);
    if (imap_put(&p->asked, id, minute) || panel_lookup(d->panel, id, on_user, p))
        log_debug("panel", "id %lld: too many unknown users wait for their turn", (long long)id);
}
