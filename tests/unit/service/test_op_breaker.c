/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The operations on the breaker: shown, resumed, undone once the number is confirmed. */
#include "op_bed.h"

#include <string.h>

#include "base/limits.h"
#include "store/db_violations.h"

static const int64_t caught[] = {12, 13};
static size_t n_caught;
static int resumed, undone;

static void show(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(out, "{\"on\":true,\"paused\":true,\"users\":[]}");
}

static bool resume(void *app, struct slice who)
{
    (void)app;
    assert_true(who.n > 0);
    return resumed++ == 0;
}

static size_t users(void *app, const int64_t **ret_ids, int64_t *ret_since_us)
{
    (void)app;
    *ret_ids = caught;
    *ret_since_us = BED_NOW - 3600 * STAMP_SECOND;
    return n_caught;
}

static void let_off(void *app)
{
    (void)app;
    undone++;
    n_caught = 0;
}

static int setup(void **state)
{
    struct bed *bed;
    int rc = bed_setup(state);

    bed = *state;
    bed->port.breaker_json = show;
    bed->port.breaker_resume = resume;
    bed->port.breaker_users = users;
    bed->port.breaker_undone = let_off;
    n_caught = 2;
    resumed = undone = 0;
    return rc;
}

static void shown_and_resumed(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /breaker", NULL), 200);
    assert_true(bed_yes(bed, "paused"));
    assert_int_equal(bed_ask(bed, "POST /breaker/resume", NULL), 200);
    assert_true(bed_yes(bed, "resumed"));
    assert_int_equal(bed_ask(bed, "POST /breaker/resume", NULL), 200);
    assert_false(bed_yes(bed, "resumed"));
    assert_int_equal(bed_ask(bed, "POST /breaker/resume", "{\"confirm\":true}"), 422);
    assert_int_equal(bed_ask(bed, "DELETE /breaker", NULL), 405);
    bed->port.status_json = NULL; /* no daemon */
    assert_int_equal(bed_ask(bed, "GET /breaker", NULL), 503);
    assert_int_equal(bed_ask(bed, "POST /breaker/undo", NULL), 503);
}

static void add_violation(struct bed *bed, int64_t user, int64_t at_us)
{
    struct db_violation v = {.user_id = user,
                             .name = SLICE("alice"),
                             .at_us = at_us,
                             .outcome = DB_OUTCOME_APPLIED,
                             .action = SLICE("disable 15m"),
                             .evidence = SLICE("{}"),
                             .forgiven_us = STAMP_NONE};
    struct err err;
    int64_t id;

    if (db_violations_add(bed->db, &v, &id, &err))
        fail_msg("%s", err.text);
}

static int64_t counted(struct bed *bed, int64_t user)
{
    struct err err;
    int64_t n;

    if (db_violations_count(bed->db, user, 0, &n, &err))
        fail_msg("%s", err.text);
    return n;
}

/* The number is told first; then they are enabled, and what they did before that time still counts. */
static void undone_when_confirmed(void **state)
{
    struct bed *bed = *state;

    add_violation(bed, 12, BED_NOW - 60 * STAMP_SECOND);
    add_violation(bed, 12, BED_NOW - 86400 * STAMP_SECOND);
    add_violation(bed, 13, BED_NOW - 120 * STAMP_SECOND);
    add_violation(bed, 14, BED_NOW - 120 * STAMP_SECOND);
    assert_int_equal(bed_ask(bed, "POST /breaker/undo", NULL), 409);
    assert_string_equal(bed_text(bed, "code"), "confirm_needed");
    assert_non_null(strstr(bed_text(bed, "detail"), "2 users"));
    assert_int_equal(undone, 0);
    assert_int_equal(bed->enabled_id, 0);
    assert_int_equal(counted(bed, 12), 2);
    assert_int_equal(bed_ask(bed, "POST /breaker/undo?confirm=true", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
    assert_int_equal(undone, 1);
    assert_int_equal(bed->enabled_id, 12);
    assert_int_equal(counted(bed, 12), 1);
    assert_int_equal(counted(bed, 13), 0);
    assert_int_equal(counted(bed, 14), 1);
    /* Again: there is nobody more, and nothing to confirm. */
    bed->enabled_id = 0;
    assert_int_equal(bed_ask(bed, "POST /breaker/undo", "{}"), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
    assert_int_equal(bed->enabled_id, 0);
    assert_int_equal(bed_ask(bed, "POST /breaker/undo", "{\"confirm\":\"perhaps\"}"), 422);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shown_and_resumed, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(undone_when_confirmed, setup, bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
