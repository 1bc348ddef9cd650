/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_CLEANUP_H
#define STORE_DB_CLEANUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Users whom the panel has no longer, and what operators had entered for them: special limits and
 * exceptions. What a cleanup takes away stands in the tables cleanups and cleaned until it is undone or
 * 30 days have passed.
 */

/* A user who is gone and what stands for him; texts are valid during the call. */
struct db_gone {
    int64_t user_id;
    struct slice name;
    int64_t gone_us; /* since when he has been missing */
    int max_devices; /* his special limit, -1 = none */
    bool excepted;
    struct slice reason;
    const char *result; /* of an undo: "restored", "has one again"; NULL otherwise */
};
/* Who has "cleaned up" where an id was given to somebody else (db_heirs.h): not undone unless named. */
#define DB_CLEANUP_STRANGERS "pg-limiter: another user has the id"
/* One row; the same rules as db_setting_fn. */
typedef int (*db_gone_fn)(void *arg, const struct db_gone *row);

/* A complete listing that began at listed_us has ended: who was not in it is gone from now on. */
int db_gone_mark(struct db *db, int64_t listed_us, int64_t now_us, struct err *err) MUST_CHECK;
/* Users with entries, gone since before_us or earlier and not disabled by us: who and how many at most. */
int db_gone_each(struct db *db, int64_t before_us, int limit, db_gone_fn fn, void *arg,
                 struct err *err) MUST_CHECK;
/* How many users the panel has, as far as is known. */
int db_gone_present(struct db *db, int64_t *ret_n, struct err *err) MUST_CHECK;
/*
 * Takes away what stands for n users; *ret_id is the number of the cleanup. One transaction. Rows of
 * users without entries that are gone since before_us are forgotten along with it.
 */
int db_cleanup_run(struct db *db, const int64_t *ids, size_t n, int64_t before_us, int64_t now_us,
                   struct slice who, int64_t *ret_id, struct err *err) MUST_CHECK;
/*
 * Gives back what a cleanup took (id 0: the last one that is not undone), except to users who have an
 * entry of that kind again. ERR_NOT_FOUND: no such cleanup, or undone already. One transaction.
 */
int db_cleanup_undo(struct db *db, int64_t id, int64_t now_us, struct slice who, int64_t *ret_id,
                    db_gone_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Forgets cleanups of before a time: they can no longer be undone. */
int db_cleanup_expire(struct db *db, int64_t before_us, struct err *err) MUST_CHECK;

#endif
