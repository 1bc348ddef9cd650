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
 * A whole database in memory: taken out of the file in use for a backup, and put in its place by a restore.
 * Nothing of it touches the disk meanwhile. All functions may be called on any thread that owns the struct
 * db in question; those with a path open a connection of their own.
 */

/*
 * Copies the database at path, while others go on reading and writing, takes the settings in strip (keys,
 * NULL-terminated) out of the copy without leaving their bytes behind, and gives its file as bytes, to be
 * freed with db_image_free. ERR_TOO_BIG past LIMIT_IMAGE.
 */
int db_image_take(const char *path, const char *const *strip, unsigned char **ret_bytes,
                  size_t *ret_n, struct err *err) MUST_CHECK;
/* Frees what db_image_take gave. */
void db_image_free(unsigned char *bytes);

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
