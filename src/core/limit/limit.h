/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_LIMIT_H
#define CORE_LIMIT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/slice.h"
#include "core/decision.h"
#include "core/policy.h"

/*
 * How many devices a user may have: the rules of engine.md 4, first that applies, and the directory of
 * users they look at. Users are keyed by panel id; a rule entered for a name whose id is not known yet
 * holds for the name until the directory tells the id.
 */
struct limits;

/* Empty rules and an empty directory. NULL when out of memory. */
struct limits *limits_new(struct hash_key key);
/*
 * The rules of another, copied, over its directory, which must outlive this: to ask what a change would
 * bring. NULL when out of memory. O(rules).
 */
struct limits *limits_copy(struct limits *base);
/* Frees all. NULL is fine. */
void limits_free(struct limits *l);

/* ---- the rules of single users, and patterns ---- */

/* Forgets special limits, exceptions and both kinds of patterns, before they are loaded anew. */
void limits_clear_rules(struct limits *l);
/* A special limit (0 = unlimited, 1-10000) for a user by id, or by name when id is 0. ERR_NOMEM. */
int limits_special(struct limits *l, int64_t id, struct slice name, int limit) MUST_CHECK;
/* An exception for a user by id, or by name when id is 0. ERR_NOMEM. */
int limits_except(struct limits *l, int64_t id, struct slice name) MUST_CHECK;
/*
 * A limit (0 = unlimited, 1-10000) for names that begin, or end, with text. The longest that fits holds;
 * of a beginning and an end of one length the more generous. Errors as patterns_put.
 */
int limits_pattern(struct limits *l, bool suffix, struct slice text, int limit) MUST_CHECK;
/*
 * The owner of users whose names begin, or end, with text, where the panel tells none. The longest that
 * fits holds; when two of one length name different owners, a filter that spares one of them spares
 * the user. Errors as patterns_put, ERR_TOO_BIG also past LIMIT_ADMINS owners.
 */
int limits_owner_pattern(struct limits *l, bool suffix, struct slice text,
                         struct slice owner) MUST_CHECK;

/* Takes a pattern, or an owner pattern, away; nothing when there is none. */
void limits_drop_pattern(struct limits *l, bool suffix, struct slice text);
void limits_drop_owner_pattern(struct limits *l, bool suffix, struct slice text);
/* How many users of the directory have a name that begins, or ends, so. O(users). */
uint32_t limits_matches(const struct limits *l, bool suffix, struct slice text);

/* ---- the rules that are settings ---- */

struct limit_options {
    bool from_hwid;     /* limit_from_hwid */
    bool name_suffix;   /* name_suffix_limits: a name that ends in .N.User has the limit N */
    bool group_exclude; /* group_filter_mode, admin_filter_mode: exclude, else include */
    bool admin_exclude;
};
/* Forgets options, group limits, group modes and filters, before they are set anew. */
void limits_clear_settings(struct limits *l);
/* Sets the options. */
void limits_options(struct limits *l, const struct limit_options *opt);
/* The limit of a group's users (0 = unlimited); the most generous of a user's groups holds. ERR_NOMEM. */
int limits_group(struct limits *l, int64_t group_id, int limit) MUST_CHECK;
/* The mode of a group's users; the mildest of a user's groups holds. ERR_NOMEM. */
int limits_group_mode(struct limits *l, int64_t group_id, enum policy_mode mode) MUST_CHECK;
/* A group in the group filter; without one there is no such filter. ERR_NOMEM. */
int limits_filter_group(struct limits *l, int64_t group_id) MUST_CHECK;
/* An owner, by name or as id:12, in the admin filter; without one there is no such filter. ERR_NOMEM. */
int limits_filter_admin(struct limits *l, struct slice owner) MUST_CHECK;

/* ---- the directory ---- */

/*
 * Tells the directory a user's name; an old name of the same id is replaced. Returns 1 when anything
 * changed, 0 when not, ERR_NOMEM or ERR_TOO_BIG.
 */
int limits_learn(struct limits *l, int64_t id, struct slice name) MUST_CHECK;
/* What the panel says of a user. What is not known here leaves what was known before. */
struct limit_person {
    int64_t id;
    struct slice name;
    bool groups_known, owner_known, hwid_known;
    const int64_t *groups;
    size_t n_groups;
    int64_t owner_id;   /* 0 and owner empty: he has none */
    struct slice owner; /* the admin's name */
    int64_t hwid_limit; /* 0 or less: none */
};
/* Tells all of it. Results as limits_learn; more than LIMIT_GROUPS groups are not known. */
int limits_learn_person(struct limits *l, const struct limit_person *p) MUST_CHECK;
/* What is known of a user; false when nothing is. Valid until the next limits_learn…. */
bool limits_person(const struct limits *l, int64_t id, struct limit_person *ret);
/* The same for the user at a place, 0 to limits_known() − 1: to look at all of them. */
void limits_person_at(const struct limits *l, uint32_t at, struct limit_person *ret);
/* The name of an id; p NULL when unknown. Valid until the next limits_learn. */
struct slice limits_name(const struct limits *l, int64_t id);
/* How many users cannot be judged because something that a rule needs of them is not known. O(users). */
uint32_t limits_unsure(const struct limits *l);
/* The id of a name, 0 when unknown. */
int64_t limits_id(const struct limits *l, struct slice name);
/* Users in the directory. */
uint32_t limits_known(const struct limits *l);

/* ---- the questions ---- */

/* Whether the panel should be asked of the user: his name is not known, or what a rule needs. O(1). */
bool limits_lacks(const struct limits *l, int64_t id);

/*
 * The user's limit now: devices, 0 = unlimited, excepted or not judged, and where it comes from. O(1):
 * as many probes as he has groups and patterns have lengths.
 */
int limits_of(const struct limits *l, int64_t id, int general, enum limit_source *ret_source);
/*
 * What is done to the user when he is convicted: general, or milder where one of his groups says so;
 * MODE_SHADOW at the most where groups have modes and his are not known. O(1).
 */
enum policy_mode limits_mode(const struct limits *l, int64_t id, enum policy_mode general);
/* Why a user is not judged, for a person; NULL unless source is LIMIT_FROM_FILTER or _UNKNOWN. */
const char *limit_source_why(enum limit_source source);

#endif
