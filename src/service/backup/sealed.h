/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_SEALED_H
#define SERVICE_SEALED_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * A text encrypted with a passphrase: key by scrypt (RFC 7914), AES-256-GCM (NIST SP 800-38D), every
 * parameter beside it. The form is a JSON object, described in docs/backup.md. Some tenths of a second
 * and 32 MiB a call; any thread.
 */

enum { SEALED_PASSPHRASE_MIN = 8, SEALED_PASSPHRASE_MAX = 1024 };

/* Encrypts plain; ret_json is appended to. ERR_INVALID: passphrase too short or long. ERR_NOMEM, ERR_IO. */
int sealed_make(struct slice passphrase, struct slice plain, struct buf *ret_json,
                struct err *err) MUST_CHECK;
/* Decrypts. ERR_AUTH: another passphrase, or changed; ERR_CORRUPT: not of that form or outside its bounds. */
int sealed_open(struct slice passphrase, struct slice json, struct buf *ret_plain,
                struct err *err) MUST_CHECK;

#endif
