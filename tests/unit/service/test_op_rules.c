/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Patterns and filters: arguments, answers, what is asked before, what stands in the database then. */
#include "op_bed.h"

#include <string.h>

#include "base/attr.h"

static struct op_rule_change asked;
static int answer;
static bool panel_down;

static int reckon(void *app, const struct op_rule_change *c, struct op_estimate *ret)
{
    (void)app;
    asked = *c;
    ret->matches = 812;
    ret->known = 900;
    if (answer && !c->confirmed)
        return err_set(&ret->err, answer, "this would put 300 of 900 users over their limit");
    return 0;
}

static void names(void *app, bool admins, op_names_fn fn, void *arg)
{
    static const struct op_name groups[] = {{3, {"vip", 3}}, {4, {"trial", 5}}};
    static const struct op_name owners[] = {{1, {"root", 4}}, {7, {"reza", 4}}};
    struct err err = {0};

    (void)app;
    if (panel_down)
        fn(arg, err_set(&err, ERR_UNREACHABLE, "connection refused"), &err, NULL, 0);
    else
        fn(arg, 0, NULL, admins ? owners : groups, 2);
}

static void with_daemon(struct bed *bed)
{
    answer = 0;
    panel_down = false;
    bed->port.estimate = reckon;
    bed->port.names = names;
}

static void a_pattern_comes_and_goes(void **state)
{
    struct bed *bed = *state;
    int64_t id;

    with_daemon(bed);
    assert_int_equal(bed_ask(bed, "POST /patterns",
                             "{\"kind\":\"prefix\",\"pattern\":\"vip_\",\"limit\":5}"),
                     200);
    id = bed_number(bed, "id");
    assert_int_equal(bed_number(bed, "matches"), 812);
    assert_non_null(strstr(bed_text(bed, "detail"), "matches 812 of 900 users"));
    assert_int_equal(bed->changed, OP_CHANGED_LIMITS);
    assert_int_equal(asked.kind, OP_PATTERN_PUT);
    assert_int_equal(asked.limit, 5);
    /* The same again changes its limit. */
    assert_int_equal(bed_ask(bed, "POST /patterns",
                             "{\"kind\":\"prefix\",\"pattern\":\"vip_\",\"limit\":0}"),
                     200);
    assert_int_equal(bed_number(bed, "id"), id);
    assert_int_equal(bed_ask(bed, "GET /patterns", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_string_equal(bed_member(bed_first(bed), "pattern"), "vip_");
    assert_int_equal(bed_ask(bed, "DELETE /patterns/999", NULL), 404);
    assert_int_equal(bed_ask(bed, "DELETE /patterns/x", NULL), 422);
    assert_int_equal(id, 1);
    assert_int_equal(bed_ask(bed, "DELETE /patterns/1", NULL), 200);
    assert_int_equal(asked.kind, OP_PATTERN_DROP);
    assert_int_equal(bed_ask(bed, "GET /patterns", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
}

static void bad_patterns(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"kind\":\"prefix\",\"pattern\":\"vip\"}",
        "{\"kind\":\"middle\",\"pattern\":\"vip\",\"limit\":1}",
        "{\"kind\":\"prefix\",\"pattern\":\"\",\"limit\":1}",
        "{\"kind\":\"prefix\",\"pattern\":\"vip*\",\"limit\":1}",
        "{\"kind\":\"prefix\",\"pattern\":\"v p\",\"limit\":1}",
        "{\"kind\":\"prefix\",\"pattern\":\"vip\",\"limit\":-1}",
        "{\"kind\":\"prefix\",\"pattern\":\"vip\",\"limit\":10001}",
        "{\"kind\":\"prefix\",\"pattern\":7,\"limit\":1}",
    };
    struct bed *bed = *state;
    size_t i;

    with_daemon(bed);
    for (i = 0; i < ARRAY_LEN(bad); i++)
        if (bed_ask(bed, "POST /patterns", bad[i]) != 422)
            fail_msg("%s: %d", bad[i], bed->status);
    assert_int_equal(bed_ask(bed, "GET /patterns", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
}

static void what_would_cut_many_asks(void **state)
{
    static const char body[] = "{\"kind\":\"suffix\",\"pattern\":\"e\",\"limit\":1}";
    struct bed *bed = *state;

    with_daemon(bed);
    answer = ERR_CONFIRM;
    assert_int_equal(bed_ask(bed, "POST /patterns", body), 409);
    assert_string_equal(bed_text(bed, "code"), "confirm_needed");
    assert_non_null(strstr(bed_text(bed, "detail"), "300 of 900"));
    assert_int_equal(bed_ask(bed, "POST /patterns?confirm=true", body), 200);
    assert_true(asked.suffix);
    assert_int_equal(bed_ask(bed, "DELETE /patterns/1", NULL), 409);
    assert_int_equal(bed_ask(bed, "DELETE /patterns/1?confirm=true", NULL), 200);
    /* Without a daemon nobody knows what users do: it is done, and nothing is claimed. */
    bed->port.estimate = NULL;
    assert_int_equal(bed_ask(bed, "POST /patterns", body), 200);
    assert_null(strstr(bed_text(bed, "detail"), "matches"));
}

static void owners_by_name(void **state)
{
    static const char body[] = "{\"kind\":\"prefix\",\"pattern\":\"x_\",\"admin\":\"reza\"}";
    struct bed *bed = *state;

    with_daemon(bed);
    assert_int_equal(bed_ask(bed, "POST /filters/admins/patterns", body), 200);
    assert_int_equal(asked.kind, OP_OWNER_PUT);
    assert_int_equal(bed_ask(bed, "GET /filters/admins/patterns", NULL), 200);
    assert_string_equal(bed_member(bed_first(bed), "admin"), "reza");
    assert_int_equal(bed_ask(bed, "POST /filters/admins/patterns",
                             "{\"kind\":\"prefix\",\"pattern\":\"x_\",\"admin\":\"nobody\"}"),
                     422);
    panel_down = true;
    assert_int_equal(bed_ask(bed, "POST /filters/admins/patterns",
                             "{\"kind\":\"prefix\",\"pattern\":\"y_\",\"admin\":\"nobody\"}"),
                     200);
    assert_int_equal(bed_ask(bed, "DELETE /filters/admins/patterns/1", NULL), 200);
    assert_int_equal(bed_ask(bed, "GET /filters/admins/patterns", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
}

static void filters(void **state)
{
    struct bed *bed = *state;

    with_daemon(bed);
    assert_int_equal(bed_ask(bed, "GET /filters/groups", NULL), 200);
    assert_false(bed_yes(bed, "on"));
    /* Names become ids, which outlive a renaming. */
    assert_int_equal(bed_ask(bed, "PUT /filters/groups",
                             "{\"groups\":[\"vip\",\"4\"],\"mode\":\"exclude\"}"),
                     200);
    assert_string_equal(settings_text(&bed->settings, SET_GROUP_FILTER), "3,4");
    assert_string_equal(settings_text(&bed->settings, SET_GROUP_FILTER_MODE), "exclude");
    assert_int_equal(bed_ask(bed, "GET /filters/groups", NULL), 200);
    assert_true(bed_yes(bed, "on") && bed_yes(bed, "checked"));
    assert_string_equal(bed_member(bed_first(bed), "name"), "vip");
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{\"groups\":[\"gold\"]}"), 422);
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{\"groups\":[],\"mode\":\"include\"}"),
                     422);
    assert_non_null(strstr(bed_text(bed, "detail"), "empty group_filter"));
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{\"mode\":\"include\"}"), 200);
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{\"groups\":[]}"), 200);
    assert_string_equal(settings_text(&bed->settings, SET_GROUP_FILTER_MODE), "include");
    assert_string_equal(settings_text(&bed->settings, SET_GROUP_FILTER), "");
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{}"), 422);
    panel_down = true;
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{\"groups\":[\"vip\"]}"), 503);
    assert_int_equal(bed_ask(bed, "PUT /filters/groups", "{\"groups\":[\"9\"]}"), 200);
    assert_int_equal(bed_ask(bed, "GET /filters/groups", NULL), 200);
    assert_false(bed_yes(bed, "checked"));
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"admins\":[\"reza\",\"id:7\"]}"), 200);
    assert_string_equal(settings_text(&bed->settings, SET_ADMIN_FILTER), "reza,id:7");
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"admins\":[\"a,b\"]}"), 422);
    panel_down = false;
    assert_int_equal(bed_ask(bed, "GET /filters/admins", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pattern_comes_and_goes, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(bad_patterns, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(what_would_cut_many_asks, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(owners_by_name, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(filters, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
