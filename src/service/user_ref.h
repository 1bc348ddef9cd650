/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_USER_REF_H
#define SERVICE_USER_REF_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * How an operator names a user, everywhere (CLI, --except, REST paths, bot): a name, or `id:12`. A bare
 * number is a name, since panel users may be called 12345.
 */
struct user_ref {
    int64_t id;        /* over 0: by id */
    struct slice name; /* by name otherwise; points into the text that was parsed */
};

/*
 * Reads one. ERR_INVALID: empty, `id:` without a number of 1-18 digits, over LIMIT_USER_NAME bytes, or
 * with blanks at an end or control characters. Other characters than a panel allows are let through,
 * since what matters is whether the panel knows the name.
 */
int user_ref_parse(struct slice text, struct user_ref *ret, struct err *err) MUST_CHECK;

#endif
