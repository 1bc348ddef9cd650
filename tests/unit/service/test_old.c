/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the old programs' files hold, and what their settings come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "service/import/import_settings.h"
#include "service/import/old_doc.h"
#include "store/old_db.h"

static void test_value(void **state)
{
    static const struct {
        const char *text, *same;
    } rows[] = {
        {"3", "3"},
        {"2.5", "2.5"},
        {"true", "true"},
        {"\"group\"", "\"group\""},
        {"status", "\"status\""},
        {"\"3\"", "\"3\""},
        {"[1, 2]", "[1,2]"},
        {"\"[1, 2]\"", "[1,2]"},
        {"\"\\\"[1]\\\"\"", "[1]"},
        {"\"{\\\"a\\\": 1}\"", "{\"a\":1}"},
        {"", "\"\""},
        {"[1", "\"[1\""},
        {"null", "null"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *v = old_value(slice_of(rows[i].text));
        char *dump = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

        assert_string_equal(dump, rows[i].same);
        free(dump);
        json_decref(v);
    }
    assert_null(old_value((struct slice){"\xff", 1}));
}

static void test_groups(void **state)
{
    static const char *const good[] = {"[1, 2]", "\"[1, 2]\"", "\"1,2\"", "[\"1\", 2.0]"};
    static const char *const bad[] = {"{}", "[0]", "[-1]", "[1.5]", "[\"x\"]", "\"1,x\"", "[[1]]"};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(good); i++) {
        json_t *v = json_loads(good[i], JSON_DECODE_ANY, NULL), *g = old_groups(v);

        assert_int_equal(json_array_size(g), 2);
        assert_int_equal(json_integer_value(json_array_get(g, 1)), 2);
        json_decref(v);
        json_decref(g);
    }
    for (i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *v = json_loads(bad[i], JSON_DECODE_ANY, NULL);

        assert_null(old_groups(v));
        json_decref(v);
    }
}

static json_t *whole(struct old_doc *d)
{
    struct err err;
    json_t *all = NULL;

    assert_int_equal(old_doc_finish(d, &all, &err), 0);
    return all;
}

static void test_json_counts_more_than_database(void **state)
{
    static const char text[] =
        "{\"disabled_users\":{\"a\":1000.5,\"b\":\"2000\",\"c\":[]},\"enable_at\":{\"a\":-1,\"x\":1}}";
    static const struct old_cell stale[] = {
        {.column = "username", .type = OLD_TEXT, .text = {"a", 1}},
        {.column = "disabled_at", .type = OLD_REAL, .r = 7},
        {.column = "enable_at", .type = OLD_REAL, .r = 8},
        {.column = "original_groups", .type = OLD_TEXT, .text = {"\"[4]\"", 5}}};
    static const struct old_cell other[] = {{.column = "username",
                                             .type = OLD_TEXT,
                                             .text = {"z", 1}},
                                            {.column = "disabled_at", .type = OLD_REAL, .r = 7}};
    struct old_doc d;
    struct err err;
    json_t *all, *off, *a;

    (void)state;
    assert_int_equal(old_doc_init(&d), 0);
    assert_int_equal(old_json(&d, ".disable_users.json", slice_of(text), &err), 0);
    assert_int_equal(old_row(&d, "disabled_users", stale, ARRAY_LEN(stale)), 0);
    assert_int_equal(old_row(&d, "disabled_users", other, ARRAY_LEN(other)), 0);
    all = whole(&d);
    off = json_object_get(all, "disabled");
    assert_int_equal(json_object_size(off), 3);
    a = json_object_get(off, "a");
    assert_float_equal(json_number_value(json_object_get(a, "disabled_at")), 1000.5, 0);
    assert_float_equal(json_number_value(json_object_get(a, "due_at")), -1, 0);
    assert_int_equal(json_array_size(json_object_get(a, "groups")), 1);
    assert_null(json_object_get(json_object_get(off, "c"), "disabled_at"));
    /* c's time, x who is not disabled, z who is not in the file. */
    assert_int_equal(json_array_size(json_object_get(all, "left")), 3);
    json_decref(all);
    old_doc_release(&d);
}

static void test_foreign(void **state)
{
    struct old_doc d;
    struct err err;

    (void)state;
    assert_int_equal(old_doc_init(&d), 0);
    assert_int_equal(old_json(&d, "f", SLICE("{\"hello\":1}"), &err), ERR_NOT_FOUND);
    assert_int_equal(old_json(&d, "f", SLICE("[]"), &err), ERR_NOT_FOUND);
    assert_int_equal(old_json(&d, "f", SLICE("{\"limits\":"), &err), ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "f is damaged"));
    old_doc_release(&d);
}

struct look {
    const char *key;
    char old[64], effect[64], value[64], detail[128];
    int seen;
};

static int on_setting(void *arg, const struct import_setting *row)
{
    struct look *l = arg;

    if (strcmp(row->key, l->key) != 0)
        return 0;
    l->seen++;
    snprintf(l->old, sizeof(l->old), "%s", row->old ? row->old : "-");
    snprintf(l->effect, sizeof(l->effect), "%s", row->effect);
    snprintf(l->value, sizeof(l->value), "%s", row->value ? row->value : "-");
    return 0;
}

static void test_settings(void **state)
{
    static const struct {
        const char *key, *json, *old, *effect, *value;
    } rows[] = {
        {"general_limit", "{}", "-", "2", "-"},
        {"general_limit", "{\"general_limit\":{\"value\":\"3\",\"where\":\"db\"}}", "3", "3", "3"},
        {"general_limit", "{\"general_limit\":{\"value\":\"0\",\"where\":\"db\"}}", "0", "0", "-"},
        {"check_interval", "{\"check_interval\":{\"value\":\"120\",\"where\":\"db\"}}", "120", "60",
         "120"},
        {"check_interval", "{\"check_interval\":{\"value\":\"240\",\"where\":\"v2iplimit\"}}",
         "240", "240", "240"},
        {"country_code", "{}", "-", "IR", "-"},
        {"disable_method", "{\"disable_method\":{\"value\":\"group\",\"where\":\"config\"}}",
         "group", "status", "group"},
        {"punishment_steps",
         "{\"punishment_steps\":{\"value\":\"[{\\\"type\\\":\\\"warning\\\"},{\\\"type\\\":\\\"disable\\\","
         "\\\"duration\\\":20},{\\\"type\\\":\\\"disable\\\",\\\"duration\\\":0}]\",\"where\":\"db\"}}",
         NULL, "warn,20m,hand", "warn,20m,hand"},
        {"punishment_steps", "{\"punishment_steps\":{\"value\":\"[]\",\"where\":\"db\"}}", "[]",
         "[]", "-"},
        {"cdn_nodes", "{\"cdn_nodes\":{\"value\":\"[1, 2]\",\"where\":\"db\"}}", "[1, 2]",
         "(reports only)", "1, 2"},
        {"group_filter",
         "{\"group_filter_enabled\":{\"value\":\"true\"},\"group_filter_ids\":{\"value\":\"1,x\"}}",
         NULL, "everyone is limited", "-"},
        {"group_filter",
         "{\"group_filter_enabled\":{\"value\":\"true\"},\"group_filter_ids\":{\"value\":\"1,2\"}}",
         NULL, "include: 1,2", "1,2"},
        {"strange", "{\"strange\":{\"value\":\"secret\"}}", "(not shown)", "(unused)", "-"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *settings = json_loads(rows[i].json, 0, NULL);
        struct look l = {.key = rows[i].key};

        assert_non_null(settings);
        assert_int_equal(import_settings_each(settings, on_setting, &l), 0);
        assert_int_equal(l.seen, 1);
        if (rows[i].old)
            assert_string_equal(l.old, rows[i].old);
        if (rows[i].effect)
            assert_string_equal(l.effect, rows[i].effect);
        assert_string_equal(l.value, rows[i].value);
        json_decref(settings);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value),    cmocka_unit_test(test_groups),
        cmocka_unit_test(test_foreign),  cmocka_unit_test(test_json_counts_more_than_database),
        cmocka_unit_test(test_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
