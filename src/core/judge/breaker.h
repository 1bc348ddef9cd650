/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_JUDGE_BREAKER_H
#define CORE_JUDGE_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/policy.h"

/*
 * The breaker: too many verdicts on users who had none in the last 7 days mean that a setting or a node
 * is wrong, not that the customers are. And the pace at which punishments are carried out, so that it
 * acts before the harm.
 */
struct breaker {
    struct breaker_verdict {
        int64_t at_us, id;
    } * verdicts; /* of the last hour, oldest first, a ring */
    uint32_t head, n, cap;
    bool paused;
    int64_t paused_us;       /* since when, or when it paused last; 0 = never */
    int shown_5m, shown_1h;  /* the counts when it paused last */
    int64_t raised_until_us; /* bounds are at twice those until then */
    int64_t *caught; /* the users that it counted when it paused last, oldest verdict first */
    uint32_t n_caught;
};

/* What made it pause. */
struct breaker_trip {
    int users, bound;
    int64_t window_us;
};

/* How it stands. */
struct breaker_count {
    int now_5m, now_1h;
    int bound_5m, bound_1h; /* it pauses on more than that */
};

/* Closed and empty. */
void breaker_init(struct breaker *b);
/* Frees the memory. */
void breaker_release(struct breaker *b);
/*
 * Counts one verdict on the user; true when it passes a bound, ret telling which: the breaker is paused
 * then. seen_hour: users seen in the last hour. Out of memory counts as passing: rather too careful.
 */
bool breaker_note(struct breaker *b, const struct policy *policy, uint32_t seen_hour, int64_t id,
                  int64_t now_us, struct breaker_trip *ret);
/* The counts and the bounds now. */
void breaker_look(const struct breaker *b, const struct policy *policy, uint32_t seen_hour,
                  int64_t now_us, struct breaker_count *ret);
/* Sets whom it counted when it paused last; n 0: nobody. ERR_NOMEM: then nobody. */
int breaker_set_caught(struct breaker *b, const int64_t *ids, size_t n) MUST_CHECK;
/* Resumes: counters cleared, both bounds at twice the number shown for 24 h. */
void breaker_resume(struct breaker *b, int64_t now_us);

enum { PACE_MAX = 1000 };

/* At most `rate` in any 60 s. */
struct pace {
    int64_t times[PACE_MAX]; /* a ring of the last ones */
    uint32_t head, n;
};

/* When the next one may go: now_us, or later. rate 1…PACE_MAX. */
int64_t pace_next(const struct pace *p, int rate, int64_t now_us);
/* One goes at now_us. */
void pace_take(struct pace *p, int64_t now_us);

#endif
