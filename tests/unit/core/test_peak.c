/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <string.h>

#include "base/stamp.h"
#include "core/limit/peak.h"

enum { USERS = 50, HOURS = 24 * 12 };

static const int64_t hour_us = 3600 * STAMP_SECOND;
static const int64_t start_us =
    INT64_C(1790000000) * STAMP_SECOND / (3 * 3600 * STAMP_SECOND) * (3 * 3600 * STAMP_SECOND);

struct got {
    int most[USERS], wide[USERS], n;
};

static void take(void *arg, int64_t id, int most, int wide)
{
    struct got *g = arg;

    assert_in_range(id, 1, USERS);
    assert_int_equal(g->most[id - 1], -1);
    g->most[id - 1] = most;
    g->wide[id - 1] = wide;
    g->n++;
}

static void look(const struct peaks *p, int64_t now_us, struct got *g)
{
    memset(g->most, -1, sizeof(g->most));
    memset(g->wide, -1, sizeof(g->wide));
    g->n = 0;
    peaks_each(p, now_us, take, g);
}

static void a_peak_is_kept_for_a_day(void **state)
{
    struct peaks p;
    struct got g;

    (void)state;
    peaks_init(&p, (struct hash_key){1, 2});
    look(&p, start_us, &g);
    assert_int_equal(g.n, 0);
    peaks_note(&p, 7, start_us, 5, 9);
    peaks_note(&p, 7, start_us + hour_us, 2, 2);
    peaks_note(&p, 8, start_us, 1000, 0);
    look(&p, start_us + 20 * hour_us, &g);
    assert_int_equal(g.n, 2);
    assert_int_equal(g.most[6], 5);
    assert_int_equal(g.wide[6], 9);
    assert_int_equal(g.most[7], PEAK_MAX);
    assert_int_equal(g.wide[7], PEAK_MAX);
    peaks_note(&p, 7, start_us + 23 * hour_us, 1, 1);
    look(&p, start_us + 23 * hour_us, &g);
    assert_int_equal(g.most[6], 5);
    look(&p, start_us + 24 * hour_us, &g);
    assert_int_equal(g.most[6], 1);
    assert_int_equal(g.n, 1);
    /* The clock set back by days: what is of the future tells nothing. */
    look(&p, start_us - 100 * hour_us, &g);
    assert_int_equal(g.n, 0);
    peaks_note(&p, 7, start_us - 100 * hour_us, 3, 3);
    look(&p, start_us - 100 * hour_us, &g);
    assert_int_equal(g.most[6], 3);
    peaks_release(&p);
}

/* Against a table of every hour. */
static void same_as_the_slow_version(void **state)
{
    static uint8_t most[USERS][HOURS];
    uint64_t seed = 3;
    struct peaks p;
    struct got g;
    int hour, u, h;

    (void)state;
    peaks_init(&p, (struct hash_key){1, 2});
    for (hour = 0; hour < HOURS; hour++) {
        int64_t now_us = start_us + hour * hour_us;

        for (u = 0; u < USERS; u++) {
            if (rnd_below(&seed, 12) || (hour / 40 + u) % 3 == 0)
                continue;
            most[u][hour] = (uint8_t)(1 + rnd_below(&seed, 9));
            peaks_note(&p, u + 1, now_us, most[u][hour], 0);
        }
        look(&p, now_us, &g);
        for (u = 0; u < USERS; u++) {
            int want = 0;

            for (h = hour / 3 * 3 - 21 < 0 ? 0 : hour / 3 * 3 - 21; h <= hour; h++)
                want = most[u][h] > want ? most[u][h] : want;
            assert_int_equal(g.most[u], want ? want : -1);
        }
    }
    peaks_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peak_is_kept_for_a_day),
        cmocka_unit_test(same_as_the_slow_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
