/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/stamp.h"
#include "core/line/unsteady.h"

#define SEC STAMP_SECOND
#define T0 (INT64_C(1790000000) * SEC)
#define SILENCE (60 * SEC)

static struct unsteady u;
static uint64_t troubles;
static int64_t now_us;

/* Looks every 15 s, as the daemon does, with a trouble every `every` seconds (0: none). Changes of bad. */
static int lives(int seconds, int every)
{
    int changes = 0, t;

    for (t = 15; t <= seconds; t += 15) {
        now_us += 15 * SEC;
        troubles += every && t % every == 0;
        changes += unsteady_look(&u, troubles, SILENCE, now_us);
    }
    return changes;
}

static int begin(void **state)
{
    (void)state;
    u = (struct unsteady){0};
    troubles = 1000; /* from before the first look */
    now_us = T0;
    return unsteady_look(&u, troubles, SILENCE, now_us);
}

static void hiccups_are_none(void **state)
{
    (void)state;
    assert_int_equal(lives(3600, 0), 0);
    troubles += 30; /* a storm of a few seconds */
    assert_int_equal(lives(3600, 0), 0);
    assert_int_equal(lives(24 * 3600, 420), 0); /* now and then, all day long */
    assert_int_equal(lives(570, 90), 0);        /* often, but over soon */
    assert_int_equal(lives(3600, 0), 0);
    assert_false(u.bad);
}

static void told_once_after_ten_minutes_and_when_it_is_well(void **state)
{
    (void)state;
    assert_int_equal(lives(600, 75), 0);
    assert_int_equal(lives(150, 75), 1);
    assert_true(u.bad);
    assert_int_equal(lives(24 * 3600, 75), 0); /* the same episode */
    assert_int_equal(lives(645, 0), 0);
    assert_true(u.bad);
    assert_int_equal(lives(60, 0), 1);
    assert_false(u.bad);
    assert_int_equal(lives(720, 75), 1); /* another one begins from nothing */
}

static void what_was_not_the_streams_doing(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 100; i++) {
        now_us += 15 * SEC;
        unsteady_skip(&u, ++troubles);
    }
    assert_false(unsteady_look(&u, troubles, SILENCE, now_us));
    assert_int_equal(u.n, 0);
    /* Counters that begin anew, and a clock that is set back. */
    assert_false(unsteady_look(&u, 0, SILENCE, now_us));
    assert_int_equal(u.n, 0);
    troubles = 0;
    assert_int_equal(lives(780, 60), 1);
    now_us -= 7200 * SEC;
    assert_false(unsteady_look(&u, troubles, SILENCE, now_us));
    assert_int_equal(lives(690, 0), 1);
    assert_false(u.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hiccups_are_none, begin),
        cmocka_unit_test_setup(told_once_after_ten_minutes_and_when_it_is_well, begin),
        cmocka_unit_test_setup(what_was_not_the_streams_doing, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
