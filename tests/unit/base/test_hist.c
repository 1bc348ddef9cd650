/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hist.h"

static void counts_by_steps(void **state)
{
    struct hist h = {.n = 0};
    size_t i;

    (void)state;
    for (i = 1; i < HIST_STEPS; i++)
        assert_true(hist_step_us(i) > hist_step_us(i - 1));
    hist_add(&h, -5);
    hist_add(&h, 100);
    hist_add(&h, 101);
    hist_add(&h, 1000000);
    hist_add(&h, 1000001);
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[HIST_STEPS - 1], 1);
    assert_int_equal(h.counts[HIST_STEPS], 1);
    assert_int_equal(h.n, 5);
    assert_int_equal(h.sum_us, 2000202);
    assert_int_equal(h.longest_us, 1000001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
