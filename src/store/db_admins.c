/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_admins.h"

#include "store/sql.h"
#include "base/banned.h"

int db_admins_each(struct db *db, db_admin_fn fn, void *arg, struct err *err)
{
    struct db_admin row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT id, name, role, panel_admin_id, added_at, added_by FROM admins"
                      " ORDER BY added_at, id",
                      "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_admin){sql_int(&q, 0), sql_text(&q, 1), sql_text(&q, 2),
                                sql_int(&q, 3), sql_time(&q, 4), sql_text(&q, 5)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_admins_add(struct db *db, const struct db_admin *row, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO admins(id, name, role, panel_admin_id, added_at, added_by)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                   "issnts", row->id, row->name.p ? row->name : SLICE(""), row->role,
                   row->panel_admin_id, row->added_us, row->added_by);
}

static int must_be_there(struct db *db, int rc, int64_t id, struct err *err)
{
    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "%lld is no admin", (long long)id);
    return rc;
}

int db_admins_update(struct db *db, const struct db_admin *row, struct err *err)
{
    int rc = sql_run(db, err, "UPDATE admins SET name=?2, role=?3, panel_admin_id=?4 WHERE id=?1",
                     "issn", row->id, row->name.p ? row->name : SLICE(""), row->role,
                     row->panel_admin_id);

    return must_be_there(db, rc, row->id, err);
}

int db_admins_delete(struct db *db, int64_t id, struct err *err)
{
    int rc = sql_run(db, err, "DELETE FROM admin_languages WHERE admin_id=?1", "i", id);

    if (!rc)
        rc = sql_run(db, err, "DELETE FROM meta WHERE key='telegram_name:' || ?1", "i", id);
    if (!rc)
        rc = sql_run(db, err, "DELETE FROM admins WHERE id=?1", "i", id);
    return must_be_there(db, rc, id, err);
}

int db_languages_each(struct db *db, db_language_fn fn, void *arg, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err, "SELECT admin_id, language FROM admin_languages", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = fn(arg, sql_int(&q, 0), sql_text(&q, 1));
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_names_each(struct db *db, db_name_fn fn, void *arg, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT CAST(substr(key, 15) AS INTEGER), value FROM meta"
                      " WHERE key GLOB 'telegram_name:*'",
                      "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = fn(arg, sql_int(&q, 0), sql_text(&q, 1));
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_names_put(struct db *db, int64_t id, struct slice name, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO meta(key, value) VALUES('telegram_name:' || ?1, ?2)"
                   " ON CONFLICT(key) DO UPDATE SET value=?2",
                   "is", id, name);
}

int db_language_put(struct db *db, int64_t admin_id, struct slice language, struct err *err)
{
    if (language.n == 0)
        return sql_run(db, err, "DELETE FROM admin_languages WHERE admin_id=?1", "i", admin_id);
    return sql_run(db, err,
                   "INSERT INTO admin_languages(admin_id, language) VALUES(?1, ?2)"
                   " ON CONFLICT(admin_id) DO UPDATE SET language=?2",
                   "is", admin_id, language);
}
