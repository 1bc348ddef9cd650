/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What operators say of the panel's users, and of the breaker. */
#include "app_bed.h"

#include "base/stamp.h"

/* A rebuilt panel, confirmed: nobody is a stranger any more, or the next listing would hold all again. */
static void confirmed_once_is_enough(void **state)
{
    struct app_bed *b = *state;
    struct daemon *d = &b->d;

    assert_int_equal(bed_number(b, "UPDATE users SET created_at=1000 RETURNING 1"), 1);
    assert_int_equal(bed_number(b, "INSERT INTO meta VALUES('held', '1') RETURNING 1"), 1);
    d->hold = true;
    enforce_hold(d->enforce, true);
    bed_share(b, 1, 1, 3, 195);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    carry_resume(d->carry);
    bed_settle(b);
    assert_false(d->hold);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM meta WHERE key='held'"), 0);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM users WHERE created_at NOT NULL"), 0);
    bed_wait(b, 10);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
}

/* Setting enforcement once is enough, also when it was never set in the database before. */
static void the_first_word_resumes_the_breaker(void **state)
{
    struct app_bed *b = *state;

    assert_int_equal(engine_breaker_was(b->d.engine, &(struct breaker_view){.paused = true}),
                     ERR_OK);
    assert_int_equal(bed_number(b, "INSERT INTO meta VALUES('breaker_paused', '1') RETURNING 1"),
                     1);
    assert_int_equal(bed_number(b, "INSERT INTO settings VALUES('enforcement', 'on', 5000, 'test')"
                                   " RETURNING 1"),
                     1);
    assert_int_equal(rules_reload(&b->d), ERR_OK);
    bed_settle(b);
    assert_false(engine_paused(b->d.engine));
    assert_int_equal(bed_number(b, "SELECT count(*) FROM meta WHERE key='breaker_paused'"), 0);
    /* Nothing new was said: paused again, it stays so. */
    assert_int_equal(engine_breaker_was(b->d.engine, &(struct breaker_view){.paused = true}),
                     ERR_OK);
    assert_int_equal(rules_reload(&b->d), ERR_OK);
    bed_settle(b);
    assert_true(engine_paused(b->d.engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(confirmed_once_is_enough, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(the_first_word_resumes_the_breaker, bed_setup,
                                        bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
