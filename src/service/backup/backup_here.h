/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_BACKUP_HERE_H
#define SERVICE_BACKUP_HERE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "service/settings/settings.h"

/* Backups with the files of this machine: they block, and run on any thread. */

/*
 * Adds the encrypted part to the backup in zip, which takes its place: env_file ("" = none), secrets.env of
 * data_dir and the secret settings of s. ERR_INVALID: the passphrase; ERR_IO, ERR_TOO_BIG, ERR_NOMEM.
 */
int backup_seal_here(struct buf *zip, struct slice passphrase, const char *env_file,
                     const struct settings *s, int64_t now_us, struct err *err) MUST_CHECK;
/*
 * Keeps a backup as DATA_DIR/backups/NAME, mode 0600, for one that is too large to be sent. ret_path has
 * room for max bytes. The newest few are kept, older ones removed. ERR_IO, ERR_FULL, ERR_INVALID.
 */
int backup_keep_here(const struct settings *s, const char *name, struct slice zip, char *ret_path,
                     size_t max, struct err *err) MUST_CHECK;
/* pg-limiter-backup-20261125-120000.zip, in local time; name has 64 bytes. */
void backup_name(int64_t now_us, char *name);
/* The version of the program, as the manifest of a backup made now has it. */
const char *backup_version(void);
/* Overwrites what a buffer holds, and releases it. */
void backup_forget(struct buf *b);

#endif
