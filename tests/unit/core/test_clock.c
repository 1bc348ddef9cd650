/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include "base/stamp.h"
#include "core/line/clock.h"

#define S STAMP_SECOND
#define MS (STAMP_SECOND / 1000)

static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;

/* The event time of a line that happened at true_us by a clock that is `off` wrong and came at now_us. */
static int64_t event(struct clock *c, int64_t true_us, int64_t off_us, int64_t now_us)
{
    return clock_event(c, true_us + off_us, now_us);
}

static void between(int64_t v, int64_t lo, int64_t hi)
{
    if (v < lo || v > hi)
        fail_msg("%lld s is not in %lld…%lld ms of the start", (long long)((v - start_us) / S),
                 (long long)((lo - start_us) / MS), (long long)((hi - start_us) / MS));
}

/* Twenty minutes of backlog within a second, then silence, then live lines. */
static void first_backlog_is_no_evidence(void **state)
{
    struct clock c;
    int64_t t = start_us;
    int i;

    (void)state;
    clock_init(&c, STAMP_NONE);
    clock_opened(&c, t);
    for (i = 0; i < 1000; i++)
        assert_true(event(&c, t - 1200 * S + i * S, 0, t + i * MS) == STAMP_NONE);
    /* The first live line may still be the backlog's next one, held up; the second keeps step with it. */
    t += 4 * S;
    assert_true(event(&c, t - 50 * MS, 0, t) == STAMP_NONE);
    t += 3 * S;
    assert_true(event(&c, t - 50 * MS, 0, t) == t);
    assert_true(c.offset_us == 50 * MS);
    /* From now on a line that was held up lands when it happened. */
    between(event(&c, t - 300 * S, 0, t + S), t - 300 * S, t - 299 * S);
}

/* A backlog that stalls again and again: its pauses are longer than a gap, its stamps do not keep step. */
static void stalling_backlog(void **state)
{
    struct clock c;
    int64_t t = start_us;
    int i, k;

    (void)state;
    clock_init(&c, STAMP_NONE);
    clock_opened(&c, t);
    for (i = 0; i < 9; i++) {
        t += 3 * S;
        for (k = 0; k < 100; k++)
            assert_true(event(&c, start_us - 1200 * S + (i * 100 + k) * S, 0, t + k * MS) ==
                        STAMP_NONE);
    }
    t = start_us + 30 * S;
    event(&c, t - 20 * MS, 0, t);
    between(event(&c, t - 600 * S, 0, t), t - 600 * S, t - 599 * S);
}

/* The backlog goes over into live lines without a pause: 30 s after opening the offset is believed. */
static void first_stream_without_a_gap(void **state)
{
    struct clock c;
    int64_t now = start_us, event_us;

    (void)state;
    clock_init(&c, STAMP_NONE);
    clock_opened(&c, now);
    for (; now < start_us + 29 * S; now += 100 * MS) {
        /* Five seconds of backlog, 20 minutes in 50 lines; then live. */
        int64_t true_us =
            now < start_us + 5 * S ? start_us - 1200 * S + (now - start_us) * 200 : now - 20 * MS;

        assert_true(event(&c, true_us, 7200 * S, now) == STAMP_NONE);
    }
    now = start_us + 30 * S;
    event_us = event(&c, now - 30 * MS, 7200 * S, now);
    between(event_us, now - 30 * MS, now);
    between(event(&c, now - 600 * S, 7200 * S, now), now - 600 * S, now - 599 * S);
}

/* The next streams of a node whose offset is known: a backlog lies in the past from its first line. */
static void later_backlogs_lie_in_the_past(void **state)
{
    struct clock c;
    int64_t now = start_us, t;
    int i;

    (void)state;
    clock_init(&c, STAMP_NONE);
    clock_opened(&c, now);
    now += 5 * S;
    event(&c, now - 20 * MS, 0, now);
    for (t = 0; t < 300; t++)
        event(&c, now + t * S - 20 * MS, 0, now + t * S);
    now += 300 * S;
    clock_opened(&c, now);
    for (i = 0; i < 1200; i++) {
        int64_t true_us = now - 1200 * S + i * S;

        between(event(&c, true_us, 0, now + i * 10 * MS), true_us, true_us + 30 * MS);
    }
    now += 12 * S;
    between(event(&c, now - 20 * MS, 0, now), now - 20 * MS, now);
}

static void wrong_clock_and_zone(void **state)
{
    static const int64_t off_us[] = {3600 * S,      -3600 * S,      12600 * S, 12600 * S + 3600 * S,
                                     -9 * 3600 * S, 400 * 86400 * S};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(off_us); i++) {
        struct clock c;
        int64_t now = start_us;

        clock_init(&c, STAMP_NONE);
        clock_opened(&c, now);
        now += 3 * S;
        assert_true(event(&c, now - 10 * MS, off_us[i], now) == STAMP_NONE);
        now += 3 * S;
        assert_true(event(&c, now - 10 * MS, off_us[i], now) == now);
        now += S;
        between(event(&c, now - 5 * S, off_us[i], now), now - 5 * S, now - 5 * S + 10 * MS);
        assert_true(c.offset_us == 10 * MS - off_us[i]);
    }
}

/* The node's clock is set ten minutes ahead: the very next line is believed. */
static void jump_ahead(void **state)
{
    struct clock c;
    int64_t now = start_us;

    (void)state;
    clock_init(&c, 0);
    for (; now < start_us + 60 * S; now += S)
        event(&c, now - 10 * MS, 0, now);
    for (; now < start_us + 120 * S; now += S) {
        between(event(&c, now - 10 * MS, 600 * S, now), now - 10 * MS, now);
        between(event(&c, now - 100 * S, 600 * S, now), now - 100 * S, now - 99 * S);
    }
}

/* Ten minutes back: for a minute its lines are taken for late ones, then the new clock is believed. */
static void jump_back(void **state)
{
    struct clock c;
    int64_t now = start_us, set_us, got;

    (void)state;
    clock_init(&c, 0);
    for (; now < start_us + 60 * S; now += S)
        event(&c, now - 10 * MS, 0, now);
    set_us = now;
    for (; now < set_us + 60 * S; now += S)
        between(event(&c, now - 10 * MS, -600 * S, now), now - 601 * S, now - 599 * S);
    for (; now < set_us + 600 * S; now += S) {
        got = event(&c, now - 10 * MS, -600 * S, now);
        between(got, now - 10 * MS, now);
        between(event(&c, now - 90 * S, -600 * S, now), now - 90 * S, now - 89 * S);
    }
}

/* A single line ten minutes ahead of its time, then the old clock again: a minute of doubt, no more. */
static void one_wild_stamp(void **state)
{
    struct clock c;
    int64_t now = start_us;

    (void)state;
    clock_init(&c, 0);
    for (; now < start_us + 60 * S; now += S)
        event(&c, now - 10 * MS, 0, now);
    assert_true(event(&c, now, 600 * S, now) == now);
    for (; now < start_us + 125 * S; now += S)
        event(&c, now - 10 * MS, 0, now);
    between(event(&c, now - 10 * MS, 0, now), now - 10 * MS, now);
}

static void kept_offset(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, -3600 * S);
    clock_opened(&c, start_us);
    /* Warm from the first line of the first stream, which may be 20 minutes old. */
    between(event(&c, start_us - 1200 * S, 3600 * S, start_us + MS), start_us - 1200 * S,
            start_us - 1200 * S);
}

/* The first line after a restart, or after an hour's silence, comes 20 s late: it is no measure of now. */
static void first_line_after_a_pause(void **state)
{
    struct clock c;
    int64_t now = start_us;
    int i;

    (void)state;
    clock_init(&c, -3600 * S + 10 * MS);
    clock_opened(&c, now);
    for (i = 0; i < 3; i++) {
        now += 3600 * S;
        between(event(&c, now - 20 * S, 3600 * S, now), now - 20 * S, now - 19 * S);
        now += S;
        between(event(&c, now - 10 * MS, 3600 * S, now), now - 10 * MS, now);
    }
    /* A clock that went back by 20 s meanwhile is believed when the old offset has left the window. */
    for (i = 0; i < 605; i++) {
        now += S;
        event(&c, now - 10 * MS, 3580 * S, now);
    }
    between(event(&c, now - 10 * MS, 3580 * S, now), now - 10 * MS, now);
}

static void lines_without_a_stamp(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, STAMP_NONE);
    clock_opened(&c, start_us);
    assert_true(clock_event(&c, STAMP_NONE, start_us + S) == STAMP_NONE);
    assert_true(clock_event(&c, STAMP_NONE, start_us + 29 * S) == STAMP_NONE);
    assert_true(clock_event(&c, STAMP_NONE, start_us + 30 * S) == start_us + 30 * S);
    clock_init(&c, 0);
    assert_true(clock_event(&c, STAMP_NONE, start_us) == start_us);
}

/*
 * Three hours of live lines 10…300 ms under way, one in five held up for up to 25 minutes, reconnects, a
 * clock that drifts 20 ppm: every event within half a second of the truth, and never after its arrival.
 */
static void late_lines_never_look_current(void **state)
{
    static const int ppm[] = {-20, 0, 20};
    size_t k;

    (void)state;
    for (k = 0; k < ARRAY_LEN(ppm); k++) {
        uint64_t seed = 61 + k;
        struct clock c;
        int64_t now = start_us;

        clock_init(&c, STAMP_NONE);
        clock_opened(&c, now);
        now += 3 * S;
        event(&c, now - 10 * MS, 0, now);
        for (; now < start_us + 3 * 3600 * S; now += rnd_below(&seed, 2000) * MS) {
            int64_t way_us = (10 + rnd_below(&seed, 290)) * MS, off_us, true_us, got;

            if (rnd_below(&seed, 5) == 0)
                way_us = rnd_below(&seed, 1500 * 1000) * MS;
            if (rnd_below(&seed, 300) == 0)
                clock_opened(&c, now);
            true_us = now - way_us;
            off_us = 5400 * S + (true_us - start_us) / 1000000 * ppm[k];
            got = event(&c, true_us, off_us, now);
            if (now < start_us + 60 * S)
                continue;
            assert_true(got <= now);
            between(got, true_us - 500 * MS, true_us + 500 * MS);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_backlog_is_no_evidence),
        cmocka_unit_test(stalling_backlog),
        cmocka_unit_test(first_stream_without_a_gap),
        cmocka_unit_test(later_backlogs_lie_in_the_past),
        cmocka_unit_test(wrong_clock_and_zone),
        cmocka_unit_test(jump_ahead),
        cmocka_unit_test(jump_back),
        cmocka_unit_test(one_wild_stamp),
        cmocka_unit_test(kept_offset),
        cmocka_unit_test(first_line_after_a_pause),
        cmocka_unit_test(lines_without_a_stamp),
        cmocka_unit_test(late_lines_never_look_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
