/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/line/coverage.h"

#include <math.h>

#include "base/stamp.h"
#include "base/banned.h"

/* The average forgets with this time constant. */
static const double rate_s = 60.0;

static double decay(const struct coverage *c, int64_t now_us)
{
    double s = (double)(now_us - c->rate_at_us) / STAMP_SECOND;

    return s > 0 ? exp(-s / rate_s) : 1.0;
}

void coverage_line(struct coverage *c, enum scan_reason reason, int64_t now_us)
{
    c->lines++;
    c->ignored[reason]++;
    c->last_us[reason] = now_us;
    c->last_line_us = now_us;
    /* Folding the decay in once in 100 ms keeps exp() off the path of a busy node's lines. */
    if (now_us - c->rate_at_us >= STAMP_SECOND / 10) {
        c->rate = c->rate * decay(c, now_us);
        c->rate_at_us = now_us;
    }
    c->rate += 1.0 / rate_s;
}

void coverage_source(struct coverage *c, bool from_header, int64_t now_us)
{
    c->from_header += from_header;
    if (from_header)
        c->header_us = now_us;
    else
        c->direct_us = now_us;
}

double coverage_rate(const struct coverage *c, int64_t now_us)
{
    return c->rate * decay(c, now_us);
}

bool coverage_blind(const struct coverage *c, int64_t *ret_since_us)
{
    int64_t since = c->down_since_us;

    if (c->quiet && (since == 0 || c->quiet_since_us < since))
        since = c->quiet_since_us;
    if (since && ret_since_us)
        *ret_since_us = since;
    return since != 0;
}
