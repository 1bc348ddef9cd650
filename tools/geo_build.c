/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* `pg-limiter geo build` alone, for scripts/setup: geo_build OUT CSV… (SOURCE_DATE_EPOCH dates it). */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "geo/build.h"

int main(int argc, char **argv)
{
    const char *date = getenv("SOURCE_DATE_EPOCH");
    struct build_counts counts;
    struct err err;
    int64_t built_s = 0;

    if (argc < 3) {
        fputs("usage: geo_build OUT CSV...\n", stderr);
        return 2;
    }
    if (date && num_int(slice_of(date), 0, INT64_C(1) << 40, &built_s))
        built_s = 0;
    if (build_asn(argv[1], argv + 2, argc - 2, built_s, &counts, &err)) {
        fprintf(stderr, "geo_build: %s\n", err.text);
        return 1;
    }
    printf("%llu ranges, %llu other lines\n", (unsigned long long)counts.rows,
           (unsigned long long)counts.wrong);
    return 0;
}
