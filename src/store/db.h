/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/*
 * The database DATA_DIR/data/pg-limiter.db: opening, migrating, transactions. The tables stand in
 * db_*.h, one file a group, as typed synchronous functions on a struct db. A struct db belongs to one
 * thread at a time: in the daemon to the owner thread (owner.h), in the CLI to main.
 *
 * Times are int64_t microseconds named …_us in every function and unix milliseconds in the file.
 *
 * Every function that touches the file may fail with ERR_BUSY (another process holds the lock for
 * longer than the waiting time), ERR_FULL, ERR_READONLY, ERR_CORRUPT, ERR_IO or ERR_NOMEM, each with a
 * text that names the file and the cure; below, only further codes are named.
 */
struct db;

enum { DB_BUSY_MS = 5000 }; /* how long a lock of another process is waited for */

/* How surely a transaction is on the disk when it is committed. */
enum db_sync {
    DB_SYNC_NORMAL, /* survives the death of the process, a power cut may take the last ones */
    DB_SYNC_FULL,   /* survives a power cut: for the journal */
};

/*
 * Opens data_dir/data/pg-limiter.db, making the directories (0700) and the file (0600) when missing,
 * and brings its tables to this version; each migration of a file with content is preceded by a copy
 * of the file, pg-limiter.db.v<old version>, beside it. ERR_CORRUPT: not a database, damaged, or
 * another program's; ERR_INVALID: written by a newer version. The text says what to do, and the file
 * is not changed in these cases.
 */
int db_open(const char *data_dir, struct db **ret_db, struct err *err) MUST_CHECK;
/* The same for a file by its own path, whose directory must exist. */
int db_open_file(const char *path, struct db **ret_db, struct err *err) MUST_CHECK;
/* Closes; an open transaction is rolled back. NULL does nothing. */
void db_close(struct db *db);
/* The path of the file. */
const char *db_path(const struct db *db);
/* Changes how long another process's lock is waited for (DB_BUSY_MS). */
void db_set_busy_ms(struct db *db, int ms);
/*
 * The end is near: all waiting for locks together, also what is under way, takes at most ms from now on.
 * May be called on any thread.
 */
void db_hurry(struct db *db, int ms);
/* Bounds the file to that many pages of 4096 bytes; past it a write fails with ERR_FULL. For tests. */
int db_set_max_pages(struct db *db, int64_t pages, struct err *err) MUST_CHECK;

/*
 * Begins a transaction that may write; inside another one, a part of it that can be undone alone
 * (sync is then ignored). Every successful db_begin is ended by one db_end.
 */
int db_begin(struct db *db, enum db_sync sync, struct err *err) MUST_CHECK;
/*
 * Ends the innermost transaction: commits when rc is 0, else undoes it. Returns rc, or why the commit
 * failed (everything is undone then).
 */
int db_end(struct db *db, int rc, struct err *err) MUST_CHECK;
/* Whether a transaction is open; false after SQLite had to give one up by itself (e.g. disk full). */
bool db_in_transaction(const struct db *db);

/* A number that changes whenever another process has changed the database. */
int db_data_version(struct db *db, int64_t *ret_version, struct err *err) MUST_CHECK;
/* Reads the whole file for damage (SQLite quick_check). ERR_CORRUPT with the first finding. */
int db_check(struct db *db, struct err *err) MUST_CHECK;
/* Copies the database to a new file (mode 0600), replacing it in one step; readers and writers go on. */
int db_copy_to(struct db *db, const char *path, struct err *err) MUST_CHECK;

#endif
