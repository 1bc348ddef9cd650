/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_NOTICES_H
#define STORE_DB_NOTICES_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/* Table notices: what the messages of the bot stand for, so that they can be changed over a restart. */

struct db_notice {
    struct slice key;
    int64_t at_us;
    struct slice body; /* JSON, of bot/notice_note.h */
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_notice_fn)(void *arg, const struct db_notice *row);

/* Sets the body of a key, new or not. */
int db_notices_put(struct db *db, const struct db_notice *row, struct err *err) MUST_CHECK;
/* The rows at or after since_us, newest first, at most limit. */
int db_notices_each(struct db *db, int64_t since_us, int limit, db_notice_fn fn, void *arg,
                    struct err *err) MUST_CHECK;
/* Removes those before a time. */
int db_notices_expire(struct db *db, int64_t before_us, struct err *err) MUST_CHECK;

#endif
