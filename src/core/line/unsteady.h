/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_UNSTEADY_H
#define CORE_UNSTEADY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the log stream of a node does not hold: it was found dead, or broke off, again and again for ten
 * minutes, although it was opened anew each time. One that does so now and then is a hiccup. Pure; plain
 * data, all zero at first.
 */
struct unsteady {
    uint64_t troubles;         /* seen so far, of the node's counters */
    int64_t first_us, last_us; /* of the present row of troubles; 0 = none */
    uint32_t n;                /* in it */
    bool known;                /* troubles is what was counted at the last look */
    bool bad;                  /* told */
};

/*
 * A look at now_us: troubles is how often the stream was found dead or broke off, ever; silence_us how
 * long a dead one stays unnoticed (stream_silence). True when bad changes: after four troubles over ten
 * minutes, none more than five minutes (and silence_us) after the one before; back when ten minutes (and
 * silence_us) went by without any. The first look only learns troubles.
 */
bool unsteady_look(struct unsteady *u, uint64_t troubles, int64_t silence_us, int64_t now_us);
/* What happened while panel or node was away is not the stream's doing: it is learnt, not counted. */
void unsteady_skip(struct unsteady *u, uint64_t troubles);

#endif
