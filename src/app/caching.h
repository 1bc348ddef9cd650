/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_CACHING_H
#define APP_CACHING_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct cache_facts;
struct cache_port;
struct daemon;
struct db;
struct doctor_facts;

/*
 * The daemon's cache: made from the settings, its key from the database; told in the log and as an event,
 * once a change, which store is in use. Loop thread.
 */
struct caching;

/* At the start, on the open database: reads this installation's key, or makes one. */
int caching_load(struct daemon *d, struct db *db, struct err *err) MUST_CHECK;
/* Makes d->caching and begins to connect. After caching_load and before the parts that use it. */
int caching_new(struct daemon *d, struct err *err) MUST_CHECK;
/* The daemon ends: whoever waits for an answer of the cache has none. */
void caching_stop(const struct daemon *d);
/* After the parts that use it. */
void caching_free(struct daemon *d);
/* What the parts are given, as long as d->caching; NULL: there is none. */
const struct cache_port *caching_port(const struct daemon *d);
/* What is known of it; texts live until the next turn. */
struct cache_facts caching_now(const struct daemon *d);
/* Appends the member "cache" of the status. */
void caching_json(const struct daemon *d, struct buf *out);
/* Appends what an operator should look at as an element of a list, if there is something. */
void caching_problem(const struct daemon *d, struct buf *out);
/* What the doctor is told. */
void caching_facts(const struct daemon *d, struct doctor_facts *facts);

#endif
