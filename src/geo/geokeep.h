/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOKEEP_H
#define GEO_GEOKEEP_H

#include <stddef.h>
#include <stdint.h>

#include "core/address/addr.h"
#include "geo/provider.h"
#include "store/owner.h"

/* What providers told, on its way to and from the table geo_cache. Loop thread, but for the jobs. */
struct geokeep;

/* Room for n rows. NULL: no memory. */
struct geokeep *geokeep_new(size_t n);
/* Adds a row; what finds no room is left out. */
void geokeep_add(struct geokeep *k, struct addr block, const struct provider_told *told,
                 int64_t until_us);
/* Writes the rows, and frees k (NULL is fine). What cannot be written is asked again after a restart. */
void geokeep_write(struct geokeep *k, owner_submit_fn submit, void *store, int64_t now_us);

typedef void (*geokeep_fn)(void *arg, struct geokeep *k);
/* Reads all rows that hold at now_us; fn is then called once with them. NULL: it cannot, fn is not called. */
struct geokeep *geokeep_read(owner_submit_fn submit, void *store, int64_t now_us, geokeep_fn fn,
                             void *arg);
/* fn is not called any more. NULL is fine. */
void geokeep_drop(struct geokeep *k);
/* Calls fn for every row until it is not 0; how many. For geokeep_fn. */
int geokeep_each(const struct geokeep *k,
                 int (*fn)(void *arg, struct addr block, const struct provider_told *told,
                           int64_t until_us),
                 void *arg);

#endif
