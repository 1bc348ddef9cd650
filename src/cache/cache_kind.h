/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_CACHE_KIND_H
#define CACHE_CACHE_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "service/cache_port.h"

struct cache_kind_def {
    const char *name;
    int64_t life_us;
    bool in_memory; /* kept in memory as well; its user keeps the others himself */
};

/* What is known of a kind; lives for ever. */
const struct cache_kind_def *cache_kind_def(enum cache_kind kind);

#endif
