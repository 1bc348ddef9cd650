/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "store/db_settings.h"
#include "base/banned.h"

/*
 * The breaker in the daemon: told, shown, resumed, and remembered over a restart. The row `breaker` of
 * the table meta: paused (0/1), since, raised until (µs), shown in 5 minutes, in an hour, then the ids of
 * the users it counted; blanks between.
 */

static const char key[] = "breaker", old_key[] = "breaker_paused";
static const char resume_with[] = "pg-limiter breaker resume",
                  undo_with[] = "pg-limiter breaker undo --yes";

struct keep_job {
    struct buf text;
};

static int write_state(struct db *db, void *arg, struct err *err)
{
    struct keep_job *j = arg;
    int rc = db_meta_put(db, key, buf_slice(&j->text), err);

    return rc ? rc : db_meta_delete(db, old_key, err);
}

static void keep_done(void *arg, int rc, const struct err *err)
{
    struct keep_job *j = arg;

    if (rc && rc != ERR_CANCELLED)
        log_error("store", "the state of the breaker is not kept: %s", err->text);
    buf_release(&j->text);
    free(j);
}

static void keep(struct daemon *d)
{
    struct keep_job *j = calloc(1, sizeof(*j));
    struct breaker_view v;
    size_t i;

    if (!j)
        return;
    engine_breaker(d->engine, daemon_now(d), &v);
    buf_init(&j->text, LIMIT_BREAKER_TEXT);
    buf_addf(&j->text, "%d %lld %lld %d %d", v.paused, (long long)v.paused_us,
             (long long)v.raised_until_us, v.shown_5m, v.shown_1h);
    for (i = 0; i < v.n_users && j->text.n < LIMIT_BREAKER_TEXT - 32; i++)
        buf_addf(&j->text, " %lld", (long long)v.users[i]);
    if (owner_submit(d->owner, OWNER_WRITE, write_state, keep_done, j)) {
        buf_release(&j->text);
        free(j);
    }
}

static int64_t number(struct slice *rest)
{
    int64_t v;

    return num_int(slice_cut(rest, ' '), 0, INT64_MAX, &v) ? 0 : v;
}

static void take_over(struct daemon *d, struct slice text)
{
    struct breaker_view v = {0};
    int64_t *ids = malloc((text.n / 2 + 1) * sizeof(*ids));

    v.paused = number(&text) != 0;
    v.paused_us = number(&text);
    v.raised_until_us = number(&text);
    v.shown_5m = (int)number(&text);
    v.shown_1h = (int)number(&text);
    while (ids && text.n) {
        int64_t id = number(&text);

        if (id)
            ids[v.n_users++] = id;
    }
    v.users = ids;
    if (engine_breaker_was(d->engine, &v))
        log_error("breaker", "out of memory: whom it counted is forgotten");
    free(ids);
}

void trip_load(struct daemon *d, struct db *db)
{
    struct err ignored = {0};
    char *text = malloc(LIMIT_BREAKER_TEXT);

    if (text && db_meta_get(db, key, text, LIMIT_BREAKER_TEXT, &ignored) == 0)
        take_over(d, slice_of(text));
    else if (text && db_meta_get(db, old_key, text, LIMIT_BREAKER_TEXT, &ignored) == 0)
        take_over(d, SLICE("1"));
    free(text);
    if (engine_paused(d->engine))
        log_warning("breaker", "still paused from before: `%s` goes on, `%s` lets those off",
                    resume_with, undo_with);
}

/* "alice, bob and 58 more". */
static void add_names(struct daemon *d, const struct breaker_view *v, struct buf *out)
{
    enum { SHOWN = 5 };
    size_t n = v->n_users < SHOWN ? v->n_users : SHOWN, i;

    for (i = 0; i < n; i++) {
        struct slice name = limits_name(engine_limits(d->engine), v->users[i]);

        if (i)
            buf_add_str(out, ", ");
        if (name.n)
            buf_add_slice(out, name);
        else
            buf_addf(out, "id:%lld", (long long)v->users[i]);
    }
    if (v->n_users > n)
        buf_addf(out, " and %zu more", v->n_users - n);
}

void trip_tell(struct daemon *d, const struct decision *dec)
{
    struct breaker_view v;
    struct buf names;

    engine_breaker(d->engine, daemon_now(d), &v);
    buf_init(&names, 2048);
    add_names(d, &v, &names);
    log_error_told(
        "breaker",
        "%s; %d waiting dropped, verdicts go on in shadow. Counted: %s. Look at `pg-limiter "
        "breaker status`; two ways on: `%s` goes on with the bounds at twice that for 24 hours, `%s` "
        "enables these %zu and forgets their violations",
        dec->why, dec->dropped, buf_str(&names), resume_with, undo_with, v.n_users);
    tell_paused(d, dec, buf_slice(&names), v.n_users);
    buf_release(&names);
    carry_event(d, "breaker", 0, (struct slice){NULL, 0}, dec->why);
    keep(d);
    carry_drop_waiting(d->carry);
}

bool trip_resume(void *daemon, struct slice who)
{
    struct daemon *d = daemon;
    char what[128];

    if (!engine_paused(d->engine))
        return false;
    engine_resume(d->engine, daemon_now(d));
    keep(d);
    snprintf(what, sizeof(what), "resumed by %.*s", (int)who.n, who.p);
    log_warning("breaker", "%s", what);
    carry_event(d, "breaker", 0, (struct slice){NULL, 0}, what);
    tell_resumed(d, who);
    return true;
}

size_t trip_users(void *daemon, const int64_t **ret_ids, int64_t *ret_since_us)
{
    static const int64_t hour_us = 3600 * STAMP_SECOND; /* the longer of its windows */
    struct daemon *d = daemon;
    struct breaker_view v;

    engine_breaker(d->engine, daemon_now(d), &v);
    *ret_ids = v.users;
    *ret_since_us = v.paused_us - hour_us;
    return v.n_users;
}

void trip_undone(void *daemon)
{
    struct daemon *d = daemon;
    struct breaker_view v;
    size_t i;

    engine_breaker(d->engine, daemon_now(d), &v);
    for (i = 0; i < v.n_users; i++)
        engine_forgive(d->engine, v.users[i], v.paused_us - 3600 * STAMP_SECOND, INT64_MAX);
    engine_breaker_undone(d->engine);
    keep(d);
}

void trip_json(void *daemon, struct buf *out)
{
    struct daemon *d = daemon;
    struct breaker_view v;
    size_t i;

    engine_breaker(d->engine, daemon_now(d), &v);
    jout_open(out, NULL, '{');
    jout_bool(out, "on", d->policy.breaker);
    jout_bool(out, "paused", v.paused);
    jout_time(out, "paused_at", v.paused_us ? v.paused_us : STAMP_NONE);
    jout_int(out, "counted_5m", v.now_5m);
    jout_int(out, "bound_5m", v.bound_5m);
    jout_int(out, "counted_1h", v.now_1h);
    jout_int(out, "bound_1h", v.bound_1h);
    jout_int(out, "shown_5m", v.shown_5m);
    jout_int(out, "shown_1h", v.shown_1h);
    jout_time(out, "raised_until",
              v.raised_until_us > daemon_now(d) ? v.raised_until_us : STAMP_NONE);
    jout_open(out, "users", '[');
    for (i = 0; i < v.n_users; i++) {
        jout_open(out, NULL, '{');
        jout_int(out, "id", v.users[i]);
        jout_str(out, "username", limits_name(engine_limits(d->engine), v.users[i]));
        jout_close(out, '}');
    }
    jout_close(out, ']');
    jout_text(out, "resume_with", v.paused ? resume_with : NULL);
    jout_text(out, "undo_with", v.n_users ? undo_with : NULL);
    jout_close(out, '}');
}
