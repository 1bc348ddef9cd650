/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Numbers: what a parser accepts lies in its range and reads the same when printed again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_int(struct slice s)
{
    int64_t v, again;
    char text[32];

    if (num_int(s, -1000000, INT64_MAX, &v))
        return;
    if (v < -1000000)
        abort();
    snprintf(text, sizeof(text), "%" PRId64, v);
    if (num_int(slice_of(text), -1000000, INT64_MAX, &again) || again != v)
        abort();
}

static void check_uint(struct slice s)
{
    uint64_t v, again;
    char text[32];

    if (num_uint(s, 1000000, &v) == ERR_OK && v > 1000000)
        abort();
    if (num_uint(s, UINT64_MAX, &v))
        return;
    snprintf(text, sizeof(text), "%" PRIu64, v);
    if (num_uint(slice_of(text), UINT64_MAX, &again) || again != v)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    double real;
    bool flag;

    check_int(s);
    check_uint(s);
    if (num_real(s, -20, 100, &real) == ERR_OK && !(real >= -20 && real <= 100))
        abort();
    if (num_bool(s, &flag) == ERR_OK && size > 5)
        abort();
    return 0;
}
