/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_BACKUP_INT_H
#define SERVICE_BACKUP_INT_H

/* What the files of the backup share; nobody else includes this. */

#include <jansson.h>

#include "service/backup/backup.h"
#include "service/backup/zipfile.h"

enum backup_member {
    MEMBER_MANIFEST,
    MEMBER_DB,
    MEMBER_SETTINGS,
    MEMBER_SEALED, /* encrypted: .env, secrets.env, secret settings */
    MEMBER_CLEAR,  /* the secret settings in clear, between CLI and daemon only */
    MEMBER_COUNT
};

/* The members with their names and bounds, none there. */
void backup_members(struct zipfile_member members[MEMBER_COUNT]);
/*
 * Reads a zip, checks the manifest against the other members and gives it. members are the caller's to be
 * released, whatever comes.
 */
int backup_read(struct slice zip, struct zipfile_member members[MEMBER_COUNT],
                json_t **ret_manifest, struct err *err) MUST_CHECK;
/* Writes a zip of the members with a manifest made anew. created and version: what it says of itself. */
int backup_write(struct zipfile_member members[MEMBER_COUNT], const char *created,
                 const char *version, int64_t now_us, struct buf *ret_zip,
                 struct err *err) MUST_CHECK;
/*
 * The zip of a backup with one member more, or another in its place, and a manifest that knows it.
 * ERR_CORRUPT.
 */
int backup_add(struct slice zip, const struct zipfile_member *m, int64_t now_us,
               struct buf *ret_zip, struct err *err) MUST_CHECK;
/* A text of the manifest, "" when missing. */
const char *backup_text(json_t *manifest, const char *name);

#endif
