/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_BACKUP_H
#define SERVICE_BACKUP_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "service/settings/settings.h"
#include "store/db_image.h"

/*
 * Backups: one zip of manifest.json, pg-limiter.db, settings.json and, with a passphrase, secrets.enc
 * (docs/backup.md). All functions work in memory, but for the copy of a large database, and may run on any
 * thread.
 */

/* Makes a backup of the database at db_path; s are the settings in force, shown in settings.json. */
int backup_make(const char *db_path, const struct settings *s, int64_t now_us, struct buf *ret_zip,
                struct err *err) MUST_CHECK;

/* A backup that was read and found whole. */
struct backup;
/*
 * Reads a zip and checks everything: members, their sizes and sha256, format and version, the database with
 * its tables. ERR_CORRUPT, ERR_TOO_BIG, ERR_INVALID (made by a newer version), ERR_REFUSED (a backup of the
 * Python program), each with the reason.
 */
int backup_open(struct slice zip, struct backup **ret_backup, struct err *err) MUST_CHECK;
/* Whether it is a backup of the Python program, which backup_open refuses and an import takes. */
bool backup_is_old(struct slice zip);
/* Frees it; NULL is allowed. */
void backup_free(struct backup *b);
/* Appends as members of an open object what it is and how much it holds. */
void backup_json(const struct backup *b, struct buf *out);
/* The counts of it as such members, from a database at hand. ERR… of the database. */
int backup_count_json(struct db *db, struct buf *out, struct err *err) MUST_CHECK;
/*
 * Puts it in place of the database at db_path (db_image_put, put's settings excepted), in shadow mode
 * unless its enforcement is off, and with its secret settings where the zip has them in clear
 * (backup_unseal).
 */
int backup_restore(struct backup *b, const char *db_path, struct db_image_put *put,
                   struct err *err) MUST_CHECK;

/* The files that are in a backup in encrypted form only. Texts are malloc'ed by backup_unseal. */
struct backup_secrets {
    struct slice env;         /* .env; p NULL: none */
    struct slice secrets_env; /* secrets.env; p NULL: none */
};
/*
 * Adds the encrypted part to a backup: the files, and the secret settings that s has from the database.
 * ret_zip is the new zip. ERR_INVALID: the passphrase.
 */
int backup_seal(struct slice zip, struct slice passphrase, const struct backup_secrets *files,
                const struct settings *s, int64_t now_us, struct buf *ret_zip,
                struct err *err) MUST_CHECK;
/*
 * Opens the encrypted part: the files, to be freed with backup_secrets_release, and a zip whose secret
 * settings stand in clear, for POST /restore on this machine; it must not reach a disk. ERR_AUTH: another
 * passphrase; ERR_INVALID: there is no encrypted part.
 */
int backup_unseal(struct slice zip, struct slice passphrase, int64_t now_us,
                  struct backup_secrets *ret_files, struct buf *ret_zip,
                  struct err *err) MUST_CHECK;
void backup_secrets_release(struct backup_secrets *files);

#endif
