/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_TEST_H
#define CORE_LIMIT_TEST_H

/* For tests of the limits: the general one is 2. */

#include "core_test.h"

#include "core/limit/limit.h"

static const struct hash_key key = {5, 6};
static const struct slice none = {NULL, 0};

/* Fails unless the user has this limit from this source. */
static inline void want(const struct limits *l, int64_t id, int limit, enum limit_source source)
{
    enum limit_source got_source;
    int got = limits_of(l, id, 2, &got_source);

    if (got != limit || got_source != source)
        fail_msg("user %lld: %d (%s), not %d (%s)", (long long)id, got,
                 limit_source_name(got_source), limit, limit_source_name(source));
}

#endif
