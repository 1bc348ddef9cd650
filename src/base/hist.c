/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/hist.h"

#include "base/banned.h"

static const int64_t steps_us[HIST_STEPS] = {
    100,   250,   500,   1000,  2000,   3000,   5000,   7500,
    10000, 20000, 30000, 50000, 100000, 250000, 500000, 1000000,
};

int64_t hist_step_us(size_t i)
{
    return steps_us[i];
}

void hist_add(struct hist *h, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < HIST_STEPS && us > steps_us[i])
        i++;
    h->counts[i]++;
    h->n++;
    h->sum_us += us;
    if (us > h->longest_us)
        h->longest_us = us;
}
