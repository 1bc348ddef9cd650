/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "app/recorder.h"
#include "base/log.h"
#include "base/stamp.h"
#include "store/db_nodes.h"
#include "store/retention.h"
#include "base/banned.h"

/* Everything that has to be done now and then, each named for the rule it keeps. */

enum { TASKS = 8 };
static const int64_t second_us = STAMP_SECOND;
static const int64_t cleanup_us = 86400 * STAMP_SECOND;
static const int64_t clock_back_us = 60 * STAMP_SECOND;
static const int64_t clock_ahead_us = 3600 * STAMP_SECOND;

struct janitor {
    struct daemon *d;
    struct loop_timer *engine_due;
    struct loop_timer *tasks[TASKS];
    int64_t data_version;
    int64_t wall_us, mono_us; /* both clocks when last looked at */
    bool asking_version, retaining, cleaning;
    int64_t cleaned_us; /* 0: not yet */
};

/* ---- the engine's own time ---- */

/* Somebody has set the machine's clock, or it has slept. */
static void look_at_clock(struct janitor *j)
{
    struct daemon *d = j->d;
    int64_t wall_us = daemon_now(d), mono_us = loop_mono_us(d->loop);
    int64_t step_us = wall_us - j->wall_us - (mono_us - j->mono_us);

    j->wall_us = wall_us;
    j->mono_us = mono_us;
    if (step_us > -clock_back_us && step_us < clock_ahead_us)
        return;
    log_warning("run", "the clock of this machine was set %s by %lld s: everyone is looked at anew",
                step_us < 0 ? "back" : "forward",
                (long long)((step_us < 0 ? -step_us : step_us) / STAMP_SECOND));
    engine_clock_stepped(d->engine, step_us, wall_us);
}

static void engine_time(void *arg)
{
    struct janitor *j = arg;
    struct daemon *d = j->d;

    look_at_clock(j);
    engine_advance(d->engine, daemon_now(d));
    carry_decisions(d->carry);
    janitor_engine_due(j);
}

void janitor_engine_due(struct janitor *j)
{
    int64_t next_us, now_us;

    if (!j)
        return;
    now_us = daemon_now(j->d);
    next_us = engine_next_us(j->d->engine);
    if (next_us == 0 || next_us - now_us > 60 * second_us)
        next_us = now_us + 60 * second_us;
    loop_timer_set(j->engine_due, next_us - now_us);
}

/* ---- every second ---- */

static void each_second(void *arg)
{
    struct janitor *j = arg;

    look_at_clock(j);
    enforce_run(j->d->enforce);
    gone_look(j->d->gone);
    tell_panel(j->d);
    if (j->d->recorder)
        recorder_flush(j->d->recorder);
}

/* ---- another process has changed the database ---- */

struct version_job {
    struct janitor *j;
    int64_t version;
    char restored[sizeof(((struct daemon *)NULL)->restored)];
};

static int read_version(struct db *db, void *arg, struct err *err)
{
    struct version_job *v = arg;

    restored_read(db, v->restored);
    return db_data_version(db, &v->version, err);
}

static void version_done(void *arg, int rc, const struct err *err)
{
    struct version_job *v = arg;
    struct janitor *j = v->j;

    (void)err;
    if (rc != ERR_CANCELLED && !j->d->stopping) {
        j->asking_version = false;
        /* The first look reads all anew: what was written between rules_load and now went unseen. */
        if (rc == 0 && strcmp(v->restored, j->d->restored) != 0)
            restored_begin(j->d);
        else if (rc == 0 && v->version != j->data_version && rules_reload(j->d))
            log_error("rules", "changes of another process cannot be read: the queue is full");
        if (rc == 0)
            j->data_version = v->version;
    }
    free(v);
}

static void look_for_changes(void *arg)
{
    struct janitor *j = arg;
    struct version_job *v;

    if (j->asking_version)
        return;
    v = calloc(1, sizeof(*v));
    if (!v)
        return;
    v->j = j;
    j->asking_version = owner_submit(j->d->owner, OWNER_READ, read_version, version_done, v) == 0;
    if (!j->asking_version)
        free(v);
}

/* ---- silent nodes, address history ---- */

static void look_at_nodes(void *arg)
{
    struct janitor *j = arg;

    watch_look(j->d->watch);
}

static void write_history(void *arg)
{
    struct janitor *j = arg;

    history_flush(j->d->history);
}

static void look_at_geo(void *arg)
{
    struct janitor *j = arg;

    atlas_check(j->d->atlas, false);
}

/* ---- clocks are kept over restarts ---- */

static int write_clock(struct db *db, void *arg, struct err *err)
{
    return db_clock_put(db, arg, err);
}

static void clock_done(void *arg, int rc, const struct err *err)
{
    (void)rc;
    (void)err; /* Lost, it costs half a minute of warm-up after the next start. */
    free(arg);
}

static void keep_clocks(void *arg)
{
    struct daemon *d = ((struct janitor *)arg)->d;
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(d->panel, &n);

    for (i = 0; i < n; i++) {
        struct db_clock *c;
        uint16_t node;
        int64_t offset_us;

        if (engine_node(d->engine, nodes[i].id, STAMP_NONE, &node))
            continue;
        offset_us = engine_clock_offset(d->engine, node);
        if (offset_us == STAMP_NONE)
            continue;
        c = calloc(1, sizeof(*c));
        if (!c)
            return;
        *c = (struct db_clock){nodes[i].id, offset_us, daemon_now(d)};
        if (owner_submit(d->owner, OWNER_WRITE, write_clock, clock_done, c))
            free(c);
    }
}

/* ---- what has been kept long enough goes ---- */

struct retain_job {
    struct janitor *j;
    struct retention rules;
    int64_t now_us;
    bool more;
};

static void retain(void *arg);

static int retain_slice(struct db *db, void *arg, struct err *err)
{
    struct retain_job *r = arg;

    return retention_slice(db, &r->rules, r->now_us, &r->more, err);
}

static void retain_done(void *arg, int rc, const struct err *err)
{
    struct retain_job *r = arg;
    struct janitor *j = r->j;
    bool more = rc == 0 && r->more;

    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "old rows cannot be removed: %s", err->text);
    free(r);
    if (rc == ERR_CANCELLED || j->d->stopping)
        return;
    j->retaining = false;
    if (more)
        retain(j);
}

static void retain(void *arg)
{
    struct janitor *j = arg;
    const struct settings *s = &j->d->settings;
    struct retain_job *r;

    if (j->retaining)
        return;
    r = calloc(1, sizeof(*r));
    if (!r)
        return;
    r->j = j;
    r->now_us = daemon_now(j->d);
    r->rules =
        (struct retention){.evidence_us = settings_int(s, SET_EVIDENCE_DAYS) * 86400 * second_us,
                           .events_us = settings_int(s, SET_EVENTS_DAYS) * 86400 * second_us,
                           .history_us = settings_int(s, SET_IP_HISTORY_HOURS) * 3600 * second_us};
    j->retaining = owner_submit(j->d->owner, OWNER_WRITE, retain_slice, retain_done, r) == 0;
    if (!j->retaining)
        free(r);
}

/* ---- users who are gone from the panel ---- */

static void cleanup_done(void *arg, int status, struct slice json)
{
    struct janitor *j = arg;

    if (j->d->stopping)
        return;
    j->cleaning = false;
    tell_cleanup(j->d, status, json);
    if (status == 409)
        log_warning("cleanup", "not done by itself: %.*s", LOG_SLICE(json));
    else if (status != 200)
        log_info("cleanup", "not done, tried again in an hour: %.*s", LOG_SLICE(json));
    if (status == 200 || status == 409)
        j->cleaned_us = daemon_now(j->d);
}

void janitor_clean_up(struct janitor *j)
{
    struct op_request req = {.method = OP_POST,
                             .path = SLICE("/cleanup"),
                             .who = SLICE("pg-limiter")};

    if (j->cleaning || (j->cleaned_us && daemon_now(j->d) - j->cleaned_us < cleanup_us))
        return;
    j->cleaning = true;
    op_call(&j->d->port, &req, cleanup_done, j);
}

static void clean_up(void *arg)
{
    janitor_clean_up(arg);
}

/* ---- ---- */

static const struct {
    loop_fn fn;
    int64_t every_s;
} tasks[TASKS] = {
    {each_second, 1},  {look_for_changes, 2}, {look_at_nodes, 15}, {write_history, 30},
    {look_at_geo, 60}, {keep_clocks, 60},     {retain, 3600},      {clean_up, 3600},
};

struct janitor *janitor_new(struct daemon *d)
{
    struct janitor *j = calloc(1, sizeof(*j));
    int i, rc;

    if (!j)
        return NULL;
    j->d = d;
    j->wall_us = daemon_now(d);
    j->mono_us = loop_mono_us(d->loop);
    rc = loop_timer_new(d->loop, engine_time, j, &j->engine_due);
    for (i = 0; !rc && i < TASKS; i++) {
        rc = loop_timer_new(d->loop, tasks[i].fn, j, &j->tasks[i]);
        if (!rc)
            loop_timer_every(j->tasks[i], tasks[i].every_s * second_us);
    }
    if (rc) {
        janitor_free(j);
        return NULL;
    }
    engine_time(j);
    return j;
}

void janitor_free(struct janitor *j)
{
    int i;

    if (!j)
        return;
    for (i = 0; i < TASKS; i++)
        loop_timer_free(j->tasks[i]);
    loop_timer_free(j->engine_due);
    free(j);
}
