/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "base/text.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* The states of a user (engine.md 5): what makes one watched, warned, convicted. */

static const int64_t still_seen_us =
    10 * STAMP_SECOND; /* lines on their way when the user was disabled */
static const int64_t verify_again_s = 10;
enum {
    MOST_AT_ONCE = 4, /* decisions that one judgement may bring */
};

void judge_set_state(struct engine *e, struct user *u, enum user_state state)
{
    e->stats.monitoring += state == USER_MONITORING;
    e->stats.monitoring -= u->state == USER_MONITORING;
    e->stats.punished += state == USER_PUNISHED;
    e->stats.punished -= u->state == USER_PUNISHED;
    u->state = (uint8_t)state & 3;
}

void judge_clear(struct engine *e, struct user *u)
{
    /* A verdict whose turn never came did not come about. */
    if (u->queued)
        past_forget(&u->past, u->since_us, INT64_MAX);
    judge_set_state(e, u, USER_CLEAR);
    u->since_us = 0;
    u->until_us = 0;
    u->verify_s = 0;
    u->warned = u->really = u->queued = u->told_seen = false;
    user_drop_lanes(u);
}

void judge_explain(struct decision *d, const char *fmt, ...)
{
    va_list ap;

    if (!d)
        return;
    va_start(ap, fmt);
    text_vformat(d->why, sizeof(d->why), fmt, ap);
    va_end(ap);
}

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
    if (!f->over)
        return;
    /* More than he may have, between two checks. */
    peaks_note(&e->peaks, u->id, now_us, f->tally.devices, 0);
    find_by_rule(e, u, now_us, f);
    if (!u->lanes)
        return;
    f->leaked = u->lanes->leak.whole;
    f->convicts |= f->leaked;
    f->warns |= u->lanes->leak.half;
}

struct decision *judge_emit(struct engine *e, enum decision_kind kind, const struct user *u,
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
    struct trust trust;

    if (!d)
        return;
    d->evidence = malloc(sizeof(*d->evidence));
    if (d->evidence)
        view_evidence(e, u, now_us, d->evidence);
    weigh_user(e, u, now_us, &trust);
    d->trust = trust.score;
}

/* A lower limit than he has been watched under: he has a whole monitoring_period from now on. */
static bool is_another_case(const struct user *u)
{
    return u->limit < u->case_limit;
}

/* The log convicts: asks the online list first, when that is wished. */
static void convict(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    enum policy_verify how = e->policy.verify_online;
    struct decision *d;

    if (faulty_rests_on(e, u, now_us))
        return;
    if (how == VERIFY_OFF || (how == VERIFY_AUTO && !e->stats.online)) {
        punish_user(e, u, f, now_us);
        return;
    }
    if (u->verify_s && now_us / STAMP_SECOND - u->verify_s < verify_again_s)
        return;
    u->verify_s = (uint32_t)(now_us / STAMP_SECOND);
    d = judge_emit(e, DECISION_VERIFY, u, f, now_us);
    judge_explain(d, "convicted by the log, reading the online list");
}

void engine_verified(struct engine *e, int64_t id, bool answered, int64_t now_us)
{
    struct user *u = engine_user(e, id);
    struct finding f;

    engine_at(e, now_us);
    if (!u || u->state != USER_MONITORING || !u->verify_s || e->policy.mode == MODE_OFF)
        return;
    if (!answered && e->policy.verify_online == VERIFY_REQUIRE)
        return;
    if (!engine_reserve(e, MOST_AT_ONCE))
        return;
    u->verify_s = 0;
    if (engine_limit_of(e, u) == 0 || u->mode == MODE_OFF || u->restart || is_another_case(u))
        return;
    find(e, u, now_us, &f);
    if (f.over && f.convicts)
        punish_user(e, u, &f, now_us);
}

/* ---- monitoring ---- */

static void start_monitoring(struct engine *e, struct user *u, const struct finding *f,
                             int64_t now_us)
{
    struct decision *d;

    judge_set_state(e, u, USER_MONITORING);
    u->since_us = now_us;
    u->until_us = 0;
    u->mon_checks = 0;
    u->case_limit = u->limit;
    leak_begin(u);
    u->warned = false;
    u->verify_s = 0;
    d = judge_emit(e, DECISION_MONITOR, u, f, now_us);
    judge_explain(d, "%d active devices, limit %d", f->tally.devices, u->limit);
}

static void warn(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    struct decision *d = judge_emit(e, DECISION_WARN, u, f, now_us);

    u->warned = true;
    attach_evidence(e, u, d, now_us);
    if (e->policy.warn_at == WARN_EXCESS)
        judge_explain(d, "%d active devices, limit %d", f->tally.devices, u->limit);
    else if (e->policy.verdict == VERDICT_PERSISTENT)
        judge_explain(d, "%d devices persist, limit %d", f->likely, u->limit);
    else if (u->limit > MOST_BY_PAIRS)
        judge_explain(d, "%d devices active at every check so far, limit %d", f->likely, u->limit);
    else if (f->likely <= u->limit && u->lanes)
        judge_explain(d, "%d networks, too many at every check so far, limit %d",
                      u->lanes->leak.networks, u->limit);
    else
        judge_explain(d, "%d devices look used at once, limit %d", f->likely, u->limit);
}

/*
 * Whether a node the user was last seen on is silent, so that his silence proves nothing; which, since
 * when.
 */
static bool blind_for(const struct engine *e, const struct user *u, int64_t *ret_since_us,
                      uint16_t *ret_node)
{
    bool blind = false;
    int i;

    *ret_since_us = INT64_MAX;
    /* The online list is no stream that is silent. */
    if (e->policy.sources == SOURCES_ONLINE)
        return false;
    for (i = 0; i < u->n; i++) {
        int64_t since;

        if (u->devices[i].node == NODE_NONE ||
            !coverage_blind(&e->nodes[u->devices[i].node].cover, &since))
            continue;
        blind = true;
        if (since < *ret_since_us) {
            *ret_since_us = since;
            *ret_node = (uint16_t)u->devices[i].node;
        }
    }
    return blind;
}

static void maybe_acquit(struct engine *e, struct user *u, const struct finding *f, int64_t now_us)
{
    int64_t within_us = verdict_over_until(u, &e->policy, u->limit), blind_us;
    uint16_t node = NODE_NONE;
    bool blind = blind_for(e, u, &blind_us, &node);
    struct decision *d;

    if (within_us < u->since_us)
        within_us = u->since_us;
    if (blind && now_us - blind_us >= e->policy.unknown_after_us) {
        d = judge_emit(e, DECISION_UNKNOWN, u, f, now_us);
        judge_explain(d, "a node he was last seen on has been silent for %d minutes",
                      (int)((now_us - blind_us) / (60 * STAMP_SECOND)));
        e->nodes[node].cover.unknown_cases++;
        judge_clear(e, u);
        return;
    }
    if (blind || now_us - within_us < e->policy.monitoring_period_us)
        return;
    d = judge_emit(e, DECISION_ACQUIT, u, f, now_us);
    judge_explain(d, "within the limit of %d for %d s", u->limit,
                  (int)(e->policy.monitoring_period_us / STAMP_SECOND));
    judge_clear(e, u);
}

/* Whether instant_disable spares a user of so little trust the monitoring. */
static bool at_once(const struct engine *e, const struct user *u, int64_t now_us)
{
    struct trust trust;

    if (!e->policy.instant_disable)
        return false;
    weigh_user(e, u, now_us, &trust);
    return trust.score <= e->policy.instant_trust;
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
    if (f->convicts &&
        (now_us - u->since_us >= e->policy.monitoring_period_us || at_once(e, u, now_us)))
        convict(e, u, f, now_us);
}

bool judge_may_be_seen(const struct user *u)
{
    return u->state == USER_PUNISHED && u->really && !u->queued && !u->told_seen;
}

void judge_still_seen(struct engine *e, struct user *u, struct addr at, uint16_t node,
                      int64_t seen_us, int64_t now_us)
{
    struct decision *d;

    if (!judge_may_be_seen(u) || seen_us < u->since_us + still_seen_us || !engine_reserve(e, 1))
        return;
    u->told_seen = true;
    d = engine_emit(e, DECISION_STILL_SEEN, u, now_us);
    attach_evidence(e, u, d, now_us);
    if (d) {
        d->seen = at;
        d->node_id = node == NODE_NONE ? 0 : e->nodes[node].cover.node_id;
    }
    judge_explain(d, "still seen after being disabled: open connections live on");
}

static void last_seen(struct engine *e, struct user *u, int64_t now_us)
{
    int i, last = 0;

    for (i = 1; i < u->n; i++)
        if (u->devices[i].last_us > u->devices[last].last_us)
            last = i;
    if (u->n)
        judge_still_seen(e, u, u->devices[last].addr, (uint16_t)u->devices[last].node, u->last_us,
                         now_us);
}

static const char *why_not(const struct user *u)
{
    const char *why = limit_source_why((enum limit_source)u->limit_from);

    if (why)
        return why;
    if (u->limit)
        return "the users of one of his groups are not judged";
    return u->limit_from == LIMIT_FROM_EXCEPTION ? "excepted" : "unlimited";
}

/* Enforcement has become on for one of his groups: what was gathered before it does not count. */
static void start_anew(struct engine *e, struct user *u)
{
    u->restart = false;
    if (u->state == USER_CLEAR)
        user_drop_lanes(u);
    else if (!(u->state == USER_PUNISHED && u->really))
        judge_clear(e, u);
}

void judge_user(struct engine *e, struct user *u, int64_t now_us, bool at_check)
{
    struct finding f;
    int limit;

    if (e->policy.mode == MODE_OFF || !engine_reserve(e, MOST_AT_ONCE))
        return;
    limit = engine_limit_of(e, u);
    if (u->restart)
        start_anew(e, u);
    if (u->state == USER_PUNISHED) {
        last_seen(e, u, now_us);
        return;
    }
    if (u->state == USER_CLEAR && u->until_us > now_us)
        return;
    if (u->state == USER_CLEAR && (limit == 0 || u->n <= limit || u->mode == MODE_OFF))
        return;
    if (limit == 0 || u->mode == MODE_OFF) {
        find(e, u, now_us, &f);
        judge_explain(judge_emit(e, DECISION_ACQUIT, u, &f, now_us), "not judged any more: %s",
                      why_not(u));
        judge_clear(e, u);
        return;
    }
    if (u->state == USER_MONITORING && at_check)
        leak_check(e, u, now_us);
    find(e, u, now_us, &f);
    if (u->state == USER_CLEAR && !f.over)
        return;
    if (f.over && (u->state == USER_CLEAR || is_another_case(u)))
        start_monitoring(e, u, &f, now_us);
    judge_monitored(e, u, &f, now_us, at_check);
}
