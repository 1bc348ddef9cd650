/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What becomes of a verdict: the online list, modes, the queue, the breaker, pardons, restarts. */
#include "core_test.h"

#include <stdio.h>

#include "base/stamp.h"
#include "default_policy.h"
#include "rig.h"

#define S STAMP_SECOND

static struct addr addr(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(slice_of(text), &a), ERR_OK);
    return a;
}

/* ---- the online list ---- */

static void verify_off_or_not_available(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    r.policy.verify_online = VERIFY_OFF;
    rig_set(&r);
    engine_online_available(r.e, true);
    rig_share(&r, 7, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_VERIFY, 7), 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
    rig_init(&r, 2);
    r.policy.verify_online = VERIFY_AUTO;
    rig_set(&r);
    rig_share(&r, 7, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_VERIFY, 7), 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
}

static void verify_auto(void **state)
{
    struct rig r;
    struct online_seen seen[3];
    struct user_view v;
    char ip[64];
    int i, shown = 0;

    (void)state;
    rig_init(&r, 2);
    engine_online_available(r.e, true);
    rig_share(&r, 7, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_VERIFY, 7), 1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    for (i = 0; i < 3; i++)
        seen[i] = (struct online_seen){r.node[0], addr(rig_ip(7, i, ip)), r.now_us - 1};
    rig_read(&r, 7, seen, 3);
    engine_verified(r.e, 7, true, r.now_us);
    rig_wait(&r, 0.1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    v = rig_view(&r, 7);
    for (i = 0; i < v.evidence.n_devices; i++)
        shown += v.evidence.devices[i].online;
    assert_int_equal(shown, 3);
    rig_check(&r);
    /* The second answer finds him punished already. */
    engine_verified(r.e, 7, true, r.now_us);
    rig_wait(&r, 0.1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
}

/* Without an answer the log decides under auto; under require nobody does, and it is asked again. */
static void verify_without_an_answer(void **state)
{
    struct rig r;
    const struct decision *first, *second;

    (void)state;
    rig_init(&r, 2);
    engine_online_available(r.e, true);
    rig_share(&r, 7, 3, 190);
    engine_verified(r.e, 7, false, r.now_us);
    rig_wait(&r, 0.1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);

    rig_init(&r, 2);
    r.policy.verify_online = VERIFY_REQUIRE;
    rig_set(&r);
    rig_share(&r, 7, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_VERIFY, 7), 1);
    engine_verified(r.e, 7, false, r.now_us);
    rig_share(&r, 7, 3, 60);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    first = rig_find(&r, DECISION_VERIFY, 7, 0);
    second = rig_find(&r, DECISION_VERIFY, 7, 1);
    assert_non_null(second);
    assert_true(second->at_us - first->at_us >= 10 * S && second->at_us - first->at_us <= 13 * S);
    engine_verified(r.e, 7, true, r.now_us);
    rig_wait(&r, 0.1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_check(&r);
    rig_release(&r);
}

/* An answer that comes when the case has gone, or that was never asked for, convicts nobody. */
static void verify_too_late(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    engine_online_available(r.e, true);
    rig_share(&r, 7, 3, 100);
    engine_verified(r.e, 7, true, r.now_us);
    rig_wait(&r, 0.1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    rig_share(&r, 7, 3, 90);
    assert_int_equal(rig_count(&r, DECISION_VERIFY, 7), 1);
    rig_wait(&r, 100);
    engine_verified(r.e, 7, true, r.now_us);
    rig_wait(&r, 0.1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    rig_wait(&r, 400);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 1);
    rig_release(&r);
}

/* ---- modes ---- */

static void shadow_punishes_nobody(void **state)
{
    struct rig r;
    const struct decision *d;

    (void)state;
    rig_init(&r, 2);
    r.policy.mode = MODE_SHADOW;
    rig_set(&r);
    rig_share_many(&r, 1, 12, 3, 240);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 12);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 0);
    d = rig_find(&r, DECISION_PUNISH, 1, 0);
    assert_int_equal(d->applied, APPLIED_SHADOW);
    rig_wait(&r, 900);
    d = rig_find(&r, DECISION_RESTORE, 1, 0);
    assert_non_null(d);
    assert_int_equal(d->applied, APPLIED_SHADOW);
    assert_int_equal(rig_view(&r, 1).state, USER_CLEAR);
    rig_check(&r);
    rig_release(&r);
}

/* Switching on starts everyone anew; who is really punished stays so through all modes. */
static void from_shadow_to_on(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    assert_int_equal(engine_set_punished(r.e, 5, r.now_us + 600 * S, r.now_us), ERR_OK);
    r.policy.mode = MODE_SHADOW;
    rig_set(&r);
    rig_share_many(&r, 7, 2, 3, 150);
    rig_share(&r, 7, 3, 60);
    assert_int_equal(rig_view(&r, 7).state, USER_PUNISHED);
    assert_int_equal(rig_view(&r, 8).state, USER_MONITORING);
    r.policy.mode = MODE_ON;
    rig_set(&r);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    assert_int_equal(rig_view(&r, 8).state, USER_CLEAR);
    assert_int_equal(rig_view(&r, 5).state, USER_PUNISHED);
    rig_share_many(&r, 7, 2, 3, 170);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 1);
    rig_share_many(&r, 7, 2, 3, 60);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 3);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 0, 1)->applied, APPLIED_NOW);
    rig_wait(&r, 600);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 5), 1);
    assert_int_equal(rig_find(&r, DECISION_RESTORE, 5, 0)->applied, APPLIED_NOW);
    rig_release(&r);
}

static void off_decides_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    r.policy.mode = MODE_OFF;
    rig_set(&r);
    rig_share(&r, 7, 4, 400);
    assert_int_equal(r.n, 0);
    assert_int_equal(rig_view(&r, 7).devices, 4);
    /* What is really punished ends in time all the same. */
    assert_int_equal(engine_set_punished(r.e, 5, r.now_us + 10 * S, r.now_us), ERR_OK);
    rig_wait(&r, 11);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 5), 1);
    rig_release(&r);
}

/* ---- the queue ---- */

static void queue_under_punish_rate(void **state)
{
    struct rig r;
    const struct decision *first;
    int i, now = 0, queued = 0, k;

    (void)state;
    rig_init(&r, 2);
    r.policy.punish_rate = 2;
    r.policy.breaker = false;
    rig_set(&r);
    rig_share_many(&r, 1, 7, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 7);
    for (i = 0; i < 7; i++) {
        const struct decision *d = rig_find(&r, DECISION_PUNISH, 0, i);

        now += d->applied == APPLIED_NOW;
        queued += d->applied == APPLIED_QUEUED;
    }
    assert_int_equal(now, 2);
    assert_int_equal(queued, 5);
    /* Who waits is not told to be seen still. */
    rig_share_many(&r, 1, 7, 3, 30);
    for (i = 3; i <= 7; i++)
        assert_int_equal(rig_count(&r, DECISION_STILL_SEEN, i), 0);
    rig_wait(&r, 300);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 0), 5);
    first = rig_find(&r, DECISION_PUNISH, 0, 0);
    for (i = 0; i < 5; i++) {
        const struct decision *d = rig_find(&r, DECISION_EXECUTE, 0, i);

        /* In the order of the verdicts, two a minute. */
        assert_int_equal(d->id, rig_find(&r, DECISION_PUNISH, 0, i + 2)->id);
        assert_true(d->at_us == first->at_us + (1 + i / 2) * 60 * S);
        assert_true(d->for_us == 900 * S);
    }
    rig_wait(&r, 1000);
    for (k = 1; k <= 7; k++) {
        const struct decision *d = rig_find(&r, DECISION_EXECUTE, k, 0);

        if (!d)
            d = rig_find(&r, DECISION_PUNISH, k, 0);
        /* The term runs from the execution. */
        assert_true(rig_find(&r, DECISION_RESTORE, k, 0)->at_us == d->at_us + 900 * S);
    }
    rig_check(&r);
    rig_release(&r);
}

/* Three users convicted, one punishment a minute: the second and third wait. */
static void three_with_two_waiting(struct rig *r)
{
    rig_init(r, 2);
    r->policy.punish_rate = 1;
    rig_set(r);
    rig_share_many(r, 1, 3, 3, 190);
    assert_int_equal(rig_count(r, DECISION_PUNISH, 0), 3);
    assert_int_equal(rig_find(r, DECISION_PUNISH, 2, 0)->applied, APPLIED_QUEUED);
    assert_int_equal(rig_find(r, DECISION_PUNISH, 3, 0)->applied, APPLIED_QUEUED);
}

static void limit_raised_while_waiting(void **state)
{
    static const struct slice none = {NULL, 0};
    struct rig r;

    (void)state;
    three_with_two_waiting(&r);
    assert_int_equal(limits_special(engine_limits(r.e), 2, none, 3), ERR_OK);
    engine_limits_changed(r.e);
    /* His lines go on meanwhile, and a check comes by: the limit is looked up long before his turn. */
    rig_share_many(&r, 1, 3, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 2), 0);
    assert_int_equal(rig_view(&r, 2).state, USER_CLEAR);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 3), 1);
    rig_release(&r);
}

static void excepted_while_waiting(void **state)
{
    static const struct slice none = {NULL, 0};
    struct rig r;

    (void)state;
    three_with_two_waiting(&r);
    assert_int_equal(limits_except(engine_limits(r.e), 2, none), ERR_OK);
    engine_limits_changed(r.e);
    rig_share_many(&r, 1, 3, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 2), 0);
    assert_int_equal(rig_view(&r, 2).state, USER_CLEAR);
    rig_release(&r);
}

static void pardoned_or_cleared_while_waiting(void **state)
{
    struct rig r;

    (void)state;
    three_with_two_waiting(&r);
    assert_int_equal(engine_pardon(r.e, 2, r.now_us + 3600 * S), ERR_OK);
    engine_clear_user(r.e, 3);
    rig_wait(&r, 400);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 0), 0);
    assert_int_equal(rig_view(&r, 2).state, USER_CLEAR);
    rig_release(&r);
}

static void switched_off_while_waiting(void **state)
{
    struct rig r;

    (void)state;
    three_with_two_waiting(&r);
    r.policy.mode = MODE_SHADOW;
    rig_set(&r);
    rig_wait(&r, 400);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 0), 0);
    assert_int_equal(rig_view(&r, 2).state, USER_CLEAR);
    assert_int_equal(rig_view(&r, 1).state, USER_PUNISHED);
    rig_release(&r);
}

/* With a faster pace the waiting ones go at once, and their terms are as long as ever. */
static void pace_raised_while_waiting(void **state)
{
    struct rig r;
    int64_t at_us;
    int i;

    (void)state;
    three_with_two_waiting(&r);
    r.policy.punish_rate = 10;
    at_us = r.now_us;
    rig_set(&r);
    rig_wait(&r, 10);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 0), 2);
    for (i = 0; i < 2; i++)
        assert_true(rig_find(&r, DECISION_EXECUTE, 0, i)->at_us >= at_us);
    rig_wait(&r, 880);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 2), 0);
    rig_wait(&r, 20);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 2), 1);
    rig_check(&r);
    rig_release(&r);
}

/* ---- the breaker ---- */

static void breaker_drops_the_waiting(void **state)
{
    struct rig r;
    const struct decision *trip;
    int i, paused = 0, free = 0;

    (void)state;
    rig_init(&r, 2);
    r.policy.punish_rate = 3;
    rig_set(&r);
    rig_share_many(&r, 1, 8, 3, 190);
    trip = rig_find(&r, DECISION_BREAKER, 0, 0);
    assert_non_null(trip);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 1);
    assert_int_equal(trip->breaker_users, 6);
    assert_int_equal(trip->breaker_bound, 5);
    assert_true(trip->breaker_window_us == 300 * S);
    assert_int_equal(trip->dropped, 2);
    assert_true(engine_paused(r.e));
    for (i = 1; i <= 8; i++) {
        paused += rig_find(&r, DECISION_PUNISH, i, 0)->applied == APPLIED_PAUSED;
        free += rig_view(&r, i).state != USER_PUNISHED;
    }
    assert_int_equal(paused, 3);
    assert_int_equal(free, 2);
    rig_wait(&r, 600);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 0), 0);
    /* While paused verdicts are told, and nothing comes of them. */
    rig_share(&r, 20, 3, 190);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 20, 0)->applied, APPLIED_PAUSED);
    engine_resume(r.e, r.now_us);
    assert_false(engine_paused(r.e));
    rig_share(&r, 21, 3, 190);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 21, 0)->applied, APPLIED_NOW);
    rig_check(&r);
    rig_release(&r);
}

/* Those convicted within the last 7 days count no more: they are no sign of a wrong setting. */
static void breaker_counts_new_users_only(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 2);
    r.policy.punish_rate = 1000;
    rig_set(&r);
    for (i = 1; i <= 30; i++)
        assert_int_equal(engine_had_violation(r.e, i, r.now_us - (i <= 25 ? 6 : 8) * 86400 * S),
                         ERR_OK);
    rig_share_many(&r, 1, 30, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 30);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 0);
    rig_share(&r, 99, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 1);
    rig_release(&r);
}

/* ---- what the daemon tells ---- */

static void pardoned_is_not_judged(void **state)
{
    struct rig r;
    int64_t until_us;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    until_us = r.now_us + 3600 * S;
    assert_int_equal(engine_pardon(r.e, 7, until_us), ERR_OK);
    assert_true(rig_view(&r, 7).pardon_us == until_us);
    rig_share(&r, 7, 3, 3590);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 1);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 7), 0);
    rig_share(&r, 7, 3, 30);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 2);
    assert_true(rig_find(&r, DECISION_MONITOR, 7, 1)->at_us >= until_us);
    assert_int_equal(rig_view(&r, 7).pardon_us, 0);
    rig_share(&r, 7, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 2);
    rig_check(&r);
    rig_release(&r);
}

/* The journal at start: terms end in time, one by hand never, a changed one at its new time. */
static void punished_from_the_journal(void **state)
{
    struct rig r;
    int64_t start_us;

    (void)state;
    rig_init(&r, 2);
    start_us = r.now_us;
    assert_int_equal(engine_set_punished(r.e, 1, start_us + 100 * S, start_us), ERR_OK);
    assert_int_equal(engine_set_punished(r.e, 2, 0, start_us), ERR_OK);
    assert_int_equal(engine_set_punished(r.e, 3, start_us - 100 * S, start_us), ERR_OK);
    assert_int_equal(engine_set_punished(r.e, 4, start_us + 100 * S, start_us), ERR_OK);
    assert_int_equal(engine_set_punished(r.e, 4, start_us + 500 * S, start_us), ERR_OK);
    rig_wait(&r, 1);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 3), 1);
    assert_true(rig_find(&r, DECISION_RESTORE, 3, 0)->at_us >= start_us);
    rig_wait(&r, 98);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 1), 0);
    rig_wait(&r, 2);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 1), 1);
    assert_true(rig_find(&r, DECISION_RESTORE, 1, 0)->at_us == start_us + 100 * S);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 4), 0);
    rig_wait(&r, 500);
    assert_true(rig_find(&r, DECISION_RESTORE, 4, 0)->at_us == start_us + 500 * S);
    rig_wait(&r, 30 * 86400.0);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 2), 0);
    assert_int_equal(rig_view(&r, 2).state, USER_PUNISHED);
    assert_int_equal(rig_view(&r, 2).due_us, 0);
    rig_check(&r);
    rig_release(&r);
}

/* The disable call failed for good: CLEAR, and judged anew from nothing. */
static void punishment_that_did_not_come_about(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 190);
    engine_clear_user(r.e, 7);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    rig_share(&r, 7, 3, 170);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_share(&r, 7, 3, 30);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 2);
    rig_wait(&r, 2000);
    /* The timer of the first term means nothing any more. */
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 7), 1);
    rig_check(&r);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_off_or_not_available),
        cmocka_unit_test(verify_auto),
        cmocka_unit_test(verify_without_an_answer),
        cmocka_unit_test(verify_too_late),
        cmocka_unit_test(shadow_punishes_nobody),
        cmocka_unit_test(from_shadow_to_on),
        cmocka_unit_test(off_decides_nothing),
        cmocka_unit_test(queue_under_punish_rate),
        cmocka_unit_test(limit_raised_while_waiting),
        cmocka_unit_test(excepted_while_waiting),
        cmocka_unit_test(pardoned_or_cleared_while_waiting),
        cmocka_unit_test(switched_off_while_waiting),
        cmocka_unit_test(pace_raised_while_waiting),
        cmocka_unit_test(breaker_drops_the_waiting),
        cmocka_unit_test(breaker_counts_new_users_only),
        cmocka_unit_test(pardoned_is_not_judged),
        cmocka_unit_test(punished_from_the_journal),
        cmocka_unit_test(punishment_that_did_not_come_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
