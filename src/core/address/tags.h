/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_TAGS_H
#define CORE_ADDRESS_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

/* A short list of tags (inbounds, outbounds), as they stand in the log. Zeroed it is empty. */
struct tags {
    struct slice *all; /* pointing into text */
    size_t n;
    char *text;
};

/* Sets it from text separated by commas; blanks around a tag do not count. ERR_NOMEM leaves the old ones. */
int tags_read(struct tags *t, struct slice list) MUST_CHECK;
/* Frees what it holds and empties it. */
void tags_release(struct tags *t);
/* Whether the tag is one of them. O(n). */
bool tags_has(const struct tags *t, struct slice tag);
/* Whether the same tags stand in the same order. */
bool tags_equal(const struct tags *a, const struct tags *b);

#endif
