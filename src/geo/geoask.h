/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOASK_H
#define GEO_GEOASK_H

#include "base/buf.h"
#include "core/address/geo.h"

struct atlas_opts;

/*
 * Asks the providers that geo_providers and ipinfo_token switch on about addresses the databases do not know:
 * later, a batch at a time, at the pace each allows. What they tell is kept by block for 7 days, in memory
 * in the table geo_cache, and in the cache of the options, which is looked into before anybody is asked;
 * what they do not know is asked again after 5 minutes, then less and less often. One that fails or says
 * 429 rests, and the next one is asked. Loop thread.
 */
struct geoask;

/* opts is copied. NULL: no memory. */
struct geoask *geoask_new(const struct atlas_opts *opts);
/* Ends what is under way. NULL is fine. */
void geoask_free(struct geoask *g);
/* Reads the settings anew. */
void geoask_configure(struct geoask *g);
/* Whether a provider is on. */
bool geoask_is_on(const struct geoask *g);
/*
 * What was told of addr: at once, from memory. False when nothing was so far; then it is asked, unless
 * LIMIT_GEO_QUEUE others wait. The name lives until the next turn.
 */
bool geoask_find(struct geoask *g, struct addr addr, struct geo *ret, struct slice *ret_isp);
/* Appends the member "providers": a list of name, asked, answered, failed, resting_s, problem; "waiting", "cached". */
void geoask_json(const struct geoask *g, struct buf *out);

#endif
