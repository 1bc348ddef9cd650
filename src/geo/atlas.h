/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_ATLAS_H
#define GEO_ATLAS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "core/address/geo.h"
#include "geo/geodb.h"
#include "geo/geofetch.h"
#include "net/loop.h"
#include "net/worker.h"
#include "service/cache_port.h"
#include "service/settings/settings.h"
#include "store/owner.h"

/*
 * What the running daemon knows of addresses: the two databases, exchanged for newer ones without a
 * restart, what providers answered, and the update. Everything is for the loop thread; nothing here
 * waits, except atlas_new.
 */
struct atlas;

struct atlas_opts {
    struct loop *loop;
    struct worker *worker;
    const struct settings *settings; /* those in force; read whenever needed */
    owner_submit_fn submit;          /* for the table geo_cache */
    void *store;
    struct hash_key key;
    const struct cache_port *cache; /* kept answers of providers; NULL: none */
    void (*changed)(
        void *arg); /* what is known of addresses has changed: look them up anew; later */
    void *arg;
};

/*
 * Opens what is there (0.1 to 0.2 s for the shipped data), and says in the log what that is. NULL: no
 * memory.
 */
struct atlas *atlas_new(const struct atlas_opts *opts);
/* Ends what is under way. Before the store's and worker's end; NULL is fine. */
void atlas_free(struct atlas *a);

/*
 * Looks in the worker whether the files have changed, and exchanges them; what cannot be read leaves the old
 * one in force and is told once. Now and then, and at SIGHUP (again: told anew).
 */
void atlas_check(struct atlas *a, bool again);
/* The settings have changed. */
void atlas_configure(struct atlas *a);

/* A geo_fn; atlas is the struct atlas. Under a microsecond. */
void atlas_geo(void *atlas, struct addr addr, struct geo *ret);
/* The same with the provider's name, "" when unknown, valid until the next turn. */
void atlas_look(struct atlas *a, struct addr addr, struct geo *ret, struct slice *ret_isp);
/* Whether the country filter can have any effect: there is a database, or a provider that is asked. */
bool atlas_has_country(const struct atlas *a);
/* The same of AS numbers. */
bool atlas_has_asn(const struct atlas *a);

/* Starts the update of geoip_*_url. ERR_BUSY, ERR_INVALID (no URL is set), ERR_NOMEM with a text. */
int atlas_update(struct atlas *a, struct err *err) MUST_CHECK;
/* Appends the JSON of `geo status`. */
void atlas_json(struct atlas *a, struct buf *out);

#endif
