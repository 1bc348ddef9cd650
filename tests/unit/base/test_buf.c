/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void keeps_its_maximum(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_int_equal(buf_add_str(&b, "hello"), ERR_OK);
    assert_int_equal(buf_add_char(&b, '!'), ERR_TOO_BIG);
    assert_true(b.failed);
    assert_string_equal(buf_str(&b), "hello");
    assert_int_equal(buf_add_str(&b, ""), ERR_TOO_BIG);
    buf_clear(&b);
    assert_int_equal(buf_addf(&b, "%d", 12345), ERR_OK);
    buf_consume(&b, 3);
    assert_string_equal(buf_str(&b), "45");
    buf_release(&b);
}

static void json_is_always_valid(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add_json(&b, SLICE("a\"\\\n\xff\xc3\xa4\xed\xa0\x80"));
    assert_string_equal(buf_str(&b), "\"a\\\"\\\\\\u000a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd"
                                     "\xef\xbf\xbd\xef\xbf\xbd\"");
    buf_release(&b);
}

static void escapes_what_could_forge_a_line(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add_escaped(&b, SLICE("ok\nERROR \033[0m"));
    assert_string_equal(buf_str(&b), "ok\\x0aERROR \\x1b[0m");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_maximum),
        cmocka_unit_test(json_is_always_valid),
        cmocka_unit_test(escapes_what_could_forge_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
