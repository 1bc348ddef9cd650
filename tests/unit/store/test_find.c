/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Users by a part of their name, and who came from how many addresses. */
#include "store_bed.h"

#include "store/db_find.h"
#include "store/db_history.h"
#include "store/db_limits.h"
#include "store/db_users.h"

static char listing[1024];

static int list(void *arg, const struct db_found *row)
{
    size_t n = strlen(listing);

    (void)arg;
    snprintf(listing + n, sizeof(listing) - n, "%lld:%.*s ", (long long)row->id, (int)row->name.n,
             row->name.p);
    return 0;
}

/* The ids and names that were found, in order. */
static const char *find(const char *part, int64_t offset, int limit, const struct db_scope *among,
                        int64_t *ret_total)
{
    struct db_find what = {.part = slice_of(part), .only = among, .offset = offset, .limit = limit};

    listing[0] = '\0';
    assert_int_equal(db_find_users(db, &what, list, NULL, ret_total, &err), 0);
    return listing;
}

static void the_best_fit_comes_first(void **state)
{
    static const struct db_user users[] = {{1, SLICE("Alice"), T0},  {2, SLICE("alice"), T0},
                                           {3, SLICE("malice"), T0}, {4, SLICE("ALICE_2"), T0},
                                           {5, SLICE("bob"), T0},    {12, SLICE("x100%_\\y"), T0},
                                           {13, SLICE("u12"), T0},   {14, SLICE("12"), T0}};
    struct db_scope his = {(int64_t[]){3, 4}, 2}, nobodys = {NULL, 0};
    int64_t total = 0;

    (void)state;
    assert_int_equal(db_users_put(db, users, 8, T0, &err), 0);
    assert_string_equal(find("alice", 0, 10, NULL, &total), "2:alice 1:Alice 4:ALICE_2 3:malice ");
    assert_int_equal(total, 4);
    assert_string_equal(find("alice", 2, 1, NULL, &total), "4:ALICE_2 ");
    assert_int_equal(total, 4);
    /* An id as digits: behind the name, before names that hold it. */
    assert_string_equal(find("12", 0, 10, NULL, &total), "14:12 12:x100%_\\y 13:u12 ");
    /* The signs of a pattern stand for themselves. */
    assert_string_equal(find("%", 0, 10, NULL, &total), "12:x100%_\\y ");
    assert_string_equal(find("_", 0, 10, NULL, &total), "4:ALICE_2 12:x100%_\\y ");
    assert_string_equal(find("\\", 0, 10, NULL, &total), "12:x100%_\\y ");
    assert_string_equal(find("nobody", 0, 10, NULL, &total), "");
    assert_int_equal(total, 0);
    find("", 0, 3, NULL, &total);
    assert_int_equal(total, 8);
    assert_string_equal(find("alice", 0, 10, &his, &total), "4:ALICE_2 3:malice ");
    assert_int_equal(total, 2);
    assert_string_equal(find("", 0, 10, &nobodys, &total), "");
    assert_int_equal(total, 0);
}

static int list_many(void *arg, const struct db_many *row)
{
    size_t n = strlen(listing);

    (void)arg;
    snprintf(listing + n, sizeof(listing) - n, "%lld:%.*s %lld/%lld/%lld %d%s; ",
             (long long)row->user_id, (int)row->name.n, row->name.n ? row->name.p : "",
             (long long)row->addresses, (long long)row->nodes, (long long)row->inbounds,
             row->max_devices, row->excepted ? " excepted" : "");
    return 0;
}

static void add_seen(int64_t user, const char *address, int64_t node, int64_t at_us)
{
    struct db_seen s = {user, slice_of(address), node, SLICE("IN"), SLICE("Net"), at_us, at_us, 3};

    assert_int_equal(db_history_add(db, &s, 1, NULL, &err), 0);
}

static void addresses_are_counted_once(void **state)
{
    struct db_many_filter f = {.since_us = T0 - 12 * 3600 * STAMP_SECOND, .least = 1, .limit = 10};
    struct db_limit three = {3, SLICE("malice"), 7, SLICE(""), T0, SLICE("cli")};
    struct db_scope his = {(int64_t[]){3}, 1};
    int64_t total = 0;
    bool fresh;

    (void)state;
    add_seen(2, "60.0.0.1", 1, T0);
    add_seen(2, "60.0.0.1", 2, T0 - 3600 * STAMP_SECOND);
    add_seen(2, "60.0.0.2", 1, T0 - 20 * 3600 * STAMP_SECOND);
    add_seen(3, "60.0.0.3", 1, T0);
    add_seen(3, "60.0.0.4", 1, T0);
    add_seen(99, "60.0.0.5", 1, T0);
    assert_int_equal(db_exceptions_put(db, &three, &fresh, &err), 0);
    assert_int_equal(db_limits_put(db, &three, &fresh, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_history_many(db, &f, list_many, NULL, &total, &err), 0);
    assert_string_equal(listing, "3:malice 2/1/1 7 excepted; 2:alice 1/2/1 -1; 99: 1/1/1 -1; ");
    assert_int_equal(total, 3);
    f.since_us = T0 - 48 * 3600 * STAMP_SECOND;
    f.least = 2;
    f.offset = 1;
    listing[0] = '\0';
    assert_int_equal(db_history_many(db, &f, list_many, NULL, &total, &err), 0);
    assert_string_equal(listing, "3:malice 2/1/1 7 excepted; ");
    assert_int_equal(total, 2);
    f.only = &his;
    f.offset = 0;
    listing[0] = '\0';
    assert_int_equal(db_history_many(db, &f, list_many, NULL, &total, &err), 0);
    assert_string_equal(listing, "3:malice 2/1/1 7 excepted; ");
    assert_int_equal(total, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_best_fit_comes_first),
                                       cmocka_unit_test(addresses_are_counted_once)};

    return cmocka_run_group_tests(tests, bed_open, bed_close);
}
