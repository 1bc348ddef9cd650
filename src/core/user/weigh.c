/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* What makes a user's trust score: the engine's figures as trust_weigh() wants them. */

static const double strength_step = 0.01; /* nats */

/* The most evidence at which more devices than the limit are still proven in use at once; 0: none. */
static double strength_of(const struct user *u, const struct policy *p, int64_t now_us)
{
    double low = 0, high = 0;
    int i, n = u->lanes ? u->lanes->n * (u->lanes->n - 1) / 2 : 0;

    for (i = 0; i < n; i++)
        if (u->lanes->pairs[i].last_us && pair_score(&u->lanes->pairs[i]) > high)
            high = pair_score(&u->lanes->pairs[i]);
    if (high <= 0 || verdict_concurrent(u, p, now_us, strength_step) <= u->limit)
        return 0;
    while (high - low > strength_step) {
        double middle = (low + high) / 2;

        if (verdict_concurrent(u, p, now_us, middle) > u->limit)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Where the rule in force knows no evidence in nats, what it says stands for the threshold, or half of it. */
static double strength_by_rule(const struct engine *e, const struct user *u, int64_t now_us)
{
    const struct policy *p = &e->policy;

    if (p->verdict == VERDICT_PERSISTENT)
        return p->evidence_threshold * (verdict_persistent(u, p, now_us, 1) > u->limit     ? 1
                                        : verdict_persistent(u, p, now_us, 0.5) > u->limit ? 0.5
                                                                                           : 0);
    if (u->limit > MOST_BY_PAIRS)
        return verdict_every_check(u, p, now_us, u->mon_checks) > u->limit ? p->evidence_threshold
                                                                           : 0;
    return strength_of(u, p, now_us);
}

static int count_excused(const struct user *u, const struct policy *p)
{
    int n = 0, i, j;

    for (i = 0; u->lanes && i < u->lanes->n; i++) {
        for (j = i + 1; j < u->lanes->n; j++) {
            const struct pair *pair = lanes_pair(u->lanes, i, j);

            n += pair->last_us && pair_score(pair) > 0 &&
                 verdict_excused(p, u, &u->devices[u->lanes->device[i]],
                                 &u->devices[u->lanes->device[j]]);
        }
    }
    return n;
}

void weigh_user(const struct engine *e, const struct user *u, int64_t now_us, struct trust *ret)
{
    const struct policy *p = &e->policy;
    struct trust_input in = {.limit = u->limit,
                             .threshold = p->evidence_threshold,
                             .period_us = p->monitoring_period_us,
                             .leaked = u->lanes && u->lanes->leak.whole};
    struct tally t;

    *ret = (struct trust){.score = 100};
    if (u->limit == 0)
        return;
    verdict_tally(u, p, now_us, &t);
    in.concurrent = u->limit > MOST_BY_PAIRS
                        ? verdict_every_check(u, p, now_us, u->mon_checks)
                        : verdict_concurrent(u, p, now_us, p->evidence_threshold);
    in.networks = verdict_networks(u, p, now_us);
    in.common = t.shared;
    in.strength = strength_by_rule(e, u, now_us);
    in.excused = count_excused(u, p);
    if (u->state == USER_MONITORING)
        in.watched_us = now_us - u->since_us;
    in.violations = past_count(u->past, now_us - p->punishment_window_us, now_us);
    trust_weigh(&in, ret);
}
