/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_REDACT_H
#define SERVICE_REDACT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * Makes texts fit for a stranger: what is known to be a secret or a name is replaced, and whatever looks
 * like an address or a host name. The same thing always becomes the same made-up one, "user-3".
 */
struct redact;

/* An empty one. NULL when out of memory. */
struct redact *redact_new(void);
/* Frees it. NULL is allowed. */
void redact_free(struct redact *r);
/* A name that stands as a word of its own, e.g. of a user: becomes "kind-N". Empty is ignored. ERR_NOMEM. */
int redact_word(struct redact *r, const char *kind, struct slice name) MUST_CHECK;
/* A text that is replaced wherever it stands, e.g. a secret, a path, a node's name. As redact_word. */
int redact_anywhere(struct redact *r, const char *kind, struct slice text) MUST_CHECK;
/* Appends text so redacted to out. */
void redact_add(struct redact *r, struct slice text, struct buf *out);

#endif
