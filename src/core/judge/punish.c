/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* What becomes of a verdict (engine.md 6): the step, the queue, the breaker, the ends of terms. */

static const int64_t new_after_us = 7 * 86400 * STAMP_SECOND;
static const int64_t stale_us =
    15 * 60 * STAMP_SECOND; /* a verdict older than that is not carried out */

static bool is_new(const struct user *u, int64_t now_us)
{
    int64_t last_us = past_last(u->past);

    return last_us == 0 || now_us - last_us >= new_after_us;
}

struct policy_step punish_next_step(const struct engine *e, const struct user *u,
                                    int64_t verdict_us, int64_t now_us, int *ret_number)
{
    const struct policy *p = &e->policy;
    int n;

    *ret_number = 0;
    if (!p->punishment_enabled || p->n_steps == 0)
        return (struct policy_step){ACTION_DISABLE, p->punish_us};
    n = past_count(u->past, now_us - p->punishment_window_us, verdict_us);
    *ret_number = n < p->n_steps ? n : p->n_steps - 1;
    return p->steps[*ret_number];
}

static void tell_step(struct decision *d, struct policy_step step, int number)
{
    if (!d)
        return;
    d->action = step.action;
    d->for_us = step.for_us;
    d->step = number;
}

int punish_drop_waiting(struct engine *e)
{
    int dropped = 0;

    while (e->n_waiting) {
        struct user *u = engine_user(e, e->waiting[e->wait_head]);

        e->wait_head = (e->wait_head + 1) % LIMIT_QUEUE;
        e->n_waiting--;
        if (u && u->queued) {
            judge_clear(e, u);
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
    if (!breaker_note(&e->breaker, &e->policy, e->stats.seen_hour, u->id, now_us, &trip))
        return;
    dropped = punish_drop_waiting(e);
    d = engine_emit(e, DECISION_BREAKER, NULL, now_us);
    if (!d)
        return;
    d->breaker_users = trip.users;
    d->breaker_bound = trip.bound;
    d->breaker_window_us = trip.window_us;
    d->dropped = dropped;
    judge_explain(d, "%d users convicted within %d minutes, more than %d: punishing is paused",
                  trip.users, (int)(trip.window_us / (60 * STAMP_SECOND)), trip.bound);
}

/* Without memory for a timer the checks see when the term is over. */
static void start_term(struct engine *e, struct user *u, int64_t now_us, int64_t for_us)
{
    u->since_us = now_us;
    u->until_us = for_us ? now_us + for_us : 0;
    if (u->until_us)
        (void)!timers_add(&e->due, u->until_us, u->id);
}

static void convict(struct engine *e, struct user *u, int64_t now_us)
{
    judge_set_state(e, u, USER_PUNISHED);
    u->since_us = now_us;
    u->case_limit = u->limit;
    u->verify_s = 0;
    u->told_seen = false;
    user_drop_lanes(u);
    listing_drop(u);
}

/* Not carried out: not judged again for a while, as if it had been; by hand would be for ever. */
static enum decision_applied in_shadow(struct engine *e, struct user *u, struct policy_step step,
                                       int64_t now_us, enum decision_applied how)
{
    u->really = false;
    if (step.action == ACTION_WARN)
        judge_clear(e, u);
    else
        start_term(e, u, now_us, step.for_us ? step.for_us : e->policy.punish_us);
    return how;
}

/* What becomes of the verdict, and until when the user is not judged again. There is room in his past. */
static enum decision_applied apply(struct engine *e, struct user *u, struct policy_step step,
                                   int64_t now_us)
{
    if (u->mode == MODE_ON)
        ask_breaker(e, u, now_us);
    convict(e, u, now_us);
    if (u->mode != MODE_ON)
        return in_shadow(e, u, step, now_us, APPLIED_SHADOW);
    /* One whom the breaker spares stays new to it: resumed too early, it must see him again. */
    if (e->breaker.paused)
        return in_shadow(e, u, step, now_us, APPLIED_PAUSED);
    if (step.action == ACTION_WARN) {
        (void)!past_note(&u->past, now_us);
        judge_clear(e, u);
        return APPLIED_NOW;
    }
    if (e->n_waiting == 0 && pace_next(&e->pace, e->policy.punish_rate, now_us) <= now_us) {
        (void)!past_note(&u->past, now_us);
        u->really = true;
        pace_take(&e->pace, now_us);
        start_term(e, u, now_us, step.for_us);
        return APPLIED_NOW;
    }
    if (!push_waiting(e, u->id))
        return in_shadow(e, u, step, now_us, APPLIED_PAUSED);
    (void)!past_note(&u->past, now_us);
    u->really = u->queued = true;
    u->until_us = 0;
    return APPLIED_QUEUED;
}

void punish_user(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    struct evidence *evidence;
    enum decision_applied how;
    struct policy_step step;
    struct decision *d;
    struct trust trust;
    int networks = u->lanes ? u->lanes->leak.networks : 0, limit = u->limit, number;
    bool warned = u->warned;

    /* Without memory for what his next step depends on he is judged again at his next line. */
    if (past_reserve(&u->past))
        return;
    evidence = malloc(sizeof(*evidence));
    if (evidence)
        view_evidence(e, u, now_us, evidence);
    weigh_user(e, u, now_us, &trust);
    step = punish_next_step(e, u, now_us, now_us, &number);
    how = apply(e, u, step, now_us);
    past_tidy(&u->past);
    d = judge_emit(e, DECISION_PUNISH, u, f, now_us);
    if (!d) {
        free(evidence);
        return;
    }
    d->applied = how;
    d->warned = warned;
    d->leaked = f->leaked;
    d->trust = trust.score;
    tell_step(d, step, number);
    d->evidence = evidence;
    judge_explain(d, "%d devices in use at once, %d active, limit %d", f->concurrent,
                  f->tally.devices, limit);
    if (f->leaked)
        judge_explain(
            d,
            "leaked account: %d networks, and too many at every check for %d s, limit %d; "
            "Revoke gives him a new subscription",
            networks, (int)(e->policy.monitoring_period_us / STAMP_SECOND), limit);
    else if (e->policy.verdict == VERDICT_PERSISTENT)
        judge_explain(d, "more devices than the limit of %d persisted, %d active", limit,
                      f->tally.devices);
    else if (limit > MOST_BY_PAIRS)
        judge_explain(d, "%d devices active at every check, limit %d", f->concurrent, limit);
}

/* ---- terms and turns ---- */

void punish_end_term(struct engine *e, int64_t id, int64_t at_us)
{
    struct user *u = engine_user(e, id);
    struct decision *d;

    if (!u || u->state != USER_PUNISHED || u->queued || u->until_us == 0 || u->until_us > at_us)
        return;
    /* Untold, he would stay disabled: the next check tries again. */
    if (!engine_reserve(e, 1))
        return;
    d = engine_emit(e, DECISION_RESTORE, u, at_us);
    judge_explain(d, "the term of %d s is over", (int)((at_us - u->since_us) / STAMP_SECOND));
    if (d)
        d->applied = u->really ? APPLIED_NOW : APPLIED_SHADOW;
    /* A real one ends when the panel has been told: engine_clear_user(). */
    if (u->really)
        u->until_us = 0;
    else
        judge_clear(e, u);
}

int64_t punish_next_turn(const struct engine *e, int64_t now_us)
{
    return e->n_waiting ? pace_next(&e->pace, e->policy.punish_rate, now_us) : INT64_MAX;
}

static void excuse_waiting(struct engine *e, struct user *u, int64_t now_us, const char *why)
{
    judge_explain(engine_emit(e, DECISION_ACQUIT, u, now_us), "%s", why);
    judge_clear(e, u);
}

/* The next waiting punishment's turn: limit and step are looked up again, they may have changed. */
static void take_turn(struct engine *e, int64_t now_us)
{
    struct user *u = engine_user(e, e->waiting[e->wait_head]);
    struct policy_step step;
    int number;

    e->wait_head = (e->wait_head + 1) % LIMIT_QUEUE;
    e->n_waiting--;
    if (!u || !u->queued)
        return;
    if (engine_limit_of(e, u) == 0 || u->limit > u->case_limit) {
        excuse_waiting(e, u, now_us, "his limit was changed before his turn came");
        return;
    }
    if (u->mode != MODE_ON) {
        excuse_waiting(e, u, now_us, "one of his groups is only watched now");
        return;
    }
    if (now_us - u->since_us > stale_us) {
        excuse_waiting(e, u, now_us, "his turn came later than 15 minutes after the verdict");
        return;
    }
    if (!engine_reserve(e, 1)) {
        judge_clear(e, u);
        return;
    }
    step = punish_next_step(e, u, u->since_us, now_us, &number);
    tell_step(engine_emit(e, DECISION_EXECUTE, u, now_us), step, number);
    u->queued = false;
    if (step.action == ACTION_WARN) {
        judge_clear(e, u);
        return;
    }
    pace_take(&e->pace, now_us);
    start_term(e, u, now_us, step.for_us);
}

void punish_due(struct engine *e, int64_t now_us)
{
    struct timers_item item;

    while (timers_take(&e->due, now_us, &item))
        punish_end_term(e, item.id, now_us);
    while (e->n_waiting && punish_next_turn(e, now_us) <= now_us)
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
    judge_set_state(e, u, USER_PUNISHED);
    u->really = true;
    u->queued = false;
    u->until_us = due_us;
    return due_us ? timers_add(&e->due, due_us, id) : ERR_OK;
}

void engine_clear_user(struct engine *e, int64_t id)
{
    struct user *u = engine_user(e, id);

    if (!u)
        return;
    judge_clear(e, u);
    listing_drop(u);
}

int engine_pardon(struct engine *e, int64_t id, int64_t until_us)
{
    struct user *u = engine_make_user(e, id, until_us - e->policy.pardon_us);

    if (!u)
        return ERR_NOMEM;
    judge_clear(e, u);
    listing_drop(u);
    u->until_us = until_us;
    return ERR_OK;
}

int engine_had_violation(struct engine *e, int64_t id, int64_t at_us)
{
    struct user *u = engine_make_user(e, id, at_us);

    return u ? past_note(&u->past, at_us) : ERR_NOMEM;
}

int engine_forgive(struct engine *e, int64_t id, int64_t since_us, int64_t until_us)
{
    struct user *u = engine_user(e, id);

    return u ? past_forget(&u->past, since_us, until_us) : 0;
}

void engine_online_available(struct engine *e, bool available)
{
    e->stats.online = available;
}
