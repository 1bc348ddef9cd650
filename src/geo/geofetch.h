/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_GEOFETCH_H
#define GEO_GEOFETCH_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/loop.h"
#include "net/worker.h"
#include "service/settings/settings.h"

/*
 * `geo update`: fetches the databases of geoip_country_url and geoip_asn_url into DATA_DIR/geo. A broken
 * download goes on where it broke, also after a restart (Range, If-Range); what came is checked (its sha256
 * where the URL ends in #sha256=HEX or the server has URL.sha256; that it opens; that it knows addresses
 * everybody knows), and only then takes the place of the old file, which is kept as KIND.previous.mmdb.
 * Never on its own. Loop thread.
 */
struct geofetch;

/* done is called after every update that brought something. NULL: no memory. */
struct geofetch *geofetch_new(struct loop *loop, struct worker *worker, void (*done)(void *arg),
                              void *arg);
/* Ends what is under way; what has come stays for the next time. NULL is fine. */
void geofetch_free(struct geofetch *f);
/* Begins. ERR_BUSY (one is under way), ERR_INVALID (no URL is set), ERR_IO, ERR_NOMEM; with a text. */
int geofetch_start(struct geofetch *f, const struct settings *s, struct err *err) MUST_CHECK;
/* Whether an update is under way. */
bool geofetch_runs(const struct geofetch *f);
/*
 * Appends the member "update": running, and for each kind with a URL state (waiting, downloading, checking,
 * done, failed), bytes, total (null when not told), resumed_at, attempts, sha256, error, ended_at.
 */
void geofetch_json(const struct geofetch *f, struct buf *out);

#endif
