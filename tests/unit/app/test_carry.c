/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From decisions to disabled users and back: nothing stale, nothing late, nothing forgotten. */
#include "app_bed.h"

#include "base/stamp.h"

static bool is_disabled(const struct app_bed *b, int64_t id)
{
    return b->panel.users[id - 1].status == PANEL_STATUS_DISABLED;
}

static enum user_state state_of(struct app_bed *b, int64_t id)
{
    static struct user_view v;

    assert_int_equal(engine_view(b->d.engine, id, bed_clock_us, &v), ERR_OK);
    return v.state;
}

static void disabled_and_enabled_in_time(void **state)
{
    struct app_bed *b = *state;

    bed_set(b, SET_TIME_TO_ACTIVE_USERS, "60");
    bed_share(b, 1, 1, 3, 150);
    assert_false(is_disabled(b, 1));
    bed_share(b, 1, 1, 3, 60);
    assert_true(is_disabled(b, 1));
    assert_int_equal(state_of(b, 1), USER_PUNISHED);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM enforcements WHERE state='applied'"), 1);
    bed_wait(b, 62);
    assert_false(is_disabled(b, 1));
    assert_int_equal(state_of(b, 1), USER_CLEAR);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM enforcements WHERE state='restored'"), 1);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations WHERE outcome='applied'"), 1);
    assert_int_equal(b->panel.offence[0], '\0');
}

/* A turn comes when it is due, not at the next check. */
static void a_turn_is_not_late(void **state)
{
    struct app_bed *b = *state;
    int64_t first_us;
    int i;

    bed_set(b, SET_PUNISH_RATE, "1");
    bed_set(b, SET_CHECK_INTERVAL, "3600");
    bed_share(b, 1, 1, 3, 54);
    for (i = 0; i < 70 && !is_disabled(b, 1); i++)
        bed_share(b, 1, 2, 3, 3);
    assert_true(is_disabled(b, 1));
    first_us = bed_clock_us - 3 * STAMP_SECOND;
    /* His turn is to be a moment after the other's verdict: the timers are real. */
    bed_clock_us += 5 * STAMP_SECOND / 2;
    for (i = 0; i < 20 && state_of(b, 2) != USER_PUNISHED; i++)
        bed_share(b, 2, 1, 3, 3);
    assert_int_equal(state_of(b, 2), USER_PUNISHED);
    assert_false(is_disabled(b, 2));
    assert_in_range(bed_clock_us - first_us, 59 * STAMP_SECOND, 60 * STAMP_SECOND);
    bed_clock_us = first_us + 61 * STAMP_SECOND;
    for (i = 0; i < 10 && !is_disabled(b, 2); i++) {
        loop_turn(b->d.loop, 100000);
        bed_settle(b);
    }
    assert_true(is_disabled(b, 2));
}

/* Two convicted, one of them waiting for his turn. */
static void one_waits(struct app_bed *b)
{
    bed_set(b, SET_PUNISH_RATE, "1");
    bed_share(b, 1, 2, 3, 195);
    assert_true(is_disabled(b, 1));
    assert_int_equal(state_of(b, 2), USER_PUNISHED);
    assert_false(is_disabled(b, 2));
}

/* What user 2 was convicted of counts no more: only a verdict of later disables him. */
static void judged_anew(struct app_bed *b)
{
    int64_t later_us;

    bed_wait(b, 1200);
    assert_false(is_disabled(b, 2));
    later_us = bed_clock_us;
    bed_share(b, 1, 2, 3, 195);
    assert_false(is_disabled(b, 2));
    bed_wait(b, 130);
    assert_true(is_disabled(b, 2));
    assert_true(bed_number(b, "SELECT min(at) FROM violations WHERE user_id=2") >= later_us / 1000);
}

/*
 * Let go while he waited, and convicted again much later, waiting again: what is carried out is the new
 * verdict with its own evidence.
 */
static void a_lapsed_verdict_is_not_carried_out(void **state)
{
    struct app_bed *b = *state;

    one_waits(b);
    engine_clear_user(b->d.engine, 2);
    judged_anew(b);
}

/* Enforcement switched off and on again: those who waited are judged anew, not punished. */
static void switching_off_forgets_the_waiting(void **state)
{
    struct app_bed *b = *state;

    one_waits(b);
    bed_set(b, SET_ENFORCEMENT, "shadow");
    bed_set(b, SET_ENFORCEMENT, "on");
    judged_anew(b);
}

static void count_answer(void *arg, int rc, const struct err *err, struct slice json)
{
    (void)err;
    (void)json;
    assert_int_equal(rc, ERR_OK);
    ++*(int *)arg;
}

/* `disabled enable-all` means those, too, whose turn is still to come. */
static void enabling_all_includes_the_waiting(void **state)
{
    const struct op_enable what = {.all = true, .who = SLICE("test")};
    struct app_bed *b = *state;
    int answers = 0;

    one_waits(b);
    b->d.port.enable(&b->d, &what, count_answer, &answers);
    bed_settle(b);
    assert_int_equal(answers, 1);
    bed_wait(b, 120);
    assert_false(is_disabled(b, 1));
    assert_false(is_disabled(b, 2));
    assert_int_equal(state_of(b, 2), USER_CLEAR);
    bed_share(b, 1, 2, 3, 300);
    assert_false(is_disabled(b, 1));
    assert_false(is_disabled(b, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(disabled_and_enabled_in_time, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_turn_is_not_late, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_lapsed_verdict_is_not_carried_out, bed_setup,
                                        bed_teardown),
        cmocka_unit_test_setup_teardown(switching_off_forgets_the_waiting, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(enabling_all_includes_the_waiting, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
