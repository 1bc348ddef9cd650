/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_settings.h"

#include "store/sql.h"
#include "base/banned.h"

int db_settings_put(struct db *db, const struct db_setting *s, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO settings(key, value, updated_at, updated_by) VALUES(?1, ?2, ?3, ?4)"
                   " ON CONFLICT(key) DO UPDATE SET value=?2, updated_at=?3, updated_by=?4",
                   "ssts", s->key, s->value, s->updated_us, s->updated_by);
}

int db_settings_delete(struct db *db, struct slice key, struct err *err)
{
    int rc = sql_run(db, err, "DELETE FROM settings WHERE key=?1", "s", key);

    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "%.*s is not set in the database", (int)key.n, key.p);
    return rc;
}

int db_settings_each(struct db *db, db_setting_fn fn, void *arg, struct err *err)
{
    struct db_setting row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT key, value, updated_at, updated_by FROM settings ORDER BY key", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row =
            (struct db_setting){sql_text(&q, 0), sql_text(&q, 1), sql_time(&q, 2), sql_text(&q, 3)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_meta_get(struct db *db, const char *key, char *ret_value, size_t max, struct err *err)
{
    struct slice value;
    struct sql q;
    int rc = sql_open(&q, db, err, "SELECT value FROM meta WHERE key=?1", "z", key);

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "no %s in the database", key);
    } else if (rc == 1) {
        value = sql_text(&q, 0);
        rc = ERR_OK;
        if (value.n >= max) {
            rc = err_set(err, ERR_TOO_BIG, "%s in the database is too long", key);
        } else {
            memcpy(ret_value, value.p, value.n);
            ret_value[value.n] = '\0';
        }
    }
    sql_close(&q);
    return rc;
}

int db_meta_put(struct db *db, const char *key, struct slice value, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO meta(key, value) VALUES(?1, ?2)"
                   " ON CONFLICT(key) DO UPDATE SET value=?2",
                   "zs", key, value);
}

int db_meta_delete(struct db *db, const char *key, struct err *err)
{
    return sql_run(db, err, "DELETE FROM meta WHERE key=?1", "z", key);
}
