/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the daemon remembers from before: it is all there, and too much of it does no harm. */
#include "app_bed.h"

#include <stdlib.h>

#include "base/stamp.h"

/* All verdicts of a week, also thousands; but none that was not carried out. */
static void verdicts_of_a_week(void **state)
{
    struct app_bed *b = *state;
    struct engine_stats stats;

    assert_int_equal(
        bed_number(b, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2500)"
                      " INSERT INTO violations(user_id, name, at, mode, outcome, step, action,"
                      " max_devices, devices, evidence)"
                      " SELECT i, 'u' || i, 1789990000000 + i, 'on',"
                      " CASE WHEN i > 2000 THEN 'cancelled' ELSE 'applied' END, 0, 'disable 15m',"
                      " 2, 3, '{}' FROM n RETURNING 1"),
        1);
    bed_load_again(b);
    engine_stats(b->d.engine, &stats);
    assert_int_equal(stats.users, 2000);
}

/* More nodes and marks than there is room for, from years: the daemon starts all the same. */
static void too_much_from_before(void **state)
{
    struct app_bed *b = *state;

    assert_int_equal(
        bed_number(b, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)"
                      " INSERT INTO node_clock(node_id, offset_us, saved_at)"
                      " SELECT i, 0, 1 FROM n RETURNING 1"),
        1);
    bed_load_again(b);
}

static void told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    (void)t;
}

/* Enabled by hand, then a restart: he is still not judged for the time that was promised. */
static void a_pardon_outlives_a_restart(void **state)
{
    struct app_bed *b = *state;
    const int64_t one = 1;
    const struct enforce_release what = {.ids = &one, .n = 1, .who = SLICE("test")};
    struct user_view *v = calloc(1, sizeof(*v));

    assert_non_null(v);
    bed_share(b, 1, 2, 3, 195);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
    assert_int_equal(enforce_release(b->d.enforce, &what, told, NULL), ERR_OK);
    bed_settle(b);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    engine_clear_user(b->d.engine, 1);
    assert_int_equal(engine_view(b->d.engine, 1, bed_clock_us, v), ERR_OK);
    assert_int_equal(v->pardon_us, 0);
    bed_load_again(b);
    assert_int_equal(engine_view(b->d.engine, 1, bed_clock_us, v), ERR_OK);
    assert_in_range(v->pardon_us, bed_clock_us + 59 * 60 * STAMP_SECOND,
                    bed_clock_us + 60 * 60 * STAMP_SECOND);
    /* Who was enabled because his time was over is not pardoned. */
    assert_int_equal(engine_view(b->d.engine, 2, bed_clock_us, v), ERR_OK);
    assert_int_equal(v->pardon_us, 0);
    free(v);
}

/* A mark taken away in the database, by whichever process, is off the devices after the next reading; the
 * engine does not set it again, nor does the database when it is told of one. */
static void an_unmarked_source_counts(void **state)
{
    struct app_bed *b = *state;
    struct user_view *v = calloc(1, sizeof(*v));
    struct addr a;

    assert_non_null(v);
    assert_int_equal(addr_parse(SLICE("5.6.7.8"), &a), ERR_OK);
    assert_int_equal(bed_number(b, "INSERT INTO shared_sources(address, since, until)"
                                   " VALUES('5.6.7.8', 1, 1900000000000) RETURNING 1"),
                     1);
    bed_load_again(b);
    engine_line(b->d.engine, b->node, bed_clock_us,
                SLICE("from 5.6.7.8:1 accepted tcp:a:1 [I -> O] email: 1"), NULL);
    engine_line(b->d.engine, b->node, bed_clock_us,
                SLICE("from 5.6.7.9:1 accepted tcp:a:1 [I -> O] email: 1"), NULL);
    assert_int_equal(engine_view(b->d.engine, 1, bed_clock_us, v), ERR_OK);
    assert_int_equal(v->devices, 1);
    assert_int_equal(bed_number(b, "UPDATE shared_sources SET barred=1 RETURNING 1"), 1);
    assert_int_equal(rules_reload(&b->d), ERR_OK);
    bed_settle(b);
    assert_int_equal(engine_view(b->d.engine, 1, bed_clock_us, v), ERR_OK);
    assert_int_equal(v->devices, 2);
    free(v);
}

/* A limit that is higher than the one somebody was convicted under: he is let go, however many devices. */
static void a_higher_limit_at_the_last_moment(void **state)
{
    struct app_bed *b = *state;
    struct enforce_case ec = {.user_id = 1, .max_devices = 2, .devices = 9};
    struct panel_user user = {.id = 1, .name = SLICE("user1")};
    struct limits *l = engine_limits(b->d.engine);
    struct err why = {0};

    assert_int_equal(news_approve(&b->d, &ec, &user, &why), ERR_OK);
    assert_int_equal(limits_special(l, 1, SLICE("user1"), 1), ERR_OK);
    assert_int_equal(news_approve(&b->d, &ec, &user, &why), ERR_OK);
    assert_int_equal(limits_special(l, 1, SLICE("user1"), 3), ERR_OK);
    assert_int_equal(news_approve(&b->d, &ec, &user, &why), ERR_REFUSED);
    assert_int_equal(limits_special(l, 1, SLICE("user1"), 0), ERR_OK);
    assert_int_equal(news_approve(&b->d, &ec, &user, &why), ERR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts_of_a_week, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(too_much_from_before, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_pardon_outlives_a_restart, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(an_unmarked_source_counts, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_higher_limit_at_the_last_moment, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
