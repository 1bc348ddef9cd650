/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_HEIRS_H
#define STORE_DB_HEIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/db_users.h"

struct db;

/*
 * Heirs: users who bear the name of one who is gone from the panel, while a special limit or an exception of
 * that one still stands (or was taken away by a cleanup that can be undone), and who have none of that kind
 * themselves. Most likely the same customer under a new id; but nothing is given to him unasked.
 */

/* One of them; texts are valid during the call. */
struct db_heir {
    int64_t user_id; /* as he is now */
    struct slice name;
    int64_t old_id; /* under which the entries stand */
    int64_t gone_us;
    int max_devices; /* the special limit, -1 = none, or he has one of his own */
    bool excepted;   /* an exception, and he has none of his own */
    struct slice reason;
};
/* One row; the same rules as db_setting_fn. */
typedef int (*db_heir_fn)(void *arg, const struct db_heir *row);

/* Heirs by name; user_id 0: all, else that one. */
int db_heirs_each(struct db *db, int64_t user_id, db_heir_fn fn, void *arg,
                  struct err *err) MUST_CHECK;
/*
 * Forgets what stood for others of the user's name: their entries, and what cleanups keep of them.
 * ERR_NOT_FOUND: there is nothing. One transaction.
 */
int db_heirs_forget(struct db *db, int64_t user_id, struct err *err) MUST_CHECK;
/*
 * Of n users as the panel tells of them now, those whose ids are known with another created_us: the id has
 * been given to somebody else, and the entries of before do not hold for him. They are kept where those of
 * a cleanup are, so that db_heirs_each offers them to whom the name belongs. *ret_n: how many had entries.
 * Call before db_users_put. One transaction.
 */
int db_heirs_set_aside(struct db *db, const struct db_user *users, size_t n, int64_t now_us,
                       size_t *ret_n, struct err *err) MUST_CHECK;
/* Whether another id is known by that name, and not known to be gone. */
int db_heirs_namesake(struct db *db, int64_t user_id, struct slice name, bool *ret_is,
                      struct err *err) MUST_CHECK;

#endif
