/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_PATTERNS_H
#define STORE_DB_PATTERNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Tables limit_patterns (user names that begin or end so have that limit), admin_patterns (user names
 * that begin or end so belong to that admin) and ip_allowlist.
 */

struct db_pattern {
    int64_t id;
    bool suffix;        /* else prefix */
    struct slice text;  /* not empty */
    int max_devices;    /* limit_patterns */
    struct slice admin; /* admin_patterns */
    int64_t updated_us;
    struct slice updated_by;
};

struct db_cidr {
    struct slice cidr; /* in its canonical form: the caller's business */
    struct slice note; /* may be empty */
    int64_t updated_us;
    struct slice updated_by;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_pattern_fn)(void *arg, const struct db_pattern *row);
/* One row; the same rules as db_setting_fn. */
typedef int (*db_cidr_fn)(void *arg, const struct db_cidr *row);

/* Enters a pattern, or changes the limit of the same one; row->id is not read. ERR_INVALID. */
int db_limit_patterns_put(struct db *db, const struct db_pattern *row, int64_t *ret_id,
                          struct err *err) MUST_CHECK;
/* Removes one by id. ERR_NOT_FOUND. */
int db_limit_patterns_delete(struct db *db, int64_t id, struct err *err) MUST_CHECK;
/* All, by id. */
int db_limit_patterns_each(struct db *db, db_pattern_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Enters a pattern, or changes the admin of the same one; row->id is not read. ERR_INVALID. */
int db_admin_patterns_put(struct db *db, const struct db_pattern *row, int64_t *ret_id,
                          struct err *err) MUST_CHECK;
/* Removes one by id. ERR_NOT_FOUND. */
int db_admin_patterns_delete(struct db *db, int64_t id, struct err *err) MUST_CHECK;
/* All, by id. */
int db_admin_patterns_each(struct db *db, db_pattern_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Enters an address or network, or changes its note. */
int db_allowlist_put(struct db *db, const struct db_cidr *row, struct err *err) MUST_CHECK;
/* Removes one. ERR_NOT_FOUND. */
int db_allowlist_delete(struct db *db, struct slice cidr, struct err *err) MUST_CHECK;
/* All, by text. */
int db_allowlist_each(struct db *db, db_cidr_fn fn, void *arg, struct err *err) MUST_CHECK;

#endif
