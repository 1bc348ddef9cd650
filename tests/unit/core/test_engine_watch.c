/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How well nodes are seen, as the engine counts it; and who is still seen after he was disabled. */
#include "core_test.h"
#include "rig.h"

#include "base/stamp.h"

#define S STAMP_SECOND

static const struct coverage *cover(const struct rig *r, int node)
{
    return engine_coverage(r->e, r->node[node]);
}

/* A reading in which the first n nodes answered, with nothing in it. */
static void read_of(struct rig *r, int64_t id, size_t n)
{
    struct online_reading reading = {NULL, 0, r->node, n};

    engine_online(r->e, id, &reading, r->now_us);
}

/* Lines of user 7 on both nodes for so many seconds; a reading every 5 s in which n nodes answer. */
static void go_on(struct rig *r, int seconds, size_t n)
{
    int i;

    for (i = 0; i < seconds; i += 5) {
        rig_from(r, 7, 0);
        rig_from(r, 7, 1);
        rig_wait(r, 5);
        read_of(r, 7, n);
    }
}

static void a_node_without_an_online_list_is_found(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    go_on(&r, 300, 2);
    assert_false(cover(&r, 1)->listless);
    /* Left out for a moment: a slow node. */
    go_on(&r, 50, 1);
    assert_false(cover(&r, 1)->listless);
    go_on(&r, 5, 2);
    go_on(&r, 60, 1);
    assert_false(cover(&r, 1)->listless);
    go_on(&r, 10, 1);
    assert_true(cover(&r, 1)->listless);
    assert_false(cover(&r, 0)->listless);
    go_on(&r, 5, 2);
    assert_false(cover(&r, 1)->listless);
    rig_release(&r);
}

/* Who has not been there of late may be missing from its list; and a node whose lines do not come is none. */
static void what_says_nothing_of_a_list(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 2);
    rig_from(&r, 7, 0);
    rig_from(&r, 7, 1);
    rig_wait(&r, 90);
    for (i = 0; i < 100; i++) {
        rig_wait(&r, 5);
        read_of(&r, 7, 0);
    }
    assert_false(cover(&r, 0)->listless || cover(&r, 1)->listless);
    go_on(&r, 30, 0);
    engine_stream_closed(r.e, r.node[1], r.now_us);
    go_on(&r, 120, 0);
    assert_true(cover(&r, 0)->listless);
    assert_false(cover(&r, 1)->listless);
    rig_release(&r);
}

static void silence_is_counted(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2);
    rig_share(&r, 7, 3, 30);
    engine_stream_closed(r.e, r.node[1], r.now_us);
    rig_wait(&r, 1100);
    assert_int_equal(rig_count(&r, DECISION_UNKNOWN, 7), 1);
    assert_int_equal(cover(&r, 1)->unknown_cases, 1);
    assert_int_equal(cover(&r, 0)->unknown_cases, 0);
    engine_node_dead(r.e, r.node[0]);
    assert_int_equal(cover(&r, 0)->dead_streams, 1);
    assert_int_equal(cover(&r, 1)->dead_streams, 0);
    rig_release(&r);
}

/* A stream opened before the verdict is still in the list: told once, with where. */
static void a_disabled_user_is_seen_by_the_list(void **state)
{
    struct rig r;
    struct online_seen seen[2];
    const struct decision *d;
    char ip[64], text[ADDR_TEXT];
    int i;

    (void)state;
    rig_init(&r, 1);
    rig_share(&r, 7, 2, 600);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    assert_int_equal(rig_view(&r, 7).state, USER_PUNISHED);
    assert_true(rig_view(&r, 7).still_seen); /* his lines go on in this log */
    rig_release(&r);

    rig_init(&r, 1);
    for (i = 0; i < 200 && rig_count(&r, DECISION_PUNISH, 7) == 0; i++)
        rig_share(&r, 7, 2, 6);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    assert_false(rig_view(&r, 7).still_seen);
    for (i = 0; i < 2; i++) {
        assert_int_equal(addr_parse(slice_of(rig_ip(7, i, ip)), &seen[i].addr), ERR_OK);
        seen[i].node = r.node[i];
        seen[i].last_us = r.now_us - (20 - i) * S;
    }
    rig_wait(&r, 3);
    rig_read(&r, 7, seen, 2);
    rig_wait(&r, 0);
    assert_int_equal(rig_count(&r, DECISION_STILL_SEEN, 7), 0); /* perhaps of before */
    rig_wait(&r, 8);
    rig_read(&r, 7, seen, 2);
    rig_wait(&r, 0);
    rig_read(&r, 7, seen, 2);
    rig_wait(&r, 1);
    assert_int_equal(rig_count(&r, DECISION_STILL_SEEN, 7), 1);
    d = rig_find(&r, DECISION_STILL_SEEN, 7, 0);
    assert_string_equal(addr_text(d->seen, text), rig_ip(7, 1, ip));
    assert_int_equal(d->node_id, cover(&r, 1)->node_id);
    assert_true(rig_view(&r, 7).still_seen);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_without_an_online_list_is_found),
        cmocka_unit_test(what_says_nothing_of_a_list),
        cmocka_unit_test(silence_is_counted),
        cmocka_unit_test(a_disabled_user_is_seen_by_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
