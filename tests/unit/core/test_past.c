/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include "base/err.h"
#include "base/stamp.h"
#include "core/user/past.h"

#define S STAMP_SECOND
static const int64_t t0 = INT64_C(1762077600) * S + 123456;

static void an_empty_one(void **state)
{
    struct past *p = NULL;

    (void)state;
    assert_int_equal(past_count(p, 0, INT64_MAX), 0);
    assert_true(past_last(p) == 0);
    assert_int_equal(past_forget(&p, 0, INT64_MAX), 0);
    past_tidy(&p);
    assert_int_equal(past_reserve(&p), ERR_OK);
    assert_non_null(p);
    past_tidy(&p);
    assert_null(p);
}

static void counts_inside_a_window(void **state)
{
    struct past *p = NULL;
    int i;

    (void)state;
    /* In no order, as the database may give them. */
    for (i = 0; i < 5; i++)
        assert_int_equal(past_note(&p, t0 + (i * 3 % 5) * 100 * S), ERR_OK);
    for (i = 1; i < 5; i++)
        assert_true(p->at_us[i - 1] < p->at_us[i]);
    assert_int_equal(past_count(p, 0, INT64_MAX), 5);
    assert_int_equal(past_count(p, t0, INT64_MAX), 4);
    assert_int_equal(past_count(p, t0 - 1, INT64_MAX), 5);
    assert_int_equal(past_count(p, t0, t0 + 400 * S), 3);
    assert_true(past_last(p) == t0 + 400 * S);
    past_free(&p);
    assert_null(p);
}

/* A verdict is noted at once, and once more by the row of the database, whose times are in ms. */
static void one_of_a_millisecond_counts_once(void **state)
{
    struct past *p = NULL;

    (void)state;
    assert_int_equal(past_note(&p, t0), ERR_OK);
    assert_int_equal(past_note(&p, t0 / 1000 * 1000), ERR_OK);
    assert_int_equal(p->n, 1);
    assert_int_equal(past_count(p, 0, t0 / 1000 * 1000), 0);
    assert_int_equal(past_forget(&p, t0 + 999 - t0 % 1000, INT64_MAX), 1);
    assert_null(p);
}

static void keeps_the_newest(void **state)
{
    struct past *p = NULL;
    int i;

    (void)state;
    for (i = 0; i < LIMIT_STEPS + 5; i++)
        assert_int_equal(past_note(&p, t0 + i * S), ERR_OK);
    assert_int_equal(p->n, LIMIT_STEPS);
    assert_true(p->at_us[0] == t0 + 5 * S);
    assert_int_equal(past_note(&p, t0), ERR_OK);
    assert_true(p->n == LIMIT_STEPS && p->at_us[0] == t0 + 5 * S);
    /* Between two: the oldest goes. */
    assert_int_equal(past_note(&p, t0 + 7 * S + S / 2), ERR_OK);
    assert_true(p->n == LIMIT_STEPS && p->at_us[0] == t0 + 6 * S);
    assert_true(p->at_us[2] == t0 + 7 * S + S / 2 && past_last(p) == t0 + 14 * S);
    past_free(&p);
}

static void forgets_the_latest(void **state)
{
    struct past *p = NULL;
    int i;

    (void)state;
    for (i = 0; i < 4; i++)
        assert_int_equal(past_note(&p, t0 + i * S), ERR_OK);
    assert_int_equal(past_forget(&p, t0 + 10 * S, INT64_MAX), 0);
    assert_int_equal(past_forget(&p, t0 + 2 * S, INT64_MAX), 2);
    assert_true(past_last(p) == t0 + S);
    assert_int_equal(past_forget(&p, t0, t0), 1);
    assert_true(p->n == 1 && p->at_us[0] == t0 + S);
    assert_int_equal(past_forget(&p, 0, INT64_MAX), 1);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one),
        cmocka_unit_test(counts_inside_a_window),
        cmocka_unit_test(one_of_a_millisecond_counts_once),
        cmocka_unit_test(keeps_the_newest),
        cmocka_unit_test(forgets_the_latest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
