/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "base/attr.h"
#include "base/err.h"

struct db;

/* Bringing a file to this version's tables. For files of src/store only. */

/*
 * Looks, without changing anything, whether the file is empty, ours and of a version we know.
 * ERR_CORRUPT (not a database, or another program's), ERR_INVALID (a newer version's).
 */
int migrate_inspect(struct db *db, struct err *err) MUST_CHECK;
/*
 * Runs the missing migrations in one transaction, after a copy of a file that has content. Two
 * processes may try at once: the second one waits and finds nothing to do.
 */
int migrate_run(struct db *db, struct err *err) MUST_CHECK;
/* The same for a database in memory that migrate_inspect was content with: there is nothing to copy. */
int migrate_memory(struct db *db, struct err *err) MUST_CHECK;

#endif
