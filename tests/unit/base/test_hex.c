/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hex.h"

static void every_byte_comes_back(void **state)
{
    unsigned char bytes[256], back[256];
    char text[513], upper[513];
    int i;

    (void)state;
    for (i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    hex_write(bytes, 256, text);
    assert_int_equal(strlen(text), 512);
    for (i = 0; i < 256; i++) {
        char two[3];

        snprintf(two, sizeof(two), "%02x", i);
        assert_memory_equal(text + 2 * i, two, 2);
        snprintf(upper + 2 * i, 3, "%02X", i);
    }
    assert_int_equal(hex_read(slice_of(text), back, 256), ERR_OK);
    assert_memory_equal(back, bytes, 256);
    memset(back, 0, sizeof(back));
    assert_int_equal(hex_read(slice_of(upper), back, 256), ERR_OK);
    assert_memory_equal(back, bytes, 256);
    hex_write(bytes, 0, text);
    assert_string_equal(text, "");
}

static void nothing_else_is_read(void **state)
{
    unsigned char out[4];
    char two[2];
    int c, digits = 0;

    (void)state;
    for (c = -128; c < 128; c++) {
        digits += hex_digit((char)c) >= 0;
        two[0] = (char)c;
        two[1] = '0';
        assert_int_equal(hex_byte(two) >= 0, hex_digit((char)c) >= 0);
        two[1] = (char)c;
        two[0] = '0';
        assert_int_equal(hex_byte(two) >= 0, hex_digit((char)c) >= 0);
    }
    assert_int_equal(digits, 22);
    assert_int_equal(hex_read(SLICE("00aaff1"), out, 4), ERR_INVALID);
    assert_int_equal(hex_read(SLICE("00aaff112"), out, 4), ERR_INVALID);
    assert_int_equal(hex_read(SLICE(""), out, 4), ERR_INVALID);
    assert_int_equal(hex_read(SLICE("00aag011"), out, 4), ERR_INVALID);
    assert_int_equal(hex_read(SLICE(""), out, 0), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(nothing_else_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
