/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_LICENCE_H
#define GEO_LICENCE_H

#include "base/attr.h"
#include "geo/geofile.h"

/*
 * Under which licence a database may be used. A file X.mmdb may have X.txt beside it, with lines
 * `licence: …` and `source: …`; without one the maker's usual licence is told by the type in the file.
 */

/* Fills licence and source by info->type. */
void licence_guess(struct geofile_info *info);
/* Fills them from the text beside path, where there is one. Blocking. */
void licence_read(const char *path, struct geofile_info *info);
/* Writes the text beside path. ERR_IO, ERR_FULL. Blocking. */
int licence_write(const char *path, const char *licence, const char *source) MUST_CHECK;
/* path with .txt in place of its ending into out (cap bytes); false when it does not fit. */
bool licence_path(const char *path, char *out, size_t cap);

#endif
