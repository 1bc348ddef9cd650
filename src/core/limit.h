/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_H
#define CORE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/slice.h"
#include "core/decision.h"

/*
 * How many devices a user may have: the rules of engine.md 4, first that applies, and the directory of
 * users they look at. Users are keyed by panel id; a rule entered for a name whose id is not known yet
 * holds for the name until the directory tells the id.
 */
struct limits;

/* Empty rules. NULL when out of memory. */
struct limits *limits_new(struct hash_key key);
/* Frees all. NULL is fine. */
void limits_free(struct limits *l);

/* Forgets special limits and exceptions (not the directory), before they are loaded anew. */
void limits_clear_rules(struct limits *l);
/* A special limit (0 = unlimited, 1-10000) for a user by id, or by name when id is 0. ERR_NOMEM. */
int limits_special(struct limits *l, int64_t id, struct slice name, int limit) MUST_CHECK;
/* An exception for a user by id, or by name when id is 0. ERR_NOMEM. */
int limits_except(struct limits *l, int64_t id, struct slice name) MUST_CHECK;

/*
 * Tells the directory a user's name; an old name of the same id is replaced. Returns 1 when anything
 * changed, 0 when not, ERR_NOMEM or ERR_TOO_BIG.
 */
int limits_learn(struct limits *l, int64_t id, struct slice name) MUST_CHECK;
/* The name of an id; p NULL when unknown. Valid until the next limits_learn. */
struct slice limits_name(const struct limits *l, int64_t id);
/* The id of a name, 0 when unknown. */
int64_t limits_id(const struct limits *l, struct slice name);
/* Users in the directory. */
uint32_t limits_known(const struct limits *l);

/* The user's limit now: devices, 0 = unlimited or excepted, and where it comes from. O(1). */
int limits_of(const struct limits *l, int64_t id, int general, enum limit_source *ret_source);

#endif
