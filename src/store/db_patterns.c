/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_patterns.h"

#include "store/sql.h"
#include "base/banned.h"

static const char *kind_of(const struct db_pattern *row)
{
    return row->suffix ? "suffix" : "prefix";
}

static int told_deleted(struct db *db, int rc, struct err *err)
{
    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such entry");
    return rc;
}

int db_limit_patterns_put(struct db *db, const struct db_pattern *row, int64_t *ret_id,
                          struct err *err)
{
    return sql_number(
        db, ret_id, err,
        "INSERT INTO limit_patterns(kind, pattern, max_devices, updated_at, updated_by)"
        " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(kind, pattern) DO UPDATE SET"
        " max_devices=?3, updated_at=?4, updated_by=?5 RETURNING id",
        "zsits", kind_of(row), row->text, (int64_t)row->max_devices, row->updated_us,
        row->updated_by);
}

int db_admin_patterns_put(struct db *db, const struct db_pattern *row, int64_t *ret_id,
                          struct err *err)
{
    return sql_number(db, ret_id, err,
                      "INSERT INTO admin_patterns(kind, pattern, admin, updated_at, updated_by)"
                      " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(kind, pattern) DO UPDATE SET"
                      " admin=?3, updated_at=?4, updated_by=?5 RETURNING id",
                      "zssts", kind_of(row), row->text, row->admin, row->updated_us,
                      row->updated_by);
}

int db_limit_patterns_delete(struct db *db, int64_t id, struct err *err)
{
    return told_deleted(db, sql_run(db, err, "DELETE FROM limit_patterns WHERE id=?1", "i", id),
                        err);
}

int db_admin_patterns_delete(struct db *db, int64_t id, struct err *err)
{
    return told_deleted(db, sql_run(db, err, "DELETE FROM admin_patterns WHERE id=?1", "i", id),
                        err);
}

static int each(struct db *db, const char *text, db_pattern_fn fn, void *arg, struct err *err)
{
    struct db_pattern row;
    struct sql q;
    int rc = sql_open(&q, db, err, text, "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_pattern){sql_int(&q, 0),  slice_eq(sql_text(&q, 1), SLICE("suffix")),
                                  sql_text(&q, 2), (int)sql_int(&q, 3),
                                  sql_text(&q, 4), sql_time(&q, 5),
                                  sql_text(&q, 6)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_limit_patterns_each(struct db *db, db_pattern_fn fn, void *arg, struct err *err)
{
    return each(db,
                "SELECT id, kind, pattern, max_devices, NULL, updated_at, updated_by"
                " FROM limit_patterns ORDER BY id",
                fn, arg, err);
}

int db_admin_patterns_each(struct db *db, db_pattern_fn fn, void *arg, struct err *err)
{
    return each(db,
                "SELECT id, kind, pattern, 0, admin, updated_at, updated_by"
                " FROM admin_patterns ORDER BY id",
                fn, arg, err);
}

int db_allowlist_put(struct db *db, const struct db_cidr *row, struct err *err)
{
    struct slice note = row->note.p ? row->note : SLICE("");

    return sql_run(db, err,
                   "INSERT INTO ip_allowlist(cidr, note, updated_at, updated_by)"
                   " VALUES(?1, ?2, ?3, ?4)"
                   " ON CONFLICT(cidr) DO UPDATE SET note=?2, updated_at=?3, updated_by=?4",
                   "ssts", row->cidr, note, row->updated_us, row->updated_by);
}

int db_allowlist_delete(struct db *db, struct slice cidr, struct err *err)
{
    return told_deleted(db, sql_run(db, err, "DELETE FROM ip_allowlist WHERE cidr=?1", "s", cidr),
                        err);
}

int db_allowlist_each(struct db *db, db_cidr_fn fn, void *arg, struct err *err)
{
    struct db_cidr row;
    struct sql q;
    int rc =
        sql_open(&q, db, err,
                 "SELECT cidr, note, updated_at, updated_by FROM ip_allowlist ORDER BY cidr", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_cidr){sql_text(&q, 0), sql_text(&q, 1), sql_time(&q, 2), sql_text(&q, 3)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
