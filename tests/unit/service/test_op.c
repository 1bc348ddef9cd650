/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include "base/limits.h"
#include "service/user_ref.h"
#include "store/db_events.h"
#include "store/db_journal.h"

static void limits_are_added_changed_and_removed(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /users/limits/alice", NULL), 200);
    assert_int_equal(bed_number(bed, "limit"), 2);
    assert_string_equal(bed_text(bed, "limit_from"), "general");
    assert_int_equal(bed_ask(bed, "PUT /users/limits/alice", "{\"limit\":4}"), 404);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    assert_int_equal(bed_number(bed, "id"), 12);
    assert_true(bed_yes(bed, "created"));
    assert_false(bed_yes(bed, "pending"));
    assert_int_equal(bed->changed, OP_CHANGED_LIMITS);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"id:12\",\"limit\":5}"),
                     200);
    assert_false(bed_yes(bed, "created"));
    assert_non_null(strstr(bed_text(bed, "detail"), "updated"));
    assert_int_equal(bed_ask(bed, "PUT /users/limits/alice", "{\"limit\":0}"), 200);
    assert_int_equal(bed_ask(bed, "GET /users/limits", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_int_equal(json_integer_value(json_object_get(bed_first(bed), "limit")), 0);
    assert_int_equal(bed_ask(bed, "DELETE /users/limits/id:12", NULL), 200);
    assert_int_equal(bed_ask(bed, "DELETE /users/limits/alice", NULL), 404);
    assert_int_equal(bed->asked, 0);
}

static void wrong_limits_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"username\":\"alice\"}",
        "{\"username\":\"alice\",\"limit\":\"3\"}",
        "{\"username\":\"alice\",\"limit\":-1}",
        "{\"username\":\"alice\",\"limit\":10001}",
        "{\"username\":\"alice\",\"limit\":1.5}",
        "{\"limit\":3}",
        "{\"username\":\"\",\"limit\":3}",
        "{\"username\":\"id:0\",\"limit\":3}",
        "{\"username\":\"id:x\",\"limit\":3}",
        "{\"username\":7,\"limit\":3}",
    };
    struct bed *bed = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(bed_ask(bed, "POST /users/limits", bodies[i]), 422);
        assert_string_equal(bed_text(bed, "code"), "invalid");
        assert_true(bed_text(bed, "detail")[0] != '\0');
    }
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":"), 400);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "[1]"), 400);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"a\":1,\"a\":2}"), 400);
    assert_int_equal(bed->changed, 0);
}

static void a_name_of_digits_is_a_name(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /users/limits/12345", NULL), 200);
    assert_int_equal(bed_number(bed, "id"), 13);
    assert_int_equal(bed_ask(bed, "GET /users/limits/id:13", NULL), 200);
    assert_string_equal(bed_text(bed, "username"), "12345");
}

static void unknown_users_are_refused_only_while_the_panel_answers(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"bob\",\"limit\":3}"), 404);
    assert_non_null(strstr(bed_text(bed, "detail"), "the panel has no user bob"));
    bed->mood = PANEL_SILENT;
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"bob\",\"limit\":3}"), 200);
    assert_true(bed_yes(bed, "pending"));
    assert_non_null(strstr(bed_text(bed, "detail"), "does not answer"));
    assert_int_equal(bed_ask(bed, "GET /users/limits", NULL), 200);
    assert_true(json_is_true(json_object_get(bed_first(bed), "pending")));
    assert_int_equal(bed_ask(bed, "POST /users/except", "{\"username\":\"id:99\"}"), 200);
    assert_int_equal(bed_number(bed, "id"), 99);
    bed->port.find_user = NULL;
    assert_int_equal(bed_ask(bed, "POST /users/except", "{\"username\":\"carl\"}"), 200);
    assert_non_null(strstr(bed_text(bed, "detail"), "no daemon"));
    assert_int_equal(bed_ask(bed, "DELETE /users/except/carl", NULL), 200);
    assert_int_equal(bed_ask(bed, "DELETE /users/limits/bob", NULL), 200);
}

static void a_user_the_panel_tells_is_learned(void **state)
{
    struct bed *bed = *state;

    bed->mood = PANEL_KNOWS;
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"dora\",\"limit\":3}"),
                     200);
    assert_int_equal(bed_number(bed, "id"), 77);
    assert_false(bed_yes(bed, "pending"));
    assert_int_equal(bed_ask(bed, "GET /users/limits/dora", NULL), 200);
    assert_int_equal(bed_number(bed, "id"), 77);
    assert_int_equal(bed->asked, 1);
}

static void exceptions_win_over_limits(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    assert_int_equal(bed_ask(bed, "POST /users/except",
                             "{\"username\":\"alice\",\"reason\":\"my <b>own</b>\"}"),
                     200);
    assert_int_equal(bed_ask(bed, "GET /users/limits/alice", NULL), 200);
    assert_string_equal(bed_text(bed, "limit_from"), "except");
    assert_int_equal(bed_ask(bed, "GET /users/except/alice", NULL), 200);
    assert_true(bed_yes(bed, "excepted"));
    assert_string_equal(bed_text(bed, "reason"), "my <b>own</b>");
    assert_int_equal(bed_ask(bed, "GET /users/except", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_int_equal(bed_ask(bed, "DELETE /users/except/alice", NULL), 200);
    assert_int_equal(bed_ask(bed, "GET /users/except/alice", NULL), 200);
    assert_false(bed_yes(bed, "excepted"));
    assert_int_equal(bed_ask(bed, "DELETE /users/except/alice", NULL), 404);
}

static void disabled_users_are_listed_and_enabled(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /users/disabled", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
    bed_disable_alice(bed);
    assert_int_equal(bed_ask(bed, "GET /users/disabled", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_string_equal(json_string_value(json_object_get(bed_first(bed), "username")), "alice");
    assert_int_equal(bed_ask(bed, "POST /users/disabled/alice/enable", "{\"forgive\":true}"), 200);
    assert_int_equal(bed->enabled_id, 12);
    assert_true(bed->forgiven);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/nobody/enable", NULL), 404);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/enable-all", "{\"since\":\"30m\"}"), 200);
    assert_true(bed->enabled_all);
    assert_true(bed->enabled_since == BED_NOW - 1800 * STAMP_SECOND);
    assert_false(bed->forgiven);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/enable-all", NULL), 200);
    assert_true(bed->enabled_since == 0);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/enable-all", "{\"since\":\"soon\"}"), 422);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/enable-all", "{\"since\":\"999d\"}"), 422);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/enable-all", "{\"forgive\":1}"), 422);
}

static void a_higher_limit_may_enable_along_with_it(void **state)
{
    struct bed *bed = *state;

    bed_disable_alice(bed);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":5}"),
                     200);
    assert_true(bed_yes(bed, "disabled"));
    assert_int_equal(bed->enabled_id, 0);
    assert_int_equal(bed_ask(bed, "POST /users/except?enable=true", "{\"username\":\"alice\"}"),
                     200);
    assert_int_equal(bed->enabled_id, 12);
    assert_true(json_is_array(json_object_get(bed->json, "enabled")));
    assert_int_equal(bed_ask(bed, "POST /users/except?enable=perhaps", "{\"username\":\"alice\"}"),
                     422);
}

static void a_user_is_shown_whole(void **state)
{
    struct bed *bed = *state;

    bed_disable_alice(bed);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    assert_int_equal(bed_ask(bed, "GET /users/alice", NULL), 200);
    assert_int_equal(bed_number(bed, "limit"), 4);
    assert_string_equal(bed_member(json_object_get(bed->json, "disabled"), "state"), "intended");
    assert_int_equal(json_array_size(json_object_get(bed->json, "violations")), 1);
    assert_true(json_array_size(json_object_get(bed->json, "events")) >= 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(bed->json, "live"), "of")),
                     12);
    assert_int_equal(bed_ask(bed, "GET /users/ghost", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET /users/a%6Cice", NULL), 200);
    assert_int_equal(bed_ask(bed, "GET /users/a%00b", NULL), 400);
    assert_int_equal(bed_ask(bed, "GET /users/a%zz", NULL), 400);
    assert_int_equal(bed_ask(bed, "GET /users/%", NULL), 400);
}

static void what_needs_the_daemon_says_so(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /status", NULL), 200);
    bed->port.status_json = bed->port.nodes_json = NULL;
    bed->port.enable = NULL;
    bed->port.live_json = NULL;
    assert_int_equal(bed_ask(bed, "GET /status", NULL), 503);
    assert_string_equal(bed_text(bed, "code"), "unreachable");
    assert_int_equal(bed_ask(bed, "GET /nodes", NULL), 503);
    assert_int_equal(bed_ask(bed, "POST /users/disabled/enable-all", NULL), 503);
    assert_int_equal(bed_ask(bed, "GET /users/alice", NULL), 200);
    assert_false(bed_yes(bed, "daemon"));
    assert_true(json_is_null(json_object_get(bed->json, "live")));
}

static void unknown_paths_and_methods(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /nowhere", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET /nodes/1", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET /users/", NULL), 400);
    assert_int_equal(bed_ask(bed, "GET /users/alice/", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET status", NULL), 404);
    assert_int_equal(bed_ask(bed, "DELETE /users/limits", NULL), 405);
    assert_string_equal(bed_text(bed, "code"), "method_not_allowed");
    assert_int_equal(bed_ask(bed, "PATCH /users/alice", "{}"), 405);
}

static int see_event(void *arg, const struct db_event *row)
{
    int *n = arg;

    *n += slice_eq(row->who, SLICE("cli"));
    return ERR_OK;
}

static void every_change_leaves_an_event(void **state)
{
    struct db_event_filter all = {.limit = 100};
    struct bed *bed = *state;
    struct err err;
    int n = 0;

    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    assert_int_equal(bed_ask(bed, "DELETE /users/limits/alice", NULL), 200);
    assert_int_equal(bed_ask(bed, "POST /users/except", "{\"username\":\"alice\"}"), 200);
    assert_int_equal(bed_ask(bed, "DELETE /users/except/alice", NULL), 200);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":3}"), 200);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":null}"), 200);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":-1}"), 422);
    assert_int_equal(db_events_each(bed->db, &all, see_event, &n, &err), ERR_OK);
    assert_int_equal(n, 6);
}

static void ways_to_name_a_user(void **state)
{
    struct user_ref ref;
    struct err err;
    char longest[LIMIT_USER_NAME + 2];

    (void)state;
    assert_int_equal(user_ref_parse(SLICE("id:12"), &ref, &err), ERR_OK);
    assert_int_equal(ref.id, 12);
    assert_int_equal(user_ref_parse(SLICE("12"), &ref, &err), ERR_OK);
    assert_int_equal(ref.id, 0);
    assert_true(slice_eq(ref.name, SLICE("12")));
    assert_int_equal(user_ref_parse(SLICE("id:999999999999999999"), &ref, &err), ERR_OK);
    assert_int_equal(user_ref_parse(SLICE("id:1000000000000000000"), &ref, &err), ERR_INVALID);
    assert_int_equal(user_ref_parse(SLICE("id:012"), &ref, &err), ERR_INVALID);
    assert_int_equal(user_ref_parse(SLICE("id:-1"), &ref, &err), ERR_INVALID);
    assert_int_equal(user_ref_parse(SLICE("id:"), &ref, &err), ERR_INVALID);
    assert_int_equal(user_ref_parse(SLICE(""), &ref, &err), ERR_INVALID);
    assert_int_equal(user_ref_parse(SLICE(" a"), &ref, &err), ERR_INVALID);
    assert_int_equal(user_ref_parse(SLICE("a\nb"), &ref, &err), ERR_INVALID);
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(user_ref_parse((struct slice){longest, LIMIT_USER_NAME}, &ref, &err), ERR_OK);
    assert_int_equal(user_ref_parse((struct slice){longest, LIMIT_USER_NAME + 1}, &ref, &err),
                     ERR_INVALID);
}

/* A store in which what was asked for after the change takes its time. */
static struct late {
    struct bed *bed;
    owner_fn fn;
    owner_done_fn done;
    void *arg;
} late;

static int submit_late(void *ctx, enum owner_kind kind, owner_fn fn, owner_done_fn done, void *arg)
{
    if (!late.bed->changed)
        return owner_submit_here(ctx, kind, fn, done, arg);
    assert_int_equal(kind, OWNER_READ);
    assert_null(late.done);
    late = (struct late){late.bed, fn, done, arg};
    return 0;
}

static void count_reply(void *arg, int status, struct slice json)
{
    (void)json;
    assert_int_equal(status, 200);
    ((struct bed *)arg)->replies++;
}

static void who_is_answered_finds_the_change_in_force(void **state)
{
    struct bed *bed = *state;
    struct op_request req = {.method = OP_POST,
                             .path = SLICE("/users/limits"),
                             .body = SLICE("{\"username\":\"alice\",\"limit\":4}"),
                             .who = SLICE("cli")};
    struct err err = {0};

    late = (struct late){.bed = bed};
    bed->port.submit = submit_late;
    op_call(&bed->port, &req, count_reply, bed);
    assert_int_equal(bed->changed, OP_CHANGED_LIMITS);
    assert_int_equal(bed->replies, 0);
    assert_int_equal(late.fn(bed->db, late.arg, &err), ERR_OK);
    late.done(late.arg, ERR_OK, &err);
    assert_int_equal(bed->replies, 1);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(limits_are_added_changed_and_removed),
        WITH_BED(wrong_limits_are_refused),
        WITH_BED(a_name_of_digits_is_a_name),
        WITH_BED(unknown_users_are_refused_only_while_the_panel_answers),
        WITH_BED(a_user_the_panel_tells_is_learned),
        WITH_BED(exceptions_win_over_limits),
        WITH_BED(disabled_users_are_listed_and_enabled),
        WITH_BED(a_higher_limit_may_enable_along_with_it),
        WITH_BED(a_user_is_shown_whole),
        WITH_BED(what_needs_the_daemon_says_so),
        WITH_BED(unknown_paths_and_methods),
        WITH_BED(every_change_leaves_an_event),
        WITH_BED(who_is_answered_finds_the_change_in_force),
        cmocka_unit_test(ways_to_name_a_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
