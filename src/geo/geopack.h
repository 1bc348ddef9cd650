/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOPACK_H
#define GEO_GEOPACK_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "geo/provider.h"

/*
 * What a provider told of one block, as it stands in the cache: four lines, "country" (two capital
 * letters, or empty), AS number (0: unknown), when it ends (microseconds since 1970), provider (UTF-8, or
 * empty). No line end after the last.
 */

/* Appends it. */
void geopack_write(struct buf *out, const struct provider_told *told, int64_t until_us);
/* Reads one whole. ERR_INVALID: not of the form, nothing told, or ended at now_us. */
int geopack_read(struct slice text, int64_t now_us, struct provider_told *ret_told,
                 int64_t *ret_until_us) MUST_CHECK;

#endif
