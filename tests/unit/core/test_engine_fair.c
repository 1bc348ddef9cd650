/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What must not hurt those who did nothing: strange clocks, verdicts not carried out, lost pardons. */
#include "core_test.h"

#include "base/stamp.h"
#include "rig.h"

#define S STAMP_SECOND

static struct addr addr_of(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(slice_of(text), &a), ERR_OK);
    return a;
}

/*
 * A phone went from Wi-Fi to mobile for good. The node's clock is an hour ahead, so the online list shows
 * the address it left at a time to come, reading after reading: that must not look like use.
 */
static void online_list_of_a_clock_ahead(void **state)
{
    struct online_seen seen;
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 1);
    rig_share(&r, 7, 1, 60);
    seen = (struct online_seen){r.node[0], addr_of("5.6.7.8"), r.now_us + 3600 * S};
    rig_line(&r, 0, 7, "5.6.7.8");
    rig_wait(&r, 10);
    for (i = 0; i < 120; i++) {
        rig_wait(&r, 5);
        rig_from(&r, 7, 0);
        rig_read(&r, 7, &seen, 1);
    }
    rig_wait(&r, 1);
    assert_int_equal(rig_count(&r, DECISION_WARN, 7), 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    rig_check(&r);
    rig_release(&r);
}

/* What is dropped while it waits is told, or whoever saw "waits for its turn" would wait for ever. */
static void a_turn_that_lapses_is_told(void **state)
{
    static const struct slice none = {NULL, 0};
    const struct decision *d;
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    r.policy.punish_rate = 1;
    rig_set(&r);
    rig_share_many(&r, 1, 2, 3, 190);
    assert_int_equal(rig_find(&r, DECISION_PUNISH, 2, 0)->applied, APPLIED_QUEUED);
    assert_int_equal(limits_except(engine_limits(r.e), 2, none), ERR_OK);
    engine_limits_changed(r.e);
    rig_wait(&r, 100);
    assert_int_equal(rig_count(&r, DECISION_EXECUTE, 2), 0);
    d = rig_find(&r, DECISION_ACQUIT, 2, 0);
    assert_non_null(d);
    assert_true(d->why[0]);
    assert_int_equal(rig_view(&r, 2).state, USER_CLEAR);
    rig_release(&r);
}

/*
 * The breaker stops at eight users, of whom some were only to be punished. When it is resumed with the
 * cause still there, it must see them all again: they have never been punished.
 */
static void the_breaker_sees_the_spared_again(void **state)
{
    struct rig r;
    int i, punished = 0;

    (void)state;
    rig_init(&r, 2);
    r.policy.punish_rate = 3;
    rig_set(&r);
    rig_share_many(&r, 1, 20, 3, 190);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 1);
    for (i = 1; i <= 20; i++)
        punished += rig_find(&r, DECISION_PUNISH, i, 0)->applied == APPLIED_NOW;
    assert_int_equal(punished, 3);
    engine_resume(r.e, r.now_us);
    for (i = 1; i <= 20; i++)
        engine_clear_user(r.e, i);
    /* The bounds are at twice what was shown, 12: seventeen spared ones pass them. */
    rig_share_many(&r, 1, 20, 3, 250);
    assert_int_equal(rig_count(&r, DECISION_BREAKER, 0), 2);
    assert_true(engine_paused(r.e));
    rig_check(&r);
    rig_release(&r);
}

/* Enabled by hand, with a pardon: switching enforcement to shadow and back does not take it away. */
static void a_pardon_outlives_a_switch(void **state)
{
    struct rig r;
    int64_t until_us;

    (void)state;
    rig_init(&r, 2);
    until_us = r.now_us + 3600 * S;
    assert_int_equal(engine_pardon(r.e, 7, until_us), ERR_OK);
    r.policy.mode = MODE_SHADOW;
    rig_set(&r);
    r.policy.mode = MODE_ON;
    rig_set(&r);
    assert_true(rig_view(&r, 7).pardon_us == until_us);
    rig_share(&r, 7, 3, 300);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 0);
    rig_release(&r);
}

static void set_clock(struct rig *r, int64_t step_us)
{
    int i;

    r->now_us += step_us;
    engine_clock_stepped(r->e, step_us, r->now_us);
    for (i = 0; i < RIG_NODES; i++) {
        assert_true(engine_clock_offset(r->e, r->node[i]) == step_us);
        /* The rig's lines are stamped by the clock that was set. */
        engine_clock_trust(r->e, r->node[i]);
    }
    rig_wait(r, 0.1);
}

/* The machine's clock was years ahead and is set right, or years behind: the engine goes on as if new. */
static void the_clock_is_set(void **state)
{
    static const int64_t steps[] = {INT64_C(-10) * 365 * 86400 * S, INT64_C(30) * 365 * 86400 * S,
                                    -120 * S};
    struct rig r;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        rig_init(&r, 2);
        rig_share(&r, 7, 3, 150);
        assert_int_equal(engine_set_punished(r.e, 5, r.now_us + 900 * S, r.now_us), ERR_OK);
        assert_int_equal(engine_pardon(r.e, 6, r.now_us + 60 * S), ERR_OK);
        set_clock(&r, steps[i]);
        assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
        assert_int_equal(rig_view(&r, 7).devices, 0);
        assert_int_equal(rig_view(&r, 5).state, USER_PUNISHED);
        assert_true(rig_view(&r, 6).pardon_us <= r.now_us + r.policy.pardon_us);
        assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
        /* The evidence of before is none, and that of now is enough. */
        rig_share(&r, 7, 3, 170);
        assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
        rig_share(&r, 7, 3, 30);
        assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
        rig_wait(&r, 905);
        assert_int_equal(rig_count(&r, DECISION_RESTORE, 7), 1);
        rig_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(online_list_of_a_clock_ahead),
        cmocka_unit_test(a_turn_that_lapses_is_told),
        cmocka_unit_test(the_breaker_sees_the_spared_again),
        cmocka_unit_test(a_pardon_outlives_a_switch),
        cmocka_unit_test(the_clock_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
