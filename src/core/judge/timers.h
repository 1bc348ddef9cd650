/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_JUDGE_TIMERS_H
#define CORE_JUDGE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Points in time at which a user's term ends: a binary heap, earliest first, equal ones by id so that a
 * replay is the same each time. Entries are not removed when they lose their meaning: whoever takes one
 * looks whether it still holds.
 */
struct timers {
    struct timers_item {
        int64_t at_us;
        int64_t id;
    } * items;
    uint32_t n, cap;
};

/* Empty; allocates nothing. */
void timers_init(struct timers *t);
/* Frees the memory. */
void timers_release(struct timers *t);
/* ERR_NOMEM leaves the heap as it was. */
int timers_add(struct timers *t, int64_t at_us, int64_t id) MUST_CHECK;
/* The earliest time, INT64_MAX when empty. */
int64_t timers_next(const struct timers *t);
/* Takes the earliest one if it is due at now_us. */
bool timers_take(struct timers *t, int64_t now_us, struct timers_item *ret);

#endif
