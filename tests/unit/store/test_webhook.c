/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_bed.h"

#include "store/db_webhook.h"

static int64_t happen(int64_t at_us)
{
    struct db_event ev = {.at_us = at_us,
                          .kind = SLICE("limit"),
                          .who = SLICE("cli"),
                          .what = SLICE("x")};
    int64_t id = 0;

    assert_int_equal(db_events_add(db, &ev, &id, &err), 0);
    return id;
}

static struct db_webhook begin(void)
{
    struct db_webhook w = {0};

    assert_int_equal(db_webhook_begin(db, &w, &err), 0);
    return w;
}

static struct db_webhook give_up(int64_t upto, int64_t before_us, int64_t most)
{
    struct db_webhook w = {0};

    assert_int_equal(db_webhook_give_up(db, upto, before_us, most, &w, &err), 0);
    return w;
}

static void it_begins_with_what_comes(void **state)
{
    (void)state;
    assert_int_equal(begin().done_id, 0);
    assert_int_equal(db_webhook_end(db, &err), 0);
    happen(T0);
    happen(T0);
    assert_int_equal(begin().done_id, 2);
    happen(T0);
    assert_int_equal(begin().done_id, 2); /* it stands there already */
    assert_int_equal(db_webhook_delivered(db, 3, T0, &err), 0);
    assert_int_equal(begin().done_id, 3);
    assert_int_equal(begin().delivered_us, T0);
    assert_int_equal(db_webhook_delivered(db, 1, T0, &err), 0); /* run twice, late: never back */
    assert_int_equal(begin().done_id, 3);
    /* Expired events have had their numbers. */
    assert_int_equal(db_webhook_end(db, &err), 0);
    bed_run("DELETE FROM events");
    assert_int_equal(begin().done_id, 3);
    assert_int_equal(begin().delivered_us, STAMP_NONE);
    /* A position beyond the queue would let nothing out. */
    bed_run("UPDATE webhook SET done_id=99");
    assert_int_equal(begin().done_id, 3);
    assert_int_equal(happen(T0), 4);
}

static void what_is_too_old_or_too_much_is_given_up_and_counted(void **state)
{
    struct db_webhook w;
    int i;

    (void)state;
    begin();
    for (i = 0; i < 10; i++)
        happen(T0 + i * DAY);
    w = give_up(0, T0, 100);
    assert_int_equal(w.done_id, 0);
    assert_int_equal(w.lost, 0);
    w = give_up(0, T0 + 3 * DAY, 100);
    assert_int_equal(w.done_id, 3);
    assert_int_equal(w.lost, 3);
    w = give_up(0, T0 + 3 * DAY, 100); /* again: nothing more */
    assert_int_equal(w.lost, 3);
    w = give_up(0, T0, 4);
    assert_int_equal(w.done_id, 6);
    assert_int_equal(w.lost, 6);
    w = give_up(7, T0, 100); /* one that is refused */
    assert_int_equal(w.done_id, 7);
    assert_int_equal(w.lost, 7);
    bed_run("DELETE FROM events WHERE id<=9"); /* retention */
    w = give_up(9, T0, 100);
    assert_int_equal(w.lost, 9);
    w = give_up(0, T0 + 99 * DAY, 100);
    assert_int_equal(w.done_id, 10);
    assert_int_equal(w.lost, 10);
}

static void without_a_row_nothing_is_given_up(void **state)
{
    struct db_webhook w;

    (void)state;
    happen(T0);
    assert_int_equal(db_webhook_give_up(db, 5, T0, 1, &w, &err), ERR_NOT_FOUND);
    assert_int_equal(db_webhook_delivered(db, 1, T0, &err), 0);
    assert_int_equal(begin().done_id, 1);
}

/* A clock that was set back leaves younger events before older ones: only what leads is given up. */
static void times_need_not_rise(void **state)
{
    (void)state;
    begin();
    happen(T0 + 5 * DAY);
    happen(T0);
    assert_int_equal(give_up(0, T0 + DAY, 100).done_id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_begins_with_what_comes, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(what_is_too_old_or_too_much_is_given_up_and_counted,
                                        bed_open, bed_close),
        cmocka_unit_test_setup_teardown(without_a_row_nothing_is_given_up, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(times_need_not_rise, bed_open, bed_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
