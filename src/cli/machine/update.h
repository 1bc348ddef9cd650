/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_MACHINE_UPDATE_H
#define CLI_MACHINE_UPDATE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * Getting a newer program from UPDATE_URL. There stands a manifest.json,
 *
 *   {"version":"0.2.0","files":{
 *    "amd64":{"file":"pg-limiter-0.2.0-amd64","sha256":"…","size":n},"arm64":{…}}}
 *
 * and manifest.json.sig, the 64 bytes of its Ed25519 signature (RFC 8032) by the key in update_key.h.
 * The file itself is vouched for by its hash. tools/sign_update makes all of it.
 */
struct update_offer {
    char version[32];
    char file[160]; /* name below UPDATE_URL; no path */
    unsigned char sha256[32];
    size_t size;
};

/*
 * Fetches the manifest and checks its signature. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_TLS; ERR_AUTH:
 * not signed by our key; ERR_INVALID: signed, but not of this form; ERR_NOT_FOUND: nothing for this
 * machine's architecture.
 */
int update_look(const char *url, struct update_offer *ret, struct err *err) MUST_CHECK;
/* Reads a manifest whose signature is right. As update_look. */
int update_read(struct slice manifest, const char *arch, struct update_offer *ret,
                struct err *err) MUST_CHECK;
/* Whether sig is the key's signature of text. ERR_AUTH. */
int update_verify(struct slice text, struct slice sig, const unsigned char key[32]) MUST_CHECK;
/* Fetches the file offered into out. ERR_CORRUPT: its hash or size is another. */
int update_fetch(const char *url, const struct update_offer *offer, struct buf *out,
                 struct err *err) MUST_CHECK;
/* Below, equal to or above 0 as version a ("1.2.10") is older than b, the same, newer. */
int update_compare(const char *a, const char *b);

#endif
