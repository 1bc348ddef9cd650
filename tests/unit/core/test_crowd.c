/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <math.h>

#include "base/stamp.h"
#include "core/user/user.h"
#include "default_policy.h"

#define S STAMP_SECOND

static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;
static struct policy policy;
static struct user user;

static int setup(void **state)
{
    (void)state;
    policy = default_policy();
    user = (struct user){.id = 7};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    user_release(&user);
    return 0;
}

/* The device at 5.1.0.n, made when new; from 100 on in another /16 each, from 1000 on in that of n − 900. */
static struct device *device(int n, double at_s)
{
    struct addr addr = {0, UINT64_C(0xffff05010000) + (uint64_t)n};
    int i;

    if (n >= 100)
        addr.lo += (uint64_t)(n >= 1000 ? n - 900 : n) << 16;
    for (i = 0; i < user.n; i++)
        if (addr_eq(user.devices[i].addr, addr))
            return &user.devices[i];
    if (user_add_device(&user, LIMIT_DEVICES_MAX, 0, 0, &i))
        fail();
    user.devices[i].addr = addr;
    user.devices[i].first_s = (uint32_t)(start_us / S + (int64_t)at_s);
    user.devices[i].last_us = start_us + (int64_t)(at_s * S);
    if (user_take_lane(&user, i))
        fail();
    return &user.devices[i];
}

/* A tick of the device n, as the engine makes one. */
static void tick(int n, double at_s)
{
    struct device *d = device(n, at_s);
    int64_t at_us = start_us + (int64_t)(at_s * S);

    crowd_tick(&user, d, &policy, at_us);
    d->rate = (float)(device_rate(d, at_us, policy.rate_half_life_s) + 1);
    d->last_us = at_us;
    d->tick_ago_us = 0;
}

static bool is_nat(int n)
{
    return crowd_is_nat(&user, device(n, 0));
}

/* Two exits, both in every burst: known after the third. */
static void three_mixed_bursts_make_a_nat(void **state)
{
    int i;

    (void)state;
    for (i = 1; i <= 3; i++) {
        assert_false(user.n && is_nat(1));
        tick(1, i * 20);
        tick(2, i * 20 + 0.5);
    }
    assert_true(is_nat(1) && is_nat(2));
    /* Another carrier's address is no part of it. */
    assert_false(is_nat(100));
}

/* Sixteen exits, of which a burst meets three: each pair is rarely met, the crowd is. */
static void many_exits_are_one_nat(void **state)
{
    int i;

    (void)state;
    for (i = 1; i <= 40; i++) {
        tick(i % 16, i * 15);
        tick((i * 7 + 5) % 16, i * 15 + 0.4);
        tick((i * 5 + 11) % 16, i * 15 + 0.8);
        /* One exit alone for over a minute: still. */
    }
    for (i = 1; i <= 12; i++)
        tick(3, 620 + i * 10);
    assert_true(user.lanes->crowds[0].alone);
    assert_true(is_nat(3) && is_nat(9));
}

/* Neighbours: each goes on by himself, and they meet no more often than chance has it. */
static void neighbours_are_no_nat(void **state)
{
    uint64_t seed = 3;
    double at[2] = {0, 3};
    int i;

    (void)state;
    for (i = 0; i < 400; i++) {
        int n = at[0] <= at[1] ? 0 : 1;

        tick(n + 1, at[n]);
        at[n] += 2 - 8 * log(1 - rnd_below(&seed, 1000) / 1000.0) + (i == 200 ? 150 : 0);
    }
    assert_true(user.lanes->crowds[0].alone);
    assert_true(user.lanes->crowds[0].mixed >= 3);
    assert_false(is_nat(1));
}

/* Alone: more than a minute and 6 ticks, or 10 ticks. */
static void alone_by_time_or_by_ticks(void **state)
{
    int i;

    (void)state;
    tick(1, 0);
    tick(2, 0.5);
    for (i = 1; i <= 9; i++)
        tick(1, i * 3);
    assert_false(user.lanes->crowds[0].alone);
    tick(1, 30);
    assert_true(user.lanes->crowds[0].alone);
    user.lanes->crowds[0].alone = false;
    tick(2, 40);
    for (i = 1; i <= 4; i++)
        tick(2, 40 + i * 15);
    assert_false(user.lanes->crowds[0].alone);
    tick(2, 101);
    assert_true(user.lanes->crowds[0].alone);
}

/* By hand: two devices at a steady tick every 10 s each for long: 0.1 a second, 0.2 in 2 s. */
static void chance_is_what_the_pace_gives(void **state)
{
    float before;
    int i;

    (void)state;
    for (i = 0; i < 400; i++) {
        tick(1, i * 10);
        tick(2, i * 10 + 5);
    }
    before = user.lanes->crowds[0].chance;
    tick(1, 4000);
    assert_true(fabs(user.lanes->crowds[0].chance - before * exp2(-5 / 600.0) - 0.2) < 0.01);
    assert_int_equal(user.lanes->crowds[0].extra, 0);
}

/* A spray over many carriers keeps no more than half as many crowds as there are lanes. */
static void crowds_are_bounded(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 500; i++) {
        tick(100 + i % 40, i * 3);
        tick(1000 + i % 40, i * 3 + 1);
    }
    assert_int_equal(user.lanes->n_crowds, LIMIT_LANES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_mixed_bursts_make_a_nat, setup, teardown),
        cmocka_unit_test_setup_teardown(many_exits_are_one_nat, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours_are_no_nat, setup, teardown),
        cmocka_unit_test_setup_teardown(alone_by_time_or_by_ticks, setup, teardown),
        cmocka_unit_test_setup_teardown(chance_is_what_the_pace_gives, setup, teardown),
        cmocka_unit_test_setup_teardown(crowds_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
