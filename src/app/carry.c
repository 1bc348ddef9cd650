/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "service/jout.h"
#include "store/db_events.h"
#include "store/db_nodes.h"
#include "store/db_violations.h"
#include "base/banned.h"

/* Decisions into deeds: the panel through the journal, the database, the log. */

enum {
    VERIFY_MS = 700
}; /* how long a verdict waits for the online list under verify_online=auto */

/* A verdict whose turn has not come. */
struct waiting {
    int64_t id;
    struct decision decision;
};

/* One reading of the online list for a verdict; lives until the panel has answered. */
struct check {
    struct check *next;
    struct carry *carry;
    int64_t id;
    bool ended; /* the verdict did not wait any longer */
    struct loop_timer *timer;
};

struct carry {
    struct daemon *d;
    struct waiting *waiting;
    size_t n, cap;
    struct check *checks;
};

struct carry *carry_new(struct daemon *d)
{
    struct carry *c = calloc(1, sizeof(*c));

    if (c)
        c->d = d;
    return c;
}

static void check_free(struct check *k)
{
    struct check **at = &k->carry->checks;

    while (*at && *at != k)
        at = &(*at)->next;
    if (*at)
        *at = k->next;
    loop_timer_free(k->timer);
    free(k);
}

void carry_free(struct carry *c)
{
    size_t i;

    if (!c)
        return;
    while (c->checks)
        check_free(c->checks);
    for (i = 0; i < c->n; i++)
        decision_release(&c->waiting[i].decision);
    free(c->waiting);
    free(c);
}

/* ---- names and jobs ---- */

/* The user's name for people: "alice", or "id:12" when the panel has not told it. */
static struct slice name_of(const struct daemon *d, int64_t id, char *scratch, size_t n)
{
    struct slice name = limits_name(engine_limits(d->engine), id);

    if (name.n)
        return name;
    snprintf(scratch, n, "id:%lld", (long long)id);
    return slice_of(scratch);
}

struct event_job {
    int64_t at_us, user_id;
    const char *kind;
    char name[LIMIT_USER_NAME + 1];
    char what[256], data[384];
};

static int write_event(struct db *db, void *arg, struct err *err)
{
    const struct event_job *j = arg;
    struct db_event ev = {.at_us = j->at_us,
                          .kind = slice_of(j->kind),
                          .user_id = j->user_id,
                          .who = SLICE("pg-limiter"),
                          .what = slice_of(j->what),
                          .data = j->data[0] ? slice_of(j->data) : (struct slice){NULL, 0}};

    if (j->user_id)
        ev.name = slice_of(j->name);
    return db_events_add(db, &ev, NULL, err);
}

static void free_done(void *arg, int rc, const struct err *err)
{
    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "not written: %s", err->text);
    free(arg);
}

void carry_event(struct daemon *d, const char *kind, int64_t user_id, struct slice name,
                 const char *what)
{
    carry_event_data(d, kind, user_id, name, what, "");
}

void carry_event_data(struct daemon *d, const char *kind, int64_t user_id, struct slice name,
                      const char *what, const char *data)
{
    struct event_job *j = calloc(1, sizeof(*j));

    if (!j)
        return;
    j->at_us = daemon_now(d);
    j->kind = kind;
    j->user_id = user_id;
    snprintf(j->name, sizeof(j->name), "%.*s", (int)name.n, name.p ? name.p : "");
    snprintf(j->what, sizeof(j->what), "%s", what);
    snprintf(j->data, sizeof(j->data), "%s", data);
    if (owner_submit(d->owner, OWNER_WRITE, write_event, free_done, j))
        free(j);
}

/* ---- verdicts ---- */

struct violation_job {
    struct db_violation row;
    char name[LIMIT_USER_NAME + 1];
    char action[48];
    struct buf evidence;
};

static int write_violation(struct db *db, void *arg, struct err *err)
{
    struct violation_job *j = arg;

    return db_violations_add(db, &j->row, &j->row.id, err);
}

static void violation_done(void *arg, int rc, const struct err *err)
{
    struct violation_job *j = arg;

    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "verdict on %s not kept: %s", j->name, err->text);
    buf_release(&j->evidence);
    free(j);
}

static void action_text(const struct decision *dec, char *out, size_t n)
{
    int64_t s = dec->for_us / STAMP_SECOND;

    if (dec->action == ACTION_WARN)
        snprintf(out, n, "warn");
    else if (dec->action == ACTION_REVOKE)
        snprintf(out, n, "revoke");
    else if (dec->action == ACTION_HAND)
        snprintf(out, n, "disable until enabled by hand");
    else if (s % 3600 == 0)
        snprintf(out, n, "disable %lldh", (long long)(s / 3600));
    else if (s % 60 == 0)
        snprintf(out, n, "disable %lldm", (long long)(s / 60));
    else
        snprintf(out, n, "disable %llds", (long long)s);
}

/* A verdict that the enforcement has nothing to do with is kept all the same: a warning, or a shadow one. */
static void keep_verdict(struct carry *c, const struct decision *dec, struct slice name,
                         enum db_outcome outcome)
{
    struct violation_job *j = calloc(1, sizeof(*j));

    if (!j)
        return;
    snprintf(j->name, sizeof(j->name), "%.*s", (int)name.n, name.p);
    action_text(dec, j->action, sizeof(j->action));
    buf_init(&j->evidence, LIMIT_EVIDENCE);
    evidence_json(c->d, dec, &j->evidence);
    j->row = (struct db_violation){.user_id = dec->id,
                                   .name = slice_of(j->name),
                                   .at_us = dec->at_us,
                                   .shadow = outcome == DB_OUTCOME_SHADOW,
                                   .outcome = outcome,
                                   .step = dec->step,
                                   .action = slice_of(j->action),
                                   .max_devices = dec->limit,
                                   .devices = dec->devices,
                                   .evidence = buf_slice(&j->evidence),
                                   .forgiven_us = STAMP_NONE};
    if (owner_submit(c->d->owner, OWNER_WRITE, write_violation, violation_done, j)) {
        buf_release(&j->evidence);
        free(j);
    }
}

void carry_not_punished(struct daemon *d, int64_t id, int64_t verdict_us)
{
    engine_clear_user(d->engine, id);
    engine_forgive(d->engine, id, verdict_us, INT64_MAX);
}

static void execute(struct carry *c, const struct decision *dec)
{
    struct daemon *d = c->d;
    char scratch[32], action[48];
    struct slice name = name_of(d, dec->id, scratch, sizeof(scratch));
    struct err err = {0};
    struct buf evidence;
    struct enforce_case ec;
    struct enforce_view row;

    tell_decision(d, dec, name, NOTICE_CONVICTED);
    buf_init(&evidence, LIMIT_EVIDENCE);
    evidence_json(d, dec, &evidence);
    action_text(dec, action, sizeof(action));
    ec = (struct enforce_case){.user_id = dec->id,
                               .name = name,
                               .verdict_us = dec->at_us,
                               .duration_us = dec->for_us,
                               .step = dec->step,
                               .action = slice_of(action),
                               .max_devices = dec->limit,
                               .devices = dec->devices,
                               .evidence = buf_slice(&evidence),
                               .revoke = dec->action == ACTION_REVOKE};
    if (enforce_punish(d->enforce, &ec, &err)) {
        log_error("enforce", "%.*s is not disabled: %s", LOG_SLICE(name), err.text);
        /* A row from before a restart: the engine did not know of it yet. */
        if (enforce_find(d->enforce, dec->id, &row) == 0)
            news_known(d, &row);
        else
            carry_not_punished(d, dec->id, dec->at_us);
    } else {
        enforce_run(d->enforce);
    }
    buf_release(&evidence);
}

static size_t waiting_at(const struct carry *c, int64_t id)
{
    size_t i;

    for (i = 0; i < c->n && c->waiting[i].id != id; i++)
        ;
    return i;
}

static void drop_at(struct carry *c, size_t i)
{
    decision_release(&c->waiting[i].decision);
    memmove(&c->waiting[i], &c->waiting[i + 1], (c->n - i - 1) * sizeof(*c->waiting));
    c->n--;
}

/* A user has one case at a time: whatever begins or ends one ends what an older one left here. */
static void forget(struct carry *c, int64_t id)
{
    size_t i = waiting_at(c, id);

    if (i < c->n)
        drop_at(c, i);
}

static void wait_turn(struct carry *c, struct decision *dec)
{
    forget(c, dec->id);
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        struct waiting *p = realloc(c->waiting, cap * sizeof(*p));

        if (!p) {
            carry_not_punished(c->d, dec->id, dec->at_us);
            return;
        }
        c->waiting = p;
        c->cap = cap;
    }
    c->waiting[c->n++] = (struct waiting){dec->id, *dec};
    dec->evidence = NULL;
}

/* A verdict's turn has come: turn tells what is to be done now, the verdict all the rest. */
static void take_turn(struct carry *c, const struct decision *turn, struct slice name)
{
    size_t i = waiting_at(c, turn->id);
    struct decision *dec;

    if (i == c->n)
        return;
    dec = &c->waiting[i].decision;
    dec->action = turn->action;
    dec->step = turn->step;
    dec->for_us = turn->for_us;
    if (dec->action == ACTION_WARN) {
        tell_decision(c->d, dec, name, NOTICE_STEP_WARNED);
        keep_verdict(c, dec, name, DB_OUTCOME_WARNED);
    } else {
        execute(c, dec);
    }
    drop_at(c, i);
}

void carry_drop_waiting(struct carry *c)
{
    while (c->n)
        drop_at(c, c->n - 1);
    if (c->d->enforce)
        enforce_drop_waiting(c->d->enforce);
}

void carry_excuse(struct carry *c, int64_t id)
{
    struct daemon *d = c->d;
    struct user_view *v = malloc(sizeof(*v));
    struct enforce_view row;

    if (v && enforce_find(d->enforce, id, &row) && !engine_view(d->engine, id, daemon_now(d), v) &&
        v->state == USER_PUNISHED) {
        if (engine_pardon(d->engine, id, daemon_now(d) + d->policy.pardon_us))
            log_error("enforce", "out of memory");
        forget(c, id);
    }
    free(v);
}

void carry_excuse_all(struct carry *c, int64_t since_us, const struct db_scope *only)
{
    size_t i;

    for (i = c->n; i > 0; i--) {
        if (i <= c->n && c->waiting[i - 1].decision.at_us >= since_us &&
            db_scope_has(only, c->waiting[i - 1].id))
            carry_excuse(c, c->waiting[i - 1].id);
    }
}

static void on_punish(struct carry *c, struct decision *dec, struct slice name)
{
    struct daemon *d = c->d;
    char action[48];

    action_text(dec, action, sizeof(action));
    if (dec->applied == APPLIED_NOW && dec->action == ACTION_WARN) {
        log_warning("verdict", "%.*s: %s: warned, nothing else at this step", LOG_SLICE(name),
                    dec->why);
        carry_event(d, "warning", dec->id, name, dec->why);
        tell_decision(d, dec, name, NOTICE_STEP_WARNED);
        keep_verdict(c, dec, name, DB_OUTCOME_WARNED);
        return;
    }
    switch (dec->applied) {
    case APPLIED_NOW:
        log_warning("verdict", "%.*s: %s: %s", LOG_SLICE(name), dec->why, action);
        execute(c, dec);
        return;
    case APPLIED_QUEUED:
        log_warning("verdict", "%.*s: %s: %s, waits for its turn", LOG_SLICE(name), dec->why,
                    action);
        wait_turn(c, dec);
        return;
    case APPLIED_SHADOW:
    case APPLIED_PAUSED:
        log_warning("verdict", "%.*s: %s: would %s (%s)", LOG_SLICE(name), dec->why, action,
                    dec->applied == APPLIED_SHADOW ? "shadow mode" : "paused by the breaker");
        carry_event(d, "shadow_verdict", dec->id, name, dec->why);
        tell_decision(d, dec, name, NOTICE_WOULD);
        keep_verdict(c, dec, name, DB_OUTCOME_SHADOW);
        return;
    }
}

/* ---- the online list ---- */

static void check_end(struct check *k, bool answered)
{
    struct daemon *d = k->carry->d;

    k->ended = true;
    engine_verified(d->engine, k->id, answered, daemon_now(d));
    carry_decisions(k->carry);
}

static void check_answer(void *arg, int rc, const struct err *err, struct online_list *list)
{
    struct check *k = arg;
    struct daemon *d = k->carry->d;

    if (rc == 0)
        watch_online(d->watch, k->id, list);
    else if (rc != ERR_CANCELLED)
        log_debug("online", "id %lld: %s", (long long)k->id, err->text);
    if (!k->ended && rc != ERR_CANCELLED)
        check_end(k, rc == 0);
    else if (rc == 0)
        carry_decisions(k->carry);
    check_free(k);
}

static void check_late(void *arg)
{
    check_end(arg, false);
}

/* Reads the online list before a verdict; carry_free leaves what is under way to the panel's end. */
static void verify(struct carry *c, int64_t id)
{
    struct daemon *d = c->d;
    struct check *k = calloc(1, sizeof(*k));
    bool require = d->policy.verify_online == VERIFY_REQUIRE;

    if (k && !loop_timer_new(d->loop, check_late, k, &k->timer)) {
        k->carry = c;
        k->id = id;
        k->next = c->checks;
        c->checks = k;
        if (!panel_online(d->panel, id, true, check_answer, k)) {
            loop_timer_set_real(k->timer, (require ? 10000 : VERIFY_MS) * INT64_C(1000));
            return;
        }
        check_free(k);
    } else {
        free(k);
    }
    engine_verified(d->engine, id, false, daemon_now(d));
}

/* ---- the other kinds ---- */

struct shared_job {
    char address[ADDR_TEXT];
    int64_t since_us, until_us;
};

static int write_shared(struct db *db, void *arg, struct err *err)
{
    const struct shared_job *j = arg;
    struct db_shared row = {slice_of(j->address), j->since_us, j->until_us, false};

    return db_shared_put(db, &row, err);
}

static void on_shared(struct daemon *d, const struct decision *dec)
{
    struct shared_job *j = calloc(1, sizeof(*j));

    if (!j)
        return;
    addr_text(dec->shared, j->address);
    j->since_us = dec->at_us;
    j->until_us = dec->shared_until_us;
    log_info("verdict", "%s is a shared source: many users come from it; it adds no device",
             j->address);
    if (owner_submit(d->owner, OWNER_WRITE, write_shared, free_done, j))
        free(j);
}

void carry_resume(struct carry *c)
{
    struct daemon *d = c->d;

    (void)trip_resume(d, SLICE("an operator, who set enforcement"));
    if (d->hold)
        people_confirm(d->people);
}

/* Told once, with where: whoever wants them cut off has to know on which node. */
static void on_still_seen(struct daemon *d, const struct decision *dec, struct slice name)
{
    const char *node = dec->node_id ? watch_name(d->watch, dec->node_id) : "-";
    char where[ADDR_TEXT], what[256];
    struct buf data;

    addr_text(dec->seen, where);
    snprintf(what, sizeof(what),
             "still seen after being disabled, at %s on %.100s: open connections live on", where,
             node);
    log_warning("verdict", "%.*s: %s", LOG_SLICE(name), what);
    buf_init(&data, 380);
    jout_open(&data, NULL, '{');
    jout_text(&data, "address", where);
    jout_int(&data, "node", dec->node_id);
    jout_text(&data, "name", node);
    jout_close(&data, '}');
    carry_event_data(d, "still_seen", dec->id, name, what, buf_str(&data));
    buf_release(&data);
    tell_seen(d, dec, name, where, node);
}

static void carry_one(struct carry *c, struct decision *dec)
{
    struct daemon *d = c->d;
    char scratch[32];
    struct slice name = name_of(d, dec->id, scratch, sizeof(scratch));

    switch (dec->kind) {
    case DECISION_MONITOR:
        forget(c, dec->id);
        if (d->reader)
            reader_watch(d->reader, dec->id);
        log_info("verdict", "%.*s: %s: watched for %lld s", LOG_SLICE(name), dec->why,
                 (long long)(d->policy.monitoring_period_us / STAMP_SECOND));
        return;
    case DECISION_WARN:
        log_warning("verdict", "%.*s: warning: %s", LOG_SLICE(name), dec->why);
        carry_event(d, "warning", dec->id, name, dec->why);
        tell_decision(d, dec, name, NOTICE_WARNED);
        return;
    case DECISION_ACQUIT:
    case DECISION_UNKNOWN:
        forget(c, dec->id);
        log_info("verdict", "%.*s: %s: %s", LOG_SLICE(name),
                 dec->kind == DECISION_ACQUIT ? "no longer watched" : "case closed as unknown",
                 dec->why);
        if (dec->warned || dec->kind == DECISION_UNKNOWN)
            carry_event(d, decision_name(dec->kind), dec->id, name, dec->why);
        tell_decision(d, dec, name, NOTICE_CLOSED);
        return;
    case DECISION_VERIFY:
        verify(c, dec->id);
        return;
    case DECISION_PUNISH:
        on_punish(c, dec, name);
        return;
    case DECISION_EXECUTE:
        take_turn(c, dec, name);
        return;
    case DECISION_RESTORE:
        /* A real one is the journal's business, which survives this process. */
        if (dec->applied != APPLIED_NOW)
            log_info("verdict", "%.*s: would be enabled now (shadow)", LOG_SLICE(name));
        else
            enforce_run(d->enforce);
        return;
    case DECISION_STILL_SEEN:
        on_still_seen(d, dec, name);
        return;
    case DECISION_SHARED:
        on_shared(d, dec);
        return;
    case DECISION_BREAKER:
        trip_tell(d, dec);
        return;
    case DECISION_FAULTY:
        log_error_told("nodes", "%s", dec->why);
        carry_event(d, "faulty_node", 0, (struct slice){NULL, 0}, dec->why);
        tell_node(d, dec->node_id, watch_name(d->watch, dec->node_id), NOTICE_NODE_FAULTY,
                  dec->at_us, dec->why);
        return;
    case DECISION_KINDS:
        return;
    }
}

void carry_decisions(struct carry *c)
{
    struct decision dec;
    bool any = false;

    while (engine_take(c->d->engine, &dec)) {
        carry_one(c, &dec);
        decision_release(&dec);
        any = true;
    }
    /* A decision may have brought a turn or the end of a term nearer than the timer knows of. */
    if (any)
        janitor_engine_due(c->d->janitor);
}
