/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_FIND_H
#define STORE_DB_FIND_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/db_scope.h"

struct db;

/* Finding users in table users by a part of their name, and who came from how many addresses. */

/* Whom to find. Letters of ASCII are alike in both cases. */
struct db_find {
    struct slice part; /* the name holds it, or it is the user's id as digits; empty: everyone */
    int64_t id;        /* this user alone; 0: by the part */
    const struct db_scope *only; /* only these; NULL: all */
    int64_t offset;
    int limit; /* rows, at most LIMIT_PAGE */
};
/* A user found; name is valid during the call. */
struct db_found {
    int64_t id;
    struct slice name;
    int64_t gone_us; /* missing in the panel since then; STAMP_NONE: not missing */
};
/* One row; the same rules as db_setting_fn. */
typedef int (*db_found_fn)(void *arg, const struct db_found *row);

/*
 * Users that fit, and in *ret_total how many there are in all: first who is called exactly so, then whose
 * name or id it is, then names that begin so, then by name. O(users), for the store's thread only.
 */
int db_find_users(struct db *db, const struct db_find *what, db_found_fn fn, void *arg,
                  int64_t *ret_total, struct err *err) MUST_CHECK;

/* A user of the last hours and the addresses he came from. */
struct db_many {
    int64_t user_id;
    struct slice name;                  /* p NULL: not known */
    int64_t addresses, nodes, inbounds; /* different ones */
    int64_t first_us, last_us;
    bool excepted;
    int max_devices; /* his special limit, -1 = none */
};
/* One row; the same rules as db_setting_fn. */
typedef int (*db_many_fn)(void *arg, const struct db_many *row);
/* Which of them. */
struct db_many_filter {
    int64_t since_us;
    int64_t least;               /* addresses at least */
    const struct db_scope *only; /* only these; NULL: all */
    int64_t offset;
    int limit;
};
/* Who came from how many addresses since a time, most first; *ret_total: users that fit. O(rows since). */
int db_history_many(struct db *db, const struct db_many_filter *f, db_many_fn fn, void *arg,
                    int64_t *ret_total, struct err *err) MUST_CHECK;

#endif
