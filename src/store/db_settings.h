/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_SETTINGS_H
#define STORE_DB_SETTINGS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/* Tables settings (what operators set) and meta (what the program keeps for itself). Texts only. */

struct db_setting {
    struct slice key;
    struct slice value;
    int64_t updated_us;
    struct slice updated_by;
};

/* One row; its texts live until the function returns. Anything but 0 ends the listing and is its result. */
typedef int (*db_setting_fn)(void *arg, const struct db_setting *row);

/* Sets key to value, new or not. */
int db_settings_put(struct db *db, const struct db_setting *s, struct err *err) MUST_CHECK;
/* Removes key. ERR_NOT_FOUND. */
int db_settings_delete(struct db *db, struct slice key, struct err *err) MUST_CHECK;
/* Every setting, by key. */
int db_settings_each(struct db *db, db_setting_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Reads a value of meta into ret_value (at least max bytes, NUL-terminated). ERR_NOT_FOUND, ERR_TOO_BIG. */
int db_meta_get(struct db *db, const char *key, char *ret_value, size_t max,
                struct err *err) MUST_CHECK;
/* Sets a value of meta. */
int db_meta_put(struct db *db, const char *key, struct slice value, struct err *err) MUST_CHECK;
/* Removes a value of meta; none there is no error. */
int db_meta_delete(struct db *db, const char *key, struct err *err) MUST_CHECK;

#endif
