/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_NODES_H
#define STORE_DB_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/* Tables nodes (those seen), node_clock (their clock offsets) and shared_sources. */

struct db_node {
    int64_t id;
    struct slice name;
    int64_t first_us, last_us;
};

struct db_clock {
    int64_t node_id;
    int64_t offset_us; /* arrival minus timestamp: a length */
    int64_t saved_us;
};

struct db_shared {
    struct slice address;
    int64_t since_us;
    int64_t until_us;
    bool barred; /* the mark was taken away: not to be set again until until_us */
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_node_fn)(void *arg, const struct db_node *row);
/* One row; the same rules as db_setting_fn. */
typedef int (*db_clock_fn)(void *arg, const struct db_clock *row);
/* One row; the same rules as db_setting_fn. */
typedef int (*db_shared_fn)(void *arg, const struct db_shared *row);

/* Enters or renews a node seen at seen_us. */
int db_nodes_put(struct db *db, int64_t id, struct slice name, int64_t seen_us,
                 struct err *err) MUST_CHECK;
/* All nodes ever seen, by id. */
int db_nodes_each(struct db *db, db_node_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Keeps the clock offset of a node. */
int db_clock_put(struct db *db, const struct db_clock *clock, struct err *err) MUST_CHECK;
/* All offsets, by node. */
int db_clock_each(struct db *db, db_clock_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Marks an address as a shared source, or prolongs the mark (never shortens it); a bar that has not ended at
 * row->since_us stays. Ignores row->barred. */
int db_shared_put(struct db *db, const struct db_shared *row, struct err *err) MUST_CHECK;
/* Takes a mark away and bars the address from being marked again before until_us. ERR_NOT_FOUND: it is not
 * marked at now_us. */
int db_shared_bar(struct db *db, struct slice address, int64_t now_us, int64_t until_us,
                  struct err *err) MUST_CHECK;
/* The marks and bars still valid at now_us, by address. */
int db_shared_each(struct db *db, int64_t now_us, db_shared_fn fn, void *arg,
                   struct err *err) MUST_CHECK;

#endif
