/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Orders of persons, what is forgiven, and a punished user's groups. */
#include "app_bed.h"

#include "base/stamp.h"

static void ask(struct app_bed *b, const char *path, const char *query, const char *body)
{
    struct op_request req = {.method = OP_POST,
                             .path = slice_of(path),
                             .query = slice_of(query),
                             .body = slice_of(body),
                             .who = SLICE("test")};

    if (!bed_op(b, &req))
        fail_msg("%s is not answered", path);
}

static void orders_are_checked_first(void **state)
{
    struct app_bed *b = *state;

    ask(b, "/users/id:1/disable", "", "{\"minutes\":5,\"hand\":true}");
    assert_int_equal(bed_status, 422);
    assert_non_null(strstr(bed_said, "exclude each other"));
    ask(b, "/users/id:1/disable", "", "{\"minutes\":0}");
    assert_int_equal(bed_status, 422);
    /* What cannot be undone asks, and so does an excepted user. */
    ask(b, "/users/id:1/revoke", "", "{}");
    assert_int_equal(bed_status, 409);
    assert_non_null(strstr(bed_said, "confirm_needed"));
    ask(b, "/users/except", "", "{\"username\":\"user2\",\"reason\":\"the owner\"}");
    assert_int_equal(bed_status, 200);
    ask(b, "/users/user2/disable", "", "{}");
    assert_int_equal(bed_status, 409);
    assert_non_null(strstr(bed_said, "the owner"));
    ask(b, "/users/user2/revoke", "confirm=true", "{}");
    /* Past the question, it ends at the panel that nobody has heard of. */
    assert_non_null(strstr(bed_said, "the panel does not answer"));
    ask(b, "/users/id:1/disable", "", "{}");
    assert_non_null(strstr(bed_said, "the panel does not answer"));
    assert_int_equal(bed_number(b, "SELECT count(*) FROM enforcements"), 0);
}

static void pardoned_for_its_minutes(void **state)
{
    struct app_bed *b = *state;

    ask(b, "/users/id:1/pardon", "", "{\"minutes\":10}");
    assert_int_equal(bed_status, 200);
    assert_non_null(strstr(bed_said, "pardoned_until"));
    assert_int_equal(bed_number(b, "SELECT count(*) FROM pardons WHERE user_id=1"), 1);
    bed_share(b, 1, 1, 3, 400);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    bed_share(b, 1, 1, 3, 500);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
    /* Who is disabled by us is enabled, not pardoned. */
    ask(b, "/users/id:1/pardon", "", "{}");
    assert_int_equal(bed_status, 409);
}

static int step_of_last(struct app_bed *b)
{
    return (int)bed_number(b, "SELECT step FROM violations ORDER BY id DESC LIMIT 1");
}

/* Convicts user 1 once more; his pardon, if any, is over by then. */
static void convict(struct app_bed *b)
{
    int64_t before = bed_number(b, "SELECT count(*) FROM violations");
    int i;

    for (i = 0; i < 40 && bed_number(b, "SELECT count(*) FROM violations") == before; i++)
        bed_share(b, 1, 1, 3, 60);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations"), before + 1);
    bed_settle(b);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
}

static void forgiven_steps_begin_again(void **state)
{
    struct app_bed *b = *state;

    bed_set(b, SET_PUNISHMENT_ENABLED, "true");
    bed_set(b, SET_PUNISHMENT_STEPS, "10m,20m,30m");
    bed_set(b, SET_PARDON_MINUTES, "1");
    convict(b);
    assert_int_equal(step_of_last(b), 0);
    ask(b, "/users/disabled/id:1/enable", "", "{}");
    assert_int_equal(bed_status, 200);
    convict(b);
    assert_int_equal(step_of_last(b), 1); /* enabled only: the first one counts */
    ask(b, "/users/disabled/id:1/enable", "", "{\"forgive\":true}");
    convict(b);
    assert_int_equal(step_of_last(b), 1); /* the second is forgiven, the first is not */
    ask(b, "/users/disabled/enable-all", "", "{\"forgive\":true}");
    convict(b);
    assert_int_equal(step_of_last(b), 1);
    /* The database says the same to the next process. */
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations WHERE forgiven_at IS NULL"), 2);
}

/* As in a page of the listing. */
static void learn(struct app_bed *b)
{
    struct panel_user u;
    char raw[200];

    fp_show(fp_find(&b->panel, 1), &u, raw, sizeof(raw));
    people_learn(&b->d, &u);
}

/* The setting may name another group by the time, or the group be deleted: his own are still known. */
static void set_aside_whatever_the_setting_says(void **state)
{
    struct app_bed *b = *state;
    enum limit_source from;

    fp_admin_groups(&b->panel, fp_find(&b->panel, 1), (int64_t[]){1}, 1);
    bed_set(b, SET_GROUP_FILTER, "1");
    bed_set(b, SET_GROUP_FILTER_MODE, "include");
    bed_set(b, SET_DISABLED_GROUP_ID, "8");
    bed_set(b, SET_DISABLE_METHOD, "group");
    learn(b);
    bed_share(b, 1, 1, 3, 195);
    assert_true(fp_is_moved(&b->panel.users[0]));
    bed_set(b, SET_DISABLED_GROUP_ID, "7");
    learn(b);
    assert_int_equal(limits_of(engine_limits(b->d.engine), 1, 2, &from), 2);
    b->panel.users[0].n_groups = 0; /* group 8 was deleted */
    learn(b);
    assert_int_equal(limits_of(engine_limits(b->d.engine), 1, 2, &from), 2);
    b->panel.users[0].groups[0] = 8;
    b->panel.users[0].n_groups = 1;
    bed_wait(b, 950);
    assert_int_equal(b->panel.users[0].groups[0], 1);
    assert_int_equal(limits_of(engine_limits(b->d.engine), 1, 2, &from), 2);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM enforcements WHERE state='restored'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(orders_are_checked_first, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(pardoned_for_its_minutes, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(forgiven_steps_begin_again, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(set_aside_whatever_the_setting_says, bed_setup,
                                        bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
