/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdlib.h>
#include <string.h>

#include "core/user/brief.h"

enum { MOST = 3000 };

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * UINT64_C(2685821657736338717) >> 33) % n);
}

/* The order in words: over the limit first, unlimited last, more devices before fewer, then by id. */
static int slow_order(const void *a, const void *b)
{
    const struct user_brief *x = a, *y = b;
    int over_x = x->limit ? x->devices - x->limit : x->devices,
        over_y = y->limit ? y->devices - y->limit : y->devices;

    if ((x->limit == 0) != (y->limit == 0))
        return x->limit == 0 ? 1 : -1;
    if (over_x != over_y)
        return over_x > over_y ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* kind 0: at random; 1: sorted already; 2: the other way round; 3: all alike but for the id. */
static void fill(struct user_brief *u, size_t n, int kind)
{
    size_t i;

    for (i = 0; i < n; i++)
        u[i] = (struct user_brief){.id = (int64_t)i + 1,
                                   .limit = (int)below(4),
                                   .devices = 1 + (int)below(8)};
    for (i = n; kind == 0 && i > 1; i--) {
        size_t k = below((uint32_t)i);
        struct user_brief t = u[k];

        u[k] = u[i - 1];
        u[i - 1] = t;
    }
    for (i = 0; i < n && kind > 0; i++)
        u[i].limit = u[i].devices = 2;
    for (i = 0; i < n && kind == 2; i++)
        u[i].id = (int64_t)(n - i);
    for (i = 0; i < n && kind == 3; i++)
        u[i].id = (int64_t)((i * 7919) % n) + 1;
}

static void a_page_is_what_sorting_all_gives(void **state)
{
    static struct user_brief fast[MOST], slow[MOST];
    int t;

    (void)state;
    for (t = 0; t < 1500; t++) {
        size_t n = below(t % 10 == 0 ? MOST : 80), first = below((uint32_t)n + 20),
               limit = below(t % 3 ? 120 : MOST), i;

        if (n % 7919 == 0)
            n++;
        fill(fast, n, t % 4);
        memcpy(slow, fast, sizeof(slow));
        brief_page(fast, n, first, limit);
        qsort(slow, n, sizeof(slow[0]), slow_order);
        for (i = first; i < n && i - first < limit; i++)
            assert_int_equal(fast[i].id, slow[i].id);
    }
    brief_page(NULL, 0, 0, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_what_sorting_all_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
