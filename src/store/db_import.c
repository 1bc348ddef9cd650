/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_import.h"

#include "store/sql.h"
#include "base/banned.h"

int db_import_find(struct db *db, int64_t user_id, int64_t at_us, enum db_import_state *ret,
                   struct err *err)
{
    int64_t open = 0, done = 0;
    int rc = sql_number(db, &open, err,
                        "SELECT count(*) FROM enforcements WHERE user_id=?1"
                        " AND state IN ('intended', 'applied', 'restoring')",
                        "i", user_id);

    if (!rc)
        rc = sql_number(db, &done, err,
                        "SELECT count(*) FROM enforcements JOIN violations"
                        " ON violations.id=enforcements.verdict_id"
                        " WHERE enforcements.user_id=?1 AND violations.ordered_by='import'"
                        " AND (?2 IS NULL OR violations.at BETWEEN ?2 AND ?2 + 20)",
                        "it", user_id, at_us);
    if (!rc)
        *ret = done ? DB_IMPORT_DONE : open ? DB_IMPORT_OPEN : DB_IMPORT_NONE;
    return rc;
}

int db_import_violation(struct db *db, int64_t user_id, int64_t at_us, bool *ret_found,
                        struct err *err)
{
    int64_t n = 0;
    int rc = sql_number(db, &n, err, "SELECT count(*) FROM violations WHERE user_id=?1 AND at=?2",
                        "it", user_id, at_us);

    if (!rc)
        *ret_found = n > 0;
    return rc;
}

int db_import_admin(struct db *db, int64_t chat_id, int64_t at_us, struct slice by, bool *ret_new,
                    struct err *err)
{
    int rc = sql_run(db, err,
                     "INSERT OR IGNORE INTO admins(id, name, role, added_at, added_by)"
                     " VALUES(?1, '', 'operator', ?2, ?3)",
                     "its", chat_id, at_us, by);

    if (!rc)
        *ret_new = sql_changes(db) > 0;
    return rc;
}

int db_import_is_empty(struct db *db, bool *ret_empty, struct err *err)
{
    int64_t n = 0;
    int rc =
        sql_number(db, &n, err,
                   "SELECT EXISTS(SELECT 1 FROM settings) + EXISTS(SELECT 1 FROM special_limits)"
                   " + EXISTS(SELECT 1 FROM exceptions) + EXISTS(SELECT 1 FROM enforcements)",
                   "");

    if (!rc)
        *ret_empty = n == 0;
    return rc;
}
