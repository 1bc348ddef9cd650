/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "cache/cache_mem.h"

static struct slice name_of(int i, char text[16])
{
    return (struct slice){text, (size_t)snprintf(text, 16, "k%d", i)};
}

static void values_live_until_their_time(void **state)
{
    struct cache_mem m;
    struct cache_entry *e;

    (void)state;
    cache_mem_init(&m, (struct hash_key){1, 2});
    assert_null(cache_mem_get(&m, SLICE("a"), 0));
    assert_non_null(cache_mem_put(&m, 0, SLICE("a"), SLICE("x"), 10));
    assert_non_null(cache_mem_put(&m, 0, SLICE("a"), SLICE("yy"), 20));
    e = cache_mem_get(&m, SLICE("a"), 19);
    assert_non_null(e);
    assert_true(slice_eq(cache_entry_value(e), SLICE("yy")));
    assert_null(cache_mem_get(&m, SLICE("a"), 20));
    assert_int_equal(m.bytes, 0);
    e = cache_mem_put(&m, 0, SLICE("b"), (struct slice){NULL, 0}, 10);
    assert_non_null(e);
    assert_null(cache_entry_value(e).p);
    e = cache_mem_put(&m, 0, SLICE("b"), SLICE(""), 10);
    assert_non_null(cache_entry_value(e).p);
    cache_mem_release(&m);
}

static void the_oldest_goes_when_there_is_no_room(void **state)
{
    struct cache_mem m;
    char text[16];
    int i;

    (void)state;
    cache_mem_init(&m, (struct hash_key){1, 2});
    for (i = 0; i < LIMIT_CACHE_ENTRIES; i++)
        assert_non_null(cache_mem_put(&m, 0, name_of(i, text), SLICE("v"), 10));
    assert_non_null(cache_mem_get(&m, SLICE("k0"), 0));
    assert_non_null(cache_mem_put(&m, 0, SLICE("new"), SLICE("v"), 10));
    assert_int_equal(m.by_key.n, LIMIT_CACHE_ENTRIES);
    assert_non_null(cache_mem_get(&m, SLICE("k0"), 0));
    assert_null(cache_mem_get(&m, SLICE("k1"), 0));
    cache_mem_release(&m);
}

static void bytes_are_bounded(void **state)
{
    struct cache_mem m;
    char *big = calloc(1, LIMIT_CACHE_MEMORY), text[16];
    int i;

    (void)state;
    assert_non_null(big);
    cache_mem_init(&m, (struct hash_key){1, 2});
    assert_non_null(cache_mem_put(&m, 0, SLICE("x"), SLICE("old"), 10));
    assert_null(cache_mem_put(&m, 0, SLICE("x"), (struct slice){big, LIMIT_CACHE_MEMORY}, 10));
    assert_null(cache_mem_get(&m, SLICE("x"), 0));
    for (i = 0; i < 40; i++) {
        assert_non_null(cache_mem_put(&m, 0, name_of(i, text),
                                      (struct slice){big, LIMIT_CACHE_MEMORY / 16}, 10));
        assert_true(m.bytes <= LIMIT_CACHE_MEMORY);
    }
    assert_true(m.by_key.n == 15);
    cache_mem_release(&m);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_live_until_their_time),
        cmocka_unit_test(the_oldest_goes_when_there_is_no_room),
        cmocka_unit_test(bytes_are_bounded),
    };

    return cmocka_run_group_tests_name("cache_mem", tests, NULL, NULL);
}
