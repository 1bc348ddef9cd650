/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include "store/db_violations.h"

/* GET and DELETE /violations. */

static int64_t remembered_id;
static size_t remembered;

static void remember(void *app, int64_t id, const int64_t *at_us, size_t n)
{
    (void)app;
    remembered_id = id;
    remembered = n;
    while (n--)
        assert_true(at_us[n] < BED_NOW);
}

static int64_t add(struct bed *bed, int64_t user, int64_t ago_s, enum db_outcome outcome)
{
    struct db_violation v = {.user_id = user,
                             .name = user == 12 ? SLICE("alice") : SLICE("12345"),
                             .at_us = BED_NOW - ago_s * STAMP_SECOND,
                             .shadow = outcome == DB_OUTCOME_SHADOW,
                             .outcome = outcome,
                             .action = SLICE("disable 15m"),
                             .max_devices = 1,
                             .devices = 2,
                             .evidence = SLICE("{\"active\":2}"),
                             .forgiven_us = STAMP_NONE};
    struct err err;
    int64_t id = 0;

    assert_int_equal(db_violations_add(bed->db, &v, &id, &err), ERR_OK);
    return id;
}

static int setup(void **state)
{
    struct bed *bed;

    if (bed_setup(state))
        return -1;
    bed = *state;
    bed->port.remember = remember;
    remembered_id = 0;
    remembered = 99;
    return 0;
}

static void they_are_listed_newest_first(void **state)
{
    struct bed *bed = *state;

    add(bed, 12, 7200, DB_OUTCOME_APPLIED);
    add(bed, 13, 60, DB_OUTCOME_WARNED);
    add(bed, 12, 30, DB_OUTCOME_SHADOW);
    assert_int_equal(bed_ask(bed, "GET /violations", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 3);
    assert_string_equal(bed_member(bed_first(bed), "outcome"), "shadow");
    assert_string_equal(bed_member(bed_first(bed), "username"), "alice");
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(bed_first(bed), "evidence"), "active")),
                     2);
    assert_int_equal(bed_ask(bed, "GET /violations?username=alice&since=1h", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_int_equal(bed_ask(bed, "GET /violations?counting", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
    assert_int_equal(bed_ask(bed, "GET /violations?offset=2&limit=1", NULL), 200);
    assert_string_equal(bed_member(bed_first(bed), "outcome"), "applied");
    assert_int_equal(bed_ask(bed, "GET /violations?username=nobody", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET /violations?since=0", NULL), 422);
}

static void a_user_is_forgiven_in_database_and_engine(void **state)
{
    struct bed *bed = *state;

    add(bed, 12, 7200, DB_OUTCOME_APPLIED);
    add(bed, 12, 60, DB_OUTCOME_APPLIED);
    add(bed, 13, 60, DB_OUTCOME_APPLIED);
    assert_int_equal(bed_ask(bed, "DELETE /violations?username=alice&since=1h", NULL), 200);
    assert_int_equal(bed_number(bed, "forgiven"), 1);
    assert_int_equal(remembered_id, 12);
    assert_int_equal(remembered, 1); /* the one of two hours ago counts on */
    assert_int_equal(bed_ask(bed, "DELETE /violations?username=id:12", NULL), 200);
    assert_int_equal(bed_number(bed, "forgiven"), 1);
    assert_int_equal(remembered, 0);
    assert_int_equal(bed_ask(bed, "DELETE /violations?username=alice", NULL), 200);
    assert_int_equal(bed_number(bed, "forgiven"), 0);
    assert_int_equal(bed_ask(bed, "GET /violations?username=12345&counting", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    /* Two acts are in the audit log; what forgave nothing is not. */
    assert_int_equal(bed_ask(bed, "GET /events?kind=forgiven", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
}

static void one_is_forgiven_by_its_number(void **state)
{
    struct bed *bed = *state;
    int64_t id = add(bed, 12, 60, DB_OUTCOME_APPLIED);
    char what[64];

    add(bed, 12, 30, DB_OUTCOME_APPLIED);
    snprintf(what, sizeof(what), "DELETE /violations/%lld", (long long)id);
    assert_int_equal(bed_ask(bed, what, NULL), 200);
    assert_string_equal(bed_text(bed, "username"), "alice");
    assert_int_equal(bed_number(bed, "forgiven"), 1);
    assert_int_equal(remembered_id, 12);
    assert_int_equal(remembered, 1);
    assert_int_equal(bed_ask(bed, what, NULL), 200);
    assert_int_equal(bed_number(bed, "forgiven"), 0);
    assert_int_equal(bed_ask(bed, "DELETE /violations/999", NULL), 404);
    assert_int_equal(bed_ask(bed, "DELETE /violations/0", NULL), 422);
    assert_int_equal(bed_ask(bed, "DELETE /violations", NULL), 422);
    assert_int_equal(bed_ask(bed, "DELETE /violations?username=nobody", NULL), 404);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(they_are_listed_newest_first),
        WITH_BED(a_user_is_forgiven_in_database_and_engine),
        WITH_BED(one_is_forgiven_by_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
