/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { SLOW_US = 500000, FAST_US = 100000 };
static const double FASTEST = 10, SLOWEST_PART = 1.0 / 16, STEP = 1.25;

void pace_init(struct pace *p, double base)
{
    *p = (struct pace){.base = base, .rate = base};
}

void pace_set(struct pace *p, double base)
{
    p->base = base;
    p->rate = base;
    p->n = 0;
}

bool pace_start(struct pace *p, int64_t now_us, int64_t *ret_wait_us)
{
    *ret_wait_us = -1;
    if (p->rate <= 0 || p->flying >= PACE_FLIGHT)
        return false;
    if (now_us < p->next_us) {
        *ret_wait_us = p->next_us - now_us;
        return false;
    }
    p->flying++;
    p->next_us = now_us + (int64_t)(1e6 / p->rate);
    return true;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void adapt(struct pace *p)
{
    double top = p->base > FASTEST ? p->base : FASTEST;
    int64_t p95;

    qsort(p->took_us, PACE_SAMPLES, sizeof(p->took_us[0]), by_size);
    p95 = p->took_us[PACE_SAMPLES - 1 - PACE_SAMPLES / 20];
    if (p95 > SLOW_US) {
        p->rate /= 2;
        if (p->rate < p->base * SLOWEST_PART)
            p->rate = p->base * SLOWEST_PART;
    } else if (p95 < FAST_US) {
        p->rate = p->rate * STEP > top ? top : p->rate * STEP;
    } else if (p->rate > p->base) {
        p->rate = p->base;
    } else {
        p->rate = p->rate * STEP > p->base ? p->base : p->rate * STEP;
    }
}

void pace_end(struct pace *p, int64_t took_us)
{
    if (p->flying)
        p->flying--;
    if (took_us < 0)
        return;
    p->took_us[p->n++] = took_us;
    if (p->n < PACE_SAMPLES)
        return;
    p->n = 0;
    adapt(p);
}
