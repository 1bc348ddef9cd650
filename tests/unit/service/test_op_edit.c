/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"
#include "store/db_settings.h"

static void put(struct bed *bed, const char *key, const char *value)
{
    struct db_setting row = {slice_of(key), slice_of(value), BED_NOW, SLICE("other")};
    struct err err;

    assert_int_equal(db_settings_put(bed->db, &row, &err), ERR_OK);
}

/* What another person does while the panel is asked about a change: one value at each question. */
static struct {
    const char *key, *values[8];
    int asked;
} other;

static void meanwhile(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                      void *arg)
{
    (void)next;
    (void)confirmed;
    if (other.asked < 8 && other.values[other.asked])
        put(app, other.key, other.values[other.asked]);
    other.asked++;
    fn(arg, ERR_OK, NULL);
}

static void another_sets(struct bed *bed, const char *key, const char *value)
{
    memset(&other, 0, sizeof(other));
    other.key = key;
    other.values[0] = value;
    bed->port.check_settings = meanwhile;
}

static const char *now(struct bed *bed, enum setting id)
{
    return settings_text(&bed->settings, id);
}

static void entries_come_and_go(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"ip_allowlist\":{\"add\":[\"5.6.7.8\",\"9.0.0.0/8\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "5.6.7.8,9.0.0.0/8");
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"ip_allowlist\":{\"add\":[\"5.6.7.8\",\"1.1.1.1\"],"
                             "\"remove\":[\"9.0.0.0/8\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "5.6.7.8,1.1.1.1");
    assert_string_equal(bed_member(bed_first(bed), "before"), "5.6.7.8,9.0.0.0/8");
    assert_null(json_object_get(bed_first(bed), "absent"));
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"ip_allowlist\":{\"remove\":[\"4.4.4.4\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "5.6.7.8,1.1.1.1");
    assert_string_equal(json_string_value(
                            json_array_get(json_object_get(bed_first(bed), "absent"), 0)),
                        "4.4.4.4");
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"ip_allowlist\":{\"remove\":[\"5.6.7.8\",\"1.1.1.1\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "");
}

static void a_group_has_one_entry(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"group_modes\":\"3=shadow,5=off\"}"), 200);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"group_modes\":{\"add\":[\"3=OFF\"]}}"), 200);
    assert_string_equal(now(bed, SET_GROUP_MODES), "5=off,3=off");
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"group_modes\":{\"remove\":[\"5\"]}}"), 200);
    assert_string_equal(now(bed, SET_GROUP_MODES), "3=off");
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"group_modes\":{\"remove\":[\"3=on\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_GROUP_MODES), "");
}

static void wrong_changes_are_refused(void **state)
{
    static const char *const wrong[] = {
        "{\"ip_allowlist\":{}}",
        "{\"ip_allowlist\":{\"add\":[]}}",
        "{\"ip_allowlist\":{\"add\":\"1.1.1.1\"}}",
        "{\"ip_allowlist\":{\"add\":[1]}}",
        "{\"ip_allowlist\":{\"add\":[\"\"]}}",
        "{\"ip_allowlist\":{\"add\":[\"no address\"]}}",
        "{\"ip_allowlist\":{\"remove\":[\"no address\"]}}",
        "{\"ip_allowlist\":{\"add\":[\"1.1.1.1\"],\"also\":1}}",
        "{\"ip_allowlist\":{\"add\":[\"1.1.1.1\"],\"was\":\"\",\"value\":\"\"}}",
        "{\"group_modes\":{\"add\":[\"3\"]}}",
        "{\"general_limit\":{\"add\":[\"3\"]}}",
        "{\"general_limit\":{\"value\":3}}",
        "{\"general_limit\":{\"value\":3,\"was\":2}}",
        "{\"general_limit\":{\"value\":3,\"was\":\"many\"}}",
        "{\"general_limit\":{\"value\":[3],\"was\":\"2\"}}",
        "{\"punishment_steps\":{\"add\":[\"warn\"]}}",
        "{\"admin_ids\":{\"add\":[\"1\"]}}",
    };
    struct bed *bed = *state;
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (bed_ask(bed, "PATCH /config", wrong[i]) != 422)
            fail_msg("%s: %d", wrong[i], bed->status);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "");
    assert_int_equal(bed->changed, 0);
}

static void entries_of_two_people_at_once_are_both_kept(void **state)
{
    struct bed *bed = *state;

    another_sets(bed, "ip_allowlist", "9.9.9.9");
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"ip_allowlist\":{\"add\":[\"5.6.7.8\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "9.9.9.9,5.6.7.8");
    assert_string_equal(bed_member(bed_first(bed), "before"), "9.9.9.9");
    assert_string_equal(bed_member(bed_first(bed), "value"), "9.9.9.9,5.6.7.8");
    /* What came out of both was asked about as well. */
    assert_int_equal(other.asked, 2);
    another_sets(bed, "ip_allowlist", "5.6.7.8");
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"ip_allowlist\":{\"remove\":[\"5.6.7.8\"]}}"),
                     200);
    assert_string_equal(now(bed, SET_IP_ALLOWLIST), "");
    /* Beside a whole value of another setting. */
    another_sets(bed, "cdn_nodes", "4");
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"cdn_nodes\":{\"add\":[\"5\"]},\"general_limit\":7}"),
                     200);
    assert_string_equal(now(bed, SET_CDN_NODES), "4,5");
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 7);
}

static void it_ends_when_others_never_do(void **state)
{
    struct bed *bed = *state;
    int i;

    another_sets(bed, "cdn_nodes", "1");
    for (i = 1; i < 8; i++)
        other.values[i] = i % 2 ? "2" : "3";
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"cdn_nodes\":{\"add\":[\"5\"]}}"), 503);
    assert_string_equal(bed_text(bed, "code"), "busy");
    assert_int_equal(bed->changed, 0);
}

static void a_filter_ends_with_its_last_entry(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PUT /filters/admins",
                             "{\"admins\":[\"reza\"],\"mode\":\"include\"}"),
                     200);
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"add\":[\"id:3\"]}"), 200);
    assert_string_equal(now(bed, SET_ADMIN_FILTER), "reza,id:3");
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"remove\":[\"reza\"]}"), 200);
    assert_string_equal(now(bed, SET_ADMIN_FILTER_MODE), "include");
    assert_int_equal(bed_ask(bed, "PUT /filters/admins",
                             "{\"remove\":[\"id:3\"],\"admins\":[\"ali\"]}"),
                     422);
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"remove\":[\"id:3\"]}"), 200);
    assert_string_equal(now(bed, SET_ADMIN_FILTER), "");
    assert_int_equal(settings_origin(&bed->settings, SET_ADMIN_FILTER_MODE), ORIGIN_DEFAULT);
    assert_int_equal(bed_ask(bed, "PUT /filters/admins",
                             "{\"admins\":[\"reza\"],\"mode\":\"exclude\"}"),
                     200);
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"remove\":[\"reza\"]}"), 200);
    assert_string_equal(now(bed, SET_ADMIN_FILTER_MODE), "exclude");
    /* Somebody adds one while the last one goes: the mode stays. */
    assert_int_equal(bed_ask(bed, "PUT /filters/admins",
                             "{\"admins\":[\"reza\"],\"mode\":\"include\"}"),
                     200);
    another_sets(bed, "admin_filter", "reza,ali");
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"remove\":[\"reza\"]}"), 200);
    assert_string_equal(now(bed, SET_ADMIN_FILTER), "ali");
    assert_int_equal(settings_origin(&bed->settings, SET_ADMIN_FILTER_MODE), ORIGIN_DB);
    /* Each of two takes one of the two entries out: it ends as well. */
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"add\":[\"reza\"]}"), 200);
    another_sets(bed, "admin_filter", "reza");
    assert_int_equal(bed_ask(bed, "PUT /filters/admins", "{\"remove\":[\"reza\"]}"), 200);
    assert_string_equal(now(bed, SET_ADMIN_FILTER), "");
    assert_int_equal(settings_origin(&bed->settings, SET_ADMIN_FILTER_MODE), ORIGIN_DEFAULT);
}

static void a_known_value_is_replaced_only_while_it_is_there(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"general_limit\":{\"value\":3,\"was\":\"2\"}}"),
                     200);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 3);
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"general_limit\":{\"value\":4,\"was\":\"2\"}}"),
                     409);
    assert_string_equal(bed_text(bed, "detail"),
                        "general_limit was changed meanwhile: it is 3 now");
    another_sets(bed, "punishment_steps", "warn,20m");
    assert_int_equal(bed_ask(bed, "PATCH /config",
                             "{\"punishment_steps\":{\"value\":\"warn,1h\",\"was\":\"warn,10m\"}}"),
                     409);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 3);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"webhook_secret\":\"0123456789abcdef0123\"}"),
                     200);
    assert_int_equal(
        bed_ask(bed, "PATCH /config",
                "{\"webhook_secret\":{\"value\":null,\"was\":\"0123456789abcdef9999\"}}"),
        409);
    assert_null(strstr(bed_text(bed, "detail"), "0123"));
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(entries_come_and_go),
        WITH_BED(a_group_has_one_entry),
        WITH_BED(wrong_changes_are_refused),
        WITH_BED(entries_of_two_people_at_once_are_both_kept),
        WITH_BED(it_ends_when_others_never_do),
        WITH_BED(a_filter_ends_with_its_last_entry),
        WITH_BED(a_known_value_is_replaced_only_while_it_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
