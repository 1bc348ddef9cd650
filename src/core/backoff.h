/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

/*
 * How long to wait before the next try: doubles from min_us to max_us, and a random half of it is
 * taken off so that many clients never come back in step. Pure: randomness is a parameter.
 */
struct backoff {
    int64_t min_us;
    int64_t max_us;
    unsigned tries; /* waits handed out since the last success */
};

/* Starts anew; 0 < min_us <= max_us. */
void backoff_init(struct backoff *b, int64_t min_us, int64_t max_us);
/* After a success: the next wait is the shortest again. */
void backoff_reset(struct backoff *b);
/*
 * The wait before the next try, in [d/2, d] with d = min_us * 2^tries, at most max_us; counts a try.
 * random is any 64 random bits.
 */
int64_t backoff_next(struct backoff *b, uint64_t random);

#endif
