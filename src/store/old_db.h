/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_OLD_DB_H
#define STORE_OLD_DB_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * Reading the SQLite database of the Python PG-Limiter, whatever of its tables there is. Schema: tables
 * users, user_limits, except_users, disabled_users, config, admin_patterns, limit_patterns,
 * violation_history, as its versions made them; columns come as they stand in the file, since its columns
 * for JSON hold numbers, texts and JSON in JSON.
 */

enum old_type { OLD_NULL, OLD_INT, OLD_REAL, OLD_TEXT };

struct old_cell {
    const char *column;
    enum old_type type; /* a BLOB reads as OLD_TEXT */
    int64_t i;
    double r;          /* of OLD_INT as well */
    struct slice text; /* OLD_TEXT */
};

/* One row; its cells live until the function returns. Anything but 0 ends the reading and is its result. */
typedef int (*old_row_fn)(void *arg, const char *table, const struct old_cell *cells, size_t n);

/*
 * Copies the database at path, with the log of changes (-wal) of a running program beside it, into folder and
 * reads the copy: the tables that are known, those of today last. *ret_rows counts. The file at path is only
 * read. ERR_NOT_FOUND: it holds no table of PG-Limiter's; ERR_CORRUPT, ERR_IO, ERR_TOO_BIG name the file.
 */
int old_db_read(const char *path, const char *folder, old_row_fn fn, void *arg, size_t *ret_rows,
                struct err *err) MUST_CHECK;

#endif
