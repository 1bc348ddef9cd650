/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The trust score: what docs/trust.md says of it, and in which direction each figure may move it. */
#include "core_test.h"

#include <string.h>

#include "base/attr.h"
#include "base/stamp.h"
#include "core/user/trust.h"

#define S STAMP_SECOND

static struct trust_input innocent(void)
{
    return (struct trust_input){.limit = 2, .threshold = 7, .period_us = 180 * S};
}

static int score(const struct trust_input *in)
{
    struct trust t;
    int sum = 100, i;

    trust_weigh(in, &t);
    for (i = 0; i < TRUST_PARTS; i++)
        sum += t.points[i];
    /* The parts explain the score: what is told adds up, but for its bounds. */
    assert_int_equal(t.score, sum < 0 ? 0 : sum > 100 ? 100 : sum);
    return t.score;
}

static void examples(void **state)
{
    struct trust_input in = innocent();
    struct trust t;

    (void)state;
    assert_int_equal(score(&in), 100);
    /* A first verdict: three phones on a limit of two, just proven, after the monitoring period. */
    in.concurrent = in.networks = 3;
    in.strength = 7;
    in.watched_us = 180 * S;
    assert_int_equal(score(&in), 100 - 40 - 10 - 5 - 5);
    trust_weigh(&in, &t);
    assert_int_equal(t.points[TRUST_EVIDENCE], -40);
    assert_int_equal(t.points[TRUST_EXCESS], -10);
    assert_int_equal(t.points[TRUST_TIME], -5);
    assert_int_equal(t.points[TRUST_NETWORKS], -5);
    /* The same for the fourth time. */
    in.violations = 3;
    assert_int_equal(score(&in), 10);
    /* A leaked account: everything at once. */
    in.leaked = true;
    in.networks = 60;
    assert_int_equal(score(&in), 0);
    /* Evidence that a carrier explains, beside a shared source. */
    in = innocent();
    in.strength = 3.5;
    in.excused = 1;
    in.common = 2;
    assert_int_equal(score(&in), 100 - 20 + 5 + 5);
}

static struct trust_input random_input(uint64_t *seed)
{
    return (struct trust_input){.limit = 1 + (int)rnd_below(seed, 20),
                                .concurrent = (int)rnd_below(seed, 25),
                                .networks = (int)rnd_below(seed, 30),
                                .strength = rnd_below(seed, 300) / 10.0,
                                .threshold = 0.5 + rnd_below(seed, 200) / 10.0,
                                .watched_us = rnd_below(seed, 1000) * S,
                                .period_us = (10 + rnd_below(seed, 600)) * S,
                                .violations = (int)rnd_below(seed, 12),
                                .leaked = rnd_below(seed, 2),
                                .excused = (int)rnd_below(seed, 4),
                                .common = (int)rnd_below(seed, 3)};
}

/* More against him never raises the score, more for him never lowers it; the same gives the same. */
static void every_figure_moves_it_one_way(void **state)
{
    uint64_t seed = 42;
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        const struct trust_input in = random_input(&seed);
        struct trust_input m;
        int s = score(&in);

        assert_true(s >= 0 && s <= 100 && s == score(&in));
#define NO_HIGHER(FIELD, BY) (m = in, m.FIELD += (BY), assert_true(score(&m) <= s))
#define NO_LOWER(FIELD, BY) (m = in, m.FIELD += (BY), assert_true(score(&m) >= s))
        NO_HIGHER(concurrent, 1 + (int)rnd_below(&seed, 5));
        NO_HIGHER(networks, 1 + (int)rnd_below(&seed, 5));
        NO_HIGHER(strength, rnd_below(&seed, 50) / 10.0);
        NO_HIGHER(watched_us, rnd_below(&seed, 100) * S);
        NO_HIGHER(violations, 1);
        NO_LOWER(limit, 1);
        NO_LOWER(threshold, rnd_below(&seed, 50) / 10.0);
        NO_LOWER(excused, 1);
        NO_LOWER(common, 1);
        m = in;
        m.leaked = true;
        assert_true(score(&m) <= s);
    }
}

static void extremes(void **state)
{
    struct trust_input in = {.limit = 10000,
                             .concurrent = INT32_MAX,
                             .networks = INT32_MAX,
                             .strength = 1e300,
                             .threshold = 1e-300,
                             .watched_us = INT64_MAX,
                             .period_us = 1,
                             .violations = INT32_MAX,
                             .leaked = true};
    int i;

    (void)state;
    assert_int_equal(score(&in), 0);
    in = innocent();
    in.excused = in.common = INT32_MAX;
    assert_int_equal(score(&in), 100);
    for (i = 0; i < TRUST_PARTS; i++)
        assert_true(strlen(trust_part_name((enum trust_part)i)) > 3);
    assert_string_equal(trust_part_name((enum trust_part)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
        cmocka_unit_test(every_figure_moves_it_one_way),
        cmocka_unit_test(extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
