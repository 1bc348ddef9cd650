/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_IMAGE_H
#define STORE_DB_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/db_settings.h"

struct db;

/*
 * A whole database, taken out of the file in use for a backup, and put in its place by a restore. All
 * functions may be called on any thread that owns the struct db in question; those with a path open a
 * connection of their own.
 */

/* A copy of a database file: in memory, or in a file that has no name any more. */
struct db_taken {
    unsigned char *bytes; /* NULL: in the file */
    int fd;               /* below 0: in memory; to be read with pread from 0 on */
    size_t n;
};
/*
 * Copies the database at path, while others go on reading and writing, and takes the settings in strip (keys,
 * NULL-terminated) out of the copy without leaving their bytes behind. One of at most in_memory bytes is
 * made in memory (three times its size for a moment), so that a full disk hinders no backup; a larger one in
 * two files beside path, mode 0600, that are gone before this returns. ERR_TOO_BIG past LIMIT_IMAGE; ERR_FULL
 * before anything is written when the files would not find room. ret is to be released.
 */
int db_image_take(const char *path, const char *const *strip, size_t in_memory,
                  struct db_taken *ret, struct err *err) MUST_CHECK;
/* Frees what db_image_take gave. A zeroed one with fd -1 may be released. */
void db_taken_release(struct db_taken *taken);

/*
 * Opens the bytes of a database file, which are copied, as a database in memory. Everything is checked: it
 * is ours, of a version we know, has exactly the tables of that version, is whole (integrity_check) and its
 * rows refer to rows that exist. Then its tables are brought to this version. ERR_CORRUPT, ERR_INVALID
 * (written by a newer version), ERR_NOMEM.
 */
int db_image_open(struct slice bytes, struct db **ret_db, struct err *err) MUST_CHECK;

/* How many rows there are, for people. */
struct db_image_counts {
    int64_t users, limits, exceptions, patterns, settings, violations, open_rows, events;
};
/* Counts them. */
int db_image_count(struct db *image, struct db_image_counts *ret, struct err *err) MUST_CHECK;

/*
 * The key of meta that a restore leaves: when it was, in microseconds. Until an operator has said that the
 * instance which the backup is of no longer runs, enforcement is not switched on unasked.
 */
#define DB_META_UNSURE "restored_unsure"

enum { DB_IMAGE_PATH = 4200 };

/* What becomes of an image while it is put in place, and what came of it. */
struct db_image_put {
    int64_t now_us;
    struct slice who;
    const struct db_setting *settings; /* to be set in it */
    size_t n_settings;
    /* answers */
    char kept[DB_IMAGE_PATH]; /* where the database of before stands now */
    int64_t carried;          /* rows of the journal that were taken over from it */
    int64_t superseded;       /* open rows of the image closed, since a later one is open */
};
/*
 * Makes the database at path what image is, in one transaction (FULL): killed at any instruction, it is the
 * old one or the new one. The old one is copied beside it first, and what it knows of users who are disabled
 * is carried over: its open rows of the journal, and the end of those that are open in the image. Other
 * connections go on and see the new content. image is changed also when this fails. ERR_BUSY: another
 * process writes; ERR_FULL and others: nothing was changed.
 */
int db_image_put(struct db *image, const char *path, struct db_image_put *put,
                 struct err *err) MUST_CHECK;

#endif
