/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_heirs.h"

#include "base/stamp.h"
#include "store/db_cleanup.h"
#include "store/sql.h"
#include "base/banned.h"

/* Whoever is gone with what stands for him, and whoever a cleanup has taken away. */
#define OLD \
    "WITH old(id, name, gone_at, max_devices, excepted, reason) AS (" \
    "SELECT u.id, u.name, u.gone_at, l.max_devices, x.id IS NOT NULL, x.reason FROM users u" \
    " LEFT JOIN special_limits l ON l.user_id=u.id LEFT JOIN exceptions x ON x.user_id=u.id" \
    " WHERE u.gone_at IS NOT NULL" \
    " UNION ALL" \
    " SELECT c.user_id, c.name, c.gone_at, nullif(c.max_devices, -1), c.excepted, c.reason" \
    " FROM cleaned c JOIN cleanups k ON k.id=c.cleanup_id WHERE k.undone_at IS NULL)"

/* With max() the other columns are those of its row. */
int db_heirs_each(struct db *db, int64_t user_id, db_heir_fn fn, void *arg, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      OLD " SELECT n.id, n.name, o.id, max(o.gone_at),"
                          " coalesce(CASE WHEN m.id IS NULL THEN o.max_devices END, -1) AS lim,"
                          " o.excepted AND y.id IS NULL AS exc, o.reason"
                          " FROM old o JOIN users n ON n.name=o.name AND n.gone_at IS NULL"
                          " LEFT JOIN special_limits m ON m.user_id=n.id"
                          " LEFT JOIN exceptions y ON y.user_id=n.id"
                          " WHERE (lim>=0 OR exc) AND (?1=0 OR n.id=?1) GROUP BY n.id"
                          " ORDER BY n.name, n.id",
                      "i", user_id);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        struct db_heir row = {.user_id = sql_int(&q, 0),
                              .name = sql_text(&q, 1),
                              .old_id = sql_int(&q, 2),
                              .gone_us = sql_time(&q, 3),
                              .max_devices = (int)sql_int(&q, 4),
                              .excepted = sql_int(&q, 5) != 0,
                              .reason = sql_text(&q, 6)};

        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

/* ---- forgetting ---- */

#define NAMESAKES \
    " IN (SELECT o.id FROM users o JOIN users n ON n.name=o.name AND n.gone_at IS NULL" \
    " WHERE n.id=?1 AND o.gone_at IS NOT NULL)"

static int forget(struct db *db, int64_t user_id, struct err *err)
{
    int64_t n = 0;
    int rc = sql_run(db, err, "DELETE FROM special_limits WHERE user_id" NAMESAKES, "i", user_id);

    if (!rc) {
        n += sql_changes(db);
        rc = sql_run(db, err, "DELETE FROM exceptions WHERE user_id" NAMESAKES, "i", user_id);
    }
    if (!rc) {
        n += sql_changes(db);
        rc = sql_run(db, err,
                     "DELETE FROM cleaned WHERE name=(SELECT name FROM users WHERE id=?1)"
                     " AND cleanup_id IN (SELECT id FROM cleanups WHERE undone_at IS NULL)",
                     "i", user_id);
    }
    n += sql_changes(db);
    if (!rc && n == 0)
        rc = err_set(err, ERR_NOT_FOUND, "nothing of another user of that name is left");
    return rc;
}

int db_heirs_forget(struct db *db, int64_t user_id, struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    return rc ? rc : db_end(db, forget(db, user_id, err), err);
}

/* ---- an id that was given to somebody else ---- */

static int set_aside(struct db *db, int64_t cleanup, const struct db_user *user, int64_t now_us,
                     size_t *n, struct err *err)
{
    int rc = sql_run(db, err,
                     "INSERT INTO cleaned(cleanup_id, user_id, name, gone_at, max_devices,"
                     " excepted, reason, created_at)"
                     " SELECT ?1, u.id, u.name, ?4, coalesce(l.max_devices, -1),"
                     " x.id IS NOT NULL, x.reason, u.created_at FROM users u"
                     " LEFT JOIN special_limits l ON l.user_id=u.id"
                     " LEFT JOIN exceptions x ON x.user_id=u.id"
                     " WHERE u.id=?2 AND u.created_at<>?3"
                     " AND (l.id IS NOT NULL OR x.id IS NOT NULL)",
                     "iitt", cleanup, user->id, user->created_us, now_us);

    if (rc || sql_changes(db) == 0)
        return rc;
    *n += 1;
    rc = sql_run(db, err, "DELETE FROM special_limits WHERE user_id=?1", "i", user->id);
    return rc ? rc : sql_run(db, err, "DELETE FROM exceptions WHERE user_id=?1", "i", user->id);
}

static int set_all_aside(struct db *db, const struct db_user *users, size_t n, int64_t now_us,
                         size_t *ret_n, struct err *err)
{
    size_t i, taken = 0;
    int64_t id = 0;
    int rc = sql_number(db, &id, err, "INSERT INTO cleanups(at, who) VALUES(?1, ?2) RETURNING id",
                        "tz", now_us, DB_CLEANUP_STRANGERS);

    for (i = 0; !rc && i < n; i++)
        if (users[i].created_us != STAMP_NONE)
            rc = set_aside(db, id, &users[i], now_us, &taken, err);
    if (!rc && !taken)
        rc = sql_run(db, err, "DELETE FROM cleanups WHERE id=?1", "i", id);
    if (!rc)
        *ret_n = taken;
    return rc;
}

int db_heirs_set_aside(struct db *db, const struct db_user *users, size_t n, int64_t now_us,
                       size_t *ret_n, struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    return rc ? rc : db_end(db, set_all_aside(db, users, n, now_us, ret_n, err), err);
}

int db_heirs_namesake(struct db *db, int64_t user_id, struct slice name, bool *ret_is,
                      struct err *err)
{
    int64_t n = 0;
    int rc = sql_number(db, &n, err,
                        "SELECT count(*) FROM users WHERE name=?1 AND id<>?2 AND gone_at IS NULL",
                        "si", name, user_id);

    if (!rc)
        *ret_is = n > 0;
    return rc;
}
