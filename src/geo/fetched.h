/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_FETCHED_H
#define GEO_FETCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "geo/geofile.h"
#include "net/worker.h"

/*
 * The file of a download: PART while it comes, beside it PART.from with the URL and the validator it is
 * from, so that it can go on later; then checked and put in its place.
 */

/*
 * Opens part for writing at its end. What an earlier download of the same URL left is kept when its
 * validator is known: *ret_bytes is then its size; else the file is emptied. -1 and errno.
 */
int fetched_open(const char *part, const char *url, int64_t *ret_bytes, char *validator,
                 size_t cap);
/* Notes what is coming; without a validator it cannot go on later. */
void fetched_remember(const char *part, const char *url, const char *validator);
/* Removes both files. */
void fetched_forget(const char *part);

/* Takes the 64 hexadecimal digits text begins with, in small letters; false when it does not. */
bool fetched_take_sha256(struct slice text, char ret[65]);

struct fetched;
/* The end of a check; hashed: the sha256 was known and is right. */
typedef void (*fetched_fn)(void *arg, int rc, const struct err *err, bool hashed);
/*
 * In the worker: part has that sha256 ("" = not known), opens as kind, and knows at least half of a few
 * addresses that everybody knows; then it takes the place of path, which is kept as .previous.mmdb, and
 * its licence and source (url, without what stands behind ?) are written beside it. fn is called later,
 * once. ERR_NOMEM, ERR_BUSY with a text.
 */
int fetched_check(struct worker *w, enum geofile_kind kind, const char *part, const char *path,
                  const char *sha256, const char *url, fetched_fn fn, void *arg,
                  struct fetched **ret_check, struct err *err) MUST_CHECK;
/* fn is not called any more. NULL is fine. */
void fetched_drop(struct fetched *c);

#endif
