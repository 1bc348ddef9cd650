/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOFILE_H
#define GEO_GEOFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/address/addr.h"

/*
 * One database of countries or of autonomous systems in the MaxMind DB format, read through libmaxminddb:
 * GeoLite2/GeoIP2, DB-IP, ip-location-db and ipinfo files, known by the names of their members. The whole
 * file is copied into memory when it is opened and every record checked, so that nothing done to the file
 * afterwards can be felt, and nothing in it can make a look-up fail in a bad way.
 */
struct geofile;

enum geofile_kind { GEOFILE_COUNTRY, GEOFILE_ASN };
enum { GEOFILE_KINDS = 2, GEOFILE_TEXT = 256 };

/* What is told of a database. Texts are UTF-8 as the file has them, cut to size. */
struct geofile_info {
    char type[64]; /* "GeoLite2-ASN" */
    char licence
        [GEOFILE_TEXT]; /* from the .txt beside the file, else by the type; "" = not stated */
    char source[GEOFILE_TEXT]; /* where it is from, by the .txt beside it; "" = not stated */
    int64_t built_us;          /* when it was made */
    int64_t size;              /* bytes */
    uint32_t nodes;            /* of its tree */
    uint32_t networks;         /* leaves with data */
    uint32_t records;          /* different data among them */
};

/* "country" and "asn". */
const char *geofile_kind_name(enum geofile_kind kind);

/*
 * Opens the file at path. Reads all of it (about 0.1 s for 10 MB): for a worker or a start. ERR_NOT_FOUND,
 * ERR_IO, ERR_TOO_BIG (LIMIT_GEO_FILE), ERR_CORRUPT (not of the format, damaged, empty, or without a
 * single country or AS number), ERR_BUSY (it was written to meanwhile), ERR_NOMEM; all with a text.
 */
int geofile_open(const char *path, enum geofile_kind kind, struct geofile **ret_file,
                 struct err *err) MUST_CHECK;
/* The same of bytes in memory, which are copied; no .txt is looked for. */
int geofile_open_bytes(struct slice bytes, enum geofile_kind kind, struct geofile **ret_file,
                       struct err *err) MUST_CHECK;
/* Frees; NULL is fine. */
void geofile_close(struct geofile *f);

/* What is known of the file; lives as long as it. */
const struct geofile_info *geofile_info(const struct geofile *f);

/*
 * The country of addr as two capitals; "" in ret when unknown. Less than a microsecond. NAT64 addresses
 * count as the IPv4 address inside.
 */
void geofile_country(const struct geofile *f, struct addr addr, char ret[3]);
/*
 * The number of the autonomous system of addr, 0 = unknown, and the name of who runs it (empty =
 * unknown), which lives as long as f. ret_name may be NULL.
 */
uint32_t geofile_asn(const struct geofile *f, struct addr addr, struct slice *ret_name);

#endif
