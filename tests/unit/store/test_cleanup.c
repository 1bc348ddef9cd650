/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_bed.h"

#include "store/db_cleanup.h"
#include "store/db_users.h"

static char seen[256];

static int64_t number(const char *sql)
{
    int64_t n = -1;

    return sql_number(db, &n, &err, sql, "") ? -1 : n;
}

/* Users 1 to 4; 1 has a limit, 2 limit and exception, 3 nothing, 4 an exception. */
static int set_up(void **state)
{
    struct db_user users[] = {{1, SLICE("one"), STAMP_NONE},
                              {2, SLICE("two"), T0},
                              {3, SLICE("three"), STAMP_NONE},
                              {4, SLICE("four"), STAMP_NONE}};

    (void)state;
    if (bed_open(state) || db_users_put(db, users, 4, T0, &err))
        return -1;
    bed_run("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
            " VALUES(1, 'one', 3, 1, 'x'), (2, 'two', 0, 1, 'x')");
    bed_run("INSERT INTO exceptions(user_id, name, reason, updated_at, updated_by)"
            " VALUES(2, 'two', 'a friend', 1, 'x'), (4, 'four', '', 1, 'x')");
    return 0;
}

static int take(void *arg, const struct db_gone *row)
{
    size_t n = strlen(seen);

    (void)arg;
    snprintf(seen + n, sizeof(seen) - n, "%lld:%.*s:%d:%d:%s ", (long long)row->user_id,
             (int)row->name.n, row->name.p, row->max_devices, row->excepted,
             row->result ? row->result : "-");
    return ERR_OK;
}

static const char *gone(int64_t before_us)
{
    seen[0] = '\0';
    assert_int_equal(db_gone_each(db, before_us, 100, take, NULL, &err), ERR_OK);
    return seen;
}

static const char *undo(int64_t id, int *ret_rc)
{
    int64_t which = 0;

    seen[0] = '\0';
    *ret_rc = db_cleanup_undo(db, id, T0 + 9 * DAY, SLICE("y"), &which, take, NULL, &err);
    return seen;
}

/* A listing a day later in which only user 4 still is. */
static void all_but_four_leave(void)
{
    struct db_user four = {4, SLICE("four"), STAMP_NONE};

    assert_int_equal(db_users_put(db, &four, 1, T0 + DAY, &err), ERR_OK);
    assert_int_equal(db_gone_mark(db, T0 + DAY, T0 + DAY + 5 * STAMP_SECOND, &err), ERR_OK);
}

static void who_is_gone_is_known_with_what_he_had(void **state)
{
    int64_t n = 0;

    (void)state;
    assert_string_equal(gone(T0 + 100 * DAY), "");
    all_but_four_leave();
    assert_int_equal(db_gone_present(db, &n, &err), ERR_OK);
    assert_int_equal(n, 1);
    /* User 3 has nothing to lose, and nobody has been away long enough before the mark. */
    assert_string_equal(gone(T0 + 2 * DAY), "1:one:3:0:- 2:two:0:1:- ");
    assert_string_equal(gone(T0 + DAY), "");
    /* A second listing without them does not begin their absence anew; one with them ends it. */
    assert_int_equal(db_gone_mark(db, T0 + 3 * DAY, T0 + 3 * DAY, &err), ERR_OK);
    assert_string_equal(gone(T0 + 2 * DAY), "1:one:3:0:- 2:two:0:1:- ");
    assert_int_equal(db_users_put(db, &(struct db_user){1, SLICE("one"), STAMP_NONE}, 1,
                                  T0 + 4 * DAY, &err),
                     ERR_OK);
    assert_string_equal(gone(T0 + 2 * DAY), "2:two:0:1:- ");
}

static void whom_we_disabled_is_left_alone(void **state)
{
    (void)state;
    all_but_four_leave();
    bed_run(
        "INSERT INTO violations(user_id, name, at, mode, outcome, step, action, max_devices, devices,"
        " evidence) VALUES(1, 'one', 1, 'on', 'applied', 0, 'disable 15m', 1, 2, '{}')");
    bed_run(
        "INSERT INTO enforcements(user_id, name, verdict_id, action, method, state, status_before,"
        " groups_before, intended_at) SELECT 1, 'one', id, action, 'status', 'applied', 'active', '[]', 1"
        " FROM violations");
    assert_string_equal(gone(T0 + 2 * DAY), "2:two:0:1:- ");
}

static void what_was_taken_can_be_given_back_once(void **state)
{
    static const int64_t ids[] = {1, 2, 99};
    int64_t id = 0;
    int rc;

    (void)state;
    undo(0, &rc);
    assert_int_equal(rc, ERR_NOT_FOUND);
    all_but_four_leave();
    assert_int_equal(db_cleanup_run(db, ids, 3, T0 + 2 * DAY, T0 + 8 * DAY, SLICE("x"), &id, &err),
                     ERR_OK);
    assert_true(id > 0);
    assert_int_equal(number("SELECT count(*) FROM special_limits"), 0);
    assert_int_equal(number("SELECT group_concat(user_id) FROM exceptions"), 4);
    /* User 3, gone without entries, is forgotten along with them. */
    assert_int_equal(number("SELECT group_concat(id) FROM users"), 4);
    bed_run("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
            " VALUES(1, 'one', 9, 1, 'z')");
    assert_string_equal(undo(0, &rc), "1:one:3:0:has one again 2:two:0:1:restored ");
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(number("SELECT max_devices FROM special_limits WHERE user_id=1"), 9);
    assert_int_equal(number("SELECT max_devices FROM special_limits WHERE user_id=2"), 0);
    assert_int_equal(number(
                         "SELECT count(*) FROM exceptions WHERE user_id=2 AND reason='a friend'"),
                     1);
    undo(id, &rc);
    assert_int_equal(rc, ERR_NOT_FOUND);
}

static void who_came_back_meanwhile_loses_nothing(void **state)
{
    static const int64_t ids[] = {1};
    struct db_user one = {1, SLICE("one"), STAMP_NONE};
    int64_t id = 0;

    (void)state;
    all_but_four_leave();
    assert_int_equal(db_users_put(db, &one, 1, T0 + 3 * DAY, &err), ERR_OK);
    assert_int_equal(db_cleanup_run(db, ids, 1, T0, T0 + 8 * DAY, SLICE("x"), &id, &err), ERR_OK);
    assert_int_equal(number("SELECT max_devices FROM special_limits WHERE user_id=1"), 3);
    assert_int_equal(number("SELECT count(*) FROM cleaned"), 0);
}

static void old_cleanups_are_forgotten(void **state)
{
    static const int64_t ids[] = {2};
    int64_t id = 0;
    int rc;

    (void)state;
    all_but_four_leave();
    assert_int_equal(db_cleanup_run(db, ids, 1, T0, T0 + 8 * DAY, SLICE("x"), &id, &err), ERR_OK);
    assert_int_equal(db_cleanup_expire(db, T0 + 8 * DAY, &err), ERR_OK);
    assert_int_equal(number("SELECT count(*) FROM cleaned"), 1);
    assert_int_equal(db_cleanup_expire(db, T0 + 8 * DAY + STAMP_SECOND, &err), ERR_OK);
    assert_int_equal(number("SELECT count(*) FROM cleaned"), 0);
    undo(0, &rc);
    assert_int_equal(rc, ERR_NOT_FOUND);
}

#define WITH_DB(fn) cmocka_unit_test_setup_teardown(fn, set_up, bed_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DB(who_is_gone_is_known_with_what_he_had),
        WITH_DB(whom_we_disabled_is_left_alone),
        WITH_DB(what_was_taken_can_be_given_back_once),
        WITH_DB(who_came_back_meanwhile_loses_nothing),
        WITH_DB(old_cleanups_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
