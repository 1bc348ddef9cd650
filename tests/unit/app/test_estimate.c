/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The question before a change that would put many over their limit, by what they really used. */
#include "app_bed.h"

#include <string.h>

#include "app/shown/estimate.h"
#include "base/stamp.h"

static int ask(struct app_bed *b, enum op_method method, const char *path, const char *query,
               const char *body)
{
    struct op_request req = {.method = method,
                             .path = slice_of(path),
                             .query = slice_of(query),
                             .body = slice_of(body),
                             .who = SLICE("test")};

    return bed_op(b, &req);
}

/* Twelve users with one device, three with two, one with three; limit 4, so that nobody is watched. */
static void busy_day(struct app_bed *b)
{
    bed_set(b, SET_GENERAL_LIMIT, "4");
    bed_share(b, 1, 12, 1, 130);
    bed_share(b, 13, 3, 2, 130);
    bed_share(b, 16, 1, 3, 130);
    bed_wait(b, 61);
}

static void a_lower_limit(void **state)
{
    struct app_bed *b = *state;

    busy_day(b);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":3}"), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":1}"), 409);
    assert_non_null(strstr(bed_said, "confirm_needed"));
    assert_non_null(strstr(bed_said, "4 of the last day's 16 users"));
    assert_int_equal(settings_int(&b->d.settings, SET_GENERAL_LIMIT), 3);
    /* One of sixteen is 6 %. */
    assert_int_equal(ask(b, OP_PUT, "/config/limit", "", "{\"limit\":2}"), 409);
    assert_non_null(strstr(bed_said, "1 of the last day's 16 users"));
    assert_int_equal(ask(b, OP_PATCH, "/config", "confirm=true", "{\"general_limit\":1}"), 200);
    assert_int_equal(settings_int(&b->d.settings, SET_GENERAL_LIMIT), 1);
    /* They are over it already: what changes nothing asks nothing. */
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"active_window\":30}"), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":2}"), 200);
}

/* Eight seconds into a minute: no check has seen them yet. */
static void before_the_first_check(void **state)
{
    struct app_bed *b = *state;

    bed_set(b, SET_GENERAL_LIMIT, "4");
    bed_share(b, 1, 16, 1, 3);
    bed_share(b, 13, 4, 2, 6);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":1}"), 409);
    assert_non_null(strstr(bed_said, "4 of the last day's 16 users"));
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":2}"), 200);
}

static void a_day_later_it_is_forgotten(void **state)
{
    struct app_bed *b = *state;

    busy_day(b);
    bed_clock_us += 25 * 3600 * STAMP_SECOND;
    engine_advance(b->d.engine, bed_clock_us);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":1}"), 200);
}

/* 3 users came with a second address within ten minutes, none of them within one. */
static void a_longer_window(void **state)
{
    struct app_bed *b = *state;

    bed_set(b, SET_GENERAL_LIMIT, "1");
    bed_share(b, 1, 10, 1, 60);
    bed_clock_us += 150 * STAMP_SECOND;
    bed_wait(b, 10);
    bed_clock_us -= bed_clock_us % (3 * STAMP_SECOND) - 3 * STAMP_SECOND;
    /* The address depends on the time: one that the first minute did not use. */
    bed_share(b, 1, 3, 7, 3);
    bed_wait(b, 61);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"active_window\":300}"), 409);
    assert_non_null(strstr(bed_said, "3 of the last day's 10 users"));
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"active_window\":45}"), 200);
}

static void a_pattern_that_matches_everyone(void **state)
{
    struct app_bed *b = *state;

    busy_day(b);
    assert_int_equal(ask(b, OP_POST, "/patterns", "",
                         "{\"kind\":\"prefix\",\"pattern\":\"user\",\"limit\":1}"),
                     409);
    assert_int_equal(ask(b, OP_POST, "/patterns", "",
                         "{\"kind\":\"prefix\",\"pattern\":\"user\",\"limit\":9}"),
                     200);
    assert_non_null(strstr(bed_said, "matches 24 of 24 users"));
    bed_settle(b);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":1}"), 200);
    /* Taken away again, the general limit is what is left. */
    assert_int_equal(ask(b, OP_DELETE, "/patterns/1", "", ""), 409);
    assert_non_null(strstr(bed_said, "4 of the last day's 16 users"));
    assert_int_equal(ask(b, OP_DELETE, "/patterns/1", "confirm=true", ""), 200);
}

/* Nobody was judged; without the filter all are. */
static void a_filter_that_ends(void **state)
{
    struct app_bed *b = *state;

    busy_day(b);
    bed_set(b, SET_ADMIN_FILTER, "reza");
    bed_set(b, SET_GENERAL_LIMIT, "1");
    assert_int_equal(ask(b, OP_PUT, "/filters/admins", "", "{\"admins\":[]}"), 409);
    assert_non_null(strstr(bed_said, "4 of the last day's 16 users"));
    assert_int_equal(ask(b, OP_PUT, "/filters/admins", "confirm=true", "{\"admins\":[]}"), 200);
}

/* Sixteen users active now, two of them over two addresses of a content network or behind a CDN. */
static void what_a_device_is(void **state)
{
    struct app_bed *b = *state;
    const char *path = bed_path("nets"), *other = bed_path("other");
    char body[400];
    FILE *f = fopen(path, "w"), *g = fopen(other, "w");

    assert_non_null(f);
    assert_non_null(g);
    fputs("60.0.0.0/6\n", f);
    fputs("99.0.0.0/8\n", g);
    fclose(f);
    fclose(g);
    bed_set(b, SET_GENERAL_LIMIT, "1");
    bed_set(b, SET_CONTENT_NETWORKS, path);
    bed_set(b, SET_CDN_NODES, "1");
    bed_share(b, 1, 14, 1, 12);
    bed_share(b, 15, 2, 2, 12);
    /* Still behind the CDN. */
    snprintf(body, sizeof(body), "{\"content_networks\":\"%s\"}", other);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", body), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"cdn_nodes\":\"\"}"), 409);
    assert_non_null(strstr(bed_said, "2 of the 16 users active now over their limit (12 %)"));
    assert_string_equal(settings_text(&b->d.settings, SET_CDN_NODES), "1");
    /* Nothing is asked where fewer can only come to be counted, nor where the limit grows with it. */
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"cdn_nodes\":\"1,2\"}"), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"disabled_nodes\":\"2\"}"), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"country_code\":\"IR\"}"), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"cdn_nodes\":\"\",\"general_limit\":2}"),
                     200);
}

/* Off: what is marked as shared may count for itself once its mark ends. */
static void shared_sources_that_end(void **state)
{
    struct app_bed *b = *state;
    struct addr a;

    bed_set(b, SET_GENERAL_LIMIT, "1");
    assert_int_equal(addr_parse(SLICE("61.1.0.2"), &a), ERR_OK);
    assert_int_equal(engine_set_shared(b->d.engine, a, bed_clock_us + 3600 * STAMP_SECOND), 0);
    bed_share(b, 1, 1, 2, 12);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"shared_source_users\":2}"), 200);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"shared_source_users\":30}"), 409);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"shared_source_users\":0}"), 409);
    assert_non_null(strstr(bed_said, "1 of the 1 users active now"));
}

/* Each by itself: the change, and whether it asks. */
static void what_cannot_be_told(void **state)
{
    static const struct {
        enum setting id;
        const char *from, *to;
        bool asks;
    } all[] = {
        {SET_GROUP_BY, "auto", "ip_inbound", true},
        {SET_GROUP_BY, "auto", "ip", true},
        {SET_GROUP_BY, "subnet", "ip", true},
        {SET_GROUP_BY, "isp", "auto", true},
        {SET_GROUP_BY, "ip_inbound", "ip", false},
        {SET_GROUP_BY, "ip", "auto", false},
        {SET_IPV6_PREFIX, "64", "128", true},
        {SET_IPV6_PREFIX, "64", "48", false},
        {SET_IP_ALLOWLIST, "1.2.3.4,5.6.7.8", "5.6.7.8", true},
        {SET_IP_ALLOWLIST, "1.2.3.4", "1.2.3.4,5.6.7.8", false},
        {SET_IGNORED_IPS, "1.2.3.4", "", false}, /* on the allowlist */
        {SET_IGNORED_IPS, "7.7.7.7", "", true},
        {SET_COUNT_PRIVATE_IPS, "false", "true", true},
        {SET_COUNT_PRIVATE_IPS, "true", "false", false},
        {SET_DISABLED_NODES, "1,2", "2", true},
        {SET_DISABLED_NODES, "1", "1,2", false},
    };
    struct app_bed *b = *state;
    char body[200];
    size_t i;

    for (i = 0; i < ARRAY_LEN(all); i++) {
        const char *key = setting_def(all[i].id)->key;

        snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", key, all[i].from);
        assert_int_equal(ask(b, OP_PATCH, "/config", "confirm=true", body), 200);
        snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", key, all[i].to);
        if (ask(b, OP_PATCH, "/config", "", body) != (all[i].asks ? 409 : 200))
            fail_msg("%s from %s to %s: %d %s", key, all[i].from, all[i].to, bed_status, bed_said);
        if (!all[i].asks)
            continue;
        assert_non_null(strstr(bed_said, "cannot be told beforehand"));
        assert_non_null(strstr(bed_said, key));
        assert_non_null(strstr(bed_said, "enforcement=shadow"));
        assert_int_equal(ask(b, OP_PATCH, "/config", "confirm=true", body), 200);
    }
    assert_int_equal(ask(b, OP_PATCH, "/config", "confirm=true", "{\"group_by\":\"auto\"}"), 200);
    bed_set(b, SET_ENFORCEMENT, "shadow");
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"group_by\":\"ip\"}"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lower_limit, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(before_the_first_check, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_day_later_it_is_forgotten, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_longer_window, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_pattern_that_matches_everyone, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_filter_that_ends, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(what_a_device_is, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(shared_sources_that_end, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_told, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
