/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/backoff.h"

#include "base/banned.h"

void backoff_init(struct backoff *b, int64_t min_us, int64_t max_us)
{
    *b = (struct backoff){.min_us = min_us, .max_us = max_us};
}

void backoff_reset(struct backoff *b)
{
    b->tries = 0;
}

int64_t backoff_next(struct backoff *b, uint64_t random)
{
    int64_t full = b->min_us;
    unsigned i;

    for (i = 0; i < b->tries && full < b->max_us; i++)
        full = full > b->max_us / 2 ? b->max_us : full * 2;
    if (b->tries < 1000)
        b->tries++;
    return full - full / 2 + (int64_t)(random % (uint64_t)(full / 2 + 1));
}
