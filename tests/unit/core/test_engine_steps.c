/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Punishment steps, the memory of violations, leaked accounts, trust, faulty nodes, cases begun anew. */
#include "core_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/stamp.h"
#include "default_policy.h"
#include "rig.h"

#define S STAMP_SECOND
#define MINUTE (60 * STAMP_SECOND)

static const struct slice none = {NULL, 0};

static void rig_steps(struct rig *r)
{
    rig_init(r, 1);
    r->policy.punishment_enabled = true;
    rig_set(r);
}

/* Shares until the next verdict, which is returned. */
static const struct decision *next_verdict(struct rig *r, int64_t id)
{
    int before = rig_count(r, DECISION_PUNISH, id), i;

    for (i = 0; i < 100 && rig_count(r, DECISION_PUNISH, id) == before; i++)
        rig_share(r, id, 2, 6);
    assert_int_equal(rig_count(r, DECISION_PUNISH, id), before + 1);
    return rig_find(r, DECISION_PUNISH, id, before);
}

/* The panel enables him when his term is over. */
static void serve(struct rig *r, int64_t id, int64_t us)
{
    rig_wait(r, (double)us / S + 1);
    engine_clear_user(r->e, id);
}

static void steps_one_after_another(void **state)
{
    static const struct {
        enum decision_action action;
        int64_t for_us;
        int step;
    } rows[] = {{ACTION_WARN, 0, 0},
                {ACTION_DISABLE, 10 * MINUTE, 1},
                {ACTION_DISABLE, 30 * MINUTE, 2},
                {ACTION_DISABLE, 60 * MINUTE, 3},
                {ACTION_DISABLE, 24 * 60 * MINUTE, 4},
                {ACTION_DISABLE, 24 * 60 * MINUTE, 4}};
    struct rig r;
    size_t i;

    (void)state;
    rig_steps(&r);
    assert_true(rig_count(&r, DECISION_PUNISH, 7) == 0);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        const struct decision *d = next_verdict(&r, 7);

        assert_int_equal(d->applied, APPLIED_NOW);
        assert_int_equal(d->action, rows[i].action);
        assert_true(d->for_us == rows[i].for_us);
        assert_int_equal(d->step, rows[i].step);
        assert_int_equal(rig_view(&r, 7).violations, (int)i + 1);
        if (d->action == ACTION_WARN) {
            /* CLEAR without evidence; no term ends. */
            assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
            assert_int_equal(rig_view(&r, 7).evidence.n_pairs, 0);
            continue;
        }
        assert_int_equal(rig_view(&r, 7).state, USER_PUNISHED);
        serve(&r, 7, d->for_us);
    }
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 7), 5);
    rig_check(&r);
    rig_release(&r);
}

/* A violation counts for 168 hours; those of before a restart are told. */
static void the_window(void **state)
{
    struct rig r;
    const struct decision *d;

    (void)state;
    rig_steps(&r);
    assert_int_equal(engine_had_violation(r.e, 7, r.now_us - 169 * 60 * MINUTE), ERR_OK);
    assert_int_equal(engine_had_violation(r.e, 7, r.now_us - 100 * 60 * MINUTE), ERR_OK);
    assert_int_equal(rig_view(&r, 7).violations, 1);
    assert_int_equal(rig_view(&r, 7).next_step, 1);
    d = next_verdict(&r, 7);
    assert_int_equal(d->step, 1);
    r.policy.punishment_window_us = 60 * MINUTE;
    rig_set(&r);
    assert_int_equal(rig_view(&r, 7).violations, 1);
    serve(&r, 7, 600 * S);
    rig_wait(&r, 3600);
    assert_int_equal(rig_view(&r, 7).violations, 0);
    d = next_verdict(&r, 7);
    assert_int_equal(d->action, ACTION_WARN);
    rig_release(&r);
}

static void shadow_and_forgiven_ones_do_not_count(void **state)
{
    struct rig r;
    const struct decision *d;

    (void)state;
    rig_steps(&r);
    r.policy.mode = MODE_SHADOW;
    rig_set(&r);
    d = next_verdict(&r, 7);
    assert_int_equal(d->applied, APPLIED_SHADOW);
    assert_int_equal(d->action, ACTION_WARN);
    assert_int_equal(rig_view(&r, 7).violations, 0);
    r.policy.mode = MODE_ON;
    rig_set(&r);
    d = next_verdict(&r, 7);
    assert_int_equal(d->action, ACTION_WARN);
    assert_int_equal(rig_view(&r, 7).violations, 1);
    /* As the row of the database has it: to the millisecond. */
    assert_int_equal(engine_forgive(r.e, 7, d->at_us / 1000 * 1000 + 999, INT64_MAX), 1);
    assert_int_equal(engine_forgive(r.e, 7, 0, INT64_MAX), 0);
    assert_int_equal(engine_forgive(r.e, 999, 0, INT64_MAX), 0);
    assert_int_equal(next_verdict(&r, 7)->action, ACTION_WARN);
    assert_int_equal(next_verdict(&r, 7)->action, ACTION_DISABLE);
    rig_release(&r);
}

static void by_hand_and_revoke(void **state)
{
    struct rig r;
    const struct decision *d;

    (void)state;
    rig_steps(&r);
    r.policy.n_steps = 2;
    r.policy.steps[0] = (struct policy_step){ACTION_HAND, 0};
    r.policy.steps[1] = (struct policy_step){ACTION_REVOKE, 0};
    rig_set(&r);
    d = next_verdict(&r, 7);
    assert_int_equal(d->action, ACTION_HAND);
    assert_true(d->for_us == 0);
    rig_wait(&r, 40 * 86400);
    assert_int_equal(rig_count(&r, DECISION_RESTORE, 7), 0);
    assert_int_equal(rig_view(&r, 7).state, USER_PUNISHED);
    assert_true(rig_view(&r, 7).due_us == 0);
    engine_clear_user(r.e, 7);
    r.policy.punishment_window_us = 8760 * 60 * MINUTE;
    rig_set(&r);
    assert_int_equal(next_verdict(&r, 7)->action, ACTION_REVOKE);
    rig_release(&r);
    /* In shadow nobody enables him: he is judged again after the usual time. */
    rig_steps(&r);
    r.policy.mode = MODE_SHADOW;
    r.policy.n_steps = 1;
    r.policy.steps[0] = (struct policy_step){ACTION_HAND, 0};
    rig_set(&r);
    assert_int_equal(next_verdict(&r, 7)->action, ACTION_HAND);
    rig_wait(&r, 901);
    assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
    rig_release(&r);
}

/* While he waits for his turn his violations may be forgiven, or others may have run out. */
static void the_step_is_looked_up_again_at_the_turn(void **state)
{
    struct rig r;
    const struct decision *d;

    (void)state;
    rig_steps(&r);
    r.policy.punish_rate = 1;
    rig_set(&r);
    assert_int_equal(engine_had_violation(r.e, 1, r.now_us - MINUTE), ERR_OK);
    assert_int_equal(engine_had_violation(r.e, 2, r.now_us - MINUTE), ERR_OK);
    assert_int_equal(engine_had_violation(r.e, 2, r.now_us - 2 * MINUTE), ERR_OK);
    assert_int_equal(engine_had_violation(r.e, 3, r.now_us - MINUTE), ERR_OK);
    rig_share_many(&r, 1, 3, 2, 190);
    d = rig_find(&r, DECISION_PUNISH, 2, 0);
    assert_true(d->applied == APPLIED_QUEUED && d->step == 2 && d->for_us == 30 * MINUTE);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 3, 0)->step, 1);
    r.policy.steps[2].for_us = 45 * MINUTE;
    r.policy.steps[1] = (struct policy_step){ACTION_WARN, 0};
    rig_set(&r);
    rig_wait(&r, 130);
    d = rig_find(&r, DECISION_EXECUTE, 2, 0);
    assert_true(d->step == 2 && d->for_us == 45 * MINUTE);
    d = rig_find(&r, DECISION_EXECUTE, 3, 0);
    assert_true(d->step == 1 && d->action == ACTION_WARN);
    assert_int_equal(rig_view(&r, 3).state, USER_CLEAR);
    assert_int_equal(rig_view(&r, 3).violations, 2);
    rig_release(&r);
}

/* With one punishment a minute, the seventeenth would come 16 minutes after its verdict. */
static void a_verdict_lapses_after_15_minutes(void **state)
{
    struct rig r;
    const struct decision *d;
    int i;

    (void)state;
    rig_init(&r, 1);
    r.policy.punish_rate = 1;
    r.policy.breaker = false;
    rig_set(&r);
    rig_share_many(&r, 1, 20, 2, 190);
    rig_wait(&r, 1500);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 20);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 0), 15);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 0), 4);
    for (i = 0; i < 4; i++) {
        d = rig_find(&r, DECISION_ACQUIT, 0, i);
        assert_string_equal(d->why, "his turn came later than 15 minutes after the verdict");
        assert_int_equal(rig_view(&r, d->id).violations, 0);
        assert_int_equal(rig_view(&r, d->id).state, USER_CLEAR);
    }
    rig_check(&r);
    rig_release(&r);
}

/* A verdict that did not come about is no violation: dropped, cleared, or left to the breaker. */
static void what_was_not_carried_out_does_not_count(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 1);
    r.policy.punish_rate = 1;
    rig_set(&r);
    rig_share_many(&r, 1, 3, 2, 190);
    assert_int_equal(rig_view(&r, 2).violations, 1);
    engine_clear_user(r.e, 2);
    assert_int_equal(rig_view(&r, 2).violations, 0);
    assert_int_equal(engine_pardon(r.e, 3, r.now_us + 10 * S), ERR_OK);
    assert_int_equal(rig_view(&r, 3).violations, 0);
    assert_int_equal(rig_view(&r, 1).violations, 1);
    rig_release(&r);

    rig_init(&r, 1);
    rig_share_many(&r, 1, 12, 2, 190);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 1);
    for (i = 1; i <= 12; i++)
        assert_int_equal(rig_view(&r, i).violations,
                         rig_find(&r, DECISION_PUNISH, i, 0)->applied == APPLIED_NOW);
    rig_release(&r);
}

/* ---- a case begun anew ---- */

static void a_lower_limit_begins_a_new_period(void **state)
{
    struct rig r;
    const struct decision *second;

    (void)state;
    rig_init(&r, 2);
    assert_int_equal(limits_special(engine_limits(r.e), 7, none, 3), ERR_OK);
    engine_limits_changed(r.e);
    rig_share(&r, 7, 4, 120);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 1);
    assert_int_equal(limits_special(engine_limits(r.e), 7, none, 1), ERR_OK);
    engine_limits_changed(r.e);
    rig_share(&r, 7, 4, 100);
    second = rig_find(&r, DECISION_MONITOR, 7, 1);
    assert_non_null(second);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    rig_share(&r, 7, 4, 120);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    assert_true(rig_find(&r, DECISION_PUNISH, 7, 0)->at_us >= second->at_us + 180 * S);
    rig_check(&r);
    rig_release(&r);
}

/* ---- modes of groups ---- */

static void groups_have_modes(void **state)
{
    static const int64_t groups[] = {3, 5, 9};
    struct rig r;
    struct limits *l;
    int64_t id;

    (void)state;
    rig_init(&r, 1);
    l = engine_limits(r.e);
    assert_int_equal(limits_group_mode(l, 3, MODE_SHADOW), ERR_OK);
    assert_int_equal(limits_group_mode(l, 5, MODE_OFF), ERR_OK);
    for (id = 1; id <= 3; id++) {
        struct limit_person p = {.id = id,
                                 .name = SLICE("abc"),
                                 .groups_known = true,
                                 .groups = &groups[id - 1]};

        p.n_groups = 1;
        assert_true(limits_learn_person(l, &p) >= 0);
    }
    engine_limits_changed(r.e);
    rig_share_many(&r, 1, 3, 2, 240);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 1, 0)->applied, APPLIED_SHADOW);
    assert_int_equal(rig_view(&r, 1).violations, 0);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 2), 0);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 3, 0)->applied, APPLIED_NOW);
    rig_release(&r);
}

/* ---- leaked accounts ---- */

static void spray(struct rig *r, int64_t id, int first, int *next, int carriers, double seconds,
                  double every)
{
    char ip[64];
    double t;

    for (t = 0; t < seconds; t += every) {
        int k = first + (*next)++;

        snprintf(ip, sizeof(ip), "%d.%d.%d.%d", 20 + k % carriers % 100, k % carriers / 100,
                 k / 250 % 250, k % 250 + 1);
        rig_line(r, k % RIG_NODES, id, ip);
        rig_wait(r, every);
    }
}

/* Two new addresses a second, each of another network, give no pair time; their number convicts. */
static void spraying_is_a_leaked_account(void **state)
{
    struct rig r;
    const struct decision *d;
    int next = 0;

    (void)state;
    rig_init(&r, 2);
    spray(&r, 7, 0, &next, 10000, 300, 0.5);
    d = rig_find(&r, DECISION_PUNISH, 7, 0);
    assert_non_null(d);
    assert_true(d->leaked);
    assert_true(d->warned);
    assert_true(d->evidence->networks > 10);
    assert_true(d->evidence->trust.points[TRUST_LEAKED] < 0);
    assert_int_equal(strncmp(d->why, "leaked account: ", 16), 0);
    assert_true(d->at_us - rig_find(&r, DECISION_MONITOR, 7, 0)->at_us <= 240 * S);
    rig_release(&r);
    /* Limits whose five-fold does not fit into what is remembered of a user. */
    rig_init(&r, 14);
    next = 0;
    spray(&r, 7, 0, &next, 10000, 400, 0.25);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    assert_true(rig_find(&r, DECISION_PUNISH, 7, 0)->leaked);
    rig_release(&r);
}

/* Eleven networks are needed at every check, for limits up to two. */
static void ten_networks_are_no_leak(void **state)
{
    struct rig r;
    int next = 0;

    (void)state;
    rig_init(&r, 2);
    r.policy.evidence_threshold = 1000; /* only the number is looked at here */
    rig_set(&r);
    spray(&r, 7, 0, &next, 10, 600, 0.5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    next = 0;
    spray(&r, 8, 0, &next, 11, 600, 0.5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 8), 1);
    rig_release(&r);
}

/* 256 exits of one carrier are one network; a phone behind them is not leaked. */
static void a_carrier_with_many_exits_is_no_leak(void **state)
{
    struct rig r;
    char ip[64];
    uint64_t seed = 5;
    int exits, i;

    (void)state;
    for (exits = 16; exits <= 256; exits *= 2) {
        rig_init(&r, 2);
        r.policy.evidence_threshold = 1000;
        rig_set(&r);
        for (i = 0; i < 1200; i++) {
            uint32_t k = rnd_below(&seed, (uint32_t)exits);

            snprintf(ip, sizeof(ip), "5.120.%u.%u", k / 16, k % 16 + 1);
            rig_line(&r, i % RIG_NODES, 7, ip);
            rig_wait(&r, 0.5);
        }
        assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
        rig_release(&r);
    }
}

/* A pause at one check begins the count anew. */
static void a_leak_needs_every_check(void **state)
{
    struct rig r;
    int next = 0, i;

    (void)state;
    rig_init(&r, 2);
    r.policy.evidence_threshold = 1000;
    rig_set(&r);
    for (i = 0; i < 6; i++) {
        spray(&r, 7, 0, &next, 10000, 70, 0.5);
        spray(&r, 7, 5000, &next, 3, 110, 2);
    }
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    rig_release(&r);
}

/* ---- trust ---- */

static void verdicts_and_warnings_carry_trust(void **state)
{
    struct rig r;
    const struct decision *d;
    int warned, first;

    (void)state;
    rig_init(&r, 1);
    rig_share(&r, 7, 2, 190);
    d = rig_find(&r, DECISION_WARN, 7, 0);
    warned = d->trust;
    assert_int_equal(warned, d->evidence->trust.score);
    d = rig_find(&r, DECISION_PUNISH, 7, 0);
    first = d->trust;
    assert_int_equal(first, d->evidence->trust.score);
    assert_true(warned > first && first > 0 && warned < 100);
    assert_int_equal(rig_find(&r, DECISION_MONITOR, 7, 0)->trust, -1);
    serve(&r, 7, 900 * S);
    d = next_verdict(&r, 7);
    assert_true(d->trust < first);
    assert_int_equal(d->evidence->trust.points[TRUST_PAST], -10);
    assert_int_equal(rig_view(&r, 8 - 1).evidence.trust.points[TRUST_PAST], -20);
    rig_release(&r);
}

/* instant_disable: only of those with very little trust, and they are proven guilty all the same. */
static void instant_disable(void **state)
{
    struct rig r;
    const struct decision *d, *m;
    int i;

    (void)state;
    rig_init(&r, 1);
    r.policy.instant_disable = true;
    r.policy.breaker = false;
    rig_set(&r);
    for (i = 1; i <= 3; i++)
        assert_int_equal(engine_had_violation(r.e, 8, r.now_us - i * 60 * MINUTE), ERR_OK);
    rig_share_many(&r, 7, 2, 2, 240);
    d = rig_find(&r, DECISION_PUNISH, 8, 0);
    m = rig_find(&r, DECISION_MONITOR, 8, 0);
    assert_non_null(d);
    assert_true(d->trust <= 5 && d->concurrent > d->limit);
    assert_true(d->at_us - m->at_us < 180 * S);
    assert_non_null(rig_find(&r, DECISION_WARN, 8, 0));
    /* A first offender is watched for the whole period. */
    d = rig_find(&r, DECISION_PUNISH, 7, 0);
    assert_true(d->at_us - rig_find(&r, DECISION_MONITOR, 7, 0)->at_us >= 180 * S);
    rig_release(&r);
    /* Off, the same user is watched as well. */
    rig_init(&r, 1);
    for (i = 1; i <= 3; i++)
        assert_int_equal(engine_had_violation(r.e, 8, r.now_us - i * 60 * MINUTE), ERR_OK);
    rig_share(&r, 8, 2, 240);
    rig_check(&r);
    rig_release(&r);
}

/* ---- faulty nodes ---- */

/*
 * users 1 … n on node 0, twins of them seen from a second address, at a distance of lag seconds; m others
 * on node 1, heard once in a round.
 */
static void round_of(struct rig *r, int n, int twins, int m, double lag)
{
    char ip[64];
    int i;

    for (i = 1; i <= n; i++)
        rig_line(r, 0, i, rig_ip(i, 0, ip));
    for (i = 1; i <= m; i++)
        rig_line(r, 1, 1000 + i, rig_ip(1000 + i, 0, ip));
    rig_wait(r, lag);
    for (i = 1; i <= twins; i++)
        rig_line(r, 0, i, rig_ip(i, 1, ip));
    rig_wait(r, 10 - lag);
}

static void rounds(struct rig *r, int count, int n, int twins, int m, double lag)
{
    while (count-- > 0)
        round_of(r, n, twins, m, lag);
}

static void a_node_that_shows_everyone_twice(void **state)
{
    struct rig r;
    struct user_view v;

    (void)state;
    rig_init(&r, 1);
    rounds(&r, 60, 40, 40, 40, 5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_count(&r, DECISION_FAULTY, 0), 1);
    assert_true(rig_find(&r, DECISION_FAULTY, 0, 0)->node_id == 100);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 0);
    /* It is mended: nobody is convicted by what is left of it. */
    rounds(&r, 120, 40, 0, 40, 5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    v = rig_view(&r, 1);
    assert_int_equal(v.state, USER_CLEAR);
    /* And one who shares is, later. */
    rounds(&r, 30, 40, 1, 40, 5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 1);
    rig_release(&r);
}

/* With no other node to compare: a node's own past. */
static void the_only_node(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 1);
    rounds(&r, 90, 20, 0, 0, 5);
    rounds(&r, 60, 20, 20, 0, 5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_count(&r, DECISION_FAULTY, 0), 1);
    rig_release(&r);
    /* From the start: as if a limit were wrong, and the breaker's business. */
    rig_init(&r, 1);
    rounds(&r, 60, 20, 20, 0, 5);
    assert_int_equal(rig_count(&r, DECISION_FAULTY, 0), 0);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 1);
    rig_release(&r);
}

/* A few sharers on a node are no fault of it. */
static void sharers_are_no_fault(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 1);
    rounds(&r, 40, 40, 4, 40, 5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 4);
    assert_int_equal(rig_count(&r, DECISION_FAULTY, 0), 0);
    rig_release(&r);
    /* Nor are all four users of a small one. */
    rig_init(&r, 1);
    rounds(&r, 40, 4, 4, 40, 5);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 4);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_one_after_another),
        cmocka_unit_test(the_window),
        cmocka_unit_test(shadow_and_forgiven_ones_do_not_count),
        cmocka_unit_test(by_hand_and_revoke),
        cmocka_unit_test(the_step_is_looked_up_again_at_the_turn),
        cmocka_unit_test(a_verdict_lapses_after_15_minutes),
        cmocka_unit_test(what_was_not_carried_out_does_not_count),
        cmocka_unit_test(a_lower_limit_begins_a_new_period),
        cmocka_unit_test(groups_have_modes),
        cmocka_unit_test(spraying_is_a_leaked_account),
        cmocka_unit_test(ten_networks_are_no_leak),
        cmocka_unit_test(a_carrier_with_many_exits_is_no_leak),
        cmocka_unit_test(a_leak_needs_every_check),
        cmocka_unit_test(verdicts_and_warnings_carry_trust),
        cmocka_unit_test(instant_disable),
        cmocka_unit_test(a_node_that_shows_everyone_twice),
        cmocka_unit_test(the_only_node),
        cmocka_unit_test(sharers_are_no_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
