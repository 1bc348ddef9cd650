/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <math.h>

#include "base/stamp.h"
#include "core/loss.h"

static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;

static double uniform(uint64_t *seed)
{
    return (double)(rnd(seed) >> 11) / 9007199254740992.0;
}

/* n seconds, one each two seconds of time, of which a part is lost; up to `most` lines in each. */
static void feed(struct loss *l, int n, double part, int most, uint64_t *seed)
{
    int i, k;

    for (i = 0; i < n; i++) {
        int lines = 1 + (int)(uniform(seed) * most), came = 0;

        /* The last second of a burst: what is after its boundary. */
        if (most > 1)
            lines = 1 + (int)(uniform(seed) * lines);
        for (k = 0; k < lines; k++)
            came += uniform(seed) >= part;
        loss_note(l, (unsigned)came, start_us + 2 * i * STAMP_SECOND);
    }
}

static void half_is_estimated_within_ten_points(void **state)
{
    static const double parts[] = {0, 0.1, 0.3, 0.5, 0.66, 0.9};
    uint64_t seed = 5;
    size_t i;
    int most;

    (void)state;
    for (most = 1; most <= 12; most += 11) {
        for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            struct loss l = {0};
            double part, error;

            feed(&l, 300, parts[i], most, &seed);
            assert_true(loss_estimate(&l, start_us + 600 * STAMP_SECOND, &part, &error));
            assert_true(fabs(part - parts[i]) < 0.1 + error);
            if (most == 1)
                assert_true(fabs(part - parts[i]) < 0.1);
            if (parts[i] <= 0.1 || parts[i] >= 0.5)
                assert_int_equal(loss_is_theft(&l, start_us + 600 * STAMP_SECOND), parts[i] > 0.2);
        }
    }
}

static void few_seconds_tell_nothing(void **state)
{
    struct loss l = {0};
    double part, error;
    uint64_t seed = 7;

    (void)state;
    feed(&l, 15, 1, 1, &seed);
    assert_false(loss_estimate(&l, start_us + 30 * STAMP_SECOND, &part, &error));
    assert_false(loss_is_theft(&l, start_us + 30 * STAMP_SECOND));
    feed(&l, 60, 0.01, 1, &seed);
    /* What was long ago is forgotten. */
    assert_false(loss_estimate(&l, start_us + 3000 * STAMP_SECOND, &part, &error));
}

struct heard {
    int n, lines;
    uint16_t node;
};

static void hear(void *arg, uint16_t node, unsigned lines)
{
    struct heard *h = arg;

    h->n++;
    h->lines += (int)lines;
    h->node = node;
}

static void seconds_are_looked_up_once_in_any_zone(void **state)
{
    struct addr a = {0, 0xffff05060708}, b = {0, 0xffff05060709};
    const int64_t unix_s = start_us / STAMP_SECOND, tehran_s = 12600;
    struct sampler s = {.n = 0};
    struct heard h = {0};

    (void)state;
    assert_true(sampler_add(&s, 7, start_us));
    assert_false(sampler_add(&s, 7, start_us));
    sampler_line(&s, 7, 3, a, (unix_s + tehran_s + 10) * STAMP_SECOND + 5);
    sampler_line(&s, 7, 3, a, (unix_s + tehran_s + 10) * STAMP_SECOND + 999);
    sampler_line(&s, 7, 3, b, (unix_s + tehran_s + 11) * STAMP_SECOND);
    sampler_line(&s, 8, 3, b, (unix_s + tehran_s + 11) * STAMP_SECOND);
    /* Before he was looked at, and long ago: nothing is known of that. */
    sampler_read(&s, 7, 3, a, unix_s + 1, start_us + STAMP_SECOND, start_us + 12 * STAMP_SECOND);
    sampler_read(&s, 7, 3, a, unix_s + 10, start_us + 10 * STAMP_SECOND,
                 start_us + 12 * STAMP_SECOND);
    sampler_read(&s, 7, 3, a, unix_s + 10, start_us + 10 * STAMP_SECOND,
                 start_us + 13 * STAMP_SECOND);
    sampler_look(&s, start_us + 14 * STAMP_SECOND, hear, &h);
    assert_int_equal(h.n, 0);
    sampler_look(&s, start_us + 20 * STAMP_SECOND, hear, &h);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.lines, 2);
    assert_int_equal(h.node, 3);
    /* A second of which no line came, and one of another node. */
    sampler_read(&s, 7, 3, b, unix_s + 15, start_us + 15 * STAMP_SECOND,
                 start_us + 20 * STAMP_SECOND);
    sampler_read(&s, 7, 4, b, unix_s + 11, start_us + 11 * STAMP_SECOND,
                 start_us + 20 * STAMP_SECOND);
    sampler_look(&s, start_us + 30 * STAMP_SECOND, hear, &h);
    assert_int_equal(h.n, 3);
    assert_int_equal(h.lines, 2);
    sampler_drop(&s, 7);
    sampler_drop(&s, 7);
    sampler_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_is_estimated_within_ten_points),
        cmocka_unit_test(few_seconds_tell_nothing),
        cmocka_unit_test(seconds_are_looked_up_once_in_any_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
