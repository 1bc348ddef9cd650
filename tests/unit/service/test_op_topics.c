/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service/day.h"
#include "store/db.h"
#include "store/db_events.h"
#include "store/db_journal.h"
#include "store/db_violations.h"

/* What the bot of a test answers to a question about a group. */
static int mood;
static int64_t asked;

static void check(void *app, int64_t group, op_topics_fn fn, void *arg)
{
    (void)app;
    asked = group;
    if (mood == ERR_REFUSED)
        fn(arg, ERR_REFUSED, "no_topics", "the group has no topics");
    else if (mood)
        fn(arg, mood, "unreachable", "Telegram does not answer");
    else
        fn(arg, ERR_OK, "ok", "My <group>");
}

static void make(void *app, const int *kinds, size_t n, struct slice who, op_topics_fn fn,
                 void *arg)
{
    (void)app;
    (void)who;
    asked = n ? kinds[0] : -1;
    fn(arg, mood, "ok", mood ? "no" : "4");
}

static const char *place_of(struct bed *bed, const char *kind, int64_t *ret_thread)
{
    json_t *row, *rows = json_object_get(bed->json, "data");
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(bed_member(row, "kind"), kind) == 0) {
            *ret_thread = json_integer_value(json_object_get(row, "thread_id"));
            return bed_member(row, "place");
        }
    }
    fail();
    return "";
}

static void a_group_and_its_topics(void **state)
{
    struct bed *bed = *state;
    int64_t thread;

    assert_int_equal(bed_ask(bed, "GET /topics", NULL), 200);
    assert_true(json_is_null(json_object_get(bed->json, "group")));
    assert_string_equal(place_of(bed, "warning", &thread), "private");
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"kinds\":{\"node\":12}}"), 409);
    assert_int_equal(bed_ask(bed, "PUT /topics", "{}"), 422);
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"group\":5}"), 422);

    bed->port.topics_check = check;
    mood = ERR_REFUSED;
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"group\":-100500}"), 409);
    assert_non_null(strstr(bed_text(bed, "detail"), "no topics"));
    mood = 0;
    bed->changed = 0;
    assert_int_equal(bed_ask(bed, "PUT /topics",
                             "{\"group\":-100500,\"kinds\":{\"node\":12,\"error\":\"private\"}}"),
                     200);
    assert_int_equal(asked, -100500);
    assert_int_equal(bed->changed, OP_CHANGED_TOPICS);
    assert_int_equal(bed_number(bed, "group"), -100500);
    assert_string_equal(place_of(bed, "node", &thread), "topic");
    assert_int_equal(thread, 12);
    assert_string_equal(place_of(bed, "error", &thread), "private");
    assert_string_equal(place_of(bed, "warning", &thread), "general");
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"kinds\":{\"nodes\":12}}"), 422);
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"kinds\":{\"node\":-5}}"), 422);
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"kinds\":{\"node\":\"general\"}}"), 200);
    assert_string_equal(place_of(bed, "node", &thread), "general");
    /* Another group begins without topics; Telegram out of reach is no obstacle. */
    mood = ERR_UNREACHABLE;
    assert_int_equal(bed_ask(bed, "PUT /topics", "{\"group\":-100600}"), 200);
    assert_string_equal(place_of(bed, "error", &thread), "general");
    assert_int_equal(bed_ask(bed, "DELETE /topics", NULL), 200);
    assert_true(json_is_null(json_object_get(bed->json, "group")));
}

static const char *status(void *app, struct buf *out)
{
    (void)app;
    (void)out;
    return NULL;
}

static void asking_and_making(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "POST /topics/check", "{}"), 409);
    bed->port.status_json = (void (*)(void *, struct buf *))(void *)status;
    assert_int_equal(bed_ask(bed, "POST /topics/create", "{}"), 409);
    bed->port.topics_check = check;
    bed->port.topics_make = make;
    mood = 0;
    assert_int_equal(bed_ask(bed, "POST /topics/check", "{\"group\":-7}"), 200);
    assert_true(bed_yes(bed, "ok"));
    assert_string_equal(bed_text(bed, "title"), "My <group>");
    mood = ERR_REFUSED;
    assert_int_equal(bed_ask(bed, "POST /topics/check", "{}"), 200);
    assert_false(bed_yes(bed, "ok"));
    assert_string_equal(bed_text(bed, "reason"), "no_topics");
    mood = 0;
    assert_int_equal(bed_ask(bed, "POST /topics/create", "{}"), 200);
    assert_int_equal(bed_number(bed, "made"), 4);
    assert_int_equal(asked, -1);
    assert_int_equal(bed_ask(bed, "POST /topics/create", "{\"kinds\":[\"shadow\"]}"), 200);
    assert_int_equal(asked, 3);
    assert_int_equal(bed_ask(bed, "POST /topics/create", "{\"kinds\":[\"x\"]}"), 422);
    bed->role = OP_ROLE_OPERATOR;
    assert_int_equal(bed_ask(bed, "POST /topics/create", "{}"), 403);
}

/* ---- the summary ---- */

static void verdict(struct bed *bed, int64_t id, const char *name, int64_t at_us, int devices,
                    enum db_outcome outcome)
{
    struct err err = {0};
    struct db_violation row = {.user_id = id,
                               .name = slice_of(name),
                               .at_us = at_us,
                               .shadow = outcome == DB_OUTCOME_SHADOW,
                               .outcome = outcome,
                               .action = SLICE("disable 15m"),
                               .max_devices = 2,
                               .devices = devices,
                               .evidence = SLICE("{}"),
                               .forgiven_us = STAMP_NONE};
    int64_t row_id;

    assert_int_equal(db_violations_add(bed->db, &row, &row_id, &err), ERR_OK);
}

static void event(struct bed *bed, const char *kind, int64_t id, int64_t at_us, const char *data)
{
    struct err err = {0};
    struct db_event ev = {.at_us = at_us,
                          .kind = slice_of(kind),
                          .user_id = id,
                          .name = SLICE("x"),
                          .who = SLICE("pg-limiter"),
                          .what = SLICE("y"),
                          .data = data ? slice_of(data) : (struct slice){NULL, 0}};

    assert_int_equal(db_events_add(bed->db, &ev, NULL, &err), ERR_OK);
}

static void backlog(void *app, int64_t *ret_lines, int64_t *ret_messages, int64_t *ret_stuck)
{
    (void)app;
    *ret_lines = 5;
    *ret_messages = 6;
    *ret_stuck = 7;
}

static void what_a_day_brought(void **state)
{
    struct bed *bed = *state;
    struct day today = day_of(BED_NOW), day = day_before(today);
    char text[16], path[64];
    json_t *first;

    event(bed, "warning", 12, day.from_us, NULL);
    event(bed, "warning", 13, day.to_us - 1000, NULL);
    event(bed, "warning", 13, day.to_us, NULL); /* is of today */
    event(bed, "node_up", 0, day.from_us + 5, "{\"node\":3,\"name\":\"n3\",\"seconds\":60}");
    event(bed, "node_up", 0, day.from_us + 9, "{\"node\":3,\"name\":\"n3\",\"seconds\":120}");
    verdict(bed, 12, "alice", day.from_us + 1000, 3, DB_OUTCOME_APPLIED);
    verdict(bed, 13, "12345", day.from_us + 2000, 9, DB_OUTCOME_WARNED);
    verdict(bed, 13, "12345", day.from_us + 3000, 4, DB_OUTCOME_SHADOW);
    verdict(bed, 13, "12345", day.from_us - 1000, 4, DB_OUTCOME_SHADOW);
    verdict(bed, 13, "12345", day.from_us + 4000, 4, DB_OUTCOME_CANCELLED);
    assert_int_equal(bed_ask(bed, "GET /summary", NULL), 200);
    assert_string_equal(bed_text(bed, "day"), day_text(&day, text, sizeof(text)));
    assert_int_equal(bed_number(bed, "warned"), 2);
    assert_int_equal(bed_number(bed, "shadow"), 1);
    first = json_array_get(json_object_get(bed->json, "sharers"), 0);
    assert_string_equal(bed_member(first, "username"), "12345");
    assert_int_equal(json_integer_value(json_object_get(first, "verdicts")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "devices")), 9);
    first = json_array_get(json_object_get(bed->json, "nodes"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "times")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "seconds")), 180);
    bed->port.backlog = backlog;
    snprintf(path, sizeof(path), "GET /summary?day=%s", day_text(&today, text, sizeof(text)));
    assert_int_equal(bed_ask(bed, path, NULL), 200);
    assert_int_equal(bed_number(bed, "warned"), 1);
    assert_int_equal(bed_number(bed, "messages_waiting"), 6);
    assert_int_equal(bed_ask(bed, "GET /summary?day=2026-02-30", NULL), 422);
    assert_int_equal(bed_ask(bed, "GET /summary?day=yesterday!", NULL), 422);
    /* One who sees the users of one panel admin: those, and nothing of the whole. */
    bed->panel_admin_id = 5;
    bed->his = 12;
    assert_int_equal(bed_ask(bed, "GET /summary", NULL), 200);
    assert_int_equal(bed_number(bed, "warned"), 1);
    assert_int_equal(bed_number(bed, "shadow"), 0);
    assert_int_equal(json_array_size(json_object_get(bed->json, "sharers")), 1);
    assert_int_equal(json_array_size(json_object_get(bed->json, "nodes")), 0);
    assert_null(json_object_get(bed->json, "messages_waiting"));
}

/* Once a day at its hour, whatever the zone does with its clocks. */
static void due_once_a_day(void **state)
{
    static const char *const zones[] = {
        "UTC",         "Asia/Tehran", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
        "Pacific/Apia"};
    struct day last, day;
    int64_t at;
    size_t z;
    int hour, sent;

    (void)state;
    for (z = 0; z < ARRAY_LEN(zones); z++) {
        setenv("TZ", zones[z], 1);
        tzset();
        for (hour = 0; hour < 24; hour += hour < 4 ? 1 : 5) {
            /* A year from 2027-01-01 on, looked at every ten minutes. */
            at = stamp_civil(2027, 1, 1, 12, 0, 0, 0);
            last = day_of(at);
            for (sent = 0; at < stamp_civil(2028, 1, 1, 12, 0, 0, 0); at += 600 * STAMP_SECOND) {
                if (!day_summary_due(at, hour, &last))
                    continue;
                day = day_of(at);
                assert_int_equal(day_compare(&last, &day), -1);
                assert_true(at - day_hour(&day, hour) < 600 * STAMP_SECOND);
                last = day;
                sent++;
            }
            day = day_of(at);
            assert_int_equal(sent, 364 + (day_hour(&day, hour) < at));
        }
    }
    setenv("TZ", "UTC", 1);
    tzset();
    day = day_of(stamp_civil(2027, 3, 5, 12, 0, 0, 0));
    assert_false(day_summary_due(stamp_civil(2027, 3, 6, 8, 59, 59, 0), 9, &day));
    assert_true(day_summary_due(stamp_civil(2027, 3, 6, 9, 0, 0, 0), 9, &day));
    assert_true(day_summary_due(stamp_civil(2027, 3, 9, 23, 0, 0, 0), 9, &day)); /* was off since */
    assert_false(day_summary_due(stamp_civil(2027, 3, 6, 23, 0, 0, 0), -1, &day));
    /* A clock set back by an hour over midnight sends nothing twice; a wrong one blocks nothing. */
    assert_false(day_summary_due(stamp_civil(2027, 3, 4, 23, 30, 0, 0), 0, &day));
    assert_true(day_summary_due(stamp_civil(2027, 3, 3, 23, 30, 0, 0), 0, &day));
    assert_int_equal(day_parse(SLICE("2027-03-28"), &day), ERR_OK);
    assert_int_equal(day.to_us - day.from_us, 86400 * STAMP_SECOND);
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    assert_int_equal(day_parse(SLICE("2027-03-28"), &day), ERR_OK);
    assert_int_equal(day.to_us - day.from_us, 23 * 3600 * STAMP_SECOND);
    assert_int_equal(day_parse(SLICE("2027-02-29"), &day), ERR_INVALID);
    setenv("TZ", "UTC", 1);
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_group_and_its_topics, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(asking_and_making, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(what_a_day_brought, bed_setup, bed_teardown),
        cmocka_unit_test(due_once_a_day),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
