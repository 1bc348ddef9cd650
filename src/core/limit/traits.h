/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_TRAITS_H
#define CORE_LIMIT_TRAITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/map.h"
#include "base/slice.h"

/*
 * What many users have in common, each kept once: sets of groups and owners. A user then holds two
 * 32-bit numbers, however many groups he is in.
 */

/* Sets of group ids, counted by the users who have them. Number 0 is no set. */
struct groupset {
    int64_t *ids; /* ascending, each once; NULL for the empty set */
    uint32_t n;
    uint32_t users; /* 0: free */
};

struct groupsets {
    struct groupset *sets;
    uint32_t n, cap;
    uint32_t *spare; /* numbers of free sets, room for all */
    uint32_t n_spare;
    struct imap by_hash;
};

/* None; allocates nothing. */
void groupsets_init(struct groupsets *g, struct hash_key key);
/* Frees all; empty and usable afterwards. */
void groupsets_release(struct groupsets *g);
/*
 * The number (from 1) of the set of these ids, in any order, counted once more. n may be 0: known to be
 * in no group. ERR_TOO_BIG past LIMIT_GROUPS ids, ERR_NOMEM.
 */
int groupsets_take(struct groupsets *g, const int64_t *ids, size_t n,
                   uint32_t *ret_number) MUST_CHECK;
/* Counts it once less; a set nobody has is freed. Number 0 is fine. */
void groupsets_drop(struct groupsets *g, uint32_t number);
/* The set of a number from 1. */
static inline const struct groupset *groupsets_at(const struct groupsets *g, uint32_t number)
{
    return &g->sets[number - 1];
}

/* Owners. Number 0 is not known, OWNER_NONE known to be nobody's. */
enum { OWNER_NONE = 1 };

struct owner_trait {
    int64_t id; /* 0: the panel tells names only */
    char *name; /* NULL for OWNER_NONE */
};

struct owners {
    struct owner_trait *all; /* by number - 2 */
    uint32_t n, cap;
    struct imap by_id;
    struct smap by_name; /* owners without an id; values are number */
};

/* None; allocates nothing. */
void owners_init(struct owners *o, struct hash_key key);
/* Frees all; empty and usable afterwards. */
void owners_release(struct owners *o);
/*
 * The number of the owner of this id (0: found by name), who from now on is called so. id 0 and no name:
 * OWNER_NONE. Returns 1 when his name is another than before, 0 otherwise; ERR_TOO_BIG past LIMIT_ADMINS
 * or for a name over LIMIT_USER_NAME, ERR_NOMEM.
 */
int owners_take(struct owners *o, int64_t id, struct slice name, uint32_t *ret_number) MUST_CHECK;
/* The owner of a number above OWNER_NONE. */
static inline const struct owner_trait *owners_at(const struct owners *o, uint32_t number)
{
    return &o->all[number - 2];
}

/* A NUL-ended copy of a name, to be freed; NULL when out of memory. */
char *trait_copy(struct slice name);

#endif
