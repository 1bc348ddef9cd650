/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOVIEW_H
#define GEO_GEOVIEW_H

#include "base/buf.h"
#include "core/address/geo.h"
#include "geo/geodb.h"
#include "geo/geofile.h"
#include "service/settings/settings.h"

/* The JSON of GET /geo and of a look-up, the same with a daemon and without. */

/* Opens the object. */
void geoview_open(struct buf *out);
/*
 * One database as a member: in_effect, path, type, licence, source, built_at, age_days, size, networks,
 * records, problem. file NULL: not in effect; problem may be NULL.
 */
void geoview_file(struct buf *out, enum geofile_kind kind, const struct geofile *file,
                  const char *path, const char *problem, int64_t now_us);
/* country_filter: the countries of country_code, and whether they have an effect. */
void geoview_filter(struct buf *out, const struct settings *s, bool has_country);
/* Closes the object. */
void geoview_close(struct buf *out);

/* One address: {"address","country","asn","isp"}, null where unknown. */
void geoview_address(struct buf *out, struct addr addr, const struct geo *geo, struct slice isp);
/* The status without a daemon: of the databases a daemon would use. Blocking. */
void geoview_status(struct buf *out, const struct settings *s, int64_t now_us);

#endif
