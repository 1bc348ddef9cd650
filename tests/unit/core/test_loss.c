/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <math.h>

#include "base/stamp.h"
#include "core/online/loss.h"
#include "core/online/sampler.h"

static const int64_t start_us = INT64_C(1762077600) * STAMP_SECOND;

static double uniform(uint64_t *seed)
{
    return (double)(rnd(seed) >> 11) / 9007199254740992.0;
}

/* Who leaves the lines of a second: single ones; the last second of a burst of 1 to 12 within one; both. */
enum users { SINGLE, BURSTS, BOTH };

/* How many lines are in the last second of such a burst that begins anywhere in one. */
static unsigned last_second(uint64_t *seed)
{
    unsigned lines = 1 + (unsigned)(uniform(seed) * 12), late = 0, i;
    double begins = uniform(seed);

    for (i = 0; i < lines; i++)
        late += begins + uniform(seed) >= 1;
    return late ? late : lines;
}

/* n seconds, `rate` of them a second from from_us on, of whose lines a part is lost. Where it ended. */
static int64_t feed(struct loss *l, unsigned n, double rate, double part, enum users users,
                    int64_t from_us, uint64_t *seed)
{
    unsigned i, k;

    for (i = 0; i < n; i++) {
        bool burst = users == BURSTS || (users == BOTH && uniform(seed) < 0.5);
        unsigned lines = burst ? last_second(seed) : 1, came = 0;

        for (k = 0; k < lines; k++)
            came += uniform(seed) >= part;
        from_us += (int64_t)(STAMP_SECOND / rate);
        loss_note(l, burst ? LOSS_BURST : LOSS_SINGLE, came, from_us);
    }
    return from_us;
}

/* What a reader that comes after a while without one is told to take, and after how long. */
static double told(double part, enum users users, uint64_t *seed, int64_t *ret_after_s)
{
    struct loss l = {.n = 0};
    struct loss_look look = {.theft = false};
    int64_t began_us = feed(&l, 400, 1.6, 0, users, start_us, seed), now_us = began_us;

    assert_false(loss_look(&l, now_us).theft);
    /* As often as a panel lets it be read that answers at once; twice as often when suspected. */
    while (!look.theft && now_us < began_us + 600 * STAMP_SECOND) {
        double rate = look.suspect ? 3.2 : 1.6;

        now_us = feed(&l, (unsigned)(5 * rate), rate, part, users, now_us, seed);
        look = loss_look(&l, now_us);
    }
    *ret_after_s = (now_us - began_us) / STAMP_SECOND;
    loss_release(&l);
    return look.theft ? look.part : -1;
}

static void a_reader_is_noticed_in_time_with_a_good_figure(void **state)
{
    static const double parts[] = {0.3, 0.5, 0.7};
    int most, i, off;
    uint64_t seed;

    (void)state;
    for (most = SINGLE; most <= BOTH; most++) {
        for (i = 0; i < 3; i++) {
            double sum = 0;

            off = 0;
            for (seed = 1; seed <= 100; seed++) {
                uint64_t s = seed;
                int64_t after_s;
                double part = told(parts[i], (enum users)most, &s, &after_s);

                assert_true(part >= 0 && after_s <= 300);
                sum += part;
                off += fabs(part - parts[i]) > 0.1;
            }
            print_message("%d lose %.1f: %.3f on average, %d of 100 off by over 10 points\n", most,
                          parts[i], sum / 100, off);
            assert_true(fabs(sum / 100 - parts[i]) < 0.05);
            assert_true(off <= (most == SINGLE ? 1 : 10));
        }
    }
}

static void the_error_told_is_the_error_made(void **state)
{
    static const double parts[] = {0.1, 0.2, 0.3, 0.5, 0.7, 0.9};
    int users, i;
    uint64_t seed;

    (void)state;
    for (users = SINGLE; users <= BOTH; users++) {
        for (i = 0; i < 6; i++) {
            double squares = 0, error = 0;

            for (seed = 1; seed <= 100; seed++) {
                uint64_t s = seed;
                struct loss l = {.n = 0};
                struct loss_look look;
                int64_t now_us = feed(&l, 500, 2, parts[i], (enum users)users, start_us, &s);

                look = loss_look(&l, now_us);
                assert_true(look.known && look.seconds == 500);
                squares += (look.part - parts[i]) * (look.part - parts[i]);
                error += look.error;
                loss_release(&l);
            }
            squares = sqrt(squares / 100);
            error /= 100;
            assert_true(error < 0.09);
            assert_true(squares < 1.5 * error + 0.01 && squares > 0.4 * error);
        }
    }
}

static void nobody_is_accused_by_chance(void **state)
{
    uint64_t seed;
    int users, k;

    (void)state;
    for (users = SINGLE; users <= BOTH; users++) {
        for (seed = 1; seed <= 40; seed++) {
            uint64_t s = seed;
            struct loss l = {.n = 0};
            int64_t now_us = start_us;

            /* Some lines are lost under load; looked at every 5 s for an hour. */
            for (k = 0; k < 720; k++) {
                now_us = feed(&l, 8, 1.6, 0.02, (enum users)users, now_us, &s);
                assert_false(loss_look(&l, now_us).theft);
            }
            loss_release(&l);
        }
    }
}

static void who_leaves_is_noticed_too(void **state)
{
    uint64_t s = 3;
    struct loss l = {.n = 0};
    int64_t now_us = feed(&l, 600, 2, 0.5, BURSTS, start_us, &s);

    (void)state;
    assert_true(loss_look(&l, now_us).theft);
    now_us = feed(&l, 10, 2, 0, BURSTS, now_us, &s);
    assert_true(loss_look(&l, now_us).theft);
    now_us = feed(&l, 200, 2, 0, BURSTS, now_us, &s);
    assert_false(loss_look(&l, now_us).theft);
    assert_true(loss_look(&l, now_us).known && loss_look(&l, now_us).part < 0.05);
    loss_release(&l);
}

static void few_seconds_tell_nothing(void **state)
{
    struct loss l = {.n = 0};
    uint64_t seed = 7;
    int64_t now_us = feed(&l, 15, 1, 1, SINGLE, start_us, &seed);

    (void)state;
    assert_false(loss_look(&l, now_us).known);
    assert_false(loss_look(&l, now_us).theft);
    now_us = feed(&l, 60, 1, 0.01, SINGLE, now_us, &seed);
    assert_true(loss_look(&l, now_us).known);
    /* What was long ago is forgotten. */
    assert_false(loss_look(&l, now_us + 960 * STAMP_SECOND).known);
    /* More than fit are kept as the last ones. */
    now_us = feed(&l, 5000, 10, 0, SINGLE, now_us, &seed);
    assert_int_equal(loss_look(&l, now_us).seconds, LOSS_SAMPLES);
    loss_release(&l);
    assert_false(loss_look(&l, now_us).known);
}

struct heard {
    int n, lines;
    uint16_t node;
    enum loss_kind kind;
};

static void hear(void *arg, uint16_t node, enum loss_kind kind, unsigned lines)
{
    struct heard *h = arg;

    h->n++;
    h->lines += (int)lines;
    h->node = node;
    h->kind = kind;
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
    sampler_line(&s, 7, 3, a, (unix_s + tehran_s + 10) * STAMP_SECOND + 5,
                 start_us + 10 * STAMP_SECOND);
    sampler_line(&s, 7, 3, a, (unix_s + tehran_s + 10) * STAMP_SECOND + 999,
                 start_us + 10 * STAMP_SECOND);
    sampler_line(&s, 7, 3, b, (unix_s + tehran_s + 11) * STAMP_SECOND,
                 start_us + 11 * STAMP_SECOND);
    sampler_line(&s, 8, 3, b, (unix_s + tehran_s + 11) * STAMP_SECOND,
                 start_us + 11 * STAMP_SECOND);
    /* Before he was looked at, and long ago: nothing is known of that. */
    sampler_read(&s, 7, 3, a, unix_s + 1, start_us + STAMP_SECOND, start_us + 12 * STAMP_SECOND);
    assert_false(sampler_waits(&s, 7));
    sampler_read(&s, 7, 3, a, unix_s + 10, start_us + 10 * STAMP_SECOND,
                 start_us + 12 * STAMP_SECOND);
    sampler_read(&s, 7, 3, a, unix_s + 10, start_us + 10 * STAMP_SECOND,
                 start_us + 13 * STAMP_SECOND);
    assert_true(sampler_waits(&s, 7) && !sampler_waits(&s, 8));
    sampler_look(&s, start_us + 14 * STAMP_SECOND, hear, &h);
    assert_int_equal(h.n, 0);
    sampler_look(&s, start_us + 20 * STAMP_SECOND, hear, &h);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.lines, 2);
    assert_int_equal(h.node, 3);
    assert_int_equal(h.kind, LOSS_UNKNOWN);
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

/* Looks up the second 30 of user 7, after so many lines in each of the seconds 10, 12 … 28. */
static struct heard look_up(struct sampler *s, unsigned lines, unsigned of_it)
{
    struct addr a = {0, 0xffff05060708};
    struct heard h = {0};
    int64_t at_us;
    unsigned i;

    assert_true(sampler_add(s, 7, start_us));
    for (at_us = start_us + 10 * STAMP_SECOND; at_us < start_us + 30 * STAMP_SECOND;
         at_us += 2 * STAMP_SECOND)
        for (i = 0; i < lines; i++)
            sampler_line(s, 7, 3, a, at_us, at_us);
    for (i = 0; i < of_it; i++)
        sampler_line(s, 7, 3, a, at_us, at_us);
    sampler_read(s, 7, 3, a, at_us / STAMP_SECOND, at_us, at_us + STAMP_SECOND);
    return h;
}

static void users_are_told_apart_by_their_other_seconds(void **state)
{
    static const unsigned lines[] = {1, 2, 6};
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct sampler s = {.n = 0};
        struct heard h = look_up(&s, lines[i], 9);

        sampler_look(&s, start_us + 60 * STAMP_SECOND, hear, &h);
        assert_int_equal(h.n, 1);
        assert_int_equal(h.lines, 9);
        assert_int_equal(h.kind, LOSS_SINGLE + (int)i);
        sampler_release(&s);
    }
}

/* Somebody in use in so many places that his second is no longer known is no sign of a loss. */
static void what_the_ring_has_lost_is_not_looked_up(void **state)
{
    struct sampler s = {.n = 0};
    struct heard h = look_up(&s, 1, 1);
    int64_t at_us = start_us + 31 * STAMP_SECOND;
    unsigned i;

    (void)state;
    for (i = 0; i < SAMPLER_SECONDS; i++)
        sampler_line(&s, 7, 3, (struct addr){0, 0xffff0a000000 + i}, at_us, at_us);
    sampler_look(&s, start_us + 60 * STAMP_SECOND, hear, &h);
    assert_int_equal(h.n, 0);
    assert_false(sampler_waits(&s, 7));
    sampler_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_is_noticed_in_time_with_a_good_figure),
        cmocka_unit_test(the_error_told_is_the_error_made),
        cmocka_unit_test(nobody_is_accused_by_chance),
        cmocka_unit_test(who_leaves_is_noticed_too),
        cmocka_unit_test(few_seconds_tell_nothing),
        cmocka_unit_test(seconds_are_looked_up_once_in_any_zone),
        cmocka_unit_test(users_are_told_apart_by_their_other_seconds),
        cmocka_unit_test(what_the_ring_has_lost_is_not_looked_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
