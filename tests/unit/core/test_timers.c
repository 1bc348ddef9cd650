/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/judge/timers.h"

static int by_time(const void *a, const void *b)
{
    const struct timers_item *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Adds in random order, takes up to random times: always what a sorted list gives. */
static void agrees_with_sort(void **state)
{
    static struct timers_item want[4000];
    struct timers t;
    struct timers_item got;
    uint64_t seed = 81;
    int n = 0, i, k;

    (void)state;
    timers_init(&t);
    assert_true(timers_next(&t) == INT64_MAX);
    for (i = 0; i < 3000; i++) {
        int64_t now = rnd_below(&seed, 500);

        want[n++] = (struct timers_item){rnd_below(&seed, 500), rnd_below(&seed, 50)};
        assert_int_equal(timers_add(&t, want[n - 1].at_us, want[n - 1].id), ERR_OK);
        if (i % 3)
            continue;
        qsort(want, (size_t)n, sizeof(want[0]), by_time);
        assert_true(timers_next(&t) == want[0].at_us);
        for (k = 0; k < n && want[k].at_us <= now; k++) {
            assert_true(timers_take(&t, now, &got));
            assert_true(got.at_us == want[k].at_us && got.id == want[k].id);
        }
        assert_false(timers_take(&t, now, &got));
        memmove(want, want + k, (size_t)(n - k) * sizeof(want[0]));
        n -= k;
        assert_int_equal(t.n, n);
    }
    while (timers_take(&t, INT64_MAX, &got))
        n--;
    assert_int_equal(n, 0);
    timers_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_sort)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
