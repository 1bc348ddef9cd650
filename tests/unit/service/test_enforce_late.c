/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "enforce_test.h"

/* Disabling calls whose answer was lost, after the user is free again: may one still land? */

static enum fp_fate of_disabling;

static enum fp_fate fate(void *ctx, enum fp_kind kind, int64_t id)
{
    (void)ctx;
    (void)id;
    return kind == FP_DISABLE || kind == FP_SET_GROUPS ? of_disabling : FP_OK;
}

/* Punishes with a call of that fate; the calls after it go well. */
static void punish_with(enum fp_fate how, int64_t id, int64_t us)
{
    b->line.fate = fate;
    of_disabling = how;
    assert_int_equal(punish(id, us), ERR_OK);
    bed_settle(b);
    of_disabling = FP_OK;
}

static void on_told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    (void)t;
}

static void sign_notes(bool by_group)
{
    struct enforce_policy p = {by_group, by_group ? FP_DISABLED_GROUP : 0, 0, true};

    enforce_set_policy(b->e, &p);
    b->opts.policy = p;
}

/*
 * On a panel whose call takes the mark along, a mark says that the call has landed, and a call sent once
 * lands once: whoever disables him afterwards is somebody else.
 */
static void a_mark_says_that_it_has_landed(void **state)
{
    (void)state;
    b->panel.old = true;
    sign_notes(false);
    punish_with(FP_LOST_AFTER, 1, 10 * SEC);
    bed_wait(b, 15 * SEC);
    assert_string_equal(state_of(1), "restored");
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    fp_admin_status(&b->panel, user(1), PANEL_STATUS_DISABLED);
    bed_wait(b, 120 * SEC);
    assert_int_equal(user(1)->enables, 1);
    assert_int_equal(user(1)->status, PANEL_STATUS_DISABLED);
    assert_string_equal(b->panel.offence, "");
}

/* The same known over deaths, also where somebody takes the mark away before we look again. */
static void the_next_life_knows_it_as_well(void **state)
{
    int i;

    (void)state;
    b->panel.old = true;
    sign_notes(false);
    for (i = 1; i <= 3; i++) {
        punish_with(FP_LOST_AFTER, i, 60 * SEC);
        if (i > 1)
            bed_wait(b, 10 * SEC);
        restart();
        bed_wait(b, 10 * SEC);
        assert_string_equal(state_of(i), "applied");
        if (i == 3) {
            fp_admin_note(&b->panel, user(i), "vip");
            restart();
        }
        bed_wait(b, 55 * SEC);
        assert_string_equal(state_of(i), "restored");
        b->panel.down = true;
        bed_wait(b, 50 * SEC);
        fp_admin_status(&b->panel, user(i), PANEL_STATUS_DISABLED);
        bed_wait(b, 10 * SEC);
        b->panel.down = false;
        bed_wait(b, 60 * SEC);
        assert_int_equal(user(i)->status, PANEL_STATUS_DISABLED);
    }
    assert_string_equal(b->panel.offence, "");
}

/* Disabled by another hand while the call is on its way: no mark, so the row waits for the call. */
static void without_a_mark_it_is_waited_for(void **state)
{
    (void)state;
    b->panel.old = true;
    sign_notes(false);
    punish_with(FP_LATE_DONE, 1, 5 * SEC); /* 20 s later */
    fp_admin_status(&b->panel, user(1), PANEL_STATUS_DISABLED);
    user(1)->traced = false;
    bed_wait(b, 15 * SEC);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(1), "restoring");
    bed_wait(b, 8 * SEC);
    bed_wait(b, 60 * SEC);
    assert_int_equal(user(1)->enables, 2);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(1), "restored");
    assert_string_equal(user(1)->note, "");
}

/* A mark of the same words that was left there before proves nothing. */
static void nor_does_a_mark_of_before_prove_it(void **state)
{
    static const char left[] = "[pg-limiter until enabled by hand]";
    struct enforce_release what = {.all = true, .who = SLICE("cli")};

    (void)state;
    b->panel.old = true;
    sign_notes(false);
    memcpy(user(1)->note, left, sizeof(left));
    punish_with(FP_LATE_DONE, 1, 0);
    fp_admin_status(&b->panel, user(1), PANEL_STATUS_DISABLED);
    user(1)->traced = false;
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(1), "applied");
    assert_int_equal(enforce_release(b->e, &what, on_told, NULL), ERR_OK);
    bed_wait(b, 5 * SEC);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 80 * SEC);
    assert_int_equal(user(1)->enables, 2);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(1), "restored");
}

/*
 * Free again, the row waiting; then the panel hangs over the end of the minute, answers our look when it
 * is back, and then does what waited in it.
 */
static void a_hang_over_the_end_of_the_minute(void **state)
{
    int old;

    (void)state;
    for (old = 0; old < 2; old++) {
        b->panel.old = old;
        punish_with(FP_LATE_DONE, 1 + old, 5 * SEC);
        fp_admin_toggle(&b->panel, user(1 + old), true);
        user(1 + old)->traced = false;
        fp_put_off(&b->panel, 300 * SEC);
        bed_wait(b, 40 * SEC);
        assert_int_equal(user(1 + old)->status, PANEL_STATUS_ACTIVE);
        b->panel.down = true;
        bed_wait(b, 250 * SEC);
        b->panel.down = false;
        bed_wait(b, 8 * SEC);
        assert_int_equal(user(1 + old)->disables, 0);
        bed_wait(b, 200 * SEC);
        assert_int_equal(user(1 + old)->disables, 1);
        assert_int_equal(user(1 + old)->status, PANEL_STATUS_ACTIVE);
        assert_string_equal(state_of(1 + old), "restored");
    }
}

/* The hang is over before the term is. */
static void a_hang_while_he_is_held(void **state)
{
    (void)state;
    punish_with(FP_LATE_DONE, 1, 300 * SEC);
    fp_admin_toggle(&b->panel, user(1), true);
    user(1)->traced = false;
    fp_put_off(&b->panel, 310 * SEC);
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(1), "applied");
    b->panel.down = true;
    bed_wait(b, 285 * SEC);
    b->panel.down = false;
    bed_wait(b, 10 * SEC);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 90 * SEC);
    assert_int_equal(user(1)->disables, 1);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(1), "restored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_says_that_it_has_landed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_life_knows_it_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_mark_it_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_does_a_mark_of_before_prove_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hang_over_the_end_of_the_minute, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hang_while_he_is_held, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
