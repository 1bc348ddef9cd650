/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_HISTORY_H
#define STORE_DB_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Table ip_history: which addresses a user came from, one row a user, UTC day, address, node and
 * inbound; at most LIMIT_HISTORY_DAY rows a user and day, further addresses of that day are left out.
 */

struct db_seen {
    int64_t user_id;
    struct slice address;
    int64_t node_id;
    struct slice inbound; /* empty: unknown */
    struct slice isp;     /* NULL: unknown */
    int64_t first_us, last_us;
    int64_t count; /* lines */
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_seen_fn)(void *arg, const struct db_seen *row);

/*
 * Adds n sightings: counts add up, first and last widen. The day is that of last_us. *ret_left_out (may
 * be NULL): sightings that found no room. One transaction.
 */
int db_history_add(struct db *db, const struct db_seen *seen, size_t n, size_t *ret_left_out,
                   struct err *err) MUST_CHECK;
/* Rows of a user last seen since a time, the latest first, at most limit (LIMIT_PAGE). */
int db_history_each(struct db *db, int64_t user_id, int64_t since_us, int limit, db_seen_fn fn,
                    void *arg, struct err *err) MUST_CHECK;

/* Of the users seen on a node, those that came from its most used address. */
struct db_crowd {
    int64_t node_id;
    struct slice address;
    int64_t users, all; /* from that address; of the node */
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_crowd_fn)(void *arg, const struct db_crowd *row);

/* For each node with users seen since a time: its most used address. Reads all rows since then. */
int db_history_crowds(struct db *db, int64_t since_us, db_crowd_fn fn, void *arg,
                      struct err *err) MUST_CHECK;

#endif
