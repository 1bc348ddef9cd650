/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/user/pair.h"

#include <math.h>

#include "base/stamp.h"
#include "base/banned.h"

static const double least_gap_s = 0.2;
static const double least_change = 0.01, most_change = 0.49; /* bounds of p0 */
static const double least_turn = 0.02, most_turn = 0.5;      /* bounds of the adaptive p1 */

/* Recent rates are few ticks: in one block they may tell less. */
static const double near_cap = 0.8;
static const int64_t burst_us = 2 * STAMP_SECOND;

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/*
 * What a tick adds to a sum that expects a change with probability p1. A block may lift the sum by no
 * more than the cap, whatever came up and down inside it: mixed lines of a hand-over are worth little.
 * Losses that the floor took back are none, or they would make room for more gain.
 */
static void add(struct pair_sum *s, double p0, double p1, bool changed, const struct policy *policy,
                double cap)
{
    double d;
    float before = s->nats;

    if (p0 >= p1)
        return;
    d = changed ? log(p1 / p0) : log((1 - p1) / (1 - p0));
    if (s->gain + d > cap)
        d = cap - s->gain;
    s->nats = (float)fmax(before + d, policy->evidence_floor);
    s->gain += s->nats - before;
}

static void count_tick(struct pair *p, const struct pair_tick *t)
{
    if (p->ticks == UINT16_MAX) {
        p->ticks /= 2;
        p->bursts /= 2;
    }
    p->ticks++;
    if (t->at_us - t->other_last_us > burst_us || t->at_us - p->burst_us < burst_us)
        return;
    p->burst_us = t->at_us;
    p->bursts++;
}

/* The chance that the next tick is the other side's than the previous one, by the rates of both. */
static double turn(const struct pair *p, int side, double rate, double other_rate)
{
    double other = p->previous == side ? other_rate : rate;

    return rate + other_rate > 0 ? clamp(other / (rate + other_rate), least_turn, most_turn)
                                 : least_turn;
}

static void forget(struct pair *p, const struct policy *policy, int64_t at_us)
{
    int64_t block = at_us / policy->gain_block_us;
    float left =
        (float)exp2(-(double)(at_us - p->last_us) / STAMP_SECOND / policy->evidence_half_life_s);

    p->fixed.nats *= left;
    p->adaptive.nats *= left;
    p->near.nats *= left;
    if (p->block == block)
        return;
    p->block = block;
    p->fixed.gain = p->adaptive.gain = p->near.gain = 0;
}

void pair_tick(struct pair *p, const struct policy *policy, const struct pair_tick *t)
{
    double gap_s, p0;
    bool changed;

    if (p->last_us == 0)
        *p = (struct pair){.last_us = t->other_last_us,
                           .previous = (uint8_t)!t->side,
                           .block = t->at_us / policy->gain_block_us};
    if (t->at_us < p->last_us)
        return;
    changed = p->previous != t->side;
    gap_s = fmax((double)(t->at_us - p->last_us) / STAMP_SECOND, least_gap_s);
    p0 = clamp(0.5 * (1 - exp(-2 * gap_s / policy->roam_time_s)), least_change, most_change);
    forget(p, policy, t->at_us);
    add(&p->fixed, p0, policy->switch_p, changed, policy, policy->gain_cap);
    add(&p->adaptive, p0, turn(p, t->side, t->rate, t->other_rate), changed, policy,
        policy->gain_cap);
    add(&p->near, p0, turn(p, t->side, t->near, t->other_near), changed, policy,
        near_cap * policy->gain_cap);
    if (changed && p->switches < UINT16_MAX)
        p->switches++;
    count_tick(p, t);
    p->previous = (uint8_t)t->side;
    p->last_us = t->at_us;
}

double pair_score(const struct pair *p)
{
    return fmax(p->near.nats, fmax(p->fixed.nats, p->adaptive.nats));
}
