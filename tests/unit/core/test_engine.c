/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The states of a user: watched, warned, convicted, acquitted, unknown. */
#include "core_test.h"

#include <stdio.h>

#include "base/stamp.h"
#include "default_policy.h"
#include "rig.h"

#define S STAMP_SECOND

static void one_phone_is_left_alone(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 1);
    for (i = 0; i < 600; i++) {
        rig_from(&r, 7, 0);
        rig_wait(&r, 2);
    }
    assert_int_equal(r.n, 0);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    rig_release(&r);
}

static void watched_at_once(void **state)
{
    struct rig r;
    const struct decision *d;

    (void)state;
    rig_init(&r, 2);
    rig_from(&r, 7, 0);
    rig_wait(&r, 10);
    rig_from(&r, 7, 1);
    rig_wait(&r, 10);
    assert_int_equal(r.n, 0);
    rig_from(&r, 7, 2);
    assert_int_equal(r.n, 1);
    d = rig_find(&r, DECISION_MONITOR, 7, 0);
    assert_non_null(d);
    assert_true(d->at_us == r.now_us);
    assert_int_equal(d->devices, 3);
    assert_int_equal(d->limit, 2);
    assert_int_equal(rig_view(&r, 7).state, USER_MONITORING);
    assert_true(rig_view(&r, 7).since_us == r.now_us);
    rig_release(&r);
}

/* The whole way of a shared account, with the evidence in the decisions. */
static void warned_then_punished(void **state)
{
    struct rig r;
    const struct decision *monitor, *warn, *punish;
    int i;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 175);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    rig_share(&r, 7, 3, 60);
    rig_check(&r);
    monitor = rig_find(&r, DECISION_MONITOR, 7, 0);
    warn = rig_find(&r, DECISION_WARN, 7, 0);
    punish = rig_find(&r, DECISION_PUNISH, 7, 0);
    assert_true(monitor && warn && punish);
    assert_int_equal(r.n, 4); /* and STILL_SEEN */
    assert_true(warn->at_us - monitor->at_us > 20 * S && warn->at_us - monitor->at_us < 120 * S);
    /* The evidence was there long before: the verdict comes with the first line after the period. */
    assert_true(punish->at_us - monitor->at_us >= 180 * S &&
                punish->at_us - monitor->at_us <= 183 * S);
    assert_int_equal(punish->applied, APPLIED_NOW);
    assert_int_equal(punish->concurrent, 3);
    assert_int_equal(punish->devices, 3);
    assert_true(punish->for_us == 900 * S);
    assert_true(punish->warned);
    assert_int_equal(punish->evidence->n_devices, 3);
    assert_int_equal(punish->evidence->n_pairs, 3);
    assert_true(punish->evidence->monitored_since_us == monitor->at_us);
    for (i = 0; i < 3; i++) {
        const struct pair_view *p = &punish->evidence->pairs[i];

        assert_true(p->score >= 7);
        assert_true(p->score == p->fixed || p->score == p->adaptive || p->score == p->near);
        assert_false(p->excused);
        assert_int_equal(punish->evidence->devices[i].role, DEVICE_COUNTED);
        assert_true(punish->evidence->devices[i].lines > 15);
    }
    assert_int_equal(rig_view(&r, 7).state, USER_PUNISHED);
    assert_true(rig_view(&r, 7).due_us == punish->at_us + 900 * S);
    rig_release(&r);
}

/* A punished user is seen for as long as his open connections live; nothing is made of it but one word. */
static void punished_is_not_judged(void **state)
{
    struct rig r;
    int64_t due_us;
    const struct decision *d;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    due_us = rig_view(&r, 7).due_us;
    rig_share(&r, 7, 3, 800);
    assert_int_equal(rig_count(&r, DECISION_STILL_SEEN, 7), 1);
    assert_int_equal(r.n, 4);
    /* Lines of the first 10 s were on their way. */
    d = rig_find(&r, DECISION_STILL_SEEN, 7, 0);
    assert_true(d->at_us >= due_us - 900 * S + 10 * S && d->at_us <= due_us - 900 * S + 13 * S);
    rig_wait(&r, 200);
    d = rig_find(&r, DECISION_RESTORE, 7, 0);
    assert_non_null(d);
    assert_true(d->at_us == due_us);
    assert_int_equal(d->applied, APPLIED_NOW);
    /* Until the panel has been told he stays punished; told once. */
    assert_int_equal(rig_view(&r, 7).state, USER_PUNISHED);
    rig_share(&r, 7, 3, 300);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 7), 1);
    engine_clear_user(r.e, 7);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    /* Then all begins anew, without the old evidence. */
    rig_share(&r, 7, 3, 30);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 2);
    assert_int_equal(rig_count(&r, DECISION_WARN, 7), 1);
    rig_share(&r, 7, 3, 170);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 2);
    rig_check(&r);
    rig_release(&r);
}

static void acquitted_after_the_period_within(void **state)
{
    struct rig r;
    const struct decision *monitor, *acquit;
    int64_t last_us;

    (void)state;
    rig_init(&r, 2);
    rig_from(&r, 7, 0);
    rig_from(&r, 7, 1);
    rig_from(&r, 7, 2);
    last_us = r.now_us;
    rig_wait(&r, 600);
    monitor = rig_find(&r, DECISION_MONITOR, 7, 0);
    acquit = rig_find(&r, DECISION_ACQUIT, 7, 0);
    assert_true(monitor && acquit);
    assert_int_equal(r.n, 2);
    /* Within the limit from 60 s on; the check after another 180 s lets him go. */
    assert_true(acquit->at_us >= last_us + 240 * S && acquit->at_us <= last_us + 300 * S);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    rig_release(&r);
}

/* A third device that comes back within the period keeps the watch on. */
static void coming_back_is_no_acquittal(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 2);
    for (i = 0; i < 10; i++) {
        rig_from(&r, 7, 0);
        rig_from(&r, 7, 1);
        rig_from(&r, 7, 2);
        rig_wait(&r, 200);
    }
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 1);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 0);
    rig_release(&r);
}

/* The silence of a node that is not read proves nothing: no acquittal, after 15 minutes closed. */
static void blind_node(void **state)
{
    struct rig r;
    const struct decision *d;
    int64_t down_us;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 30);
    down_us = r.now_us;
    engine_stream_closed(r.e, r.node[1], r.now_us);
    rig_wait(&r, 899);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 0);
    assert_int_equal(rig_view(&r, 7).state, USER_MONITORING);
    rig_wait(&r, 120);
    d = rig_find(&r, DECISION_UNKNOWN, 7, 0);
    assert_non_null(d);
    assert_true(d->at_us >= down_us + 900 * S && d->at_us <= down_us + 960 * S);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 0);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    rig_release(&r);
}

static void node_that_comes_back(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 30);
    engine_node_quiet(r.e, r.node[0], true, r.now_us);
    rig_wait(&r, 600);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 0);
    engine_node_quiet(r.e, r.node[0], false, r.now_us);
    rig_wait(&r, 250);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 1);
    assert_int_equal(rig_count(&r, DECISION_UNKNOWN, 7), 0);
    rig_release(&r);
}

static void exceptions_and_limits(void **state)
{
    static const struct slice none = {NULL, 0};
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    assert_int_equal(limits_except(engine_limits(r.e), 7, none), ERR_OK);
    assert_int_equal(limits_special(engine_limits(r.e), 8, none, 3), ERR_OK);
    assert_int_equal(limits_special(engine_limits(r.e), 9, none, 1), ERR_OK);
    engine_limits_changed(r.e);
    rig_share_many(&r, 7, 3, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 0);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 8), 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 9), 1);
    assert_int_equal(rig_view(&r, 7).limit_from, LIMIT_FROM_EXCEPTION);
    assert_int_equal(rig_view(&r, 8).limit, 3);
    /* Excepted while being watched: let go at his next line. */
    rig_share(&r, 10, 3, 60);
    assert_int_equal(rig_view(&r, 10).state, USER_MONITORING);
    assert_int_equal(limits_except(engine_limits(r.e), 10, none), ERR_OK);
    engine_limits_changed(r.e);
    rig_share(&r, 10, 3, 4);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 10), 1);
    rig_share(&r, 10, 3, 300);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 10), 0);
    /* Nobody is limited any more. */
    r.policy.general_limit = 0;
    rig_set(&r);
    rig_share(&r, 11, 5, 300);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 11), 0);
    rig_release(&r);
}

/* One phone's IPv4 and IPv6, and one behind a carrier NAT with two exits: watched, nothing worse. */
static void families_and_carriers_are_excused(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 1);
    for (i = 0; i < 400; i++) {
        assert_int_equal(rig_line(&r, 0, 7, i % 2 ? "5.6.7.8" : "[2a01:4f8::1]"), SCAN_COUNTED);
        rig_wait(&r, 2.5);
        assert_int_equal(rig_line(&r, 0, 8, "5.120.1.1"), SCAN_COUNTED);
        assert_int_equal(rig_line(&r, 0, 8, "5.120.2.2"), SCAN_COUNTED);
        rig_wait(&r, 2.5);
    }
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 1);
    assert_int_equal(rig_count(&r, DECISION_WARN, 7), 0);
    assert_int_equal(rig_count(&r, DECISION_WARN, 8), 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_true(rig_view(&r, 7).evidence.pairs[0].excused);
    rig_release(&r);
}

/* Limits over 15 are judged by number: so many at every check of the period. */
static void great_limits_by_number(void **state)
{
    struct policy p = default_policy();
    struct rig r;
    const struct decision *d;

    (void)state;
    p.general_limit = 20;
    rig_init_with(&r, &p);
    rig_share(&r, 7, 19, 400);
    assert_int_equal(r.n, 0);
    /* 25 devices, each seen once in 50 s. */
    {
        int i, k;

        for (i = 0; i < 8; i++) {
            for (k = 0; k < 25; k++) {
                rig_from(&r, 8, k);
                rig_wait(&r, 2);
            }
        }
    }
    rig_check(&r);
    d = rig_find(&r, DECISION_PUNISH, 8, 0);
    assert_non_null(d);
    assert_true(d->concurrent > 20);
    rig_release(&r);
}

static void persistent_rule(void **state)
{
    struct policy p = default_policy();
    struct rig r;

    (void)state;
    p.verdict = VERDICT_PERSISTENT;
    p.general_limit = 2;
    rig_init_with(&r, &p);
    rig_share(&r, 7, 3, 200);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_check(&r);
    rig_release(&r);
}

static void warning_on_excess(void **state)
{
    struct policy p = default_policy();
    struct rig r;

    (void)state;
    p.warn_at = WARN_EXCESS;
    p.general_limit = 2;
    rig_init_with(&r, &p);
    rig_from(&r, 7, 0);
    rig_from(&r, 7, 1);
    rig_from(&r, 7, 2);
    assert_int_equal(rig_count(&r, DECISION_WARN, 7), 1);
    rig_wait(&r, 600);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 1);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_phone_is_left_alone),
        cmocka_unit_test(watched_at_once),
        cmocka_unit_test(warned_then_punished),
        cmocka_unit_test(punished_is_not_judged),
        cmocka_unit_test(acquitted_after_the_period_within),
        cmocka_unit_test(coming_back_is_no_acquittal),
        cmocka_unit_test(blind_node),
        cmocka_unit_test(node_that_comes_back),
        cmocka_unit_test(exceptions_and_limits),
        cmocka_unit_test(families_and_carriers_are_excused),
        cmocka_unit_test(great_limits_by_number),
        cmocka_unit_test(persistent_rule),
        cmocka_unit_test(warning_on_excess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
