/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEODB_H
#define GEO_GEODB_H

#include <limits.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/address/geo.h"
#include "geo/geofile.h"
#include "service/settings/settings.h"

/* The two databases together, either of which may be missing. */
struct geodb {
    struct geofile *file[GEOFILE_KINDS];
};

/* Where databases are looked for: what the settings say, copied, so that a worker may ask. */
struct geodb_places {
    char set[GEOFILE_KINDS][PATH_MAX]; /* geoip_country_db, geoip_asn_db; "" = not set */
    char data_dir[PATH_MAX];
};

/* Takes them from the settings. */
void geodb_places(struct geodb_places *p, const struct settings *s);
/*
 * The file to be used for a kind into out (PATH_MAX bytes): the setting geoip_*_db; else DATA_DIR/geo,
 * which `geo update` fills; else what came with the program: ../share/pg-limiter/geo beside the folder
 * of the program, or, in a checkout, geo in the build folder. False when there is none; the setting's file
 * is named whether it is there or not. Looks at the disk.
 */
bool geodb_path(const struct geodb_places *p, enum geofile_kind kind, char *out);
/* DATA_DIR/geo/KIND.mmdb, where `geo update` puts it, into out (PATH_MAX bytes); false: too long. */
bool geodb_own_path(const struct geodb_places *p, enum geofile_kind kind, char *out);
/* DATA_DIR/geo/KIND.part, where its download stands meanwhile; as above. */
bool geodb_part_path(const struct geodb_places *p, enum geofile_kind kind, char *out);

/*
 * Opens both, blocking; with only_named those that a setting names, whatever came with the program. A file
 * that is not there is left out, unless a setting names it; errors of geofile_open.
 */
int geodb_open(struct geodb *db, const struct settings *s, bool only_named,
               struct err *err) MUST_CHECK;
/* Closes what is open. */
void geodb_close(struct geodb *db);

/* A geo_fn; db is a struct geodb. */
void geodb_geo(void *db, struct addr addr, struct geo *ret);

#endif
