/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_MMWRITE_H
#define GEO_MMWRITE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/address/addr.h"

/*
 * Makes a database in the MaxMind DB format, version 2.0
 * (https://maxmind.github.io/MaxMind-DB/), as GeoLite2-ASN has it: autonomous_system_number and
 * autonomous_system_organization; or, for tests, country.iso_code. About 8 bytes a node are kept in
 * memory: 30 MB for the 500,000 ranges of the whole internet, a second of work.
 */
struct mmwrite;

struct mmwrite_opts {
    const char *type;        /* database_type */
    const char *description; /* in English */
    int64_t built_s;         /* seconds since 1970 */
};

/* NULL: out of memory. */
struct mmwrite *mmwrite_new(void);
/* Frees; NULL is fine. */
void mmwrite_free(struct mmwrite *w);
/*
 * Says who runs first…last (one family, first <= last); what was said of these addresses before no longer
 * holds. ERR_NOMEM; ERR_TOO_BIG (more than 2^27 nodes).
 */
int mmwrite_asn(struct mmwrite *w, struct addr first, struct addr last, uint32_t asn,
                struct slice name) MUST_CHECK;
/* Says in which country first…last is: two capitals. */
int mmwrite_country(struct mmwrite *w, struct addr first, struct addr last,
                    const char *country) MUST_CHECK;
/* Says record of them: one encoded value, as the format has it. */
int mmwrite_raw(struct mmwrite *w, struct addr first, struct addr last,
                struct slice record) MUST_CHECK;
/*
 * Writes the file, whole or not at all (path.new is renamed). Ends the work: only mmwrite_free may follow.
 * ERR_IO, ERR_FULL, ERR_NOMEM with a text.
 */
int mmwrite_file(struct mmwrite *w, const char *path, const struct mmwrite_opts *opts,
                 struct err *err) MUST_CHECK;

#endif
