/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include "base/stamp.h"
#include "core/judge/breaker.h"
#include "default_policy.h"

#define S STAMP_SECOND

static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;
static struct policy policy;

static int setup(void **state)
{
    (void)state;
    policy = default_policy();
    return 0;
}

/* How many verdicts, `every` seconds apart, until it pauses; 0: never within most. */
static int until_trip(struct breaker *b, uint32_t users, int64_t *now, int every, int most,
                      struct breaker_trip *ret)
{
    int i;

    for (i = 1; i <= most; i++) {
        if (breaker_note(b, &policy, users, i, *now, ret))
            return i;
        *now += every * S;
    }
    return 0;
}

static void five_minutes(void **state)
{
    static const struct {
        uint32_t users;
        int bound;
    } rows[] = {{0, 5}, {100, 5}, {250, 5}, {299, 5}, {300, 6}, {1000, 20}, {10000, 200}};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct breaker b;
        struct breaker_trip trip;
        int64_t now = start_us;

        breaker_init(&b);
        /* All in one second: the bound holds, one more is too many. */
        assert_int_equal(until_trip(&b, rows[i].users, &now, 0, 1000, &trip), rows[i].bound + 1);
        assert_true(b.paused);
        assert_int_equal(trip.users, rows[i].bound + 1);
        assert_int_equal(trip.bound, rows[i].bound);
        assert_true(trip.window_us == 300 * S);
        breaker_release(&b);
    }
}

static void one_hour(void **state)
{
    struct breaker b;
    struct breaker_trip trip;
    int64_t now = start_us;

    (void)state;
    breaker_init(&b);
    /* One in 61 s is five in any 5 minutes, and the sixteenth of the hour. */
    assert_int_equal(until_trip(&b, 0, &now, 61, 100, &trip), 16);
    assert_int_equal(trip.users, 16);
    assert_int_equal(trip.bound, 15);
    assert_true(trip.window_us == 3600 * S);
    breaker_release(&b);
    /* 6 % of 1,000 users. */
    now = start_us;
    assert_int_equal(until_trip(&b, 1000, &now, 30, 100, &trip), 61);
    breaker_release(&b);
    /* One in 5 minutes is 12 an hour: never. */
    now = start_us;
    assert_int_equal(until_trip(&b, 0, &now, 300, 500, &trip), 0);
    assert_true(b.n <= 12 && b.cap == 64);
    breaker_release(&b);
}

static void windows_slide(void **state)
{
    struct breaker b;
    struct breaker_trip trip;
    int64_t now = start_us;

    (void)state;
    breaker_init(&b);
    assert_int_equal(until_trip(&b, 0, &now, 0, 5, &trip), 0);
    now = start_us + 300 * S - 1;
    assert_true(breaker_note(&b, &policy, 0, 7, now, &trip));
    breaker_release(&b);
    now = start_us;
    assert_int_equal(until_trip(&b, 0, &now, 0, 5, &trip), 0);
    now = start_us + 300 * S;
    assert_false(breaker_note(&b, &policy, 0, 7, now, &trip));
    breaker_release(&b);
}

/* Resumed, both bounds stand at twice what was shown, for a day. */
static void resume_doubles_for_a_day(void **state)
{
    struct breaker b;
    struct breaker_trip trip;
    int64_t now = start_us;

    (void)state;
    breaker_init(&b);
    assert_int_equal(until_trip(&b, 0, &now, 0, 100, &trip), 6);
    assert_false(breaker_note(&b, &policy, 0, 7, now, &trip));
    breaker_resume(&b, now);
    assert_false(b.paused);
    assert_int_equal(until_trip(&b, 0, &now, 0, 100, &trip), 13);
    assert_int_equal(trip.bound, 12);
    breaker_resume(&b, now);
    assert_int_equal(until_trip(&b, 0, &now, 0, 100, &trip), 27);
    breaker_resume(&b, now);
    now += 86400 * S;
    assert_int_equal(until_trip(&b, 0, &now, 0, 100, &trip), 6);
    breaker_release(&b);
}

static void switched_off(void **state)
{
    struct breaker b;
    struct breaker_trip trip;
    int64_t now = start_us;

    (void)state;
    breaker_init(&b);
    policy.breaker = false;
    assert_int_equal(until_trip(&b, 0, &now, 0, 1000, &trip), 0);
    policy.breaker = true;
    assert_true(breaker_note(&b, &policy, 0, 7, now, &trip));
    assert_int_equal(trip.users, 1001);
    breaker_release(&b);
}

/* Going as early as it lets: never more than rate in any 60 s, and never fewer than it may. */
static void pace_in_any_minute(void **state)
{
    static int64_t went[4000];
    static const int rates[] = {1, 2, 10, 999, 1000};
    static struct pace p;
    uint64_t seed = 141;
    size_t k;

    (void)state;
    for (k = 0; k < ARRAY_LEN(rates); k++) {
        int64_t now = start_us;
        int i, n = 0;

        p = (struct pace){0};
        while (n < 4000) {
            int64_t next = pace_next(&p, rates[k], now);
            int last_minute = 0;

            for (i = n - 1; i >= 0 && went[i] > now - 60 * S; i--)
                last_minute++;
            assert_int_equal(next == now, last_minute < rates[k]);
            if (next > now)
                assert_true(next == went[n - rates[k]] + 60 * S);
            now = next;
            pace_take(&p, now);
            went[n++] = now;
            if (rnd_below(&seed, 20) == 0)
                now += rnd_below(&seed, 90) * S;
        }
        for (i = rates[k]; i < n; i++)
            assert_true(went[i] - went[i - rates[k]] >= 60 * S);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_minutes),  cmocka_unit_test(one_hour),
        cmocka_unit_test(windows_slide), cmocka_unit_test(resume_doubles_for_a_day),
        cmocka_unit_test(switched_off),  cmocka_unit_test(pace_in_any_minute),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
