/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stddef.h>
#include <stdint.h>

/*
 * How long something took, counted in fixed steps from 0.1 ms to 1 s. Counting is cheap enough for every
 * request and every turn of the loop. All zero is empty.
 */
enum { HIST_STEPS = 16 };

struct hist {
    uint64_t counts[HIST_STEPS + 1]; /* the last one: longer than the last step */
    uint64_t n;
    int64_t sum_us, longest_us;
};

/* Counts one. Negative counts as 0. */
void hist_add(struct hist *h, int64_t us);
/* The upper end of step i < HIST_STEPS in microseconds, ascending. */
int64_t hist_step_us(size_t i);

#endif
