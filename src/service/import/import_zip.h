/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_IMPORT_ZIP_H
#define SERVICE_IMPORT_ZIP_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* A member that holds text (JSON, .env); name as in the zip. Anything but 0 ends the reading. */
typedef int (*import_zip_text_fn)(void *arg, const char *name, struct slice text, struct err *err);
/* A member that is an SQLite database, as a file at path, with its -wal beside it. */
typedef int (*import_zip_db_fn)(void *arg, const char *name, const char *path, struct err *err);

/*
 * Reads a backup zip of the old program (config/, data/, legacy/): first every .json and .env, then every
 * database. Names of members are never used as paths; copies of databases stand in folder and are removed.
 * ERR_CORRUPT, ERR_TOO_BIG (too many members, or larger ones than LIMIT_OLD_…), ERR_IO, ERR_NOMEM.
 */
int import_zip(const char *path, const char *folder, import_zip_text_fn text, import_zip_db_fn db,
               void *arg, struct err *err) MUST_CHECK;

#endif
