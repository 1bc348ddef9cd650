/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/stamp.h"
#include "telegram/tgpace.h"

static const struct hash_key key = {1, 2};

/* Sends and is answered in the same moment. */
static int sent(struct tgpace *p, int64_t chat, bool counts, int64_t now)
{
    int rc = tgpace_sent(p, chat, counts, now);

    if (!rc)
        tgpace_answered(p, counts, now);
    return rc;
}

static int send_at(struct tgpace *p, int64_t chat, bool urgent, int64_t *now)
{
    *now += tgpace_wait(p, chat, true, urgent, *now);
    return sent(p, chat, true, *now);
}

/* A slow version of the limits: the times of all messages, and how many lie within a span. */
static void check_window(const int64_t *at, size_t n, int64_t span, size_t most)
{
    size_t i, k;

    for (i = 0; i < n; i++) {
        for (k = i; k < n && at[k] < at[i] + span; k++)
            ;
        assert_true(k - i <= most);
    }
}

static void bulk_waits_a_second_at_first(void **state)
{
    struct tgpace *p = tgpace_new(key, 5);

    (void)state;
    assert_int_equal(tgpace_wait(p, 1, true, false, 5), STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 1, true, true, 5), 0);
    tgpace_free(p);
}

static void one_chat(int64_t chat, bool urgent, int64_t span, size_t most, int64_t *ret_us)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);
    int64_t at[200], now = 1000;
    size_t i;

    assert_non_null(p);
    for (i = 0; i < 200; i++) {
        assert_int_equal(send_at(p, chat, urgent, &now), ERR_OK);
        at[i] = now;
    }
    check_window(at, 200, span, most);
    *ret_us = now;
    tgpace_free(p);
}

static void a_chat_keeps_its_limits(void **state)
{
    int64_t us;

    (void)state;
    one_chat(5, false, STAMP_SECOND, 1, &us);
    assert_int_equal(us, 1000 + 199 * STAMP_SECOND);
    one_chat(5, true, STAMP_SECOND, 4, &us);
    assert_int_equal(us, 1000 + 196 * STAMP_SECOND);
    one_chat(-5, false, 60 * STAMP_SECOND, 16, &us);
    one_chat(-5, true, 60 * STAMP_SECOND, 20, &us);
    assert_true(us >= 9 * 60 * STAMP_SECOND && us < 10 * 61 * STAMP_SECOND);
}

static void all_together_keep_theirs(void **state)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);
    int64_t at[400], now = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 400; i++) {
        assert_int_equal(send_at(p, (int64_t)i + 1, i & 1, &now), ERR_OK);
        at[i] = now;
    }
    check_window(at, 400, STAMP_SECOND, 30);
    tgpace_free(p);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Answers what is due by now; the time of the next one, or INT64_MAX. */
static int64_t land(struct tgpace *p, int64_t *flying, size_t *n, int64_t now)
{
    int64_t next = INT64_MAX;
    size_t i;

    for (i = 0; i < *n;) {
        if (flying[i] <= now) {
            tgpace_answered(p, true, flying[i]);
            flying[i] = flying[--*n];
            continue;
        }
        if (flying[i] < next)
            next = flying[i];
        i++;
    }
    return next;
}

/* Each message is on its way for up to 1.5 s, both ways together; up to 24 at once, as the client does. */
static void what_arrives_keeps_the_limit_too(void **state)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);
    int64_t at[2000], now = 0, wait, next;
    uint64_t seed = 88172645463325252u;
    int64_t flying[24];
    size_t i = 0, n = 0;

    (void)state;
    while (i < 2000) {
        next = land(p, flying, &n, now);
        wait = tgpace_wait(p, (int64_t)i + 1, true, i & 1, now);
        if (n == 24 || wait) {
            now = n < 24 && now + wait < next ? now + wait : next;
            continue;
        }
        assert_int_equal(tgpace_sent(p, (int64_t)i + 1, true, now), ERR_OK);
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        flying[n] = now + 1 + (int64_t)(seed % 1500000);
        at[i++] = now + (int64_t)((seed >> 32) % 1000) * (flying[n] - now) / 1000;
        n++;
    }
    qsort(at, 2000, sizeof(*at), by_time);
    check_window(at, 2000, STAMP_SECOND, 30);
    assert_true(now < 200 * STAMP_SECOND);
    tgpace_free(p);
}

static void who_is_not_answered_is_waited_for(void **state)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);
    int i;

    (void)state;
    for (i = 1; i <= 30; i++)
        assert_int_equal(tgpace_sent(p, i, true, 0), ERR_OK);
    assert_true(tgpace_wait(p, 99, true, true, 3600 * STAMP_SECOND) > 0);
    tgpace_answered(p, true, 3600 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 99, true, true, 3600 * STAMP_SECOND), STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 99, true, true, 3601 * STAMP_SECOND), 0);
    tgpace_free(p);
}

static void an_urgent_one_finds_room(void **state)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);
    int64_t now = 0;
    int i;

    (void)state;
    for (i = 0; i < 16; i++)
        assert_int_equal(send_at(p, -7, false, &now), ERR_OK);
    assert_true(tgpace_wait(p, -7, true, false, now) > 40 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, -7, true, true, now), 0);
    /* A question about the chat is no message. */
    assert_int_equal(tgpace_wait(p, -7, false, true, now), 0);
    for (i = 0; i < 4; i++) {
        assert_int_equal(tgpace_wait(p, 7, true, i > 0, now), 0);
        assert_int_equal(sent(p, 7, true, now), ERR_OK);
    }
    assert_int_equal(tgpace_wait(p, 7, true, true, now), STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 7, true, false, now), 4 * STAMP_SECOND);
    for (i = 0; i < 40; i++)
        assert_int_equal(sent(p, i + 100, true, now), ERR_OK);
    assert_true(tgpace_wait(p, 8, true, true, now) > 0);
    /* The answer to a press neither waits nor takes room. */
    assert_int_equal(tgpace_wait(p, 0, false, true, now), 0);
    assert_int_equal(sent(p, 0, false, now + STAMP_SECOND), ERR_OK);
    assert_int_equal(tgpace_wait(p, 8, true, true, now + STAMP_SECOND), 0);
    tgpace_free(p);
}

static void a_429_stops_the_chat_and_a_second_one_all(void **state)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);

    (void)state;
    tgpace_throttled(p, 5, 10 * STAMP_SECOND, 0);
    assert_int_equal(tgpace_wait(p, 5, true, true, 0), 10 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 5, false, true, STAMP_SECOND), 9 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 6, true, false, 0), 0);
    tgpace_throttled(p, 5, 2 * STAMP_SECOND, STAMP_SECOND); /* never shorter */
    assert_int_equal(tgpace_wait(p, 5, true, true, STAMP_SECOND), 9 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 7, true, false, 0), 0);
    tgpace_throttled(p, 6, 3 * STAMP_SECOND, STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 7, true, false, STAMP_SECOND), 3 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 0, false, true, STAMP_SECOND), 3 * STAMP_SECOND);
    assert_int_equal(tgpace_wait(p, 7, true, false, 4 * STAMP_SECOND), 0);
    assert_int_equal(tgpace_wait(p, 5, true, true, 10 * STAMP_SECOND), 0);
    tgpace_free(p);
}

static void many_chats_are_forgotten_when_idle(void **state)
{
    struct tgpace *p = tgpace_new(key, -STAMP_SECOND);
    int64_t now = 0;
    int i;

    (void)state;
    for (i = 1; i <= 20000; i++) {
        now += STAMP_SECOND / 25;
        assert_int_equal(sent(p, i, true, now), ERR_OK);
    }
    assert_true(tgpace_wait(p, 20000, true, false, now) > 0);
    /* All at once is more than is remembered: refused, and still right about those that are. */
    for (i = 1; i <= 5000 && sent(p, -i, true, now) == ERR_OK; i++)
        ;
    assert_true(i < 5000);
    assert_int_equal(sent(p, -99999, true, now + 120 * STAMP_SECOND), ERR_OK);
    tgpace_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_waits_a_second_at_first),
        cmocka_unit_test(a_chat_keeps_its_limits),
        cmocka_unit_test(all_together_keep_theirs),
        cmocka_unit_test(what_arrives_keeps_the_limit_too),
        cmocka_unit_test(who_is_not_answered_is_waited_for),
        cmocka_unit_test(an_urgent_one_finds_room),
        cmocka_unit_test(a_429_stops_the_chat_and_a_second_one_all),
        cmocka_unit_test(many_chats_are_forgotten_when_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
