/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "enforce_test.h"

/*
 * How often a change is tried before the person who waits for it is told: three times where it was
 * certainly not made, each after a look at the user; once where nobody knows.
 */

static enum fp_fate wrong;              /* of the next calls that change something */
static int n_wrong, n_reads, n_changes; /* so many of them; calls seen */
static bool fills_up;                   /* the disk is full from the next change on */

static enum fp_fate fate(void *ctx, enum fp_kind kind, int64_t id)
{
    (void)ctx;
    (void)id;
    if (kind == FP_READ) {
        n_reads++;
        return FP_OK;
    }
    n_changes++;
    if (fills_up)
        b->store_rc = ERR_FULL;
    if (n_wrong == 0)
        return FP_OK;
    n_wrong--;
    return wrong;
}

static int n_told;
static enum enforce_result told_last;

static void on_told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    if (!t)
        return;
    n_told++;
    told_last = t->result;
}

static void calls_go_wrong(enum fp_fate how, int n)
{
    wrong = how;
    n_wrong = n;
    n_reads = n_changes = n_told = 0;
    fills_up = false;
    b->line.fate = fate;
}

static void press(int64_t id)
{
    struct enforce_release what = {.ids = &id, .n = 1, .who = SLICE("cli")};

    assert_int_equal(enforce_release(b->e, &what, on_told, NULL), ERR_OK);
}

/* Until somebody is told, for some seconds at the most. */
static void wait_told(void)
{
    int64_t start = b->panel.now_us;

    while (n_told == 0 && b->panel.now_us - start < 20 * SEC)
        bed_wait(b, SEC / 20);
    assert_true(b->panel.now_us - start <= 5 * SEC);
}

static void check_told(enum enforce_result result, int changes)
{
    assert_int_equal(n_told, 1);
    assert_int_equal(told_last, result);
    assert_int_equal(n_changes, changes);
}

static void by_either_method(int64_t id)
{
    /* Twice in vain, and the third one does it. */
    disable(id, 600 * SEC);
    calls_go_wrong(FP_UNREACHABLE, 2);
    press(id);
    wait_told();
    check_told(ENFORCE_ENABLED, 3);
    assert_true(n_reads >= 3);
    bed_settle(b);
    assert_string_equal(state_of(id), "restored");
    /* Three in vain are told; it goes on by itself. */
    disable(id + 1, 600 * SEC);
    calls_go_wrong(FP_UNREACHABLE, 4);
    press(id + 1);
    wait_told();
    check_told(ENFORCE_FAILED, 3);
    bed_wait(b, 60 * SEC);
    assert_string_equal(state_of(id + 1), "restored");
    assert_int_equal(n_changes, 5);
}

static void enabling_is_tried_three_times(void **state)
{
    (void)state;
    by_either_method(1);
    use_groups(0);
    by_either_method(3);
}

/* With a pause of minutes since the daemon's own tries, a press begins with short ones again. */
static void a_press_begins_anew(void **state)
{
    (void)state;
    disable(1, 10 * SEC);
    calls_go_wrong(FP_UNREACHABLE, 100);
    bed_wait(b, 900 * SEC);
    assert_true(n_wrong > 80);
    n_changes = 0;
    press(1);
    wait_told();
    check_told(ENFORCE_FAILED, 3);
    calls_go_wrong(FP_UNREACHABLE, 2);
    press(1); /* and each person has three of his own */
    wait_told();
    check_told(ENFORCE_ENABLED, 3);
}

static void what_is_not_known_is_told_at_once(void **state)
{
    static const enum fp_fate unclear[] = {FP_LOST_BEFORE, FP_NO};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        disable((int64_t)i + 1, 600 * SEC);
        calls_go_wrong(unclear[i], 1);
        press((int64_t)i + 1);
        bed_wait(b, SEC / 5);
        check_told(ENFORCE_FAILED, 1);
        bed_wait(b, 10 * SEC);
        assert_int_equal(n_told, 1);
    }
}

static int order_rc;

static void on_ordered(void *arg, int rc, const char *text, const struct enforce_view *view)
{
    (void)arg;
    (void)text;
    (void)view;
    n_told++;
    order_rc = rc;
}

static void order(int64_t id)
{
    struct enforce_case c = bed_case(b, id, 600 * SEC);
    struct err err = {0};

    c.ordered_by = SLICE("cli");
    c.told = on_ordered;
    assert_int_equal(enforce_punish(b->e, &c, &err), ERR_OK);
}

static void an_order_to_disable_as_well(void **state)
{
    (void)state;
    calls_go_wrong(FP_UNREACHABLE, 2);
    order(1);
    wait_told();
    assert_int_equal(n_told, 1);
    assert_int_equal(order_rc, ERR_OK);
    assert_int_equal(n_changes, 3);
    calls_go_wrong(FP_UNREACHABLE, 3);
    order(2);
    wait_told();
    assert_int_equal(order_rc, ERR_BUSY);
    assert_int_equal(n_changes, 3);
    bed_wait(b, 60 * SEC);
    assert_string_equal(state_of(2), "applied");
    /* Nobody knows what became of it: told at once, and not sent again. */
    calls_go_wrong(FP_LOST_BEFORE, 1);
    order(3);
    bed_wait(b, SEC / 5);
    assert_int_equal(n_told, 1);
    assert_int_equal(order_rc, ERR_BUSY);
    bed_wait(b, 90 * SEC);
    assert_int_equal(n_changes, 1);
    /* The panel goes away in between. */
    calls_go_wrong(FP_UNREACHABLE, 1);
    order(4);
    bed_wait(b, SEC / 5);
    b->panel.down = true;
    bed_wait(b, 5 * SEC);
    assert_int_equal(n_told, 1);
    assert_int_equal(order_rc, ERR_BUSY);
}

/* Whatever hangs, whoever gave an order hears of it within half a minute. */
static void no_order_waits_for_ever(void **state)
{
    int64_t i;

    (void)state;
    calls_go_wrong(FP_OK, 0);
    b->line.delay_us = 200 * SEC; /* the panel hangs */
    for (i = 1; i <= 12; i++)
        order(i);
    bed_wait(b, 29 * SEC);
    assert_int_equal(n_told, 0);
    bed_wait(b, 2 * SEC);
    assert_int_equal(n_told, 12);
    assert_int_equal(order_rc, ERR_BUSY);
    b->line.delay_us = 0;
    bed_wait(b, 250 * SEC);
    assert_int_equal(n_told, 12);
    for (i = 1; i <= 12; i++)
        assert_string_equal(state_of(i), "applied");
    /* The disk fills up while the end of one is to be written. */
    calls_go_wrong(FP_NO, 1);
    fills_up = true;
    order(13);
    bed_wait(b, 2 * SEC);
    assert_string_equal(state_of(13), "intended");
    bed_wait(b, 29 * SEC);
    assert_int_equal(n_told, 1);
    assert_int_equal(order_rc, ERR_BUSY);
    b->store_rc = 0;
    bed_wait(b, 60 * SEC);
    assert_int_equal(n_told, 1);
    assert_string_equal(state_of(13), "cancelled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(enabling_is_tried_three_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_press_begins_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_told_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_to_disable_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_order_waits_for_ever, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
