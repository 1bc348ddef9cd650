/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/attr.h"
#include "cli/machine/update.h"

/* RFC 8032, 7.1, TEST 2. */
static const unsigned char key[32] = {0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a,
                                      0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
                                      0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c,
                                      0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c};
static const char sig[] =
    "\x92\xa0\x09\xa9\xf0\xd4\xca\xb8\x72\x0e\x82\x0b\x5f\x64\x25\x40\xa2\xb2\x7b\x54\x16\x50\x3f\x8f"
    "\xb3\x76\x22\x23\xeb\xdb\x69\xda\x08\x5a\xc1\xe4\x3e\x15\x99\x6e\x45\x8f\x36\x13\xd0\xf1\x1d\x8c"
    "\x38\x7b\x2e\xae\xb4\x30\x2a\xee\xb0\x0d\x29\x16\x12\xbb\x0c\x00";

static void signature(void **state)
{
    struct slice good = {sig, 64}, text = {"\x72", 1};
    char bad[64];

    (void)state;
    assert_int_equal(update_verify(text, good, key), 0);
    assert_int_equal(update_verify((struct slice){"\x73", 1}, good, key), ERR_AUTH);
    assert_int_equal(update_verify(text, (struct slice){sig, 63}, key), ERR_AUTH);
    assert_int_equal(update_verify(text, (struct slice){NULL, 0}, key), ERR_AUTH);
    memcpy(bad, sig, sizeof(bad));
    bad[7] ^= 1;
    assert_int_equal(update_verify(text, (struct slice){bad, 64}, key), ERR_AUTH);
}

static void versions(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {{"0.1.0", "0.1.0", 0},  {"0.1", "0.1.0", 0},      {"0.9.0", "0.10.0", -1},
                {"1.0.0", "0.99.9", 1}, {"0.1.0", "0.1.0.1", -1}, {"1.x", "1.0", -1},
                {"", "0.0.1", -1},      {"2", "10", -1}};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(update_compare(rows[i].a, rows[i].b), rows[i].order);
        assert_int_equal(update_compare(rows[i].b, rows[i].a), -rows[i].order);
    }
}

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ENTRY(file, hash, size) \
    "{\"version\":\"1.2\",\"files\":{\"amd64\":{\"file\":\"" file "\",\"sha256\":\"" hash \
    "\",\"size\":" size "}}}"

static void manifest(void **state)
{
    static const struct {
        const char *text;
        int rc;
    } rows[] = {
        {ENTRY("pg-limiter-1.2-amd64", HASH, "5"), 0},
        {ENTRY("../../etc/passwd", HASH, "5"), ERR_INVALID},
        {ENTRY(".hidden", HASH, "5"), ERR_INVALID},
        {ENTRY("", HASH, "5"), ERR_INVALID},
        {ENTRY("a?b", HASH, "5"), ERR_INVALID},
        {ENTRY("a", "00", "5"), ERR_INVALID},
        {ENTRY("a", HASH "0", "5"), ERR_INVALID},
        {ENTRY("a", HASH, "0"), ERR_INVALID},
        {ENTRY("a", HASH, "-1"), ERR_INVALID},
        {ENTRY("a", HASH, "99999999999"), ERR_INVALID},
        {ENTRY("a", HASH, "\"5\""), ERR_INVALID},
        {"{\"version\":\"1.2\",\"files\":{}}", ERR_NOT_FOUND},
        {"{\"version\":\"1 2\",\"files\":{}}", ERR_INVALID},
        {"{\"files\":{}}", ERR_INVALID},
        {"[]", ERR_INVALID},
        {"", ERR_INVALID},
        {"{", ERR_INVALID},
    };
    struct update_offer offer;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++)
        if (update_read(slice_of(rows[i].text), "amd64", &offer, &err) != rows[i].rc)
            fail_msg("row %zu: %s", i, rows[i].text);
    assert_int_equal(update_read(slice_of(rows[0].text), "amd64", &offer, &err), 0);
    assert_string_equal(offer.file, "pg-limiter-1.2-amd64");
    assert_int_equal(offer.size, 5);
    assert_int_equal(offer.sha256[1], 0x11);
    assert_int_equal(update_read(slice_of(rows[0].text), "arm64", &offer, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature),
        cmocka_unit_test(versions),
        cmocka_unit_test(manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
