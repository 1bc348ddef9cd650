/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

/*
 * What a fallible function answers: 0 (ERR_OK) or one of these, all negative. What a person needs to
 * know beyond the code travels in a struct err.
 */
enum err_code {
    ERR_OK = 0,
    ERR_NOMEM = -1,       /* out of memory */
    ERR_TOO_BIG = -2,     /* a stated maximum would be passed */
    ERR_INVALID = -3,     /* not of the form or range it must have */
    ERR_NOT_FOUND = -4,   /* no such user, key, file, row */
    ERR_EXISTS = -5,      /* is there already */
    ERR_IO = -6,          /* a file, disk or socket failed */
    ERR_BUSY = -7,        /* locked by another; may work later */
    ERR_UNREACHABLE = -8, /* no connection to the other side */
    ERR_TIMEOUT = -9,     /* no answer in time */
    ERR_AUTH = -10,       /* login or key refused */
    ERR_FORBIDDEN = -11,  /* a permission is missing */
    ERR_REFUSED = -12,    /* the other side answered no */
    ERR_PROTOCOL = -13,   /* the other side answered what it never should */
    ERR_TLS = -14,        /* certificate or handshake */
    ERR_CANCELLED = -15,  /* dropped before it ended */
    ERR_CORRUPT = -16,    /* stored data is damaged or foreign */
    ERR_CONFIRM = -17,    /* would do harm: say yes first */
    ERR_FULL = -18,       /* no room left on the disk */
    ERR_READONLY = -19,   /* may be read, not written */
    ERR_UNSURE = -20,     /* asked, but no answer came: done or not, nobody knows */
};

enum { ERR_TEXT_MAX = 512 };

/* Detail for a person, complete enough to print as it is. Empty (text[0] == 0) until something fails. */
struct err {
    int code;
    char text[ERR_TEXT_MAX];
};

/* A short constant text for code, e.g. "not found"; never NULL. */
const char *err_name(int code);

/*
 * Writes the formatted text (cut at ERR_TEXT_MAX - 1 bytes) and code into err and returns code, so
 * that a caller can `return err_set(err, ERR_INVALID, …)`. err may be NULL: then only code returns.
 */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " before the text err holds already, keeping its code. err may be NULL. */
void err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
