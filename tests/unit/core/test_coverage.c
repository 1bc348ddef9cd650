/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <math.h>

#include "base/stamp.h"
#include "core/line/coverage.h"

#define S STAMP_SECOND

static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;

static void counts_by_reason(void **state)
{
    struct coverage c = {.node_id = 1};
    int i;

    (void)state;
    for (i = 0; i < 100; i++)
        coverage_line(&c, i % 4 ? SCAN_COUNTED : SCAN_REJECTED, start_us + i);
    assert_int_equal(c.lines, 100);
    assert_int_equal(c.ignored[SCAN_COUNTED], 75);
    assert_int_equal(c.ignored[SCAN_REJECTED], 25);
    assert_true(c.last_line_us == start_us + 99);
}

/* 50 lines a second for ten minutes, then nothing: the average comes close, and fades with 60 s. */
static void rate_follows_and_fades(void **state)
{
    struct coverage c = {.node_id = 1};
    int64_t t;

    (void)state;
    for (t = start_us; t < start_us + 600 * S; t += S / 50)
        coverage_line(&c, SCAN_COUNTED, t);
    assert_true(fabs(coverage_rate(&c, t) - 50) < 1);
    assert_true(fabs(coverage_rate(&c, t + 60 * S) - 50 / 2.718281828) < 1);
    assert_true(coverage_rate(&c, t + 3600 * S) < 0.01);
    /* A burst of one instant is worth what it is over a minute. */
    c = (struct coverage){.node_id = 1};
    for (t = 0; t < 600; t++)
        coverage_line(&c, SCAN_COUNTED, start_us);
    assert_true(fabs(coverage_rate(&c, start_us) - 10) < 0.01);
}

static void blind_when_down_or_quiet(void **state)
{
    struct coverage c = {.node_id = 1};
    int64_t since = 0;

    (void)state;
    assert_false(coverage_blind(&c, &since));
    c.down_since_us = 70;
    assert_true(coverage_blind(&c, &since));
    assert_int_equal(since, 70);
    c.quiet = true;
    c.quiet_since_us = 60;
    assert_true(coverage_blind(&c, &since));
    assert_int_equal(since, 60);
    c.down_since_us = 0;
    assert_true(coverage_blind(&c, &since));
    assert_int_equal(since, 60);
    c.quiet = false;
    assert_false(coverage_blind(&c, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_reason),
        cmocka_unit_test(rate_follows_and_fades),
        cmocka_unit_test(blind_when_down_or_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
