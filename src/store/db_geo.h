/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_GEO_H
#define STORE_DB_GEO_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/* Table geo_cache: what providers told of address blocks (/24, /48), until when it is believed. */
struct db_geo {
    struct slice block;        /* the first address of the block, as text */
    struct slice country, isp; /* p NULL: unknown */
    int64_t asn;               /* 0: unknown */
    int64_t expires_us;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_geo_fn)(void *arg, const struct db_geo *row);

/* Keeps n rows, in place of those of the same blocks, and erases what expired before now_us. */
int db_geo_put(struct db *db, const struct db_geo *rows, size_t n, int64_t now_us,
               struct err *err) MUST_CHECK;
/* Rows that have not expired at now_us, those that last longest first, at most limit. */
int db_geo_each(struct db *db, int64_t now_us, int limit, db_geo_fn fn, void *arg,
                struct err *err) MUST_CHECK;

#endif
