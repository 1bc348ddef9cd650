/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_USER_PAIR_H
#define CORE_USER_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"

/*
 * Two addresses of one user: two devices at once, or one that roams? Running sums of log
 * likelihood ratios weigh it (docs/rule.md): `fixed` expects two devices to take turns with probability
 * switch_p, `adaptive` with the probability their own tick rates give, `near` with what those rates have
 * been lately. Sides are 0 and 1.
 */
struct pair {
    int64_t last_us;  /* the pair's previous tick; 0 = the pair is new */
    int64_t burst_us; /* last time both were seen within 2 s */
    int64_t block;    /* which gain_block the gains below belong to */
    struct pair_sum {
        float nats; /* as of last_us */
        float gain; /* what this block has added, losses taken off */
    } fixed, adaptive, near;
    uint16_t switches; /* ticks of the other side than before */
    uint16_t ticks;    /* of either side, halved together with bursts when full */
    uint16_t bursts;   /* times both were seen within 2 s */
    uint8_t previous;  /* whose tick it was */
};

/* So many times faster than rate_half_life the rates of `near` forget: 37.5 s by default. */
enum { PAIR_NEAR = 8 };

/* One tick, as the pair needs it. */
struct pair_tick {
    int64_t at_us;           /* its time */
    int side;                /* whose it is */
    int64_t other_last_us;   /* when the other side was last seen */
    double rate, other_rate; /* decayed tick counts of both sides at at_us, with this tick */
    double near, other_near; /* the same, decaying PAIR_NEAR times as fast */
};

/*
 * Weighs one tick. A tick older than the pair's previous one changes nothing. O(1), a few exp and log.
 */
void pair_tick(struct pair *p, const struct policy *policy, const struct pair_tick *t);

/* The greatest of the sums; 0 for a new pair. */
double pair_score(const struct pair *p);

#endif
