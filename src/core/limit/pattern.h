/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_PATTERN_H
#define CORE_LIMIT_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/map.h"
#include "base/slice.h"

/*
 * Beginnings and ends of user names, each with a value, compiled into one hash table a side and the set
 * of lengths that occur: a look-up costs one probe for every different length, whatever their number.
 */
struct pattern_side {
    struct smap by_text;
    uint64_t lengths[2]; /* bit n - 1: a pattern of n bytes is there */
};

struct patterns {
    struct pattern_side side[2]; /* beginnings, ends */
};

/* Empty; allocates nothing. */
void patterns_init(struct patterns *p, struct hash_key key);
/* Frees all; empty and usable afterwards. The values are the owner's. */
void patterns_release(struct patterns *p);
/*
 * Gives names that begin (or end) with text the value, not NULL; the same text again replaces it.
 * Case counts. ERR_INVALID: text is empty or longer than LIMIT_USER_NAME. ERR_TOO_BIG: LIMIT_PATTERNS
 * are there on this side. ERR_NOMEM.
 */
int patterns_put(struct patterns *p, bool suffix, struct slice text, void *value) MUST_CHECK;
/* Takes one away; nothing when it is not there. */
void patterns_drop(struct patterns *p, bool suffix, struct slice text);
/* How many there are. */
uint32_t patterns_count(const struct patterns *p);

/* What the longest pattern that fits a name says. Both are set only when two of one length fit. */
struct pattern_hit {
    void *prefix, *suffix; /* values, or NULL */
};
/* Looks a name up; false (and nothing set) when no pattern fits. Bounded by the lengths that occur. */
bool patterns_find(const struct patterns *p, struct slice name, struct pattern_hit *ret_hit);

/* Whether one such pattern fits a name. */
bool pattern_fits(bool suffix, struct slice text, struct slice name);

#endif
