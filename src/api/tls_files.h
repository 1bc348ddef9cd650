/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_TLS_FILES_H
#define API_TLS_FILES_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * Reads a certificate (with its chain) and its private key, both PEM, into ret_cert and ret_key
 * (initialised, at most 1 MiB). ERR_INVALID names the file and what is wrong with it: not there, no
 * PEM, encrypted, not belonging together.
 */
int tls_files_read(const char *cert, const char *key, struct buf *ret_cert, struct buf *ret_key,
                   struct err *err) MUST_CHECK;

#endif
