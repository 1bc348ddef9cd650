/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_MMCHECK_H
#define GEO_MMCHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Whether data of the MaxMind DB format (version 2.0) may be given to libmaxminddb, which follows nested
 * maps by recursion without a bound, and pointers wherever they lead.
 */
enum { MMCHECK_DEPTH = 16, MMCHECK_VALUES = 4096 };

struct mmcheck {
    const uint8_t *p; /* what offsets and pointers count from */
    size_t n;
    uint64_t budget; /* values that may still be looked at */
};

/*
 * The value at offset: complete, nested MMCHECK_DEPTH deep at the most, in MMCHECK_VALUES values with
 * what its pointers point at. ERR_CORRUPT; ERR_TOO_BIG when the budget of all values is used up.
 */
int mmcheck_value(struct mmcheck *c, size_t offset) MUST_CHECK;
/*
 * Where the metadata of a file begins: behind the last marker in its last 128 KiB. ERR_CORRUPT without
 * one.
 */
int mmcheck_find_metadata(const uint8_t *p, size_t n, size_t *ret_offset) MUST_CHECK;

#endif
