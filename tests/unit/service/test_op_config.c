/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"
#include "store/db_settings.h"

static json_t *row_of(struct bed *bed, const char *key)
{
    json_t *list = json_object_get(bed->json, "data"), *row;
    size_t i;

    json_array_foreach(list, i, row) if (strcmp(json_string_value(json_object_get(row, "key")),
                                                key) == 0) return row;
    fail_msg("no row %s", key);
    return NULL;
}

static void settings_are_shown_with_their_origin(void **state)
{
    struct bed *bed = *state;
    struct err err;

    assert_int_equal(settings_set(&bed->settings, SET_PANEL_PASSWORD, ORIGIN_FILE, SLICE("hunter2"),
                                  &err),
                     0);
    assert_int_equal(settings_set(&bed->settings, SET_GENERAL_LIMIT, ORIGIN_FILE, SLICE("3"), &err),
                     0);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":4}"), 200);
    assert_string_equal(bed_member(bed_first(bed), "before"), "3");
    assert_string_equal(bed_member(bed_first(bed), "value"), "4");
    assert_non_null(strstr(bed_member(bed_first(bed), "note"), ".env says 3"));
    assert_int_equal(bed->changed, OP_CHANGED_SETTINGS);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 4);
    assert_int_equal(bed_ask(bed, "GET /config", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), SET_COUNT);
    assert_string_equal(bed_member(row_of(bed, "general_limit"), "origin"), "database");
    assert_string_equal(bed_member(row_of(bed, "general_limit"), "file"), "3");
    assert_string_equal(bed_member(row_of(bed, "panel_password"), "value"), "********");
    assert_string_equal(bed_text(bed, "env_file"), "/etc/opt/pg-limiter/.env");
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":null}"), 200);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 3);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":null}"), 200);
}

static void several_settings_change_together_or_not_at_all(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"disable_method\":\"group\"}"), 422);
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"disabled_group_id\":7,\"disable_method\":\"group\"}"),
                     200);
    assert_int_equal(settings_int(&bed->settings, SET_DISABLED_GROUP_ID), 7);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"check_interval\":30,\"tick\":9999}"), 422);
    assert_int_equal(settings_int(&bed->settings, SET_CHECK_INTERVAL), 60);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"genral_limit\":3}"), 422);
    assert_non_null(strstr(bed_text(bed, "detail"), "general_limit"));
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"data_dir\":\"/x\"}"), 422);
    assert_non_null(strstr(bed_text(bed, "detail"), "DATA_DIR"));
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"panel_password\":null}"), 422);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{}"), 422);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"breaker\":[1]}"), 422);
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"count_private_ips\":true,\"switch_p\":0.25}"),
                     200);
    assert_true(settings_real(&bed->settings, SET_SWITCH_P) == 0.25);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"sources\":\"log\"}"), 200);
    assert_string_equal(settings_text(&bed->settings, SET_SOURCES), "log");
}

static void the_old_paths_do_the_same(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PUT /config/limit", "{\"limit\":7}"), 200);
    assert_int_equal(bed_ask(bed, "PUT /config/interval?interval=120", NULL), 200);
    assert_int_equal(bed_ask(bed, "PUT /config/reenable-time", "{\"seconds\":600}"), 200);
    assert_int_equal(bed_ask(bed, "PUT /config/country", "{\"country\":\"ir\"}"), 200);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 7);
    assert_int_equal(settings_int(&bed->settings, SET_CHECK_INTERVAL), 120);
    assert_int_equal(settings_int(&bed->settings, SET_TIME_TO_ACTIVE_USERS), 600);
    assert_string_equal(settings_text(&bed->settings, SET_COUNTRY_CODE), "IR");
    assert_int_equal(bed_ask(bed, "PUT /config/limit", NULL), 422);
    assert_int_equal(bed_ask(bed, "PUT /config/limit", "{\"limit\":10001}"), 422);
}

/* Refuses the first time, as a change that would hit many users does. */
static void ask_first(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                      void *arg)
{
    struct err err;

    (void)app;
    assert_int_equal(settings_int(next, SET_GENERAL_LIMIT), 1);
    if (confirmed)
        fn(arg, ERR_OK, NULL);
    else
        fn(arg, err_set(&err, ERR_CONFIRM, "40 of 100 users would be over the limit"), &err);
}

static void harm_is_asked_about(void **state)
{
    struct bed *bed = *state;

    bed->port.check_settings = ask_first;
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":1}"), 409);
    assert_string_equal(bed_text(bed, "code"), "confirm_needed");
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 2);
    assert_int_equal(bed_ask(bed, "PATCH /config?confirm=true", "{\"general_limit\":1}"), 200);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 1);
}

/* While the panel is asked about one of the two, the other is changed by somebody else. */
static void change_between(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                           void *arg)
{
    struct bed *bed = app;
    struct db_setting row = {SLICE("disabled_group_id"), SLICE("7"), BED_NOW, SLICE("other")};
    struct err err;

    (void)next;
    (void)confirmed;
    assert_int_equal(db_settings_put(bed->db, &row, &err), ERR_OK);
    fn(arg, ERR_OK, NULL);
}

static void changes_at_the_same_time_leave_no_pair_that_is_wrong(void **state)
{
    struct bed *bed = *state;

    bed->port.check_settings = change_between;
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"fallback_group_id\":7}"), 422);
    assert_non_null(strstr(bed_text(bed, "detail"), "cannot be the group of disabled users"));
    assert_int_equal(settings_int(&bed->settings, SET_FALLBACK_GROUP_ID), 0);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"fallback_group_id\":8}"), 200);
    assert_int_equal(settings_int(&bed->settings, SET_FALLBACK_GROUP_ID), 8);
    assert_int_equal(settings_int(&bed->settings, SET_DISABLED_GROUP_ID), 7);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(settings_are_shown_with_their_origin),
        WITH_BED(several_settings_change_together_or_not_at_all),
        WITH_BED(the_old_paths_do_the_same),
        WITH_BED(harm_is_asked_about),
        WITH_BED(changes_at_the_same_time_leave_no_pair_that_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
