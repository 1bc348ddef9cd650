/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From the bytes of streams to the engine: cut anywhere, two readers of one node, users without a name. */
#include "app_bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"

static int64_t unknown[16];
static int n_unknown;

static void note_unknown(void *arg, int64_t id)
{
    (void)arg;
    assert_true(n_unknown < (int)ARRAY_LEN(unknown));
    unknown[n_unknown++] = id;
}

static struct feed *make_feed(struct app_bed *b)
{
    struct feed *f = feed_new(b->d.engine, b->d.history, NULL, note_unknown, b);

    assert_non_null(f);
    n_unknown = 0;
    return f;
}

/* An event with one line of a user, as a panel sends it. */
static char *event(int64_t id, int nth, char *out)
{
    char when[STAMP_TEXT], *p;

    stamp_iso_plain(bed_clock_us, when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    snprintf(out, 256,
             "data: %s from %d.9.9.9:4242 accepted tcp:example.com:443 [IN -> OUT]"
             " email: %d\r\n\r\n",
             when, 60 + nth, (int)id);
    return out;
}

static uint64_t counted(struct app_bed *b)
{
    struct engine_stats stats;

    engine_stats(b->d.engine, &stats);
    return stats.counted;
}

static void cut_anywhere(void **state)
{
    struct app_bed *b = *state;
    struct feed *f = make_feed(b);
    char text[256];
    size_t n, i;

    event(3, 1, text);
    n = strlen(text);
    feed_open(f, 1, 100, bed_clock_us);
    for (i = 1; i < n; i++) {
        feed_bytes(f, 100, (struct slice){text, i}, bed_clock_us);
        feed_bytes(f, 100, (struct slice){text + i, n - i}, bed_clock_us);
        assert_int_equal(counted(b), i);
    }
    for (i = 0; i < n; i++)
        feed_bytes(f, 100, (struct slice){text + i, 1}, bed_clock_us);
    assert_int_equal(counted(b), n);
    feed_bytes(f, 100, SLICE(": ping\r\n\r\n"), bed_clock_us);
    assert_int_equal(counted(b), n);
    feed_close(f, 100, bed_clock_us);
    feed_free(f);
}

/* At a refresh both streams of a node are open, and each cuts its lines where it likes. */
static void two_streams_of_a_node(void **state)
{
    struct app_bed *b = *state;
    struct feed *f = make_feed(b);
    char one[256], two[256];
    const struct coverage *c;
    size_t n, m;

    n = strlen(event(3, 1, one));
    m = strlen(event(4, 2, two));
    feed_open(f, 1, 100, bed_clock_us);
    feed_bytes(f, 100, (struct slice){one, 50}, bed_clock_us);
    feed_open(f, 1, 101, bed_clock_us);
    feed_bytes(f, 101, (struct slice){two, 70}, bed_clock_us);
    feed_bytes(f, 100, (struct slice){one + 50, n - 50}, bed_clock_us);
    assert_int_equal(counted(b), 1);
    feed_bytes(f, 101, (struct slice){two + 70, m - 70}, bed_clock_us);
    assert_int_equal(counted(b), 2);
    c = engine_coverage(b->d.engine, b->node);
    assert_int_equal(c->open_streams, 3); /* the bed's own among them */
    /* What the old one had begun goes with it, and does not reach into the new one. */
    feed_bytes(f, 100, (struct slice){one, 50}, bed_clock_us);
    feed_close(f, 100, bed_clock_us);
    feed_bytes(f, 100, (struct slice){one + 50, n - 50}, bed_clock_us);
    feed_bytes(f, 101, (struct slice){two, m}, bed_clock_us);
    assert_int_equal(counted(b), 3);
    assert_int_equal(engine_coverage(b->d.engine, b->node)->open_streams, 2);
    feed_close(f, 77, bed_clock_us);
    feed_close(f, 101, bed_clock_us);
    assert_int_equal(engine_coverage(b->d.engine, b->node)->open_streams, 1);
    feed_free(f);
}

/* Ids are asked for whose name nobody knows; names in the log itself are enough. */
static void users_without_a_name(void **state)
{
    struct app_bed *b = *state;
    struct feed *f = make_feed(b);
    char text[256];
    int i;

    feed_open(f, 1, 100, bed_clock_us);
    for (i = 0; i < 3; i++) {
        feed_bytes(f, 100, slice_of(event(3, 1, text)), bed_clock_us);
        feed_bytes(f, 100, slice_of(event(777, 2, text)), bed_clock_us);
    }
    assert_int_equal(n_unknown, 3);
    assert_int_equal(unknown[0], 777);
    feed_bytes(f, 100,
               SLICE("data: 2026/09/21 14:14:02 from 61.1.1.1:4242 accepted tcp:example.com:443"
                     " [IN -> OUT] email: 888.alice\r\n\r\n"),
               bed_clock_us);
    feed_bytes(f, 100, slice_of(event(888, 3, text)), bed_clock_us);
    assert_int_equal(n_unknown, 3);
    assert_true(slice_eq(limits_name(engine_limits(b->d.engine), 888), SLICE("alice")));
    feed_free(f);
}

/* A stream that was never opened, garbage, an endless line: nothing happens but a count. */
static void garbage(void **state)
{
    struct app_bed *b = *state;
    struct feed *f = make_feed(b);
    char *big = malloc(LIMIT_LINE);
    char text[256];
    int i;

    assert_non_null(big);
    memset(big, 'x', LIMIT_LINE);
    feed_bytes(f, 5, slice_of(event(3, 1, text)), bed_clock_us);
    assert_int_equal(counted(b), 0);
    feed_open(f, 1, 100, bed_clock_us);
    feed_bytes(f, 100, (struct slice){"data: \0\xff\x01\r\n\r\n", 13}, bed_clock_us);
    feed_bytes(f, 100, SLICE("data: "), bed_clock_us);
    for (i = 0; i < 100; i++)
        feed_bytes(f, 100, (struct slice){big, LIMIT_LINE}, bed_clock_us);
    feed_bytes(f, 100, SLICE("\r\n\r\n"), bed_clock_us);
    assert_int_equal(counted(b), 0);
    feed_bytes(f, 100, slice_of(event(3, 1, text)), bed_clock_us);
    assert_int_equal(counted(b), 1);
    free(big);
    feed_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cut_anywhere, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(two_streams_of_a_node, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(users_without_a_name, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(garbage, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
