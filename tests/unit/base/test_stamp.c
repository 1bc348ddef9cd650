/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/stamp.h"

static void agrees_with_timegm(void **state)
{
    char text[STAMP_TEXT], again[STAMP_TEXT];
    int64_t us;
    long day;

    (void)state;
    for (day = 0; day < 365L * 200; day += 13) {
        time_t t = day * 86400 + 3661;
        struct tm tm;

        gmtime_r(&t, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
        assert_int_equal(stamp_parse_iso(slice_of(text), &us), ERR_OK);
        assert_true(us == (int64_t)t * STAMP_SECOND);
        assert_string_equal(stamp_iso(us, again), text);
    }
}

static void reads_log_stamps(void **state)
{
    int64_t us, want = stamp_civil(2026, 11, 2, 10, 0, 0, 123456);
    size_t used;

    (void)state;
    assert_int_equal(stamp_parse_log(SLICE("2026/11/02 10:00:00.123456 from"), &us, &used), ERR_OK);
    assert_true(us == want);
    assert_int_equal(used, 26);
    assert_int_equal(stamp_parse_log(SLICE("2026/11/02 10:00:00 from"), &us, &used), ERR_OK);
    assert_int_equal(used, 19);
    assert_int_equal(stamp_parse_log(SLICE("2026/13/02 10:00:00"), &us, &used), ERR_INVALID);
    assert_int_equal(stamp_parse_log(SLICE("\x8c"
                                           "026/11/02 10:00:00"),
                                     &us, &used),
                     ERR_INVALID);
    assert_int_equal(stamp_parse_log(SLICE("2026/11/02 10:00:0"), &us, &used), ERR_INVALID);
}

static void reads_zones(void **state)
{
    int64_t a, b;

    (void)state;
    assert_int_equal(stamp_parse_iso(SLICE("2026-11-23T18:00:00+03:30"), &a), ERR_OK);
    assert_int_equal(stamp_parse_iso(SLICE("2026-11-23T14:30:00"), &b), ERR_OK);
    assert_true(a == b);
    assert_int_equal(stamp_parse_iso(SLICE("2026-11-23T18:00:00+0330"), &a), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_timegm),
        cmocka_unit_test(reads_log_stamps),
        cmocka_unit_test(reads_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
