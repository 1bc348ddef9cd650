/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PACE_H
#define PANEL_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How fast the panel is asked: a base rate, adapted to what its answers take (spec/panel.md 3): halved
 * while the 95th percentile is over 500 ms, rising up to 10 a second while it is under 100 ms. Pure.
 */
enum { PACE_SAMPLES = 20, PACE_FLIGHT = 2 };

struct pace {
    double base;     /* calls a second as set; 0 = never */
    double rate;     /* calls a second now */
    int64_t next_us; /* earliest start of the next call */
    unsigned flying;
    unsigned n; /* samples taken since the last change */
    int64_t took_us[PACE_SAMPLES];
};

/* Starts at the base rate. */
void pace_init(struct pace *p, double base);
/* Changes the base; the present rate starts from it again. */
void pace_set(struct pace *p, double base);
/*
 * Whether a call may start at now_us; then counts it. Else *ret_wait_us says when to ask again: -1
 * when a call in flight has to end first (or the rate is 0).
 */
bool pace_start(struct pace *p, int64_t now_us, int64_t *ret_wait_us);
/* A call ended after took_us; negative: it told nothing about the time (cancelled, refused). */
void pace_end(struct pace *p, int64_t took_us);

#endif
