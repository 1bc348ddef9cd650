/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "cache/resp.h"

static void replies_come_whole_however_they_are_cut(void **state)
{
    static const char all[] = "+OK\r\n$5\r\nhe\r\no\r\n:-7\r\n$-1\r\n-NOAUTH x\r\n$0\r\n\r\n";
    size_t step, at;

    (void)state;
    for (step = 1; step < sizeof(all); step++) {
        struct resp *r = resp_new();
        struct resp_reply p[6];
        char text[16];
        int n = 0;

        assert_non_null(r);
        for (at = 0; at < sizeof(all) - 1; at += step) {
            size_t left = sizeof(all) - 1 - at;

            assert_int_equal(resp_feed(r, (struct slice){all + at, left < step ? left : step}), 0);
            while (resp_next(r, &p[n < 6 ? n : 5]) == ERR_OK) {
                if (n == 1) {
                    assert_true(slice_eq(p[1].text, SLICE("he\r\no")));
                    memcpy(text, p[1].text.p, p[1].text.n);
                }
                if (n == 4)
                    assert_true(slice_eq(p[4].text, SLICE("NOAUTH x")));
                n++;
            }
        }
        assert_int_equal(n, 6);
        assert_int_equal(p[0].type, RESP_STATUS);
        assert_int_equal(p[1].type, RESP_TEXT);
        assert_int_equal(p[2].type, RESP_NUMBER);
        assert_int_equal(p[2].number, -7);
        assert_int_equal(p[3].type, RESP_NIL);
        assert_int_equal(p[4].type, RESP_ERROR);
        assert_int_equal(p[5].type, RESP_TEXT);
        assert_int_equal(p[5].text.n, 0);
        resp_free(r);
    }
}

static void what_is_no_reply_ends_it_for_good(void **state)
{
    static const char *const bad[] = {"HTTP/1.1 200 OK\r\n",
                                      "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
                                      "*0\r\n",
                                      "$x\r\n",
                                      "*1000000000\r\n",
                                      ":12x\r\n",
                                      "$-5\r\n"};
    struct resp_reply p;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(bad); i++) {
        struct resp *r = resp_new();

        assert_non_null(r);
        assert_int_equal(resp_feed(r, slice_of(bad[i])), ERR_OK);
        assert_int_equal(resp_next(r, &p), ERR_PROTOCOL);
        assert_int_equal(resp_feed(r, SLICE("+OK\r\n")), ERR_PROTOCOL);
        assert_int_equal(resp_next(r, &p), ERR_PROTOCOL);
        resp_free(r);
    }
}

static void a_reply_without_end_is_not_kept(void **state)
{
    static char piece[16384];
    struct resp *r = resp_new();
    struct resp_reply p;
    size_t fed = 0;
    int rc = ERR_OK;

    (void)state;
    assert_non_null(r);
    assert_int_equal(resp_feed(r, SLICE("$500000000\r\n")), ERR_OK);
    while (!rc && fed < 4 * (size_t)LIMIT_CACHE_REPLY) {
        rc = resp_feed(r, (struct slice){piece, sizeof(piece)});
        if (!rc)
            assert_int_equal(resp_next(r, &p), ERR_NOT_FOUND);
        fed += sizeof(piece);
    }
    assert_int_equal(rc, ERR_PROTOCOL);
    assert_true(fed <= (size_t)LIMIT_CACHE_REPLY + 2 * sizeof(piece));
    resp_free(r);
}

static void commands_are_words_of_any_bytes(void **state)
{
    const struct slice words[] = {SLICE("SET"), {NULL, 0}, {"a\0\r\n", 4}};
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(resp_command(&out, words, 3), ERR_OK);
    assert_true(slice_eq(buf_slice(&out), SLICE("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n")));
    assert_int_equal(resp_command(&out, words, 9), ERR_TOO_BIG);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_come_whole_however_they_are_cut),
        cmocka_unit_test(what_is_no_reply_ends_it_for_good),
        cmocka_unit_test(a_reply_without_end_is_not_kept),
        cmocka_unit_test(commands_are_words_of_any_bytes),
    };

    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
