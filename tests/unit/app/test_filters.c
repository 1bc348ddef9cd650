/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Filters, group limits and modes as the daemon has them: from the panel's words to the verdict. */
#include "app_bed.h"

#include <stdlib.h>

#include "base/stamp.h"

/* What the panel says of a user: read as the enforcement does. */
static void hear(struct app_bed *b, int64_t id)
{
    struct panel_user u;
    char raw[256];

    fp_show(fp_find(&b->panel, id), &u, raw, sizeof(raw));
    people_learn(&b->d, &u);
}

static void put_in(struct app_bed *b, int64_t id, int64_t group)
{
    fp_admin_groups(&b->panel, fp_find(&b->panel, id), &group, 1);
}

static enum limit_source from(struct app_bed *b, int64_t id)
{
    enum limit_source source;

    limits_of(engine_limits(b->d.engine), id, b->d.policy.general_limit, &source);
    return source;
}

static int state_of(struct app_bed *b, int64_t id)
{
    struct user_view *v = malloc(sizeof(*v));
    int state;

    assert_non_null(v);
    assert_int_equal(engine_view(b->d.engine, id, bed_clock_us, v), ERR_OK);
    state = (int)v->state;
    free(v);
    return state;
}

/* A start while the panel is down: names are known from before, groups are not. */
static void nobody_is_judged_on_missing_data(void **state)
{
    struct app_bed *b = *state;

    put_in(b, 1, 1);
    put_in(b, 2, 2);
    bed_set(b, SET_GROUP_FILTER, "1");
    assert_true(limits_lacks(engine_limits(b->d.engine), 1));
    bed_share(b, 1, 2, 3, 200);
    assert_int_equal(from(b, 1), LIMIT_FROM_UNKNOWN);
    assert_int_equal(state_of(b, 1), USER_CLEAR);
    assert_int_equal(b->panel.users[0].disables + b->panel.users[1].disables, 0);
    /* The panel is back and tells: the one in the group is judged, after a whole monitoring period. */
    hear(b, 1);
    hear(b, 2);
    assert_false(limits_lacks(engine_limits(b->d.engine), 1));
    bed_share(b, 1, 2, 3, 30);
    assert_int_equal(state_of(b, 1), USER_MONITORING);
    bed_share(b, 1, 2, 3, 170);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
    assert_int_equal(from(b, 2), LIMIT_FROM_FILTER);
    assert_int_equal(b->panel.users[1].status, PANEL_STATUS_ACTIVE);
}

/* Moved by an admin since the last listing: what the panel says at the verdict decides. */
static void the_verdict_hears_the_panel(void **state)
{
    struct app_bed *b = *state;

    put_in(b, 1, 1);
    put_in(b, 2, 1);
    hear(b, 1);
    hear(b, 2);
    bed_set(b, SET_GROUP_FILTER, "1");
    put_in(b, 1, 2);
    bed_share(b, 1, 2, 3, 200);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    assert_int_equal(b->panel.users[0].disables, 0);
    assert_int_equal(b->panel.users[1].status, PANEL_STATUS_DISABLED);
    assert_int_equal(from(b, 1), LIMIT_FROM_FILTER);
    assert_int_equal(state_of(b, 1), USER_CLEAR);
}

/* The filter changes while users wait for their turn: who is spared by it is not disabled. */
static void a_filter_changed_while_someone_waits(void **state)
{
    struct app_bed *b = *state;
    int64_t id;
    int disabled = 0;

    for (id = 1; id <= 4; id++) {
        put_in(b, id, id % 2 ? 1 : 2);
        hear(b, id);
    }
    bed_set(b, SET_PUNISH_RATE, "1");
    bed_share(b, 1, 4, 3, 190);
    for (id = 1; id <= 4; id++)
        disabled += b->panel.users[id - 1].status == PANEL_STATUS_DISABLED;
    assert_int_equal(disabled, 1);
    bed_set(b, SET_GROUP_FILTER_MODE, "exclude");
    bed_set(b, SET_GROUP_FILTER, "1,2");
    bed_wait(b, 400);
    for (id = 1; id <= 4; id++)
        disabled -= b->panel.users[id - 1].disables;
    assert_int_equal(disabled, 0);
}

static void a_mode_of_a_group(void **state)
{
    struct app_bed *b = *state;

    put_in(b, 1, 1);
    put_in(b, 2, 2);
    put_in(b, 3, 3);
    hear(b, 1);
    hear(b, 2);
    hear(b, 3);
    bed_set(b, SET_GROUP_MODES, "1=shadow,2=off");
    bed_share(b, 1, 3, 3, 200);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    assert_int_equal(state_of(b, 1), USER_PUNISHED);
    assert_int_equal(state_of(b, 2), USER_CLEAR);
    assert_int_equal(b->panel.users[2].status, PANEL_STATUS_DISABLED);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations WHERE mode='shadow'"), 1);
    /* On from now on: he starts anew and is watched for the whole period first. */
    bed_set(b, SET_GROUP_MODES, "");
    bed_share(b, 1, 1, 3, 30);
    assert_int_equal(state_of(b, 1), USER_MONITORING);
    assert_int_equal(b->panel.users[0].disables, 0);
    bed_share(b, 1, 1, 3, 170);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
}

/* Put into the group of disabled users by us, he is still known by the groups he came from. */
static void put_aside_he_keeps_his_groups(void **state)
{
    struct app_bed *b = *state;
    struct limit_person p;

    bed_set(b, SET_DISABLED_GROUP_ID, "8");
    bed_set(b, SET_DISABLE_METHOD, "group");
    put_in(b, 1, 1);
    hear(b, 1);
    bed_set(b, SET_GROUP_FILTER, "1");
    bed_share(b, 1, 1, 3, 200);
    assert_true(fp_is_moved(&b->panel.users[0]));
    hear(b, 1);
    assert_true(limits_person(engine_limits(b->d.engine), 1, &p));
    assert_int_equal(p.groups[0], 1);
    assert_int_equal(from(b, 1), LIMIT_FROM_GENERAL);
}

/* Rows of the database, live on the present name. */
static void patterns_of_the_database(void **state)
{
    struct app_bed *b = *state;

    assert_int_equal(bed_number(b,
                                "INSERT INTO limit_patterns(kind, pattern, max_devices,"
                                " updated_at, updated_by) VALUES('prefix', 'user1', 7, 1, 'test'),"
                                " ('suffix', '2', 0, 1, 'test') RETURNING 1"),
                     1);
    assert_int_equal(bed_number(b, "INSERT INTO admin_patterns(admin, kind, pattern, updated_at,"
                                   " updated_by) VALUES('reza', 'prefix', 'user2', 1, 'test')"
                                   " RETURNING 1"),
                     1);
    bed_set(b, SET_ADMIN_FILTER_MODE, "exclude");
    bed_set(b, SET_ADMIN_FILTER, "reza");
    assert_int_equal(rules_reload(&b->d), ERR_OK);
    bed_settle(b);
    assert_int_equal(from(b, 1), LIMIT_FROM_UNKNOWN);
    assert_int_equal(from(b, 20), LIMIT_FROM_FILTER);
    hear(b, 1);
    assert_int_equal(from(b, 1), LIMIT_FROM_PATTERN);
    /* The panel says that he is another's: its word is not overruled by a pattern. */
    hear(b, 20);
    assert_int_equal(from(b, 20), LIMIT_FROM_GENERAL);
    hear(b, 22);
    assert_int_equal(from(b, 22), LIMIT_FROM_PATTERN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_judged_on_missing_data, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(the_verdict_hears_the_panel, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_filter_changed_while_someone_waits, bed_setup,
                                        bed_teardown),
        cmocka_unit_test_setup_teardown(a_mode_of_a_group, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(put_aside_he_keeps_his_groups, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(patterns_of_the_database, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
