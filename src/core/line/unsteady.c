/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/line/unsteady.h"

#include "base/stamp.h"
#include "base/banned.h"

enum { ROW = 4 };
static const int64_t gap_us = 300 * STAMP_SECOND;
static const int64_t long_us = 600 * STAMP_SECOND;

bool unsteady_look(struct unsteady *u, uint64_t troubles, int64_t silence_us, int64_t now_us)
{
    uint64_t more = u->known && troubles > u->troubles ? troubles - u->troubles : 0;
    bool was = u->bad;

    unsteady_skip(u, troubles);
    /* The clock was set back: nothing can be said of how long it took. */
    if (now_us < u->last_us)
        u->first_us = u->last_us = now_us;
    if (more) {
        if (u->n == 0 || now_us - u->last_us > gap_us + silence_us) {
            u->n = 0;
            u->first_us = now_us;
        }
        u->n += more < ROW ? (uint32_t)more : ROW;
        u->last_us = now_us;
        if (u->n >= ROW && now_us - u->first_us >= long_us)
            u->bad = true;
    } else if (u->bad && now_us - u->last_us >= long_us + silence_us) {
        u->bad = false;
        u->n = 0;
    }
    return u->bad != was;
}

void unsteady_skip(struct unsteady *u, uint64_t troubles)
{
    u->troubles = troubles;
    u->known = true;
}
