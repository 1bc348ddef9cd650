/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_RESP_H
#define CACHE_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * What Redis says and is told (RESP2), by hiredis: the reader cuts replies out of bytes, however they
 * come. Only what this program asks for is taken: text, status, errors, numbers and nil; a list, a reply
 * larger than LIMIT_CACHE_REPLY, or anything malformed ends it. No I/O.
 */
struct resp;

enum resp_type { RESP_NIL, RESP_TEXT, RESP_STATUS, RESP_NUMBER, RESP_ERROR };

struct resp_reply {
    enum resp_type type;
    struct slice text; /* of a text, status or error */
    int64_t number;
};

/* Makes a reader. NULL: no memory. */
struct resp *resp_new(void);
/* NULL is allowed. */
void resp_free(struct resp *r);
/* Takes bytes in. ERR_PROTOCOL after anything that is no reply (from then on always), ERR_NOMEM. */
int resp_feed(struct resp *r, struct slice bytes) MUST_CHECK;
/*
 * The next whole reply, valid until the next call for r; ERR_NOT_FOUND: more bytes are needed;
 * ERR_PROTOCOL and ERR_NOMEM as resp_feed.
 */
int resp_next(struct resp *r, struct resp_reply *ret_reply) MUST_CHECK;

/* Appends a command of n words. ERR_NOMEM, ERR_TOO_BIG (out's maximum). */
int resp_command(struct buf *out, const struct slice *words, size_t n) MUST_CHECK;

#endif
