/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app_bed.h"

#include "base/stamp.h"

/* The daily cleanup: when it is done, and what happens when it cannot be done. */

enum { HOUR = 3600 };

static int listed; /* how often the panel was asked for its users */
static int answer; /* what it says */

static void list_users(void *app, op_check_fn fn, void *arg)
{
    struct err err = {0};

    (void)app;
    listed++;
    if (answer)
        fn(arg, err_set(&err, answer, "the panel is away"), &err);
    else
        fn(arg, ERR_OK, &err);
}

/* The janitor comes by every hour for so long. */
static void go_by(struct app_bed *b, int hours)
{
    int i;

    for (i = 0; i < hours; i++) {
        bed_clock_us += HOUR * STAMP_SECOND;
        janitor_clean_up(b->d.janitor);
        bed_settle(b);
    }
}

static int setup(void **state)
{
    struct app_bed *b;

    if (bed_setup(state))
        return -1;
    b = *state;
    b->d.port.list_users = list_users;
    listed = 0;
    answer = ERR_OK;
    return 0;
}

static void once_a_day(void **state)
{
    struct app_bed *b = *state;

    go_by(b, 1);
    assert_int_equal(listed, 1);
    go_by(b, 23);
    assert_int_equal(listed, 1);
    go_by(b, 1);
    assert_int_equal(listed, 2);
    go_by(b, 48);
    assert_int_equal(listed, 4);
}

static void again_in_an_hour_while_the_panel_is_away(void **state)
{
    struct app_bed *b = *state;

    answer = ERR_UNREACHABLE;
    go_by(b, 3);
    assert_int_equal(listed, 3);
    answer = ERR_OK;
    go_by(b, 3);
    assert_int_equal(listed, 4);
}

static void nothing_is_taken_from_users_who_are_there(void **state)
{
    struct app_bed *b = *state;

    bed_number(b, "INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
                  " VALUES(1, 'user1', 3, 1, 'x') RETURNING id");
    go_by(b, 25);
    assert_int_equal(listed, 2);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM special_limits"), 1);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM cleaned"), 0);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(once_a_day),
        WITH_BED(again_in_an_hour_while_the_panel_is_away),
        WITH_BED(nothing_is_taken_from_users_who_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
