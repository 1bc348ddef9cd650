/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who a line belongs to: as an obvious reading of the same words finds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "core/line/ident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 1-18 digits, the first not 0, alone or followed by a dot and something. */
static int64_t obvious_id(struct slice s, size_t *ret_digits)
{
    int64_t id = 0;
    size_t n = 0;

    while (n < s.n && is_digit(s.p[n]))
        n++;
    *ret_digits = n;
    if (n == 0 || n > 18 || s.p[0] == '0' || (n < s.n && s.p[n] != '.'))
        return 0;
    for (n = 0; n < *ret_digits; n++)
        id = id * 10 + (s.p[n] - '0');
    return id;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size}, trimmed = slice_trim(s);
    struct ident got = {-1, {NULL, 0}};
    size_t digits;
    int64_t id;

    if (ident_parse(s, &got)) {
        if (got.id != -1)
            abort();
        return 0;
    }
    if (trimmed.n == 0 || trimmed.n > LIMIT_EMAIL)
        abort();
    id = obvious_id(trimmed, &digits);
    if (got.id != id)
        abort();
    if (id == 0 && !slice_eq(got.name, trimmed))
        abort();
    if (id && !slice_eq(got.name, slice_skip(trimmed, digits + 1)))
        abort();
    if (id && digits < trimmed.n && got.name.n == 0)
        abort();
    return 0;
}
