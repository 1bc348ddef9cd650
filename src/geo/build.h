/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_BUILD_H
#define GEO_BUILD_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* What a build counted. */
struct build_counts {
    uint64_t rows;  /* ranges taken */
    uint64_t wrong; /* lines that are none */
};

/*
 * `geo build`: makes the AS database `out` (MMDB) of n files of ranges (asn_csv.h). It is dated built_s
 * (seconds since 1970), 0: the time of the newest file. ERR_NOT_FOUND, ERR_IO, ERR_FULL, ERR_NOMEM;
 * ERR_INVALID when a file holds no range or more wrong lines than one of 100, which means that it is
 * something else. Blocking, seconds.
 */
int build_asn(const char *out, char *const *files, int n, int64_t built_s,
              struct build_counts *ret_counts, struct err *err) MUST_CHECK;

#endif
