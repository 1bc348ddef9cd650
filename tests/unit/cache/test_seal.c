/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "cache/cache_seal.h"

static const unsigned char key[CACHE_KEY] = "a key of this installation alone";

static struct cache_seal *seal_with(const unsigned char *k, const char *access)
{
    struct cache_seal *s = NULL;

    assert_int_equal(cache_seal_new(k, slice_of(access), &s), ERR_OK);
    return s;
}

static void what_is_sealed_opens_under_its_name_only(void **state)
{
    struct cache_seal *s = seal_with(key, "bob\npw");
    struct buf out, text;
    int64_t until;
    size_t i;

    (void)state;
    buf_init(&out, 1000);
    buf_init(&text, 1000);
    assert_int_equal(cache_seal_close(s, SLICE("k"), SLICE("hello"), 1234567890123456, &out), 0);
    assert_int_equal(out.n, 5 + CACHE_SEALED_MORE);
    assert_null(memmem(out.p, out.n, "hello", 5));
    assert_int_equal(cache_seal_open(s, SLICE("k"), buf_slice(&out), &until, &text), ERR_OK);
    assert_true(slice_eq(buf_slice(&text), SLICE("hello")));
    assert_int_equal(until, 1234567890123456);
    buf_clear(&text);
    assert_int_equal(cache_seal_open(s, SLICE("l"), buf_slice(&out), &until, &text), ERR_CORRUPT);
    for (i = 0; i < out.n; i++) {
        out.p[i] ^= 1;
        assert_int_equal(cache_seal_open(s, SLICE("k"), buf_slice(&out), &until, &text),
                         ERR_CORRUPT);
        out.p[i] ^= 1;
        assert_int_equal(cache_seal_open(s, SLICE("k"), (struct slice){out.p, i}, &until, &text),
                         ERR_CORRUPT);
    }
    assert_int_equal(text.n, 0);
    buf_release(&out);
    buf_release(&text);
    cache_seal_free(s);
}

static void another_key_or_access_does_not_open_it(void **state)
{
    unsigned char other[CACHE_KEY];
    struct cache_seal *s = seal_with(key, "bob\npw"), *t, *u;
    char name[CACHE_NAME_TEXT], again[CACHE_NAME_TEXT], third[CACHE_NAME_TEXT];
    struct buf out, text;
    int64_t until;

    (void)state;
    memcpy(other, key, sizeof(other));
    other[31] ^= 1;
    t = seal_with(key, "bob\nother");
    u = seal_with(other, "bob\npw");
    buf_init(&out, 1000);
    buf_init(&text, 1000);
    assert_int_equal(cache_seal_close(s, SLICE("k"), SLICE(""), 5, &out), 0);
    assert_int_equal(cache_seal_open(s, SLICE("k"), buf_slice(&out), &until, &text), ERR_OK);
    assert_int_equal(cache_seal_open(t, SLICE("k"), buf_slice(&out), &until, &text), ERR_CORRUPT);
    assert_int_equal(cache_seal_open(u, SLICE("k"), buf_slice(&out), &until, &text), ERR_CORRUPT);
    cache_seal_name(s, SLICE("192.0.2.0"), name);
    cache_seal_name(t, SLICE("192.0.2.0"), again);
    cache_seal_name(u, SLICE("192.0.2.0"), third);
    assert_int_equal(strlen(name), 32);
    assert_string_equal(name, again); /* so that a value of before is overwritten */
    assert_string_not_equal(name, third);
    buf_release(&out);
    buf_release(&text);
    cache_seal_free(s);
    cache_seal_free(t);
    cache_seal_free(u);
}

static void too_large_is_refused(void **state)
{
    struct cache_seal *s = seal_with(key, "");
    char *big = calloc(1, LIMIT_CACHE_VALUE + 1);
    struct buf out;

    (void)state;
    assert_non_null(big);
    buf_init(&out, 2 * (size_t)LIMIT_CACHE_VALUE);
    assert_int_equal(cache_seal_close(s, SLICE("k"), (struct slice){big, LIMIT_CACHE_VALUE + 1}, 5,
                                      &out),
                     ERR_TOO_BIG);
    assert_int_equal(cache_seal_close(s, SLICE("k"), (struct slice){big, LIMIT_CACHE_VALUE}, 5,
                                      &out),
                     ERR_OK);
    buf_release(&out);
    free(big);
    cache_seal_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_under_its_name_only),
        cmocka_unit_test(another_key_or_access_does_not_open_it),
        cmocka_unit_test(too_large_is_refused),
    };

    return cmocka_run_group_tests_name("cache_seal", tests, NULL, NULL);
}
