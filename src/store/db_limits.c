/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_limits.h"

#include "store/sql.h"
#include "base/banned.h"

/* A row by id takes the place of one by name. */
static int put_limit(struct db *db, const struct db_limit *r, bool *ret_new, struct err *err)
{
    int64_t known = 0;
    int rc = sql_number(db, &known, err,
                        "SELECT count(*) FROM special_limits"
                        " WHERE user_id=?1 OR (user_id IS NULL AND name=?2)",
                        "ns", r->user_id, r->name);

    if (!rc && r->user_id)
        rc = sql_run(db, err, "DELETE FROM special_limits WHERE user_id IS NULL AND name=?1", "s",
                     r->name);
    if (!rc && r->user_id)
        rc =
            sql_run(db, err,
                    "INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
                    " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(user_id) DO UPDATE SET"
                    " name=?2, max_devices=?3, updated_at=?4, updated_by=?5",
                    "isits", r->user_id, r->name, (int64_t)r->max_devices, r->updated_us,
                    r->updated_by);
    else if (!rc)
        rc = sql_run(db, err,
                     "INSERT INTO special_limits(name, max_devices, updated_at, updated_by)"
                     " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) WHERE user_id IS NULL DO UPDATE SET"
                     " max_devices=?2, updated_at=?3, updated_by=?4",
                     "sits", r->name, (int64_t)r->max_devices, r->updated_us, r->updated_by);
    if (!rc && ret_new)
        *ret_new = known == 0;
    return rc;
}

static int put_exception(struct db *db, const struct db_limit *r, bool *ret_new, struct err *err)
{
    struct slice reason = r->reason.p ? r->reason : SLICE("");
    int64_t known = 0;
    int rc = sql_number(db, &known, err,
                        "SELECT count(*) FROM exceptions"
                        " WHERE user_id=?1 OR (user_id IS NULL AND name=?2)",
                        "ns", r->user_id, r->name);

    if (!rc && r->user_id)
        rc = sql_run(db, err, "DELETE FROM exceptions WHERE user_id IS NULL AND name=?1", "s",
                     r->name);
    if (!rc && r->user_id)
        rc = sql_run(db, err,
                     "INSERT INTO exceptions(user_id, name, reason, updated_at, updated_by)"
                     " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(user_id) DO UPDATE SET"
                     " name=?2, reason=?3, updated_at=?4, updated_by=?5",
                     "issts", r->user_id, r->name, reason, r->updated_us, r->updated_by);
    else if (!rc)
        rc = sql_run(db, err,
                     "INSERT INTO exceptions(name, reason, updated_at, updated_by)"
                     " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) WHERE user_id IS NULL DO UPDATE SET"
                     " reason=?2, updated_at=?3, updated_by=?4",
                     "ssts", r->name, reason, r->updated_us, r->updated_by);
    if (!rc && ret_new)
        *ret_new = known == 0;
    return rc;
}

int db_limits_put(struct db *db, const struct db_limit *row, bool *ret_new, struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    return db_end(db, put_limit(db, row, ret_new, err), err);
}

int db_exceptions_put(struct db *db, const struct db_limit *row, bool *ret_new, struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    return db_end(db, put_exception(db, row, ret_new, err), err);
}

static int told_deleted(struct db *db, int rc, const char *what, struct err *err)
{
    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "the user has no %s", what);
    return rc;
}

int db_limits_delete(struct db *db, int64_t user_id, struct slice name, struct err *err)
{
    int rc = user_id
                 ? sql_run(db, err, "DELETE FROM special_limits WHERE user_id=?1", "i", user_id)
                 : sql_run(db, err, "DELETE FROM special_limits WHERE user_id IS NULL AND name=?1",
                           "s", name);

    return told_deleted(db, rc, "special limit", err);
}

int db_exceptions_delete(struct db *db, int64_t user_id, struct slice name, struct err *err)
{
    int rc = user_id ? sql_run(db, err, "DELETE FROM exceptions WHERE user_id=?1", "i", user_id)
                     : sql_run(db, err, "DELETE FROM exceptions WHERE user_id IS NULL AND name=?1",
                               "s", name);

    return told_deleted(db, rc, "exception", err);
}

static int each(struct db *db, const char *text, db_limit_fn fn, void *arg, struct err *err)
{
    struct db_limit row;
    struct sql q;
    int rc = sql_open(&q, db, err, text, "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_limit){sql_int(&q, 0),  sql_text(&q, 1), (int)sql_int(&q, 2),
                                sql_text(&q, 3), sql_time(&q, 4), sql_text(&q, 5)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_limits_each(struct db *db, db_limit_fn fn, void *arg, struct err *err)
{
    return each(db,
                "SELECT user_id, name, max_devices, '', updated_at, updated_by FROM special_limits"
                " ORDER BY name, user_id",
                fn, arg, err);
}

int db_exceptions_each(struct db *db, db_limit_fn fn, void *arg, struct err *err)
{
    return each(db,
                "SELECT user_id, name, 0, reason, updated_at, updated_by FROM exceptions"
                " ORDER BY name, user_id",
                fn, arg, err);
}

/*
 * The user who has the name now is the one seen last under it. OR IGNORE: he has a row already, which
 * was entered for him by id, so the one by name goes.
 */
static int resolve_all(struct db *db, size_t *ret_n, struct err *err)
{
    int64_t n;
    int rc = sql_run(db, err,
                     "UPDATE OR IGNORE special_limits SET user_id=(SELECT u.id FROM users u"
                     " WHERE u.name=special_limits.name ORDER BY u.seen_at DESC, u.id DESC LIMIT 1)"
                     " WHERE user_id IS NULL AND name IN (SELECT name FROM users)",
                     "");

    if (rc)
        return rc;
    n = sql_changes(db);
    rc = sql_run(db, err,
                 "DELETE FROM special_limits WHERE user_id IS NULL AND name IN"
                 " (SELECT name FROM users)",
                 "");
    if (!rc)
        rc = sql_run(db, err,
                     "UPDATE OR IGNORE exceptions SET user_id=(SELECT u.id FROM users u"
                     " WHERE u.name=exceptions.name ORDER BY u.seen_at DESC, u.id DESC LIMIT 1)"
                     " WHERE user_id IS NULL AND name IN (SELECT name FROM users)",
                     "");
    if (rc)
        return rc;
    n += sql_changes(db);
    rc =
        sql_run(db, err,
                "DELETE FROM exceptions WHERE user_id IS NULL AND name IN (SELECT name FROM users)",
                "");
    if (!rc)
        *ret_n = (size_t)n;
    return rc;
}

int db_limits_resolve(struct db *db, size_t *ret_n, struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    return db_end(db, resolve_all(db, ret_n, err), err);
}
