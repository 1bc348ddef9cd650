/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/banned.h"

int64_t bench_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void bench_add(struct bench *b, double v)
{
    if (b->n < BENCH_SAMPLES)
        b->v[b->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

void bench_report(const struct bench *b)
{
    double v[BENCH_SAMPLES], median;
    int n = b->n;

    if (n == 0)
        return;
    memcpy(v, b->v, sizeof(v));
    qsort(v, (size_t)n, sizeof(v[0]), by_value);
    median = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    printf("{\"bench\":\"%s\",\"unit\":\"%s\",\"goal\":%.6g,\"met\":%s,\"n\":%d,\"min\":%.6g,"
           "\"median\":%.6g,\"max\":%.6g}\n",
           b->name, b->unit, b->goal,
           (b->less ? median <= b->goal : median >= b->goal) ? "true" : "false", n, v[0], median,
           v[n - 1]);
    fflush(stdout);
}

int64_t bench_memory(const char *field)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    int64_t bytes = -1;

    while (f && bytes < 0 && fgets(line, sizeof(line), f)) {
        struct slice s = slice_of(line);
        uint64_t kb;

        if (!slice_starts(s, slice_of(field)))
            continue;
        s = slice_trim(slice_skip(s, strlen(field)));
        s = slice_cut(&s, ' ');
        if (num_uint(s, INT32_MAX, &kb) == 0)
            bytes = (int64_t)kb * 1024;
    }
    if (f)
        fclose(f);
    return bytes;
}
