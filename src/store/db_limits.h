/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_LIMITS_H
#define STORE_DB_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Tables special_limits and exceptions: what operators entered for one user. A row is keyed by panel
 * id; one entered by a name that nobody has had so far stands with user_id 0 until db_limits_resolve
 * finds its user. Ids are over 0.
 */

struct db_limit {
    int64_t user_id; /* 0: not resolved yet */
    struct slice name;
    int max_devices;     /* special_limits: 0 = unlimited … 10000 */
    struct slice reason; /* exceptions; never NULL, may be empty */
    int64_t updated_us;
    struct slice updated_by;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_limit_fn)(void *arg, const struct db_limit *row);

/* Sets the limit of a user; *ret_new says whether there was none (ret_new may be NULL). ERR_INVALID. */
int db_limits_put(struct db *db, const struct db_limit *row, bool *ret_new,
                  struct err *err) MUST_CHECK;
/* Removes it, by id, or with user_id 0 the unresolved row of that name. ERR_NOT_FOUND. */
int db_limits_delete(struct db *db, int64_t user_id, struct slice name, struct err *err) MUST_CHECK;
/* Every row, by name. */
int db_limits_each(struct db *db, db_limit_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Excepts a user; as db_limits_put. */
int db_exceptions_put(struct db *db, const struct db_limit *row, bool *ret_new,
                      struct err *err) MUST_CHECK;
/* As db_limits_delete. */
int db_exceptions_delete(struct db *db, int64_t user_id, struct slice name,
                         struct err *err) MUST_CHECK;
/* As db_limits_each. */
int db_exceptions_each(struct db *db, db_limit_fn fn, void *arg, struct err *err) MUST_CHECK;

/*
 * Gives rows of both tables that stand by name the id of the user in `users` who has that name now;
 * when that user has a row of his own already, the one by name goes. *ret_n: rows resolved.
 */
int db_limits_resolve(struct db *db, size_t *ret_n, struct err *err) MUST_CHECK;

#endif
