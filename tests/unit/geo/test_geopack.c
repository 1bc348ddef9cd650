/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "geo/geopack.h"

static void what_is_written_is_read(void **state)
{
    static const struct provider_told rows[] = {
        {true, "IR", 58224, "Iran \xd8\xa7 Telecom"},
        {true, "", 0, "a"},
        {true, "DE", 0, ""},
        {true, "", 4294967295, ""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_told told;
        int64_t until;
        struct buf out;

        buf_init(&out, 200);
        geopack_write(&out, &rows[i], 2000);
        assert_int_equal(geopack_read(buf_slice(&out), 1999, &told, &until), ERR_OK);
        assert_string_equal(told.country, rows[i].country);
        assert_string_equal(told.isp, rows[i].isp);
        assert_int_equal(told.asn, rows[i].asn);
        assert_int_equal(until, 2000);
        assert_int_equal(geopack_read(buf_slice(&out), 2000, &told, &until), ERR_INVALID);
        buf_release(&out);
    }
}

static void nothing_else_is_taken(void **state)
{
    static const char *const bad[] = {
        "",
        "IR",
        "IR\n1\n5",
        "IR\n1\n5000",
        "ir\n1\n5000\nx",
        "IRN\n1\n5000\nx",
        "I\n1\n5000\nx",
        "IR\n-1\n5000\nx",
        "IR\n4294967296\n5000\nx",
        "IR\n1\n\nx",
        "IR\n1\n5000\nx\ny",
        "IR\n1\n5000\nx\x01",
        "IR\n1\n5000\n\xff",
        "\n0\n5000\n",
        "IR\n 1\n5000\nx",
        "IR\n1\n5000\n0123456789012345678901234567890123456789012345678901234567890123",
    };
    struct provider_told told;
    int64_t until;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(geopack_read(slice_of(bad[i]), 1000, &told, &until), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(nothing_else_is_taken),
    };

    return cmocka_run_group_tests_name("geopack", tests, NULL, NULL);
}
