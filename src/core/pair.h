/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_PAIR_H
#define CORE_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"

/*
 * Two addresses of one user: two devices at once, or one that roams? Two running sums of log
 * likelihood ratios weigh it (engine.md 5): `fixed` expects two devices to take turns with
 * probability switch_p, `adaptive` with the probability their own tick rates give. Sides are 0 and 1.
 */
struct pair {
    int64_t last_us;       /* the pair's previous tick; 0 = the pair is new */
    int64_t run_us;        /* since when only the previous side has ticked */
    int64_t burst_us;      /* last time both were seen within 2 s */
    int64_t block;         /* which gain_block the gains below belong to */
    float fixed, adaptive; /* the sums, nats, as of last_us */
    float gain_fixed, gain_adaptive; /* gained in this block */
    uint16_t switches;     /* ticks of the other side than before */
    uint8_t previous;      /* whose tick it was */
    uint8_t bursts;        /* counted up to 255 */
    bool alone;            /* one side went on alone for over 60 s */
};

/* One tick, as the pair needs it. */
struct pair_tick {
    int64_t at_us;          /* its time */
    int side;               /* whose it is */
    int64_t other_last_us;  /* when the other side was last seen */
    double rate, other_rate;/* decayed tick counts of both at at_us, this tick not yet in */
};

/*
 * Weighs one tick. A tick older than the pair's previous one changes nothing. O(1), a few exp and log.
 */
void pair_tick(struct pair *p, const struct policy *policy, const struct pair_tick *t);

/* The greater of both sums; 0 for a new pair. */
double pair_score(const struct pair *p);

/*
 * Whether the two take turns inside bursts as the exits of one carrier NAT do: both within 2 s at least
 * 3 times, neither ever alone for more than 60 s. Holds only for addresses of one carrier.
 */
bool pair_is_nat(const struct pair *p);

#endif
