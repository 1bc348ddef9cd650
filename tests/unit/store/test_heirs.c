/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_bed.h"

#include "store/db_cleanup.h"
#include "store/db_heirs.h"

static char seen[512];

static void put(int64_t id, const char *name, int64_t created_us, int64_t seen_us)
{
    struct db_user user = {id, slice_of(name), created_us};

    assert_int_equal(db_users_put(db, &user, 1, seen_us, &err), ERR_OK);
}

static int set_up(void **state)
{
    (void)state;
    if (bed_open(state))
        return -1;
    put(1, "one", T0, T0);
    put(2, "two", T0, T0);
    put(3, "three", T0, T0);
    bed_run("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
            " VALUES(1, 'one', 3, 1, 'x'), (2, 'two', 0, 1, 'x')");
    bed_run("INSERT INTO exceptions(user_id, name, reason, updated_at, updated_by)"
            " VALUES(2, 'two', 'a friend', 1, 'x'), (3, 'three', 'boss', 1, 'x')");
    return 0;
}

static int take(void *arg, const struct db_heir *row)
{
    size_t n = strlen(seen);

    (void)arg;
    snprintf(seen + n, sizeof(seen) - n, "%lld:%.*s:%lld:%d:%d:%.*s ", (long long)row->user_id,
             (int)row->name.n, row->name.p, (long long)row->old_id, row->max_devices, row->excepted,
             (int)row->reason.n, row->reason.n ? row->reason.p : "");
    return ERR_OK;
}

static const char *heirs(int64_t id)
{
    seen[0] = '\0';
    assert_int_equal(db_heirs_each(db, id, take, NULL, &err), ERR_OK);
    return seen;
}

/* Users 1 to 3 are not listed any more. */
static void all_gone(void)
{
    assert_int_equal(db_gone_mark(db, T0 + DAY, T0 + DAY, &err), ERR_OK);
}

static void a_new_id_under_an_old_name(void **state)
{
    bool is;

    (void)state;
    put(11, "one", T0 + DAY, T0 + DAY);
    put(12, "two", T0 + DAY, T0 + DAY);
    put(14, "four", T0 + DAY, T0 + DAY);
    assert_string_equal(heirs(0), ""); /* before a listing, one may have been renamed */
    assert_int_equal(db_heirs_namesake(db, 11, SLICE("one"), &is, &err), ERR_OK);
    assert_true(is);
    assert_int_equal(db_heirs_namesake(db, 14, SLICE("four"), &is, &err), ERR_OK);
    assert_false(is);
    all_gone();
    assert_string_equal(heirs(0), "11:one:1:3:0: 12:two:2:0:1:a friend ");
    assert_string_equal(heirs(11), "11:one:1:3:0: ");
    assert_int_equal(db_heirs_namesake(db, 11, SLICE("one"), &is, &err), ERR_OK);
    assert_false(is);
    /* Who has an entry of that kind is offered the other one only. */
    bed_run("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
            " VALUES(11, 'one', 1, 1, 'x'), (12, 'two', 1, 1, 'x')");
    assert_string_equal(heirs(0), "12:two:2:-1:1:a friend ");
    assert_int_equal(db_heirs_forget(db, 12, &err), ERR_OK);
    assert_string_equal(heirs(0), "");
    assert_int_equal(db_heirs_forget(db, 12, &err), ERR_NOT_FOUND);
    /* The old one himself comes back: nobody is another's heir. */
    put(3, "three", T0, T0 + 2 * DAY);
    put(13, "three", T0 + DAY, T0 + 2 * DAY);
    assert_string_equal(heirs(0), "");
}

static void after_a_cleanup_too(void **state)
{
    int64_t ids[] = {1, 2, 3}, id = 0;

    (void)state;
    all_gone();
    assert_int_equal(db_cleanup_run(db, ids, 3, T0 + DAY, T0 + 2 * DAY, SLICE("x"), &id, &err),
                     ERR_OK);
    put(13, "three", T0 + 3 * DAY, T0 + 3 * DAY);
    put(21, "one", T0 + 3 * DAY, T0 + 3 * DAY);
    assert_string_equal(heirs(0), "21:one:1:3:0: 13:three:3:-1:1:boss ");
    assert_int_equal(db_heirs_forget(db, 21, &err), ERR_OK);
    assert_string_equal(heirs(0), "13:three:3:-1:1:boss ");
    assert_int_equal(db_cleanup_expire(db, T0 + 9 * DAY, &err), ERR_OK);
    assert_string_equal(heirs(0), "");
}

static int nothing(void *arg, const struct db_gone *row)
{
    (void)arg;
    (void)row;
    return ERR_OK;
}

/* A panel that gives an id out again: what stood for the one of before does not hold for the other. */
static void an_id_given_to_somebody_else(void **state)
{
    struct db_user now[] = {{1, SLICE("one"), T0},
                            {2, SLICE("other"), T0 + DAY},
                            {3, SLICE("three"), T0 + DAY},
                            {4, SLICE("four"), T0 + DAY},
                            {5, SLICE("five"), STAMP_NONE}};
    size_t n = 9;
    int64_t id = 0;

    (void)state;
    assert_int_equal(db_heirs_set_aside(db, now, 5, T0 + DAY, &n, &err), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(db_users_put(db, now, 5, T0 + DAY, &err), ERR_OK);
    assert_string_equal(heirs(0), "3:three:3:-1:1:boss ");
    put(7, "two", T0 + DAY, T0 + DAY);
    assert_string_equal(heirs(7), "7:two:2:0:1:a friend ");
    assert_int_equal(db_heirs_set_aside(db, now, 5, T0 + DAY, &n, &err), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sql_number(db, &id, &err, "SELECT count(*) FROM cleanups", ""), ERR_OK);
    assert_int_equal(id, 1);
    /* It is no cleanup that somebody has made and may want back. */
    assert_int_equal(db_cleanup_undo(db, 0, T0 + DAY, SLICE("x"), &id, nothing, NULL, &err),
                     ERR_NOT_FOUND);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, bed_close)

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_new_id_under_an_old_name), T(after_a_cleanup_too),
                                       T(an_id_given_to_somebody_else)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
