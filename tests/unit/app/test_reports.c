/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the daemon reports of what is connected, how single users stand, and clearing one. */
#include "app_bed.h"

#include <jansson.h>

#include "base/stamp.h"

struct answer {
    int n, status;
    json_t *json;
};

static void take(void *arg, int status, struct slice json)
{
    struct answer *a = arg;

    a->n++;
    a->status = status;
    json_decref(a->json);
    a->json = json_loadb(json.p, json.n, 0, NULL);
    assert_non_null(a->json);
}

static struct answer got;

static int ask(struct app_bed *b, enum op_method method, const char *path, const char *query)
{
    struct op_request req = {.method = method,
                             .path = slice_of(path),
                             .query = slice_of(query),
                             .who = SLICE("test")};

    got.n = 0;
    op_call(&b->d.port, &req, take, &got);
    bed_settle(b);
    assert_int_equal(got.n, 1);
    return got.status;
}

static int64_t number(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static json_t *row(size_t i)
{
    return json_array_get(json_object_get(got.json, "data"), i);
}

static void what_is_connected(void **state)
{
    struct app_bed *b = *state;

    bed_share(b, 1, 3, 3, 60);
    bed_share(b, 50, 1, 1, 5);
    assert_int_equal(ask(b, OP_GET, "/reports/connections", ""), 200);
    assert_int_equal(number(got.json, "users"), 4);
    assert_int_equal(number(got.json, "devices"), 10);
    assert_int_equal(number(got.json, "addresses"), 10);
    assert_int_equal(number(got.json, "several"), 3);
    assert_int_equal(number(got.json, "over_limit"), 3);
    assert_int_equal(number(got.json, "monitoring"), 3);
    assert_int_equal(number(got.json, "nodes"), 1);
    assert_int_equal(ask(b, OP_GET, "/reports/nodes", ""), 200);
    assert_int_equal(number(got.json, "total"), 1);
    assert_int_equal(number(row(0), "id"), 1);
    assert_int_equal(number(row(0), "users"), 4);
    assert_int_equal(number(row(0), "addresses"), 10);
    assert_int_equal(ask(b, OP_GET, "/reports/inbounds", ""), 200);
    assert_int_equal(number(got.json, "total"), 1);
    assert_int_equal(number(row(0), "users"), 4);
    assert_int_equal(ask(b, OP_GET, "/reports/inbounds", "offset=1"), 200);
    assert_int_equal(json_array_size(json_object_get(got.json, "data")), 0);
}

static void users_of_a_node(void **state)
{
    struct app_bed *b = *state;

    bed_share(b, 1, 2, 3, 30);
    bed_share(b, 50, 1, 1, 5);
    assert_int_equal(ask(b, OP_GET, "/users/active", "devices=2"), 200);
    assert_int_equal(number(got.json, "total"), 2);
    assert_int_equal(ask(b, OP_GET, "/users/active", "node=1"), 200);
    assert_int_equal(number(got.json, "total"), 3);
    assert_int_equal(ask(b, OP_GET, "/users/active", "node=2"), 200);
    assert_int_equal(number(got.json, "total"), 0);
    assert_int_equal(ask(b, OP_GET, "/users/active", "inbound=nowhere"), 200);
    assert_int_equal(number(got.json, "total"), 0);
}

static void one_is_cleared_while_he_is_monitored(void **state)
{
    struct app_bed *b = *state;
    struct op_brief brief;

    assert_int_equal(ask(b, OP_POST, "/users/id:1/clear", ""), 404);
    bed_share(b, 1, 1, 3, 150);
    b->d.port.brief(&b->d, 1, &brief);
    assert_string_equal(brief.state, "monitoring");
    assert_int_equal(brief.devices, 3);
    assert_false(brief.disabled);
    assert_int_equal(ask(b, OP_POST, "/users/id:1/clear", ""), 200);
    b->d.port.brief(&b->d, 1, &brief);
    assert_string_equal(brief.state, "clear");
    /* Watched anew for a whole period: where it would have ended he is not convicted. */
    bed_share(b, 1, 1, 3, 90);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    bed_share(b, 1, 1, 3, 120);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
    b->d.port.brief(&b->d, 1, &brief);
    assert_string_equal(brief.state, "punished");
    assert_true(brief.disabled);
    assert_int_equal(ask(b, OP_POST, "/users/id:1/clear", ""), 409);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM events WHERE kind='cleared'"), 1);
}

static int teardown(void **state)
{
    json_decref(got.json);
    got.json = NULL;
    return bed_teardown(state);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(what_is_connected),
        WITH_BED(users_of_a_node),
        WITH_BED(one_is_cleared_while_he_is_monitored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
