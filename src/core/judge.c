/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "base/text.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* The states of a user (engine.md 5) and what becomes of a verdict (engine.md 6). */

static const int64_t still_seen_us =
    10 * STAMP_SECOND; /* lines on their way when the user was disabled */
static const int64_t verify_again_us = 10 * STAMP_SECOND;
static const int64_t new_after_s = 7 * 86400; /* a user without a verdict for so long is new */
enum {
    MOST_BY_PAIRS = 15, /* greater limits are judged by number */
    MOST_AT_ONCE = 4,   /* decisions that one judgement may bring */
};

static void set_state(struct engine *e, struct user *u, enum user_state state)
{
    e->stats.monitoring += state == USER_MONITORING;
    e->stats.monitoring -= u->state == USER_MONITORING;
    e->stats.punished += state == USER_PUNISHED;
    e->stats.punished -= u->state == USER_PUNISHED;
    u->state = (uint8_t)state & 3;
}

void judge_clear(struct engine *e, struct user *u)
{
    set_state(e, u, USER_CLEAR);
    u->since_us = 0;
    u->until_us = 0;
    u->verify_us = 0;
    u->warned = u->really = u->queued = u->told_seen = false;
    user_drop_lanes(u);
}

static void explain(struct decision *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void explain(struct decision *d, const char *fmt, ...)
{
    va_list ap;

    if (!d)
        return;
    va_start(ap, fmt);
    text_vformat(d->why, sizeof(d->why), fmt, ap);
    va_end(ap);
}

/* What the rule in force makes of a user now. */
struct finding {
    struct tally tally;
    int concurrent;
    int likely; /* the devices that a warning speaks of */
    bool over, warns, convicts;
};

static void find_by_rule(struct engine *e, const struct user *u, int64_t now_us, struct finding *f)
{
    const struct policy *p = &e->policy;
    int limit = u->limit;

    f->concurrent = verdict_concurrent(u, p, now_us, p->evidence_threshold);
    if (p->verdict == VERDICT_PERSISTENT) {
        f->likely = verdict_persistent(u, p, now_us, 0.5);
        f->warns = f->likely > limit;
        f->convicts = verdict_persistent(u, p, now_us, 1) > limit;
    } else if (limit > MOST_BY_PAIRS) {
        f->likely = f->concurrent = verdict_every_check(u, p, now_us, u->mon_checks);
        f->convicts = f->concurrent > limit;
        f->warns = f->convicts && now_us - u->since_us >= p->monitoring_period_us / 2;
    } else {
        f->likely = verdict_concurrent(u, p, now_us, p->evidence_threshold / 2);
        f->warns = f->likely > limit;
        f->convicts = f->concurrent > limit;
    }
    if (p->warn_at == WARN_EXCESS)
        f->warns = true;
}

static void find(struct engine *e, const struct user *u, int64_t now_us, struct finding *f)
{
    *f = (struct finding){0};
    verdict_tally(u, &e->policy, now_us, &f->tally);
    f->over = f->tally.devices > u->limit;
    if (f->over)
        find_by_rule(e, u, now_us, f);
}

static struct decision *emit(struct engine *e, enum decision_kind kind, const struct user *u,
                             const struct finding *f, int64_t now_us)
{
    struct decision *d = engine_emit(e, kind, u, now_us);

    if (d && f) {
        d->devices = f->tally.devices;
        d->concurrent = f->concurrent;
    }
    return d;
}

static void attach_evidence(struct engine *e, const struct user *u, struct decision *d,
                            int64_t now_us)
{
    if (!d)
        return;
    d->evidence = malloc(sizeof(*d->evidence));
    if (d->evidence)
        view_evidence(e, u, now_us, d->evidence);
}

/* ---- punishment ---- */

static bool is_new(const struct user *u, int64_t now_us)
{
    return u->verdict_s == 0 || now_us / STAMP_SECOND - u->verdict_s >= new_after_s;
}

int judge_drop_waiting(struct engine *e)
{
    int dropped = 0;

    while (e->n_waiting) {
        struct user *u = engine_user(e, e->waiting[e->wait_head]);

        e->wait_head = (e->wait_head + 1) % LIMIT_QUEUE;
        e->n_waiting--;
        if (u && u->queued) {
            judge_clear(e, u);
            u->verdict_s = 0;
            dropped++;
        }
    }
    return dropped;
}

static bool push_waiting(struct engine *e, int64_t id)
{
    if (!e->waiting)
        e->waiting = malloc(LIMIT_QUEUE * sizeof(*e->waiting));
    if (!e->waiting || e->n_waiting == LIMIT_QUEUE)
        return false;
    e->waiting[(e->wait_head + e->n_waiting++) % LIMIT_QUEUE] = id;
    return true;
}

/* Counts a new user's verdict; pauses and drops the waiting ones when there are too many. */
static void ask_breaker(struct engine *e, const struct user *u, int64_t now_us)
{
    struct breaker_trip trip;
    struct decision *d;
    int dropped;

    if (!is_new(u, now_us))
        return;
    if (!breaker_note(&e->breaker, &e->policy, e->stats.seen_hour, now_us, &trip))
        return;
    dropped = judge_drop_waiting(e);
    d = engine_emit(e, DECISION_BREAKER, NULL, now_us);
    if (!d)
        return;
    d->breaker_users = trip.users;
    d->breaker_bound = trip.bound;
    d->breaker_window_us = trip.window_us;
    d->dropped = dropped;
    explain(d, "%d users convicted within %d minutes, more than %d: punishing is paused",
            trip.users, (int)(trip.window_us / (60 * STAMP_SECOND)), trip.bound);
}

/* What becomes of the verdict, and until when the user is not judged again. */
static enum decision_applied apply(struct engine *e, struct user *u, int64_t now_us)
{
    if (e->policy.mode == MODE_ON)
        ask_breaker(e, u, now_us);
    u->since_us = now_us;
    u->until_us = now_us + e->policy.punish_us;
    set_state(e, u, USER_PUNISHED);
    u->verify_us = 0;
    u->told_seen = false;
    user_drop_lanes(u);
    if (e->policy.mode != MODE_ON || e->breaker.paused) {
        u->really = false;
        return e->policy.mode != MODE_ON ? APPLIED_SHADOW : APPLIED_PAUSED;
    }
    u->really = true;
    /* One whom the breaker spares stays new to it: resumed too early, it must see him again. */
    u->verdict_s = (uint32_t)(now_us / STAMP_SECOND);
    if (e->n_waiting == 0 && pace_next(&e->pace, e->policy.punish_rate, now_us) <= now_us) {
        pace_take(&e->pace, now_us);
        return APPLIED_NOW;
    }
    if (push_waiting(e, u->id)) {
        u->queued = true;
        u->convicted = u->limit;
        u->until_us = 0;
        return APPLIED_QUEUED;
    }
    u->really = false;
    u->verdict_s = 0;
    return APPLIED_PAUSED;
}

/* Without memory for a timer the checks see when the term is over. */
static void start_term(struct engine *e, const struct user *u)
{
    if (u->until_us)
        (void)!timers_add(&e->due, u->until_us, u->id);
}

static void punish(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    struct evidence *evidence = malloc(sizeof(*evidence));
    enum decision_applied how;
    struct decision *d;

    if (evidence)
        view_evidence(e, u, now_us, evidence);
    how = apply(e, u, now_us);
    start_term(e, u);
    d = emit(e, DECISION_PUNISH, u, f, now_us);
    if (!d) {
        free(evidence);
        return;
    }
    d->applied = how;
    d->for_us = e->policy.punish_us;
    d->evidence = evidence;
    explain(d, "%d devices in use at once, %d active, limit %d", f->concurrent, f->tally.devices,
            u->limit);
    if (e->policy.verdict == VERDICT_PERSISTENT)
        explain(d, "more devices than the limit of %d persisted, %d active", u->limit,
                f->tally.devices);
    else if (u->limit > MOST_BY_PAIRS)
        explain(d, "%d devices active at every check, limit %d", f->concurrent, u->limit);
}

/* The log convicts: asks the online list first, when that is wished. */
static void convict(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    enum policy_verify how = e->policy.verify_online;
    struct decision *d;

    if (how == VERIFY_OFF || (how == VERIFY_AUTO && !e->stats.online)) {
        punish(e, u, f, now_us);
        return;
    }
    if (u->verify_us && now_us - u->verify_us < verify_again_us)
        return;
    u->verify_us = now_us;
    d = emit(e, DECISION_VERIFY, u, f, now_us);
    explain(d, "convicted by the log, reading the online list");
}

void engine_verified(struct engine *e, int64_t id, bool answered, int64_t now_us)
{
    struct user *u = engine_user(e, id);
    struct finding f;

    engine_at(e, now_us);
    if (!u || u->state != USER_MONITORING || !u->verify_us || e->policy.mode == MODE_OFF)
        return;
    if (!answered && e->policy.verify_online == VERIFY_REQUIRE)
        return;
    if (!engine_reserve(e, MOST_AT_ONCE))
        return;
    u->verify_us = 0;
    if (engine_limit_of(e, u) == 0)
        return;
    find(e, u, now_us, &f);
    if (f.over && f.convicts)
        punish(e, u, &f, now_us);
}

/* ---- monitoring ---- */

static void start_monitoring(struct engine *e, struct user *u, const struct finding *f,
                             int64_t now_us)
{
    struct decision *d;

    set_state(e, u, USER_MONITORING);
    u->since_us = now_us;
    u->until_us = 0;
    u->mon_checks = 0;
    u->warned = false;
    u->verify_us = 0;
    d = emit(e, DECISION_MONITOR, u, f, now_us);
    explain(d, "%d active devices, limit %d", f->tally.devices, u->limit);
}

static void warn(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    struct decision *d = emit(e, DECISION_WARN, u, f, now_us);

    u->warned = true;
    attach_evidence(e, u, d, now_us);
    if (e->policy.warn_at == WARN_EXCESS)
        explain(d, "%d active devices, limit %d", f->tally.devices, u->limit);
    else if (e->policy.verdict == VERDICT_PERSISTENT)
        explain(d, "%d devices persist, limit %d", f->likely, u->limit);
    else if (u->limit > MOST_BY_PAIRS)
        explain(d, "%d devices active at every check so far, limit %d", f->likely, u->limit);
    else
        explain(d, "%d devices look used at once, limit %d", f->likely, u->limit);
}

/* Whether a node the user was last seen on is silent, so that his silence proves nothing; since when. */
static bool blind_for(const struct engine *e, const struct user *u, int64_t *ret_since_us)
{
    bool blind = false;
    int i;

    *ret_since_us = INT64_MAX;
    for (i = 0; i < u->n; i++) {
        int64_t since;

        if (u->devices[i].node == NODE_NONE ||
            !coverage_blind(&e->nodes[u->devices[i].node].cover, &since))
            continue;
        blind = true;
        if (since < *ret_since_us)
            *ret_since_us = since;
    }
    return blind;
}

static void maybe_acquit(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    int64_t within_us = verdict_over_until(u, &e->policy, u->limit), blind_us;
    bool blind = blind_for(e, u, &blind_us);
    struct decision *d;

    if (within_us < u->since_us)
        within_us = u->since_us;
    if (blind && now_us - blind_us >= e->policy.unknown_after_us) {
        d = emit(e, DECISION_UNKNOWN, u, f, now_us);
        explain(d, "a node he was last seen on has been silent for %d minutes",
                (int)((now_us - blind_us) / (60 * STAMP_SECOND)));
        judge_clear(e, u);
        return;
    }
    if (blind || now_us - within_us < e->policy.monitoring_period_us)
        return;
    d = emit(e, DECISION_ACQUIT, u, f, now_us);
    explain(d, "within the limit of %d for %d s", u->limit,
            (int)(e->policy.monitoring_period_us / STAMP_SECOND));
    judge_clear(e, u);
}

static void judge_monitored(struct engine *e, struct user *u, const struct finding *f,
                            int64_t now_us, bool at_check)
{
    if (!f->over) {
        if (at_check)
            maybe_acquit(e, u, f, now_us);
        return;
    }
    if (f->warns && !u->warned)
        warn(e, u, f, now_us);
    if (f->convicts && now_us - u->since_us >= e->policy.monitoring_period_us)
        convict(e, u, f, now_us);
}

static void tell_still_seen(struct engine *e, struct user *u, int64_t now_us)
{
    struct decision *d;

    if (!u->really || u->queued || u->told_seen || u->last_us < u->since_us + still_seen_us)
        return;
    u->told_seen = true;
    d = engine_emit(e, DECISION_STILL_SEEN, u, now_us);
    explain(d, "still seen after being disabled: open connections live on");
}

void judge_user(struct engine *e, struct user *u, int64_t now_us, bool at_check)
{
    struct finding f;
    int limit;

    if (e->policy.mode == MODE_OFF || !engine_reserve(e, MOST_AT_ONCE))
        return;
    if (u->state == USER_PUNISHED) {
        tell_still_seen(e, u, now_us);
        return;
    }
    if (u->state == USER_CLEAR && u->until_us > now_us)
        return;
    limit = engine_limit_of(e, u);
    if (u->state == USER_CLEAR && (limit == 0 || u->n <= limit))
        return;
    if (limit == 0) {
        find(e, u, now_us, &f);
        explain(emit(e, DECISION_ACQUIT, u, &f, now_us), "not limited any more");
        judge_clear(e, u);
        return;
    }
    find(e, u, now_us, &f);
    if (u->state == USER_CLEAR) {
        if (!f.over)
            return;
        start_monitoring(e, u, &f, now_us);
    }
    judge_monitored(e, u, &f, now_us, at_check);
}

/* ---- terms and turns ---- */

void judge_end_term(struct engine *e, int64_t id, int64_t at_us)
{
    struct user *u = engine_user(e, id);
    struct decision *d;

    if (!u || u->state != USER_PUNISHED || u->queued || u->until_us == 0 || u->until_us > at_us)
        return;
    /* Untold, he would stay disabled: the next check tries again. */
    if (!engine_reserve(e, 1))
        return;
    d = engine_emit(e, DECISION_RESTORE, u, at_us);
    explain(d, "the term of %d s is over", (int)((at_us - u->since_us) / STAMP_SECOND));
    if (d)
        d->applied = u->really ? APPLIED_NOW : APPLIED_SHADOW;
    /* A real one ends when the panel has been told: engine_clear_user(). */
    if (u->really)
        u->until_us = 0;
    else
        judge_clear(e, u);
}

int64_t judge_next_turn(const struct engine *e, int64_t now_us)
{
    return e->n_waiting ? pace_next(&e->pace, e->policy.punish_rate, now_us) : INT64_MAX;
}

/* The next waiting punishment's turn: the limit is looked up again, it may have changed meanwhile. */
static void take_turn(struct engine *e, int64_t now_us)
{
    struct user *u = engine_user(e, e->waiting[e->wait_head]);
    struct decision *d;

    e->wait_head = (e->wait_head + 1) % LIMIT_QUEUE;
    e->n_waiting--;
    if (!u || !u->queued)
        return;
    if (engine_limit_of(e, u) == 0 || u->limit > u->convicted || !engine_reserve(e, 1)) {
        d = engine_emit(e, DECISION_ACQUIT, u, now_us);
        explain(d, "his limit was changed before his turn came");
        judge_clear(e, u);
        return;
    }
    u->queued = false;
    u->since_us = now_us;
    u->until_us = now_us + e->policy.punish_us;
    start_term(e, u);
    pace_take(&e->pace, now_us);
    d = engine_emit(e, DECISION_EXECUTE, u, now_us);
    if (d)
        d->for_us = e->policy.punish_us;
}

void judge_due(struct engine *e, int64_t now_us)
{
    struct timers_item item;

    while (timers_take(&e->due, now_us, &item))
        judge_end_term(e, item.id, now_us);
    while (e->n_waiting && judge_next_turn(e, now_us) <= now_us)
        take_turn(e, now_us);
}

/* ---- what the daemon tells ---- */

int engine_set_punished(struct engine *e, int64_t id, int64_t due_us, int64_t now_us)
{
    struct user *u = engine_make_user(e, id, now_us);

    engine_at(e, now_us);
    if (!u)
        return ERR_NOMEM;
    if (u->state != USER_PUNISHED) {
        judge_clear(e, u);
        u->since_us = now_us;
    }
    set_state(e, u, USER_PUNISHED);
    u->really = true;
    u->queued = false;
    u->until_us = due_us;
    return due_us ? timers_add(&e->due, due_us, id) : ERR_OK;
}

void engine_clear_user(struct engine *e, int64_t id)
{
    struct user *u = engine_user(e, id);

    if (u)
        judge_clear(e, u);
}

int engine_pardon(struct engine *e, int64_t id, int64_t until_us)
{
    struct user *u = engine_make_user(e, id, until_us - e->policy.pardon_us);

    if (!u)
        return ERR_NOMEM;
    judge_clear(e, u);
    u->until_us = until_us;
    return ERR_OK;
}

int engine_had_verdict(struct engine *e, int64_t id, int64_t at_us)
{
    struct user *u = engine_make_user(e, id, at_us);

    if (!u)
        return ERR_NOMEM;
    if (at_us / STAMP_SECOND > u->verdict_s)
        u->verdict_s = (uint32_t)(at_us / STAMP_SECOND);
    return ERR_OK;
}

void engine_online_available(struct engine *e, bool available)
{
    e->stats.online = available;
}
