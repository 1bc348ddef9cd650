/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

static const struct hash_key key = {1, 2};

/* Random puts and deletes against an array that remembers what must be there. */
static void imap_agrees_with_an_array(void **state)
{
    static uint32_t want[512];
    struct imap m;
    uint32_t n = 0;
    int i;

    (void)state;
    imap_init(&m, key);
    memset(want, 0xff, sizeof(want));
    srand(1);
    for (i = 0; i < 200000; i++) {
        int k = rand() % 512;

        if (rand() % 2) {
            n += want[k] == MAP_FREE;
            want[k] = (uint32_t)i;
            assert_int_equal(imap_put(&m, k - 256, (uint32_t)i), ERR_OK);
        } else {
            assert_int_equal(imap_del(&m, k - 256), want[k] != MAP_FREE);
            n -= want[k] != MAP_FREE;
            want[k] = MAP_FREE;
        }
        assert_int_equal(m.n, n);
        k = rand() % 512;
        assert_int_equal(imap_get(&m, k - 256), want[k]);
    }
    imap_release(&m);
}

static void smap_agrees_with_an_array(void **state)
{
    static int *want[300];
    static int values[300];
    struct smap m;
    uint32_t pos = 0, seen = 0;
    char name[16];
    int i;

    (void)state;
    smap_init(&m, key, 0);
    srand(2);
    for (i = 0; i < 100000; i++) {
        int k = rand() % 300;

        snprintf(name, sizeof(name), "user%d", k);
        if (rand() % 2) {
            want[k] = &values[k];
            assert_int_equal(smap_put(&m, slice_of(name), &values[k]), ERR_OK);
        } else {
            assert_ptr_equal(smap_del(&m, slice_of(name)), want[k]);
            want[k] = NULL;
        }
        assert_ptr_equal(smap_get(&m, slice_of(name)), want[k]);
    }
    while (smap_next(&m, &pos))
        seen++;
    assert_int_equal(seen, m.n);
    smap_release(&m);
}

static void smap_keeps_its_maximum(void **state)
{
    struct smap m;
    int v;

    (void)state;
    smap_init(&m, key, 1);
    assert_int_equal(smap_put(&m, SLICE("a"), &v), ERR_OK);
    assert_int_equal(smap_put(&m, SLICE("b"), &v), ERR_TOO_BIG);
    assert_int_equal(smap_put(&m, SLICE("a"), &v), ERR_OK);
    smap_release(&m);
}

/* The SipHash-2-4 vectors do not hold for 1-3: check the word forms against the byte form. */
static void word_forms_equal_the_byte_form(void **state)
{
    uint64_t w[2] = {UINT64_C(0x0123456789abcdef), 42};

    (void)state;
    assert_true(hash_u64(&key, w[0]) == hash_bytes(&key, w, 8));
    assert_true(hash_u128(&key, w[0], w[1]) == hash_bytes(&key, w, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imap_agrees_with_an_array),
        cmocka_unit_test(smap_agrees_with_an_array),
        cmocka_unit_test(smap_keeps_its_maximum),
        cmocka_unit_test(word_forms_equal_the_byte_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
