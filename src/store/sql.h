/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/db.h"

/* Statements, for files of src/store only: no other layer sees SQLite. */

enum {
    SQL_CACHE = 192, /* prepared statements kept a connection; more than the program has */
};

struct sql_cached {
    const char *text; /* the literal itself is the key */
    sqlite3_stmt *st;
    bool busy;
};

struct db {
    sqlite3 *h;
    char *path;
    int busy_ms;
    int64_t busy_since_us;    /* monotonic: since when a lock is waited for */
    _Atomic int64_t hurry_us; /* monotonic: no lock is waited for any longer; 0: see busy_ms */
    int depth;                /* nested db_begin */
    bool full;                /* the outer transaction runs with synchronous=FULL */
    struct sql_cached cache[SQL_CACHE];
    int n_cache;
};

/* A statement being run. */
struct sql {
    struct db *db;
    sqlite3_stmt *st;
    struct sql_cached *cached; /* NULL: not from the cache */
};

/*
 * Prepares text (a string literal: its address is the key of the cache) and binds its parameters.
 * args has one letter a parameter: i int64_t; d double; s struct slice (p NULL: NULL); b the same as a
 * BLOB; z const char * (NULL: NULL); t int64_t microseconds, stored as milliseconds (STAMP_NONE: NULL);
 * n int64_t, 0: NULL; p const struct db_scope *, which only in_scope(user_id, ?) reads: true for NULL,
 * else whether the user is one of them. Texts must live until sql_close.
 */
int sql_open(struct sql *q, struct db *db, struct err *err, const char *text, const char *args,
             ...) MUST_CHECK;
/* Takes the next row: 1 there is one, 0 no more, negative an error. */
int sql_step(struct sql *q, struct err *err) MUST_CHECK;
/* Ends the statement. */
void sql_close(struct sql *q);
/* sql_open, one sql_step and sql_close for a statement that gives no rows. */
int sql_run(struct db *db, struct err *err, const char *text, const char *args, ...) MUST_CHECK;
/* Runs statements without parameters or rows. */
int sql_exec(struct db *db, const char *text, struct err *err) MUST_CHECK;
/* Runs a query whose first column of its first row is a number. ERR_NOT_FOUND without a row. */
int sql_number(struct db *db, int64_t *ret_n, struct err *err, const char *text, const char *args,
               ...) MUST_CHECK;

/* Columns of the row at hand, counted from 0. NULL reads as 0, an empty slice, STAMP_NONE. */
int64_t sql_int(const struct sql *q, int col);
/* Valid until the next sql_step or sql_close. */
struct slice sql_text(const struct sql *q, int col);
/* A BLOB; as sql_text. */
struct slice sql_blob(const struct sql *q, int col);
/* Milliseconds in the file, microseconds here. */
int64_t sql_time(const struct sql *q, int col);
/* Rows changed by the last statement. */
int64_t sql_changes(const struct db *db);

/* Registers in_scope on a new connection. */
int sql_functions(struct db *db, struct err *err) MUST_CHECK;
/* Turns SQLite's code rc into one of ours, with a text that names the file and the cure. */
int sql_error(const struct db *db, int rc, struct err *err);
/* Microseconds as the milliseconds of the file, rounded down. */
int64_t sql_ms(int64_t us);

#endif
