/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LINE_IDENT_H
#define CORE_LINE_IDENT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* Who an access line belongs to: the text after the last ` email: `. */
struct ident {
    int64_t id;        /* panel id, 0 for a foreign user */
    struct slice name; /* panel 4: after `id.`; panel 5: empty; foreign: the whole text */
};

/*
 * Reads `12` (panel 5), `12.name` (panel 4), or any other text (a user the panel does not own). An id
 * is 1-18 digits without leading zero. White space at both ends is dropped. ERR_INVALID: empty, `12.`,
 * longer than LIMIT_EMAIL, or one that holds a bracket pair of a detour, which means that the words
 * came from the destination. The name points into s.
 */
int ident_parse(struct slice s, struct ident *ret) MUST_CHECK;

#endif
