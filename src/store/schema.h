/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

/* What the database looks like: the list of migrations. For files of src/store only. */

/* `PRAGMA application_id` of our files: "PGLi". */
#define SCHEMA_APPLICATION_ID 0x50474c69

/* How many migrations there are: the `PRAGMA user_version` of an up-to-date file. */
int schema_version(void);
/* The SQL text that brings a file of version v (0 = empty) to v + 1. v must be below schema_version(). */
const char *schema_migration(int v);

#endif
