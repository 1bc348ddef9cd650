/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* node_guard: the way out where half of a node's users really share. */
#include "core_test.h"

#include <stdio.h>
#include <string.h>

#include "rig.h"

/* 40 users of node 0, twenty-five of them from two addresses in turn; 40 honest ones on node 1. */
static void rounds(struct rig *r, int count)
{
    char ip[64];
    int i;

    while (count-- > 0) {
        for (i = 1; i <= 40; i++) {
            rig_line(r, 0, i, rig_ip(i, 0, ip));
            rig_line(r, 1, 1000 + i, rig_ip(1000 + i, 0, ip));
        }
        rig_wait(r, 5);
        for (i = 1; i <= 25; i++)
            rig_line(r, 0, i, rig_ip(i, 1, ip));
        rig_wait(r, 5);
    }
}

static void begin(struct rig *r, bool guard)
{
    rig_init(r, 1);
    r->policy.breaker = false;
    r->policy.punish_rate = 100;
    r->policy.node_guard = guard;
    rig_set(r);
}

static void off_from_the_start(void **state)
{
    struct rig r;

    (void)state;
    begin(&r, false);
    rounds(&r, 40);
    assert_int_equal(rig_count(&r, DECISION_FAULTY, 0), 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 25);
    rig_release(&r);
}

/* Whose verdict waits says so; switched off, verdicts come at once, and the node is named no more. */
static void switched_off_meanwhile(void **state)
{
    struct rig r;

    (void)state;
    begin(&r, true);
    rounds(&r, 40);
    assert_int_equal(rig_count(&r, DECISION_FAULTY, 0), 1);
    assert_non_null(strstr(rig_find(&r, DECISION_FAULTY, 0, 0)->why, "node_guard off` ends that)"));
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_true(rig_view(&r, 1).waits);
    assert_false(rig_view(&r, 40).waits);
    assert_true(engine_coverage(r.e, r.node[0])->faulty_until_us > r.now_us);
    r.policy.node_guard = false;
    rig_set(&r);
    assert_true(engine_coverage(r.e, r.node[0])->faulty_until_us <= r.now_us);
    assert_false(rig_view(&r, 1).waits);
    rounds(&r, 2);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 25);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_from_the_start),
        cmocka_unit_test(switched_off_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
