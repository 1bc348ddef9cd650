/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/cache_kind.h"

#include "base/stamp.h"
#include "base/banned.h"

static const struct cache_kind_def kinds[CACHE_KINDS] = {
    [CACHE_TOKEN] = {"token", 1800 * STAMP_SECOND, true},
    [CACHE_NODES] = {"nodes", 3600 * STAMP_SECOND, true},
    [CACHE_CONFIG] = {"config", 300 * STAMP_SECOND, true},
    [CACHE_ISP] = {"isp", 7 * 86400 * STAMP_SECOND, false},
    [CACHE_USERS] = {"users", 60 * STAMP_SECOND, true},
};

const struct cache_kind_def *cache_kind_def(enum cache_kind kind)
{
    return &kinds[kind];
}
