/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <string.h>

#include "store/db_users.h"
#include "store/db_violations.h"

/* GET /users, POST /users/{user}/clear, reports, and forgiving everyone. */

static int cleared, may_clear;
static size_t remembered;

static void brief(void *app, int64_t id, struct op_brief *ret)
{
    (void)app;
    *ret = (struct op_brief){.state = id == 12 ? "monitoring" : "not seen",
                             .limit = 2,
                             .limit_from = "general",
                             .devices = id == 12 ? 3 : 0,
                             .disabled = id == 13};
}

static int clear(void *app, int64_t id, bool really)
{
    (void)app;
    if (may_clear == 0 && really)
        cleared = (int)id;
    return may_clear;
}

static void remember(void *app, int64_t id, const int64_t *at_us, size_t n)
{
    (void)app;
    (void)at_us;
    assert_true(id == 12 || id == 13);
    assert_int_equal(n, 0);
    remembered++;
}

static int setup(void **state)
{
    struct bed *bed;

    if (bed_setup(state))
        return -1;
    bed = *state;
    bed->port.brief = brief;
    bed->port.clear = clear;
    bed->port.remember = remember;
    cleared = may_clear = 0;
    remembered = 0;
    return 0;
}

static void users_are_found_by_a_part(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /users?search=LIC", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_string_equal(bed_member(bed_first(bed), "username"), "alice");
    assert_string_equal(bed_member(bed_first(bed), "state"), "monitoring");
    assert_int_equal(json_integer_value(json_object_get(bed_first(bed), "devices")), 3);
    assert_true(json_is_false(json_object_get(bed_first(bed), "disabled")));
    assert_int_equal(bed_ask(bed, "GET /users?search=id:13", NULL), 200);
    assert_string_equal(bed_member(bed_first(bed), "username"), "12345");
    assert_int_equal(bed_ask(bed, "GET /users?limit=1&offset=1", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
    assert_int_equal(json_array_size(json_object_get(bed->json, "data")), 1);
    /* What the engine knows is null without a daemon. */
    bed->port.brief = NULL;
    assert_int_equal(bed_ask(bed, "GET /users?search=alice", NULL), 200);
    assert_true(json_is_null(json_object_get(bed_first(bed), "state")));
    assert_true(json_is_null(json_object_get(bed_first(bed), "disabled")));
}

static void names_near_to_it_are_offered(void **state)
{
    struct bed *bed = *state;
    static const struct db_user users[] = {{21, SLICE("alina"), STAMP_NONE},
                                           {22, SLICE("zzz"), STAMP_NONE}};
    struct err err;
    json_t *near;

    assert_int_equal(db_users_put(bed->db, users, 2, BED_NOW, &err), ERR_OK);
    assert_int_equal(bed_ask(bed, "GET /users?search=alcie", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
    near = json_object_get(bed->json, "near");
    assert_int_equal(json_array_size(near), 1);
    assert_string_equal(bed_member(json_array_get(near, 0), "username"), "alice");
    assert_int_equal(bed_ask(bed, "GET /users?search=nothinglikeit", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(bed->json, "near")), 0);
}

static void monitoring_is_cleared_and_told(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "POST /users/alice/clear", NULL), 200);
    assert_int_equal(cleared, 12);
    assert_int_equal(bed_ask(bed, "GET /events?kind=cleared", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_string_equal(bed_member(bed_first(bed), "username"), "alice");
    assert_string_equal(bed_member(bed_first(bed), "who"), "cli");
    cleared = 0;
    may_clear = ERR_NOT_FOUND;
    assert_int_equal(bed_ask(bed, "POST /users/alice/clear", NULL), 404);
    may_clear = ERR_REFUSED;
    assert_int_equal(bed_ask(bed, "POST /users/alice/clear", NULL), 409);
    may_clear = 0;
    assert_int_equal(bed_ask(bed, "POST /users/nobody/clear", NULL), 404);
    assert_int_equal(cleared, 0);
    assert_int_equal(bed_ask(bed, "GET /events?kind=cleared", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
}

static void add(struct bed *bed, int64_t user, int64_t ago_s, enum db_outcome outcome)
{
    struct db_violation v = {.user_id = user,
                             .name = SLICE("x"),
                             .at_us = BED_NOW - ago_s * STAMP_SECOND,
                             .shadow = outcome == DB_OUTCOME_SHADOW,
                             .outcome = outcome,
                             .action = SLICE("disable 15m"),
                             .evidence = SLICE("{}"),
                             .forgiven_us = STAMP_NONE};
    struct err err;
    int64_t id = 0;

    assert_int_equal(db_violations_add(bed->db, &v, &id, &err), ERR_OK);
}

static void everyone_is_forgiven_once_it_was_said_twice(void **state)
{
    struct bed *bed = *state;

    add(bed, 12, 100, DB_OUTCOME_APPLIED);
    add(bed, 12, 50, DB_OUTCOME_WARNED);
    add(bed, 13, 60, DB_OUTCOME_APPLIED);
    add(bed, 14, 60, DB_OUTCOME_SHADOW);
    assert_int_equal(bed_ask(bed, "DELETE /violations?all=true", NULL), 409);
    assert_string_equal(bed_text(bed, "code"), "confirm_needed");
    assert_non_null(strstr(bed_text(bed, "detail"), "3 violations of 2 users"));
    assert_int_equal(remembered, 0);
    assert_int_equal(bed_ask(bed, "DELETE /violations?all=true&username=alice", NULL), 422);
    assert_int_equal(bed_ask(bed, "DELETE /violations?all=true&since=1h", NULL), 422);
    assert_int_equal(bed_ask(bed, "DELETE /violations?all=true&confirm=true", NULL), 200);
    assert_int_equal(bed_number(bed, "forgiven"), 3);
    assert_int_equal(remembered, 2);
    assert_int_equal(bed_ask(bed, "GET /violations?counting", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
    assert_int_equal(bed_ask(bed, "GET /violations", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 4);
    assert_int_equal(bed_ask(bed, "GET /events?kind=forgiven", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    /* With nothing left there is nothing to ask. */
    assert_int_equal(bed_ask(bed, "DELETE /violations?all=true", NULL), 200);
    assert_int_equal(bed_number(bed, "forgiven"), 0);
}

static void reports_need_the_daemon(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /reports/addresses?hours=48", NULL), 200);
    assert_int_equal(bed_number(bed, "hours"), 48);
    assert_int_equal(bed_ask(bed, "GET /reports/addresses?hours=0", NULL), 422);
    bed->port.status_json = NULL;
    assert_int_equal(bed_ask(bed, "GET /reports/connections", NULL), 503);
    assert_int_equal(bed_ask(bed, "GET /reports/nodes", NULL), 503);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(users_are_found_by_a_part),
        WITH_BED(names_near_to_it_are_offered),
        WITH_BED(monitoring_is_cleared_and_told),
        WITH_BED(everyone_is_forgiven_once_it_was_said_twice),
        WITH_BED(reports_need_the_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
