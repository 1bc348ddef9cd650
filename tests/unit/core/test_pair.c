/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <math.h>
#include <stdio.h>

#include "base/stamp.h"
#include "core/user/pair.h"
#include "default_policy.h"

#define S STAMP_SECOND

/* A multiple of gain_block, so that blocks are easy to count by hand. */
static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;
static struct policy policy;

static int setup(void **state)
{
    (void)state;
    policy = default_policy();
    return 0;
}

static void near(double got, double want)
{
    if (fabs(got - want) > 4e-6 * (1 + fabs(want)))
        fail_msg("%.7f, not %.7f", got, want);
}

/* What the sides' recent rates are told to be. */
static double near_rate = 1, other_near_rate = 1;

/* A tick of side at `at` seconds; the other side was seen last at `other`. */
static void tick(struct pair *p, double at, int side, double other, double rate, double other_rate)
{
    struct pair_tick t = {.at_us = start_us + (int64_t)(at * S),
                          .side = side,
                          .other_last_us = start_us + (int64_t)(other * S),
                          .rate = rate,
                          .other_rate = other_rate,
                          .near = near_rate,
                          .other_near = other_near_rate};

    pair_tick(p, &policy, &t);
}

/*
 * By hand, with switch_p 0.3, roam_time 30 s: p0 = (1 − e^(−2·gap/30)) / 2.
 *   change after 10 s: p0 = 0.2432914, ln(0.3 / p0) = 0.2095224
 *   no change after 10 s: ln(0.7 / (1 − p0)) = −0.0778979
 * and 10 s of an evidence half-life of 600 s leave 2^(−1/60) = 0.9885140 of what was.
 */
static void fixed_sum_by_hand(void **state)
{
    struct pair p = {0};

    (void)state;
    tick(&p, 10, 1, 0, 1, 1);
    near(p.fixed.nats, 0.2095224);
    assert_int_equal(p.switches, 1);
    tick(&p, 20, 0, 10, 1, 1);
    near(p.fixed.nats, 0.2095224 * 0.9885140 + 0.2095224);
    tick(&p, 30, 0, 10, 1, 1);
    near(p.fixed.nats, (0.2095224 * 0.9885140 + 0.2095224) * 0.9885140 - 0.0778979);
    assert_int_equal(p.switches, 2);
    /* After 30 s p0 is 0.4323324, more than switch_p: such a gap says nothing. */
    tick(&p, 60, 1, 30, 1, 1);
    near(p.fixed.nats,
         ((0.2095224 * 0.9885140 + 0.2095224) * 0.9885140 - 0.0778979) * exp2(-30 / 600.0));
}

/*
 * The adaptive sum expects the other side with its share of the ticks.
 *   change after 4 s from a side of rate 3 to one of rate 1: p1 = 1/4, p0 = 0.1170358,
 *     ln(0.25 / p0) = 0.7589808
 *   no change after 4 s, own rate 3, other 1: p1 = 1/4, ln(0.75 / (1 − p0)) = −0.1632115
 */
static void adaptive_sum_by_hand(void **state)
{
    struct pair p = {0};

    (void)state;
    tick(&p, 4, 1, 0, 1, 3);
    near(p.adaptive.nats, 0.7589808);
    p = (struct pair){0};
    tick(&p, 4, 1, 0, 1, 3);
    tick(&p, 8, 1, 0, 3, 1);
    near(p.adaptive.nats, 0.7589808 * exp2(-4 / 600.0) - 0.1632115);
    /* However lopsided, the turn is taken for no rarer than 0.02 and no more usual than 0.5. */
    p = (struct pair){0};
    tick(&p, 0.2, 1, 0, 1, 1000);
    near(p.adaptive.nats, log(0.02 / 0.01));
    p = (struct pair){0};
    tick(&p, 10, 1, 0, 1000, 1);
    near(p.adaptive.nats, log(0.5 / 0.2432914) > 1 ? 1 : log(0.5 / 0.2432914));
    near(pair_score(&p), p.adaptive.nats > p.fixed.nats ? p.adaptive.nats : p.fixed.nats);
}

/*
 * The third sum does the same with recent rates: when the other side has been silent lately, ticks of one
 * side alone tell nothing, and its return is no surprise to either reading.
 *   no change after 4 s, rates 3 and 1: as above; rates 19 and 1: p1 = 0.05 < p0: nothing
 */
static void near_sum_by_hand(void **state)
{
    struct pair p = {0};

    (void)state;
    near_rate = 1;
    other_near_rate = 3;
    tick(&p, 4, 1, 0, 1, 1);
    near(p.near.nats, 0.7589808);
    near_rate = 3;
    other_near_rate = 1;
    tick(&p, 8, 1, 0, 1, 1);
    near(p.near.nats, 0.7589808 * exp2(-4 / 600.0) - 0.1632115);
    near_rate = 19;
    tick(&p, 12, 1, 0, 1, 1);
    near(p.near.nats, (0.7589808 * exp2(-4 / 600.0) - 0.1632115) * exp2(-4 / 600.0));
    assert_true(p.near.nats > p.fixed.nats && p.near.nats > p.adaptive.nats);
    near(pair_score(&p), p.near.nats);
    near_rate = other_near_rate = 1;
}

/* A gap is never shorter than 0.2 s, a change never less likely than 0.01. */
static void mixed_lines_are_worth_a_block(void **state)
{
    struct pair p = {0};
    int i;

    (void)state;
    /* Forty changes within 8 s: one block, so no more than the cap. */
    for (i = 1; i <= 40; i++)
        tick(&p, i * 0.2, i % 2, (i - 1) * 0.2, 20, 20);
    assert_true(p.fixed.nats <= 1.0001 && p.fixed.nats > 0.98);
    assert_true(p.adaptive.nats <= 1.0001);
    /* The next block may add as much again. */
    for (i = 51; i <= 80; i++)
        tick(&p, i * 0.2, i % 2, (i - 1) * 0.2, 20, 20);
    assert_true(p.fixed.nats <= 2.0001 && p.fixed.nats > 1.9);
}

/*
 * Any mixture of ticks: from the start of a block to any point in it no sum ever rises by more than the
 * cap, and none falls under the floor.
 */
static void no_block_lifts_more_than_the_cap(void **state)
{
    uint64_t seed = 101;
    int round;

    (void)state;
    for (round = 0; round < 2000; round++) {
        struct pair p = {0};
        double at = 0, seen[2] = {0, 0}, low_fixed = 0, low_adaptive = 0;
        int64_t block = 0;
        int i;

        for (i = 0; i < 200; i++) {
            /* Long runs of one side, so that the floor is reached, then changes. */
            int side = i / 20 % 2 ? (int)rnd_below(&seed, 2) : 0;
            double rate = 1 + rnd_below(&seed, 30), other = 1 + rnd_below(&seed, 30);
            int64_t now;

            at += 0.2 + rnd_below(&seed, 20) / 10.0;
            now = (int64_t)(at * S) / (10 * S);
            if (now != block) {
                block = now;
                low_fixed = p.fixed.nats;
                low_adaptive = p.adaptive.nats;
            }
            tick(&p, at, side, seen[!side], rate, other);
            seen[side] = at;
            /* Forgetting moves a sum towards 0, upwards too: by at most 4 · (1 − 2^(−12.2/600)). */
            assert_true(p.fixed.nats <= low_fixed + policy.gain_cap + 0.06);
            assert_true(p.adaptive.nats <= low_adaptive + policy.gain_cap + 0.06);
            assert_true(p.fixed.nats >= policy.evidence_floor - 1e-4);
            assert_true(p.adaptive.nats >= policy.evidence_floor - 1e-4);
        }
    }
}

static void floor_holds(void **state)
{
    struct pair p = {0};
    int i;

    (void)state;
    for (i = 1; i < 500; i++)
        tick(&p, i * 2, 0, 0, 10, 10);
    near(p.fixed.nats, policy.evidence_floor);
    near(p.adaptive.nats, policy.evidence_floor);
    assert_int_equal(p.switches, 1);
}

static void evidence_fades_by_half(void **state)
{
    struct pair p = {0};
    int i;
    double before;

    (void)state;
    for (i = 1; i <= 60; i++)
        tick(&p, i * 3, i % 2, (i - 1) * 3, 10, 10);
    before = p.fixed.nats;
    assert_true(before > 7);
    tick(&p, 180 + 600, 1, 180, 1, 1);
    near(p.fixed.nats, before / 2);
}

static void old_ticks_change_nothing(void **state)
{
    struct pair p = {0}, before;

    (void)state;
    tick(&p, 10, 1, 0, 1, 1);
    before = p;
    tick(&p, 9.9, 0, 10, 1, 1);
    tick(&p, -500, 0, 10, 1, 1);
    assert_memory_equal(&p, &before, sizeof(p));
    /* A pair whose first tick is older than the other side's last: nothing until time goes on. */
    p = (struct pair){0};
    tick(&p, 5, 0, 20, 1, 1);
    assert_true(p.fixed.nats == 0 && p.adaptive.nats == 0);
    tick(&p, 30, 0, 20, 1, 1);
    near(p.fixed.nats, 0.2095224);
}

static void counters_do_not_run_over(void **state)
{
    struct pair p = {0};
    int i;

    (void)state;
    for (i = 1; i <= 200000; i++)
        tick(&p, i, i % 2, i - 1, 10, 10);
    assert_int_equal(p.switches, UINT16_MAX);
    assert_true(p.ticks > 30000 && p.bursts <= p.ticks && p.bursts > p.ticks / 3);
    assert_true(isfinite(p.fixed.nats) && isfinite(p.adaptive.nats) && isfinite(p.near.nats));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_sum_by_hand),
        cmocka_unit_test(adaptive_sum_by_hand),
        cmocka_unit_test(near_sum_by_hand),
        cmocka_unit_test(mixed_lines_are_worth_a_block),
        cmocka_unit_test(no_block_lifts_more_than_the_cap),
        cmocka_unit_test(floor_holds),
        cmocka_unit_test(evidence_fades_by_half),
        cmocka_unit_test(old_ticks_change_nothing),
        cmocka_unit_test(counters_do_not_run_over),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
