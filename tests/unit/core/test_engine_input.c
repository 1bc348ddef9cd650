/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What comes in, however odd: late and mixed lines, floods, online lists, shared sources, tags. */
#include "core_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/stamp.h"
#include "core/engine_int.h"
#include "default_policy.h"
#include "rig.h"

#define S STAMP_SECOND

/* ---- floods ---- */

/* One user from ten thousand addresses, again and again: what is kept stays small, and so does time. */
static void address_spray(void **state)
{
    struct rig r;
    char ip[64];
    clock_t start;
    int i, k;

    (void)state;
    rig_init(&r, 2);
    start = clock();
    for (k = 0; k < 10; k++) {
        for (i = 0; i < 10000; i++) {
            rig_line(&r, 0, 7, rig_ip(7, i, ip));
            if (i % 100 == 0)
                rig_wait(&r, 1);
        }
        assert_true(engine_user(r.e, 7)->n <= LIMIT_DEVICES_MIN);
        assert_true(engine_user(r.e, 7)->cap <= LIMIT_DEVICES_MIN);
        assert_true(rig_view(&r, 7).evidence.devices_overflow > 9000u * (unsigned)(k + 1));
    }
    /* 100,000 lines, each against at most 64 devices and 15 pairs; a second is a hundred times enough. */
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    rig_check(&r);
    rig_release(&r);
}

/* With a greater limit more are kept, to an end. */
static void spray_of_a_great_user(void **state)
{
    static const struct slice none = {NULL, 0};
    struct rig r;
    char ip[64];
    int i;

    (void)state;
    rig_init(&r, 2);
    assert_int_equal(limits_special(engine_limits(r.e), 7, none, 300), ERR_OK);
    assert_int_equal(limits_special(engine_limits(r.e), 8, none, 10000), ERR_OK);
    engine_limits_changed(r.e);
    for (i = 0; i < 5000; i++) {
        rig_line(&r, 0, 7, rig_ip(7, i, ip));
        rig_line(&r, 0, 8, rig_ip(8, i, ip));
    }
    assert_int_equal(engine_user(r.e, 7)->n, 600);
    assert_int_equal(engine_user(r.e, 8)->n, LIMIT_DEVICES_MAX);
    rig_wait(&r, 120);
    rig_release(&r);
}

static void forgets_the_oldest_users(void **state)
{
    struct policy p = default_policy();
    struct engine_stats stats;
    struct user_view v;
    struct rig r;
    int i;

    (void)state;
    p.max_tracked_users = 1000;
    p.general_limit = 2;
    rig_init_with(&r, &p);
    rig_share(&r, 1000000, 3, 30);
    assert_int_equal(engine_set_punished(r.e, 1000001, 0, r.now_us), ERR_OK);
    for (i = 1; i <= 5000; i++) {
        rig_from(&r, i, 0);
        if (i % 10 == 0)
            rig_wait(&r, 0.5);
        engine_stats(r.e, &stats);
        assert_true(stats.users <= 1000);
    }
    assert_true(stats.evicted >= 4000 && stats.evicted < 4100);
    assert_true(r.e->n_slots <= 1000);
    for (i = 4100; i <= 5000; i++)
        assert_int_equal(engine_view(r.e, i, r.now_us, &v), ERR_OK);
    assert_int_equal(engine_view(r.e, 1000, r.now_us, &v), ERR_NOT_FOUND);
    /* Who is watched or punished is never forgotten. */
    assert_int_equal(rig_view(&r, 1000000).state, USER_MONITORING);
    assert_int_equal(rig_view(&r, 1000001).state, USER_PUNISHED);
    rig_release(&r);
}

static void forgets_after_an_hour(void **state)
{
    struct engine_stats stats;
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 2);
    for (i = 1; i <= 500; i++)
        rig_from(&r, i, 0);
    rig_wait(&r, 60);
    engine_stats(r.e, &stats);
    assert_int_equal(stats.users, 500);
    assert_int_equal(stats.active, 500);
    assert_int_equal(stats.seen_hour, 500);
    rig_wait(&r, 3700);
    engine_stats(r.e, &stats);
    assert_int_equal(stats.users, 0);
    assert_int_equal(stats.active, 0);
    /* Their places are taken again. */
    for (i = 1; i <= 500; i++)
        rig_from(&r, 1000 + i, 0);
    assert_int_equal(r.e->n_slots, 500);
    rig_release(&r);
}

static void tags_are_bounded(void **state)
{
    struct rig r;
    char line[4096], tag[2048];
    struct user_view v;
    int i;

    (void)state;
    rig_init(&r, 2);
    for (i = 0; i < LIMIT_TAGS + 100; i++) {
        snprintf(line, sizeof(line), "from 5.6.7.8:1 accepted tcp:a:1 [tag%d -> O] email: 7", i);
        assert_int_equal(engine_line(r.e, 0, r.now_us, slice_of(line), NULL), SCAN_COUNTED);
    }
    assert_int_equal(r.e->n_tags, LIMIT_TAGS);
    assert_string_equal(rig_view(&r, 7).evidence.devices[0].inbound, "tag4095");
    rig_release(&r);
    rig_init(&r, 2);
    memset(tag, 'x', sizeof(tag) - 1);
    tag[sizeof(tag) - 1] = '\0';
    snprintf(line, sizeof(line), "from 5.6.7.8:1 accepted tcp:a:1 [%s -> O] email: 7", tag);
    engine_line(r.e, 0, r.now_us, slice_of(line), NULL);
    v = rig_view(&r, 7);
    assert_int_equal(strlen(v.evidence.devices[0].inbound), LIMIT_TAG);
    rig_release(&r);
}

/* ---- the order of lines ---- */

/* Lines of three phones within the limit, each up to 20 s late, in any order: nobody is blamed. */
static void out_of_order_lines(void **state)
{
    struct rig r;
    int64_t first_us[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, last_us[3] = {0};
    char ip[64];
    int i, k;

    (void)state;
    rig_init(&r, 3);
    for (i = 0; i < 3000; i++) {
        int64_t late_us = rnd_below(&r.seed, 20000) * (S / 1000), at_us;
        struct user_view v;

        rig_late(&r, i % 2, 7, rig_ip(7, i % 3, ip), late_us);
        at_us = r.now_us - late_us + engine_clock_offset(r.e, r.node[i % 2]);
        assert_true(at_us <= r.now_us);
        first_us[i % 3] = at_us < first_us[i % 3] ? at_us : first_us[i % 3];
        last_us[i % 3] = at_us > last_us[i % 3] ? at_us : last_us[i % 3];
        v = rig_view(&r, 7);
        for (k = 0; k < v.evidence.n_devices; k++) {
            const struct device_view *d = &v.evidence.devices[k];
            int n = (int)(d->addr.lo >> 24 & 255) - 60;

            /* Its first and last line, in whatever order they came. */
            assert_true(d->last_us == last_us[n]);
            assert_true(d->first_us == first_us[n] / S * S);
        }
        rig_wait(&r, 0.3);
    }
    assert_int_equal(r.n, 0);
    assert_int_equal(rig_view(&r, 7).devices, 3);
    rig_release(&r);
}

/* One phone that changed its address an hour ago, whose old lines come in now: not two devices. */
static void late_lines_do_not_bring_devices_back(void **state)
{
    struct rig r;
    char ip[64];
    const struct coverage *c;
    int i;

    (void)state;
    rig_init(&r, 1);
    for (i = 0; i < 200; i++) {
        rig_from(&r, 7, 0);
        rig_late(&r, 0, 7, rig_ip(7, 1, ip), 1200 * S - i);
        rig_wait(&r, 2);
    }
    assert_int_equal(r.n, 0);
    c = engine_coverage(r.e, r.node[0]);
    assert_int_equal(c->stale, 200);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    rig_release(&r);
}

/*
 * A second stream of a node opens and hands out 20 minutes of backlog between the live lines of the
 * first: what was decided without it is decided with it, at the same times.
 */
static void run_with_second_stream(struct rig *r, bool second)
{
    char ip[64];
    int i;

    rig_init(r, 2);
    for (i = 0; i < 150; i++) {
        if (second && i == 40)
            engine_stream_opened(r->e, r->node[0], r->now_us);
        rig_from(r, 7, i % 3);
        rig_from(r, 8, 0);
        /* Ann's two phones were five addresses in the last 20 minutes. */
        if (second && i >= 40 && i < 80)
            rig_late(r, 0, 8, rig_ip(8, 1 + i % 5, ip), (1200 - i) * S);
        rig_wait(r, 2);
    }
}

static void two_streams_of_one_node(void **state)
{
    struct rig a, b;
    int i;

    (void)state;
    run_with_second_stream(&a, false);
    run_with_second_stream(&b, true);
    assert_int_equal(rig_count(&a, DECISION_PUNISH, 7), 1);
    assert_int_equal(rig_count(&b, DECISION_MONITOR, 8), 0);
    assert_int_equal(a.n, b.n);
    for (i = 0; i < a.n; i++) {
        assert_int_equal(a.log[i].kind, b.log[i].kind);
        assert_true(a.log[i].at_us == b.log[i].at_us && a.log[i].id == b.log[i].id);
    }
    assert_int_equal(engine_coverage(b.e, b.node[0])->open_streams, 2);
    assert_int_equal(engine_coverage(b.e, b.node[0])->reconnects, 1);
    rig_release(&a);
    rig_release(&b);
}

/* Of an unknown clock's very first stream nothing counts until its backlog is over. */
static void first_stream_warms_up(void **state)
{
    struct rig r;
    char line[200];
    uint16_t node;
    struct user_view v;
    int i;

    (void)state;
    rig_init(&r, 1);
    assert_int_equal(engine_node(r.e, 555, STAMP_NONE, &node), ERR_OK);
    engine_stream_opened(r.e, node, r.now_us);
    for (i = 0; i < 500; i++) {
        snprintf(
            line, sizeof(line),
            "2025/11/02 09:%02d:%02d.000000 from %d.6.7.8:1 accepted tcp:a:1 [I -> O] email: 7",
            30 + i / 50, i % 50, 20 + i % 60);
        assert_int_equal(engine_line(r.e, node, r.now_us, slice_of(line), NULL), SCAN_COUNTED);
    }
    assert_int_equal(engine_coverage(r.e, node)->warming, 500);
    assert_int_equal(engine_view(r.e, 7, r.now_us, &v), ERR_NOT_FOUND);
    assert_true(engine_node_warming(r.e, node));
    assert_int_equal(engine_line(r.e, node, r.now_us + 30 * S, slice_of(line), NULL), SCAN_COUNTED);
    assert_false(engine_node_warming(r.e, node));
    assert_int_equal(r.n, 0);
    rig_release(&r);
}

/* ---- the same again ---- */

static void random_life(struct rig *r, uint64_t seed)
{
    static const struct slice none = {NULL, 0};
    int i;

    rig_init(r, 2);
    r->policy.punish_rate = 3;
    r->policy.breaker = false;
    rig_set(r);
    r->seed = seed;
    for (i = 0; i < 6000; i++) {
        int64_t id = 1 + rnd_below(&r->seed, 30);
        uint32_t what = rnd_below(&r->seed, 1000);
        /* Drawn one after the other: compilers differ in the order of arguments. */
        int64_t late_us = rnd_below(&r->seed, 3) ? 0 : rnd_below(&r->seed, 90) * S;
        int which = (int)rnd_below(&r->seed, 1 + (uint32_t)id % 5);
        char ip[64];

        rig_late(r, i % 2, id, rig_ip(id, which, ip), late_us);
        if (what < 2)
            assert_int_equal(engine_pardon(r->e, id, r->now_us + 300 * S), ERR_OK);
        else if (what < 4)
            engine_clear_user(r->e, id);
        else if (what < 5)
            assert_int_equal(limits_special(engine_limits(r->e), id, none,
                                            1 + (int)rnd_below(&r->seed, 4)),
                             ERR_OK);
        else if (what < 6)
            engine_limits_changed(r->e);
        else if (what < 7)
            engine_node_quiet(r->e, r->node[i % 2], i % 3, r->now_us);
        if (rnd_below(&r->seed, 3) == 0)
            rig_wait(r, rnd_below(&r->seed, 3000) / 1000.0);
    }
}

/* The same input gives the same decisions, down to every figure of the evidence. */
static void deterministic(void **state)
{
    uint64_t seed;
    int i;

    (void)state;
    for (seed = 1; seed <= 4; seed++) {
        struct rig a, b;

        random_life(&a, seed);
        random_life(&b, seed);
        rig_check(&a);
        assert_true(a.n > 40);
        assert_int_equal(a.n, b.n);
        for (i = 0; i < a.n; i++) {
            const struct decision *x = &a.log[i], *y = &b.log[i];

            assert_true(x->kind == y->kind && x->at_us == y->at_us && x->id == y->id &&
                        x->applied == y->applied && x->devices == y->devices &&
                        x->concurrent == y->concurrent);
            assert_string_equal(x->why, y->why);
            assert_int_equal(!x->evidence, !y->evidence);
            if (x->evidence) {
                assert_int_equal(x->evidence->n_pairs, y->evidence->n_pairs);
                assert_memory_equal(x->evidence->pairs, y->evidence->pairs,
                                    sizeof(x->evidence->pairs));
            }
        }
        rig_release(&a);
        rig_release(&b);
    }
}

/* ---- other sources ---- */

static void foreign_users_are_counted_only(void **state)
{
    struct engine_stats stats;
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 1);
    for (i = 0; i < 50; i++) {
        char line[128];

        snprintf(line, sizeof(line), "from 5.6.7.%d:1 accepted tcp:a:1 [I -> O] email: someone",
                 i + 1);
        assert_int_equal(engine_line(r.e, 0, r.now_us, slice_of(line), NULL), SCAN_COUNTED);
    }
    engine_stats(r.e, &stats);
    assert_int_equal(stats.foreign, 50);
    assert_int_equal(stats.users, 0);
    rig_release(&r);
}

/* Panel 4 tells the name in the log: it is learned, and a rule entered for the name holds. */
static void names_from_the_log(void **state)
{
    struct rig r;
    int i;

    (void)state;
    rig_init(&r, 1);
    assert_int_equal(limits_except(engine_limits(r.e), 0, SLICE("ann")), ERR_OK);
    engine_limits_changed(r.e);
    for (i = 0; i < 200; i++) {
        char line[128];

        snprintf(line, sizeof(line), "from 5.6.7.%d:1 accepted tcp:a:1 [I -> O] email: 7.ann",
                 i % 3 + 1);
        engine_line(r.e, 0, r.now_us, slice_of(line), NULL);
        rig_wait(&r, 3);
    }
    assert_int_equal(limits_id(engine_limits(r.e), SLICE("ann")), 7);
    assert_int_equal(r.n, 0);
    rig_release(&r);
}

static void online_entries_are_observations(void **state)
{
    struct online_seen seen[3] = {{0}};
    struct rig r;
    struct user_view v;
    int i;

    (void)state;
    rig_init(&r, 1);
    rig_line(&r, 0, 7, "5.6.7.8");
    assert_int_equal(addr_parse(SLICE("5.6.7.8"), &seen[0].addr), ERR_OK);
    assert_int_equal(addr_parse(SLICE("5.7.7.8"), &seen[1].addr), ERR_OK);
    assert_int_equal(addr_parse(SLICE("10.7.7.8"), &seen[2].addr), ERR_OK);
    for (i = 0; i < 3; i++) {
        seen[i].node = r.node[1];
        seen[i].last_us = r.now_us + 2 * S; /* a node whose clock is a little ahead */
    }
    rig_read(&r, 7, seen, 3);
    v = rig_view(&r, 7);
    assert_int_equal(v.devices, 2);
    assert_int_equal(v.evidence.n_devices, 2);
    for (i = 0; i < 2; i++) {
        assert_true(v.evidence.devices[i].online);
        assert_true(v.evidence.devices[i].last_us <= r.now_us);
    }
    assert_int_equal(v.state, USER_MONITORING);
    rig_release(&r);
}

/* A relay used by fifteen users adds nothing to what each has of his own; alone it is one device. */
static void shared_sources(void **state)
{
    struct rig r;
    const struct decision *d;
    char text[ADDR_TEXT];
    struct user_view v;
    int i, k;

    (void)state;
    rig_init(&r, 1);
    for (k = 0; k < 80; k++) {
        for (i = 1; i <= 15; i++) {
            rig_line(&r, 0, i, "5.6.7.8");
            if (i > 1)
                rig_from(&r, i, 0);
        }
        rig_wait(&r, 5);
    }
    d = rig_find(&r, DECISION_SHARED, 0, 0);
    assert_non_null(d);
    assert_int_equal(rig_count(&r, DECISION_SHARED, 0), 1);
    assert_string_equal(addr_text(d->shared, text), "5.6.7.8");
    assert_true(d->shared_until_us == d->at_us + 7 * 86400 * S);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_view(&r, 1).devices, 1);
    v = rig_view(&r, 2);
    assert_int_equal(v.devices, 1);
    assert_int_equal(v.evidence.n_devices, 2);
    for (i = 0; i < 2; i++)
        assert_int_equal(v.evidence.devices[i].role, addr_eq(v.evidence.devices[i].addr, d->shared)
                                                         ? DEVICE_SHARED
                                                         : DEVICE_COUNTED);
    /* Taken off by hand, it counts again at once. */
    assert_int_equal(engine_set_shared(r.e, d->shared, 0), ERR_OK);
    assert_int_equal(rig_view(&r, 2).devices, 2);
    rig_release(&r);
}

/* Marks from the database hold until their day, then the address counts like any other. */
static void marks_end(void **state)
{
    struct rig r;
    struct addr a;

    (void)state;
    rig_init(&r, 1);
    assert_int_equal(addr_parse(SLICE("5.6.7.8"), &a), ERR_OK);
    assert_int_equal(engine_set_shared(r.e, a, r.now_us + 100 * S), ERR_OK);
    rig_line(&r, 0, 7, "5.6.7.8");
    rig_from(&r, 7, 0);
    assert_int_equal(r.n, 0);
    rig_wait(&r, 130);
    rig_line(&r, 0, 7, "5.6.7.8");
    rig_from(&r, 7, 0);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 1);
    rig_release(&r);
}

struct each {
    int n;
    int64_t ids;
};

static void count_each(void *arg, const struct user_view *v)
{
    struct each *each = arg;

    each->n++;
    each->ids += v->id;
}

static void each_and_samples(void **state)
{
    struct rig r;
    struct each each = {0};
    int64_t ids[10];

    (void)state;
    rig_init(&r, 2);
    rig_from(&r, 1, 0);
    rig_from(&r, 2, 1);
    rig_from(&r, 3, 1);
    assert_int_equal(engine_set_punished(r.e, 4, 0, r.now_us), ERR_OK);
    engine_each(r.e, r.now_us, count_each, &each);
    assert_int_equal(each.n, 4);
    assert_int_equal(each.ids, 10);
    assert_int_equal(engine_sample(r.e, r.node[1], r.now_us - S, ids, 10), 2);
    assert_int_equal(engine_sample(r.e, r.node[1], r.now_us - S, ids, 1), 1);
    assert_int_equal(engine_sample(r.e, r.node[1], r.now_us + S, ids, 10), 0);
    rig_wait(&r, 100);
    each = (struct each){0};
    engine_each(r.e, r.now_us, count_each, &each);
    assert_int_equal(each.n, 1);
    rig_release(&r);
}

/* He is disabled; the list still shows a stream he opened long before. */
static void streams_that_live_on_are_told_once_with_where(void **state)
{
    const struct decision *d;
    struct online_seen seen;
    struct addr a;
    struct rig r;
    int64_t last_us;
    char ip[64];
    int i;

    (void)state;
    rig_init(&r, 1);
    rig_share(&r, 7, 2, 190);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    assert_int_equal(addr_parse(slice_of(rig_ip(7, 0, ip)), &a), ERR_OK);
    seen = (struct online_seen){r.node[0], a, r.now_us - 100 * STAMP_SECOND};
    rig_read(&r, 7, &seen, 1);
    rig_wait(&r, 1);
    assert_int_equal(rig_count(&r, DECISION_STILL_SEEN, 7), 0);
    assert_int_not_equal(engine_read_every(r.e, 7, r.now_us, &last_us), 0);
    for (i = 0; i < 3; i++) {
        rig_wait(&r, 20);
        rig_read(&r, 7, &seen, 1);
    }
    rig_wait(&r, 1);
    assert_int_equal(rig_count(&r, DECISION_STILL_SEEN, 7), 1);
    d = rig_find(&r, DECISION_STILL_SEEN, 7, 0);
    assert_true(d->evidence && d->evidence->n_devices > 0);
    assert_int_not_equal(d->evidence->devices[0].node_id, 0);
    assert_int_equal(engine_read_every(r.e, 7, r.now_us, &last_us), 0);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_that_live_on_are_told_once_with_where),
        cmocka_unit_test(address_spray),
        cmocka_unit_test(spray_of_a_great_user),
        cmocka_unit_test(forgets_the_oldest_users),
        cmocka_unit_test(forgets_after_an_hour),
        cmocka_unit_test(tags_are_bounded),
        cmocka_unit_test(out_of_order_lines),
        cmocka_unit_test(late_lines_do_not_bring_devices_back),
        cmocka_unit_test(two_streams_of_one_node),
        cmocka_unit_test(first_stream_warms_up),
        cmocka_unit_test(deterministic),
        cmocka_unit_test(foreign_users_are_counted_only),
        cmocka_unit_test(names_from_the_log),
        cmocka_unit_test(online_entries_are_observations),
        cmocka_unit_test(shared_sources),
        cmocka_unit_test(marks_end),
        cmocka_unit_test(each_and_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
