/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "limit_test.h"

#include "base/err.h"

static void first_rule_that_applies(void **state)
{
    struct limits *l = limits_new(key);

    (void)state;
    assert_non_null(l);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    assert_int_equal(limits_special(l, 1, none, 5), ERR_OK);
    assert_int_equal(limits_special(l, 2, none, 0), ERR_OK);
    assert_int_equal(limits_except(l, 3, none), ERR_OK);
    want(l, 1, 5, LIMIT_FROM_SPECIAL);
    want(l, 2, 0, LIMIT_FROM_SPECIAL);
    want(l, 3, 0, LIMIT_FROM_EXCEPTION);
    want(l, 4, 2, LIMIT_FROM_GENERAL);
    /* An exception stands, whichever came first. */
    assert_int_equal(limits_special(l, 3, none, 7), ERR_OK);
    want(l, 3, 0, LIMIT_FROM_EXCEPTION);
    assert_int_equal(limits_except(l, 1, none), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_EXCEPTION);
    limits_clear_rules(l);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    want(l, 3, 2, LIMIT_FROM_GENERAL);
    limits_free(l);
}

static void rules_for_names(void **state)
{
    struct limits *l = limits_new(key);

    (void)state;
    assert_non_null(l);
    assert_int_equal(limits_special(l, 0, SLICE("ann"), 4), ERR_OK);
    assert_int_equal(limits_except(l, 0, SLICE("bob")), ERR_OK);
    assert_int_equal(limits_special(l, 0, SLICE("bob"), 4), ERR_OK);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    assert_int_equal(limits_learn(l, 1, SLICE("ann")), 1);
    assert_int_equal(limits_learn(l, 1, SLICE("ann")), 0);
    assert_int_equal(limits_learn(l, 2, SLICE("bob")), 1);
    want(l, 1, 4, LIMIT_FROM_SPECIAL);
    want(l, 2, 0, LIMIT_FROM_EXCEPTION);
    /* The rule is for the name: a user who takes another one leaves it behind. */
    assert_int_equal(limits_learn(l, 1, SLICE("carl")), 1);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    assert_int_equal(limits_special(l, 0, SLICE("carl"), 9), ERR_OK);
    want(l, 1, 9, LIMIT_FROM_SPECIAL);
    assert_int_equal(limits_special(l, 0, SLICE("carl"), 8), ERR_OK);
    want(l, 1, 8, LIMIT_FROM_SPECIAL);
    limits_clear_rules(l);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    assert_true(slice_eq(limits_name(l, 1), SLICE("carl")));
    assert_int_equal(limits_id(l, SLICE("bob")), 2);
    assert_int_equal(limits_known(l), 2);
    limits_free(l);
}

/* Excepted by name before his id was known, given a special limit by id later, and the other way round. */
static void exception_by_name_beats_limit_by_id(void **state)
{
    struct limits *l = limits_new(key);

    (void)state;
    assert_non_null(l);
    assert_int_equal(limits_learn(l, 1, SLICE("ann")), 1);
    assert_int_equal(limits_learn(l, 2, SLICE("bob")), 1);
    assert_int_equal(limits_except(l, 0, SLICE("ann")), ERR_OK);
    assert_int_equal(limits_special(l, 1, none, 3), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_EXCEPTION);
    assert_int_equal(limits_special(l, 0, SLICE("bob"), 9), ERR_OK);
    assert_int_equal(limits_special(l, 2, none, 3), ERR_OK);
    want(l, 2, 3, LIMIT_FROM_SPECIAL);
    limits_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_rule_that_applies),
        cmocka_unit_test(rules_for_names),
        cmocka_unit_test(exception_by_name_beats_limit_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
