/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The question before a change that would put many over their limit, by what they really used. */
#include "app_bed.h"

#include <string.h>

#include "app/estimate.h"
#include "base/stamp.h"

static int status;
static char said[1024];

static void replied(void *arg, int code, struct slice json)
{
    (void)arg;
    status = code;
    snprintf(said, sizeof(said), "%.*s", (int)json.n, json.p);
}

static int ask(struct app_bed *b, enum op_method method, const char *path, const char *query,
               const char *body)
{
    struct op_request req = {.method = method,
                             .path = slice_of(path),
                             .query = slice_of(query),
                             .body = slice_of(body),
                             .who = SLICE("test")};

    status = 0;
    op_call(&b->d.port, &req, replied, NULL);
    bed_settle(b);
    return status;
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
    assert_non_null(strstr(said, "confirm_needed"));
    assert_non_null(strstr(said, "4 of the last day's 16 users"));
    assert_int_equal(settings_int(&b->d.settings, SET_GENERAL_LIMIT), 3);
    /* One of sixteen is 6 %. */
    assert_int_equal(ask(b, OP_PUT, "/config/limit", "", "{\"limit\":2}"), 409);
    assert_non_null(strstr(said, "1 of the last day's 16 users"));
    assert_int_equal(ask(b, OP_PATCH, "/config", "confirm=true", "{\"general_limit\":1}"), 200);
    assert_int_equal(settings_int(&b->d.settings, SET_GENERAL_LIMIT), 1);
    /* They are over it already: what changes nothing asks nothing. */
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"active_window\":30}"), 200);
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
    assert_non_null(strstr(said, "3 of the last day's 10 users"));
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
    assert_non_null(strstr(said, "matches 24 of 24 users"));
    bed_settle(b);
    assert_int_equal(ask(b, OP_PATCH, "/config", "", "{\"general_limit\":1}"), 200);
    /* Taken away again, the general limit is what is left. */
    assert_int_equal(ask(b, OP_DELETE, "/patterns/1", "", ""), 409);
    assert_non_null(strstr(said, "4 of the last day's 16 users"));
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
    assert_non_null(strstr(said, "4 of the last day's 16 users"));
    assert_int_equal(ask(b, OP_PUT, "/filters/admins", "confirm=true", "{\"admins\":[]}"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lower_limit, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_day_later_it_is_forgotten, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_longer_window, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_pattern_that_matches_everyone, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_filter_that_ends, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
