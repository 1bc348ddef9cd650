/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/num.h"

static void whole_slice_or_nothing(void **state)
{
    uint64_t u = 7;
    int64_t i = 7;
    double d = 7;
    bool b;

    (void)state;
    assert_int_equal(num_uint(SLICE("18446744073709551615"), UINT64_MAX, &u), ERR_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(num_uint(SLICE("18446744073709551616"), UINT64_MAX, &u), ERR_TOO_BIG);
    assert_int_equal(num_uint(SLICE("12 "), 100, &u), ERR_INVALID);
    assert_int_equal(num_uint(SLICE(""), 100, &u), ERR_INVALID);
    assert_int_equal(num_uint(SLICE("+1"), 100, &u), ERR_INVALID);
    assert_int_equal(num_int(SLICE("-20"), -20, 0, &i), ERR_OK);
    assert_int_equal(i, -20);
    assert_int_equal(num_int(SLICE("-21"), -20, 0, &i), ERR_TOO_BIG);
    assert_int_equal(i, -20);
    assert_int_equal(num_real(SLICE("0.30"), 0, 1, &d), ERR_OK);
    assert_true(d > 0.2999 && d < 0.3001);
    assert_int_equal(num_real(SLICE("."), 0, 1, &d), ERR_INVALID);
    assert_int_equal(num_real(SLICE("1e3"), 0, 9999, &d), ERR_INVALID);
    assert_int_equal(num_bool(SLICE("On"), &b), ERR_OK);
    assert_true(b);
    assert_int_equal(num_bool(SLICE("maybe"), &b), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_slice_or_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
