/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_USER_PAST_H
#define CORE_USER_PAST_H

#include <stdint.h>

#include "base/attr.h"
#include "base/limits.h"

/*
 * The violations of one user, as many as can matter: the next punishment step is their number inside a
 * window, and there are at most LIMIT_STEPS steps. Only users who have any own such a memory: NULL is an
 * empty one. Times are compared by the millisecond, which is what the database keeps of them.
 */
struct past {
    int64_t at_us[LIMIT_STEPS]; /* oldest first */
    int n;
};

/* Makes sure that *p can take another violation, so that past_note cannot fail. ERR_NOMEM. */
int past_reserve(struct past **p) MUST_CHECK;
/* Adds a violation at its place; the oldest gives way; of one millisecond there is one. ERR_NOMEM. */
int past_note(struct past **p, int64_t at_us) MUST_CHECK;
/* How many there were after since_us and before before_us. */
int past_count(const struct past *p, int64_t since_us, int64_t before_us);
/* The time of the newest, 0 without one. */
int64_t past_last(const struct past *p);
/* Forgets those from since_us to until_us, and frees what is empty then; returns how many. */
int past_forget(struct past **p, int64_t since_us, int64_t until_us);
/* Frees it if there is nothing in it. NULL is fine. */
void past_tidy(struct past **p);
/* Frees it. NULL is fine. */
void past_free(struct past **p);

#endif
