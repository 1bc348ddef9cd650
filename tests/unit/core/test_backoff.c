/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include "core/backoff.h"

static void doubles_up_to_its_maximum(void **state)
{
    struct backoff b;
    uint64_t seed = 91;
    int64_t full = 1000;
    int i;

    (void)state;
    backoff_init(&b, 1000, 60000);
    for (i = 0; i < 2000; i++) {
        int64_t wait = backoff_next(&b, rnd(&seed));

        assert_true(wait >= full / 2 && wait <= full);
        full = full * 2 > 60000 ? 60000 : full * 2;
    }
    backoff_reset(&b);
    assert_true(backoff_next(&b, UINT64_MAX) <= 1000);
}

static void takes_the_whole_range(void **state)
{
    struct backoff b;
    int64_t lo = INT64_MAX, hi = 0;
    uint64_t seed = 92;
    int i;

    (void)state;
    for (i = 0; i < 10000; i++) {
        int64_t wait;

        backoff_init(&b, 100, 100);
        wait = backoff_next(&b, rnd(&seed));
        lo = wait < lo ? wait : lo;
        hi = wait > hi ? wait : hi;
    }
    assert_int_equal(lo, 50);
    assert_int_equal(hi, 100);
    /* No overflow, however large the bounds. */
    backoff_init(&b, 1, INT64_MAX);
    for (i = 0; i < 200; i++)
        assert_true(backoff_next(&b, UINT64_MAX) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_its_maximum),
        cmocka_unit_test(takes_the_whole_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
