/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/pair.h"

#include <math.h>

#include "base/stamp.h"
#include "base/banned.h"

static const double least_gap_s = 0.2;
static const double least_change = 0.01, most_change = 0.49; /* bounds of p0 */
static const double least_turn = 0.02, most_turn = 0.5;      /* bounds of the adaptive p1 */
static const int64_t burst_us = 2 * STAMP_SECOND;
static const int64_t alone_us = 60 * STAMP_SECOND;
static const int alone_ticks = 6;
static const int nat_bursts = 3;
static const int nat_tenths = 3;

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/*
 * What a tick adds to a sum that expects a change with probability p1. A block may lift the sum by no
 * more than the cap, whatever came up and down inside it: mixed lines of a hand-over are worth little.
 * Losses that the floor took back are none, or they would make room for more gain.
 */
static void add(float *sum, float *gain, double p0, double p1, bool changed,
                const struct policy *policy)
{
    double d, before = *sum;

    if (p0 >= p1)
        return;
    d = changed ? log(p1 / p0) : log((1 - p1) / (1 - p0));
    if (*gain + d > policy->gain_cap)
        d = policy->gain_cap - *gain;
    *sum = (float)fmax(before + d, policy->evidence_floor);
    *gain += (float)(*sum - before);
}

static void count_tick(struct pair *p)
{
    if (p->ticks == UINT16_MAX) {
        p->ticks /= 2;
        p->bursts /= 2;
    }
    p->ticks++;
}

static void note_burst(struct pair *p, const struct pair_tick *t)
{
    if (t->at_us - t->other_last_us > burst_us || t->at_us - p->burst_us < burst_us)
        return;
    p->burst_us = t->at_us;
    p->bursts++;
}

void pair_tick(struct pair *p, const struct policy *policy, const struct pair_tick *t)
{
    int64_t block = t->at_us / policy->gain_block_us;
    double gap_s, p0, turn, forget;
    bool changed;

    if (p->last_us == 0)
        *p = (struct pair){.last_us = t->other_last_us,
                           .run_us = t->other_last_us,
                           .previous = (uint8_t)!t->side,
                           .block = block};
    if (t->at_us < p->last_us)
        return;
    changed = p->previous != t->side;
    gap_s = fmax((double)(t->at_us - p->last_us) / STAMP_SECOND, least_gap_s);
    p0 = clamp(0.5 * (1 - exp(-2 * gap_s / policy->roam_time_s)), least_change, most_change);
    forget = exp2(-(double)(t->at_us - p->last_us) / STAMP_SECOND / policy->evidence_half_life_s);
    p->fixed *= (float)forget;
    p->adaptive *= (float)forget;
    if (p->block != block) {
        p->block = block;
        p->gain_fixed = p->gain_adaptive = 0;
    }
    add(&p->fixed, &p->gain_fixed, p0, policy->switch_p, changed, policy);
    /* The chance that the next tick is the other side's than the previous one. */
    turn = p->previous == t->side ? t->other_rate : t->rate;
    turn = t->rate + t->other_rate > 0 ? turn / (t->rate + t->other_rate) : least_turn;
    add(&p->adaptive, &p->gain_adaptive, p0, clamp(turn, least_turn, most_turn), changed, policy);
    if (changed) {
        p->run_us = t->at_us;
        p->run_ticks = 1;
        if (p->switches < UINT16_MAX)
            p->switches++;
    } else {
        p->run_ticks = (uint8_t)(p->run_ticks + (p->run_ticks < UINT8_MAX));
        p->alone |= t->at_us - p->run_us > alone_us && p->run_ticks >= alone_ticks;
    }
    count_tick(p);
    note_burst(p, t);
    p->previous = (uint8_t)t->side;
    p->last_us = t->at_us;
}

double pair_score(const struct pair *p)
{
    return p->fixed > p->adaptive ? p->fixed : p->adaptive;
}

bool pair_is_nat(const struct pair *p)
{
    return p->bursts >= nat_bursts && (!p->alone || p->bursts * 10 >= p->ticks * nat_tenths);
}
