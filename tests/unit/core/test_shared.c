/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <string.h>

#include "base/limits.h"
#include "core/address/shared.h"

static const struct hash_key key = {7, 8};

enum { ADDRS = 64, NODES = 3 };

static struct addr addr(int n)
{
    return (struct addr){n % 2 ? 0 : UINT64_C(0x2a01) << 48, UINT64_C(0xffff) << 32 | (unsigned)n};
}

static void agrees_with_an_array(void **state)
{
    static int64_t until[ADDRS][NODES];
    struct shared s;
    uint64_t seed = 131;
    int i, a, n;
    uint32_t live = 0;

    (void)state;
    shared_init(&s, key);
    memset(until, 0, sizeof(until));
    for (i = 1; i < 100000; i++) {
        struct shared_slot *slot;

        a = (int)rnd_below(&seed, ADDRS);
        n = (int)rnd_below(&seed, NODES);
        if (i % 500 == 0) {
            uint32_t gone = 0;

            for (a = 0; a < ADDRS; a++)
                for (n = 0; n < NODES; n++)
                    if (until[a][n] && until[a][n] <= i) {
                        until[a][n] = 0;
                        gone++;
                    }
            assert_int_equal(shared_expire(&s, i), gone);
            live -= gone;
            continue;
        }
        slot = shared_find(&s, addr(a), (uint16_t)n);
        assert_int_equal(slot != NULL, until[a][n] != 0);
        if (slot)
            assert_int_equal(slot->until_us, until[a][n]);
        if (rnd_below(&seed, 2)) {
            live += until[a][n] == 0;
            until[a][n] = i + 1 + rnd_below(&seed, 2000);
            slot = shared_put(&s, addr(a), (uint16_t)n);
            assert_non_null(slot);
            slot->until_us = until[a][n];
        }
        assert_int_equal(s.n, live);
    }
    shared_release(&s);
    assert_null(shared_find(&s, addr(1), 0));
}

static void keeps_its_maximum(void **state)
{
    struct shared s;
    int i;

    (void)state;
    shared_init(&s, key);
    for (i = 0; i < LIMIT_SHARED; i++)
        assert_non_null(shared_put(&s, addr(i), 0));
    assert_null(shared_put(&s, addr(i), 0));
    assert_non_null(shared_put(&s, addr(5), 0));
    shared_release(&s);
}

/* The rule in words: `setting` users, or a fifth of the node's, at least 4 (or the setting if smaller). */
static void thresholds(void **state)
{
    int setting;
    uint32_t users, want;

    (void)state;
    for (setting = 1; setting < 40; setting++) {
        for (users = 0; users < 400; users++) {
            for (want = 4; want * 5 < users; want++)
                ;
            if (want > (uint32_t)setting)
                want = (uint32_t)setting;
            assert_int_equal(shared_threshold(setting, users), want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
        cmocka_unit_test(keeps_its_maximum),
        cmocka_unit_test(thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
