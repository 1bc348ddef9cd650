/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEODB_H
#define GEO_GEODB_H

#include "base/attr.h"
#include "base/err.h"
#include "core/geo.h"
#include "geo/geofile.h"
#include "service/settings.h"

/* The two databases together, either of which may be missing. */
struct geodb {
    struct geofile *file[GEOFILE_KINDS];
};

/*
 * The file to be used for a kind into out (PATH_MAX bytes): the setting geoip_*_db; else DATA_DIR/geo,
 * which `geo update` fills; else what came with the program: ../share/pg-limiter/geo beside the folder
 * of the program, or, in a checkout, geo in the build folder. False when there is none; the setting's file
 * is named whether it is there or not. Looks at the disk.
 */
bool geodb_path(const struct settings *s, enum geofile_kind kind, char *out);
/* DATA_DIR/geo/KIND.mmdb, where `geo update` puts it, into out (PATH_MAX bytes); false: too long. */
bool geodb_own_path(const struct settings *s, enum geofile_kind kind, char *out);

/*
 * Opens both, blocking. A file that is not there is left out, unless a setting names it; errors of
 * geofile_open.
 */
int geodb_open(struct geodb *db, const struct settings *s, struct err *err) MUST_CHECK;
/* Closes what is open. */
void geodb_close(struct geodb *db);

/* A geo_fn; db is a struct geodb. */
void geodb_geo(void *db, struct addr addr, struct geo *ret);

#endif
