/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_IMPORT_READ_H
#define SERVICE_IMPORT_READ_H

#include "base/attr.h"
#include "base/err.h"
#include "service/import/old_doc.h"

/*
 * Reads what the old program left at path into d (old_doc_init): its SQLite database, one of its JSON
 * files, a V2IpLimit config.json, a .env, one of its backup zips, or a folder with any of them. What a file
 * is, its content says. Everything is read from copies; nothing at path is written. Copies stand in a
 * folder of their own under $TMPDIR (0700) until it returns. Blocks. ERR_NOT_FOUND: nothing of the old
 * program there; ERR_CORRUPT, ERR_PROTOCOL, ERR_TOO_BIG, ERR_IO, ERR_FULL, each naming the file.
 */
int import_read(const char *path, struct old_doc *d, struct err *err) MUST_CHECK;

#endif
