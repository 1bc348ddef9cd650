/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_SUMMARY_H
#define STORE_DB_SUMMARY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/db_scope.h"

struct db;

/* What happened in a stretch of time, counted. Reads violations, enforcements and events. */

struct db_summary {
    int64_t warned;
    int64_t disabled, ordered; /* by us; of these, because a person ordered it */
    int64_t enabled, by_hand;  /* again; of these, by a person before it was due */
    int64_t shadow;            /* verdicts that disabled nobody */
    int64_t disabled_now;      /* at the time of the question */
};

/* Counts what lies in from_us … to_us (without its end); scope NULL: of everyone. */
int db_summary_count(struct db *db, int64_t from_us, int64_t to_us, const struct db_scope *scope,
                     struct db_summary *ret, struct err *err) MUST_CHECK;

struct db_sharer {
    int64_t user_id;
    struct slice name;
    int64_t verdicts, devices; /* how many; the most devices of one */
};
/* One row; the same rules as db_setting_fn. */
typedef int (*db_sharer_fn)(void *arg, const struct db_sharer *row);

/* Who had most verdicts in that time, at most n; what persons ordered does not count. */
int db_summary_sharers(struct db *db, int64_t from_us, int64_t to_us, const struct db_scope *scope,
                       int n, db_sharer_fn fn, void *arg, struct err *err) MUST_CHECK;
/* One text; the same rules as db_setting_fn. */
typedef int (*db_text_fn)(void *arg, struct slice text);
/* The data (JSON) of each `node_up` event of that time, oldest first. */
int db_summary_nodes(struct db *db, int64_t from_us, int64_t to_us, db_text_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

#endif
