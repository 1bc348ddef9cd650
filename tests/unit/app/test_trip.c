/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The breaker in the daemon: whom it counted survives a restart, resume and undo do what they say; the
 * violations that decide the next step are remembered, and forgotten when forgiven. */
#include "app_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"

static struct breaker_view look(struct app_bed *b)
{
    struct breaker_view v;

    engine_breaker(b->d.engine, bed_clock_us, &v);
    return v;
}

static int disabled_in_panel(struct app_bed *b, int users)
{
    int n = 0, i;

    for (i = 0; i < users; i++)
        n += b->panel.users[i].status == PANEL_STATUS_DISABLED;
    return n;
}

static void violations_of(struct app_bed *b, int64_t id, int expected)
{
    struct user_view *v = calloc(1, sizeof(*v));

    assert_non_null(v);
    assert_int_equal(engine_view(b->d.engine, id, bed_clock_us, v), ERR_OK);
    assert_int_equal(v->violations, expected);
    free(v);
}

/* One user is disabled; then seven at once are too many, and none of them is. */
static void trip(struct app_bed *b)
{
    bed_share(b, 1, 1, 3, 195);
    bed_settle(b);
    bed_share(b, 2, 7, 3, 195);
    bed_settle(b);
    assert_true(engine_paused(b->d.engine));
    assert_int_equal(disabled_in_panel(b, 8), 1);
}

static void outlives_a_restart(void **state)
{
    struct app_bed *b = *state;
    struct breaker_view v, after;
    int64_t users[16];
    size_t n;

    trip(b);
    v = look(b);
    n = v.n_users;
    assert_int_equal(n, 6);
    memcpy(users, v.users, n * sizeof(*users));
    assert_int_equal(engine_breaker_was(b->d.engine, &(struct breaker_view){.paused = false}),
                     ERR_OK);
    bed_load_again(b);
    after = look(b);
    assert_true(after.paused);
    assert_int_equal(after.shown_5m, 6);
    assert_int_equal(after.n_users, n);
    assert_memory_equal(after.users, users, n * sizeof(*users));
    assert_true(after.paused_us > bed_clock_us - 60 * STAMP_SECOND);
    /* Resumed, that outlives it as well: for a day the bounds are at twice what was counted. */
    assert_true(trip_resume(&b->d, SLICE("test")));
    assert_false(trip_resume(&b->d, SLICE("test")));
    bed_settle(b);
    assert_int_equal(engine_breaker_was(b->d.engine, &(struct breaker_view){.paused = true}),
                     ERR_OK);
    bed_load_again(b);
    after = look(b);
    assert_false(after.paused);
    assert_int_equal(after.bound_5m, 12);
    assert_true(after.raised_until_us > bed_clock_us + 86000 * STAMP_SECOND);
}

static void replied(void *arg, int status, struct slice json)
{
    (void)json;
    *(int *)arg = status;
}

static int ask(struct app_bed *b, const char *path, const char *query)
{
    struct op_request rq = {OP_POST, slice_of(path), slice_of(query), {NULL, 0}, SLICE("test")};
    int status = 0, i;

    op_call(&b->d.port, &rq, replied, &status);
    for (i = 0; i < 20 && !status; i++)
        bed_settle(b);
    return status;
}

static void undo_lets_them_off(void **state)
{
    struct app_bed *b = *state;
    int i;

    trip(b);
    assert_int_equal(ask(b, "/breaker/undo", ""), 409);
    assert_true(disabled_in_panel(b, 8) > 0);
    assert_int_equal(ask(b, "/breaker/undo", "confirm=true"), 200);
    bed_settle(b);
    assert_int_equal(disabled_in_panel(b, 8), 0);
    assert_int_equal(look(b).n_users, 0);
    assert_true(engine_paused(b->d.engine));
    for (i = 1; i <= 8; i++)
        violations_of(b, i, 0);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations WHERE outcome='applied' AND"
                                   " forgiven_at IS NULL"),
                     0);
    bed_load_again(b);
    for (i = 1; i <= 8; i++)
        violations_of(b, i, 0);
}

/* Steps: the warning is a row that counts, then and after a restart; a forgiven one does not. */
static void steps_are_remembered(void **state)
{
    struct app_bed *b = *state;

    bed_set(b, SET_PUNISHMENT_ENABLED, "true");
    bed_share(b, 1, 1, 3, 195);
    bed_settle(b);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations WHERE outcome='warned' AND"
                                   " step=0 AND action='warn' AND mode='on'"),
                     1);
    violations_of(b, 1, 1);
    engine_forgive(b->d.engine, 1, 0, INT64_MAX);
    bed_load_again(b);
    violations_of(b, 1, 1);
    bed_share(b, 1, 1, 3, 195);
    bed_settle(b);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
    assert_int_equal(bed_number(b, "SELECT step FROM violations WHERE outcome='applied'"), 1);
    violations_of(b, 1, 2);
    assert_int_equal(ask(b, "/users/disabled/id:1/enable", "forgive=true"), 200);
    bed_settle(b);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    violations_of(b, 1, 1);
    bed_load_again(b);
    violations_of(b, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outlives_a_restart, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(undo_lets_them_off, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(steps_are_remembered, bed_setup, bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
