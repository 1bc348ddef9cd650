/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BENCH_H
#define BENCH_H

/* What every benchmark needs: a clock, samples, and one way to report them. */

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_SAMPLES = 64 };

/* One figure, measured several times. */
struct bench {
    const char *name; /* "scan" */
    const char *unit; /* "lines/s" */
    double goal;      /* what the project aims at */
    bool less;        /* the goal is an upper bound */
    double v[BENCH_SAMPLES];
    int n;
};

/* Nanoseconds of the monotonic clock. */
int64_t bench_ns(void);
/* Adds a sample; those past BENCH_SAMPLES are dropped. */
void bench_add(struct bench *b, double v);
/*
 * Prints the figure as one line of JSON on standard output: name, unit, goal, whether the median met it,
 * how many samples, least, median, greatest. Never fails on a goal that was missed.
 */
void bench_report(const struct bench *b);
/* A field of /proc/self/status in bytes, e.g. "VmRSS:"; -1 when it is not there. */
int64_t bench_memory(const char *field);

#endif
