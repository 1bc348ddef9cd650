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
    int64_t last_us;                 /* the pair's previous tick; 0 = the pair is new */
    int64_t run_us;                  /* since when only the previous side has ticked */
    int64_t burst_us;                /* last time both were seen within 2 s */
    int64_t block;                   /* which gain_block the gains below belong to */
    float fixed, adaptive;           /* the sums, nats, as of last_us */
    float gain_fixed, gain_adaptive; /* what this block has added to each, losses taken off */
    uint16_t switches;               /* ticks of the other side than before */
    uint16_t ticks;                  /* of either side, halved together with bursts when full */
    uint16_t bursts;                 /* times both were seen within 2 s */
    uint8_t previous;                /* whose tick it was */
    uint8_t run_ticks;               /* of the previous side since run_us, up to 255 */
    bool alone;                      /* one side went on alone for long */
};

/* One tick, as the pair needs it. */
struct pair_tick {
    int64_t at_us;           /* its time */
    int side;                /* whose it is */
    int64_t other_last_us;   /* when the other side was last seen */
    double rate, other_rate; /* decayed tick counts of both sides at at_us, with this tick */
};

/*
 * Weighs one tick. A tick older than the pair's previous one changes nothing. O(1), a few exp and log.
 */
void pair_tick(struct pair *p, const struct policy *policy, const struct pair_tick *t);

/* The greater of both sums; 0 for a new pair. */
double pair_score(const struct pair *p);

/*
 * Whether the two take turns inside bursts as the exits of one carrier NAT do: both within 2 s at least
 * 3 times, and neither ever alone for more than 60 s and 6 ticks; or, whatever the lulls, so often
 * together (3 of 10 ticks; with both in every burst it would be 5) that chance is no explanation. Holds
 * only for addresses of one carrier.
 */
bool pair_is_nat(const struct pair *p);

#endif
