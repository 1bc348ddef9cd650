/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_USER_BRIEF_H
#define CORE_USER_BRIEF_H

#include <stddef.h>

#include "core/engine.h"

/*
 * Brings users[first … first + limit - 1] to what they were if all n were sorted: most devices over the
 * limit first, then by id; unlimited users behind all others, by their devices alone. The rest is left in
 * any order. Ids are unique. O(n + limit log limit), so that a page of 100,000 users takes a millisecond or
 * two of the loop.
 */
void brief_page(struct user_brief *users, size_t n, size_t first, size_t limit);

#endif
