/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Out of memory: the same life of an engine again and again, each time with another allocation failing.
 * It must not crash nor leak (the sanitizer looks), and whatever was decided in need must hold: nobody is
 * punished unwatched, and who was punished is told to be restored once there is memory again.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/faulty_memory.h"
#include "base/stamp.h"
#include "core/engine.h"
#include "core/line/sse.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"

#define S STAMP_SECOND

enum { USERS = 8 };

/* A life: what was told about each user so far. */
struct life {
    struct engine *e;
    struct policy policy;
    int64_t now_us;
    uint16_t node;
    bool watched[USERS + 3], warned[USERS + 3], disabled[USERS + 3], restored[USERS + 3];
    int punished;
};

static void told(struct life *l, const struct decision *d)
{
    switch (d->kind) {
    case DECISION_MONITOR:
        assert_false(l->watched[d->id]);
        l->watched[d->id] = true;
        l->warned[d->id] = false;
        break;
    case DECISION_WARN:
        assert_true(l->watched[d->id]);
        l->warned[d->id] = true;
        break;
    case DECISION_ACQUIT:
    case DECISION_UNKNOWN:
        assert_true(l->watched[d->id]);
        l->watched[d->id] = false;
        break;
    case DECISION_PUNISH:
        assert_true(l->watched[d->id] && l->warned[d->id]);
        l->watched[d->id] = false;
        l->disabled[d->id] = d->applied == APPLIED_NOW;
        l->punished++;
        break;
    case DECISION_EXECUTE:
        l->disabled[d->id] = true;
        break;
    case DECISION_RESTORE:
        if (d->applied == APPLIED_NOW)
            engine_clear_user(l->e, d->id);
        l->disabled[d->id] = false;
        l->restored[d->id] = true;
        break;
    default:
        break;
    }
}

static void drain(struct life *l)
{
    struct decision d;

    while (engine_take(l->e, &d)) {
        told(l, &d);
        decision_release(&d);
    }
}

static void advance(struct life *l, int64_t us)
{
    int64_t end_us = l->now_us + us;

    while (engine_next_us(l->e) <= end_us) {
        if (engine_next_us(l->e) > l->now_us)
            l->now_us = engine_next_us(l->e);
        engine_advance(l->e, l->now_us);
        drain(l);
    }
    l->now_us = end_us;
    engine_advance(l->e, l->now_us);
    drain(l);
}

/* All users, each with up to four addresses and one that all share, for some seconds. */
static void live(struct life *l, int seconds)
{
    char line[160];
    int t, id;

    for (t = 0; t < seconds; t += 3) {
        for (id = 1; id <= USERS; id++) {
            snprintf(line, sizeof(line),
                     "from %d.%d.7.9:1 accepted tcp:a:1 [IN-%d -> O] email: %d.user%d",
                     60 + t / 3 % (1 + id % 5), id, t / 9, id, id);
            engine_line(l->e, l->node, l->now_us, slice_of(line), NULL);
            snprintf(line, sizeof(line), "from 5.6.7.8:1 accepted tcp:a:1 [IN -> O] email: %d", id);
            engine_line(l->e, l->node, l->now_us, slice_of(line), NULL);
        }
        drain(l);
        advance(l, 3 * S);
    }
}

/* True: the engine could be made. */
static bool begin(struct life *l, const struct policy *policy)
{
    static const struct hash_key key = {11, 12};
    static const struct slice none = {NULL, 0};
    struct addr mark = {0, UINT64_C(0xffff) << 32 | 0x05060709};
    int i;

    *l = (struct life){.policy = *policy, .now_us = INT64_C(1762077600) * S};
    l->e = engine_new(policy, key);
    if (!l->e)
        return false;
    for (i = 0; engine_node(l->e, 1, 0, &l->node); i++)
        if (i == 3) {
            engine_free(l->e);
            return false;
        }
    engine_stream_opened(l->e, l->node, l->now_us);
    engine_advance(l->e, l->now_us);
    /* Failing, each of these changes nothing but says so. */
    (void)!limits_special(engine_limits(l->e), 0, SLICE("user1"), 2);
    (void)!limits_except(engine_limits(l->e), USERS, none);
    (void)!scan_rules_block(engine_scan_rules(l->e), SLICE("BLOCK,block"));
    engine_limits_changed(l->e);
    (void)!engine_set_shared(l->e, mark, l->now_us + 50 * S);
    (void)!engine_had_violation(l->e, 2, l->now_us - 86400 * S);
    return true;
}

/* Returns how many allocations it made while they could fail. */
static unsigned long life(const struct policy *policy, unsigned long first, unsigned long many)
{
    struct life l;
    int64_t due_us;
    int id;
    bool kept;

    memory_fails(first, many);
    if (!begin(&l, policy))
        return memory_heals();
    due_us = l.now_us + 100 * S;
    kept = engine_set_punished(l.e, USERS + 1, due_us, l.now_us) == ERR_OK;
    live(&l, 230);
    if (engine_pardon(l.e, 3, l.now_us + 60 * S) == ERR_OK)
        l.watched[3] = l.disabled[3] = false;
    engine_online_available(l.e, true);
    live(&l, 30);
    advance(&l, 100 * S);
    memory_heals();
    live(&l, 60);
    advance(&l, 2000 * S);
    /* With memory again every term has ended, and been told so. */
    for (id = 1; id <= USERS; id++)
        assert_false(l.disabled[id]);
    assert_int_equal(l.restored[USERS + 1], kept || l.restored[USERS + 1]);
    assert_true(first < memory.count || l.punished >= 4);
    engine_free(l.e);
    return memory.count;
}

static struct policy short_policy(void)
{
    struct settings s;
    struct policy p;

    assert_int_equal(settings_init(&s), ERR_OK);
    settings_policy(&s, &p);
    settings_release(&s);
    p.general_limit = 1;
    p.punish_us = 60 * S;
    p.punish_rate = 2;
    p.pardon_us = 60 * S;
    p.breaker = false;
    p.shared_source_users = 4;
    p.monitoring_period_us = 60 * S;
    p.active_window_us = 30 * S;
    p.check_interval_us = 10 * S;
    return p;
}

static void one_allocation_fails(void **state)
{
    struct policy p = short_policy();
    unsigned long all = life(&p, ULONG_MAX, 1), n;

    (void)state;
    assert_true(all > 100);
    for (n = 1; n <= all; n++)
        life(&p, n, 1);
}

static void some_in_a_row_fail(void **state)
{
    struct policy p = short_policy();
    unsigned long all = life(&p, ULONG_MAX, 1), n;

    (void)state;
    for (n = 1; n <= all; n += 3)
        life(&p, n, 40);
}

static void none_is_left_from_the_nth_on(void **state)
{
    struct policy p = short_policy();
    unsigned long all = life(&p, ULONG_MAX, 1), n;

    (void)state;
    for (n = 1; n <= all; n += 5)
        life(&p, n, ULONG_MAX);
}

static void under_the_breaker(void **state)
{
    struct policy p = short_policy();
    unsigned long all, n;

    (void)state;
    p.breaker = true;
    all = life(&p, ULONG_MAX, 1);
    for (n = 1; n <= all; n += 2)
        life(&p, n, 8);
}

/* ---- small parts ---- */

static int lines;
static char last[64];

static void take(void *arg, struct slice line)
{
    (void)arg;
    lines++;
    assert_true(line.n < sizeof(last));
    memcpy(last, line.p, line.n);
    last[line.n] = '\0';
}

/* A line whose memory failed is dropped whole: its tail is no line of its own, and the next one comes. */
static void stream_drops_the_line(void **state)
{
    struct sse s;

    (void)state;
    sse_init(&s);
    lines = 0;
    memory_fails(1, 1);
    assert_int_equal(sse_feed(&s, SLICE("data: be"), take, NULL), ERR_NOMEM);
    memory_heals();
    assert_int_equal(sse_feed(&s, SLICE("gun\r"), take, NULL), ERR_OK);
    assert_int_equal(sse_feed(&s, SLICE("\ndata: good\n"), take, NULL), ERR_OK);
    assert_int_equal(lines, 1);
    assert_string_equal(last, "good");
    memory_fails(1, 1);
    assert_int_equal(sse_feed(&s, SLICE("data: first\nda"), take, NULL), ERR_NOMEM);
    memory_heals();
    assert_int_equal(lines, 2);
    assert_int_equal(sse_feed(&s, SLICE("data: forged\ndata: sec"), take, NULL), ERR_OK);
    assert_int_equal(lines, 2);
    assert_int_equal(sse_feed(&s, SLICE("ond\n"), take, NULL), ERR_OK);
    assert_int_equal(lines, 3);
    assert_string_equal(last, "second");
    sse_release(&s);
}

/* A name that could not be stored leaves the directory as it was, on both sides. */
static void directory_stays_whole(void **state)
{
    static const struct hash_key key = {13, 14};
    unsigned long n;
    bool done = false;

    (void)state;
    for (n = 1; !done; n++) {
        struct limits *l = limits_new(key);
        char name[300];
        int64_t id;
        int failed = 0;

        assert_non_null(l);
        memory_fails(n, 1);
        for (id = 1; id <= 200; id++) {
            int len = snprintf(name, sizeof(name), "%0*d", (int)(1 + id % 90), (int)(id % 150 + 1));
            int rc = limits_learn(l, id % 150 + 1, (struct slice){name, (size_t)len});

            if (rc < 0) {
                assert_int_equal(rc, ERR_NOMEM);
                failed++;
                rc = limits_learn(l, id % 150 + 1, (struct slice){name, (size_t)len});
            }
            assert_true(rc >= 0);
            assert_true(slice_eq(limits_name(l, id % 150 + 1), (struct slice){name, (size_t)len}));
            assert_int_equal(limits_id(l, (struct slice){name, (size_t)len}), id % 150 + 1);
        }
        memory_heals();
        done = failed == 0;
        limits_free(l);
    }
    assert_true(n > 5);
}

static int memory_back(void **state)
{
    (void)state;
    memory_heals();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_allocation_fails, memory_back),
        cmocka_unit_test_setup(some_in_a_row_fail, memory_back),
        cmocka_unit_test_setup(none_is_left_from_the_nth_on, memory_back),
        cmocka_unit_test_setup(under_the_breaker, memory_back),
        cmocka_unit_test_setup(stream_drops_the_line, memory_back),
        cmocka_unit_test_setup(directory_stays_whole, memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
