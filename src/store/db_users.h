/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_USERS_H
#define STORE_DB_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

struct db;

/* Table users: the last known directory of the panel, so that names resolve without it. */

struct db_user {
    int64_t id;
    struct slice name;
    int64_t created_us; /* STAMP_NONE: not told */
};

/* A user that was looked up. */
struct db_user_found {
    int64_t id;
    char name[LIMIT_USER_NAME + 1];
    int64_t created_us;
    int64_t seen_us;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_user_fn)(void *arg, const struct db_user *row);

/*
 * Enters or renews n users seen at seen_us. A created_us of STAMP_NONE keeps the one known. Names over
 * LIMIT_USER_NAME are ERR_INVALID. One transaction.
 */
int db_users_put(struct db *db, const struct db_user *users, size_t n, int64_t seen_us,
                 struct err *err) MUST_CHECK;
/*
 * How many of the n ids are known with another created_us: more than three speak for a rebuilt panel.
 * Call before db_users_put.
 */
int db_users_strangers(struct db *db, const struct db_user *users, size_t n, size_t *ret_n,
                       struct err *err) MUST_CHECK;
/* An operator says that the panel's users of now are the right ones: nobody is a stranger to this table. */
int db_users_confirm(struct db *db, struct err *err) MUST_CHECK;
/* The user of an id. ERR_NOT_FOUND. */
int db_users_by_id(struct db *db, int64_t id, struct db_user_found *ret_user,
                   struct err *err) MUST_CHECK;
/* The user of that name exactly; of several ids that have borne it, the one seen last. ERR_NOT_FOUND. */
int db_users_by_name(struct db *db, struct slice name, struct db_user_found *ret_user,
                     struct err *err) MUST_CHECK;
/* Every user, by id. */
int db_users_each(struct db *db, db_user_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Removes a user that the panel no longer has (nothing else is touched). */
int db_users_delete(struct db *db, int64_t id, struct err *err) MUST_CHECK;

#endif
