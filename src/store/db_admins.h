/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_ADMINS_H
#define STORE_DB_ADMINS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Tables admins and admin_languages: who is served by the bot besides ADMIN_IDS, and the language each has
 * chosen (those of ADMIN_IDS as well).
 */

struct db_admin {
    int64_t id; /* of the Telegram account */
    struct slice name;
    struct slice role;      /* "owner", "operator", "viewer" */
    int64_t panel_admin_id; /* 0: everyone's users */
    int64_t added_us;
    struct slice added_by;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_admin_fn)(void *arg, const struct db_admin *row);
/* The language of an admin: "fa". */
typedef int (*db_language_fn)(void *arg, int64_t admin_id, struct slice language);

/* Every admin of the table, in the order they were added. */
int db_admins_each(struct db *db, db_admin_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Enters an admin. ERR_EXISTS. */
int db_admins_add(struct db *db, const struct db_admin *row, struct err *err) MUST_CHECK;
/* Changes name, role and panel_admin_id of one. ERR_NOT_FOUND. */
int db_admins_update(struct db *db, const struct db_admin *row, struct err *err) MUST_CHECK;
/* Removes one, and the language chosen. ERR_NOT_FOUND. */
int db_admins_delete(struct db *db, int64_t id, struct err *err) MUST_CHECK;
/* Every language chosen. */
int db_languages_each(struct db *db, db_language_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Chooses a language; empty: the general one again. */
int db_language_put(struct db *db, int64_t admin_id, struct slice language,
                    struct err *err) MUST_CHECK;

/* What Telegram calls an account: kept in meta, as "telegram_name:<id>". */
typedef int (*db_name_fn)(void *arg, int64_t id, struct slice name);
/* Every name that is known. */
int db_names_each(struct db *db, db_name_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Keeps one. db_admins_delete forgets it. */
int db_names_put(struct db *db, int64_t id, struct slice name, struct err *err) MUST_CHECK;

#endif
