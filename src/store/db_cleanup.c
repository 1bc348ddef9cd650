/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_cleanup.h"

#include "base/limits.h"
#include "store/sql.h"
#include "base/banned.h"

int db_gone_mark(struct db *db, int64_t listed_us, int64_t now_us, struct err *err)
{
    return sql_run(db, err, "UPDATE users SET gone_at=?2 WHERE seen_at<?1 AND gone_at IS NULL",
                   "tt", listed_us, now_us);
}

#define ENTRIES \
    " LEFT JOIN special_limits l ON l.user_id=u.id LEFT JOIN exceptions x ON x.user_id=u.id"
#define NOT_OURS \
    " AND NOT EXISTS (SELECT 1 FROM enforcements e WHERE e.user_id=u.id" \
    " AND e.state IN ('intended', 'applied', 'restoring'))"

static int each(struct sql *q, db_gone_fn fn, void *arg, struct err *err)
{
    int rc;

    while ((rc = sql_step(q, err)) == 1) {
        struct db_gone row = {.user_id = sql_int(q, 0),
                              .name = sql_text(q, 1),
                              .gone_us = sql_time(q, 2),
                              .max_devices = (int)sql_int(q, 3),
                              .excepted = sql_int(q, 4) != 0,
                              .reason = sql_text(q, 5)};

        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(q);
    return rc;
}

int db_gone_each(struct db *db, int64_t before_us, int limit, db_gone_fn fn, void *arg,
                 struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT u.id, u.name, u.gone_at, coalesce(l.max_devices, -1),"
                      " x.id IS NOT NULL, x.reason FROM users u" ENTRIES
                      " WHERE u.gone_at<=?1 AND (l.id IS NOT NULL OR x.id IS NOT NULL)" NOT_OURS
                      " ORDER BY u.id LIMIT ?2",
                      "ti", before_us, (int64_t)limit);

    return rc ? rc : each(&q, fn, arg, err);
}

int db_gone_present(struct db *db, int64_t *ret_n, struct err *err)
{
    return sql_number(db, ret_n, err, "SELECT count(*) FROM users WHERE gone_at IS NULL", "");
}

/* ---- taking away ---- */

static int take_one(struct db *db, int64_t cleanup, int64_t id, struct err *err)
{
    int rc =
        sql_run(db, err,
                "INSERT INTO cleaned(cleanup_id, user_id, name, gone_at, max_devices, excepted,"
                " reason, created_at)"
                " SELECT ?1, u.id, u.name, u.gone_at, coalesce(l.max_devices, -1),"
                " x.id IS NOT NULL, x.reason, u.created_at FROM users u" ENTRIES
                " WHERE u.id=?2 AND u.gone_at IS NOT NULL",
                "ii", cleanup, id);

    if (!rc && sql_changes(db) == 0)
        return ERR_OK; /* seen again meanwhile */
    if (!rc)
        rc = sql_run(db, err, "DELETE FROM special_limits WHERE user_id=?1", "i", id);
    if (!rc)
        rc = sql_run(db, err, "DELETE FROM exceptions WHERE user_id=?1", "i", id);
    return rc ? rc : sql_run(db, err, "DELETE FROM users WHERE id=?1", "i", id);
}

static int take_all(struct db *db, const int64_t *ids, size_t n, int64_t before_us, int64_t now_us,
                    struct slice who, int64_t *ret_id, struct err *err)
{
    size_t i;
    int rc =
        sql_number(db, ret_id, err, "INSERT INTO cleanups(at, who) VALUES(?1, ?2) RETURNING id",
                   "ts", now_us, who);

    for (i = 0; !rc && i < n; i++)
        rc = take_one(db, *ret_id, ids[i], err);
    if (rc)
        return rc;
    return sql_run(db, err,
                   "DELETE FROM users AS u WHERE u.gone_at<=?1"
                   " AND NOT EXISTS (SELECT 1 FROM special_limits l WHERE l.user_id=u.id)"
                   " AND NOT EXISTS (SELECT 1 FROM exceptions x WHERE x.user_id=u.id)" NOT_OURS,
                   "t", before_us);
}

int db_cleanup_run(struct db *db, const int64_t *ids, size_t n, int64_t before_us, int64_t now_us,
                   struct slice who, int64_t *ret_id, struct err *err)
{
    int64_t id = 0;
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    rc = db_end(db, take_all(db, ids, n, before_us, now_us, who, &id, err), err);
    if (!rc)
        *ret_id = id;
    return rc;
}

/* ---- giving back ---- */

struct undo {
    struct db *db;
    int64_t now_us;
    struct slice who;
    db_gone_fn fn;
    void *arg;
    struct err *err;
};

static int give_one(void *arg, const struct db_gone *row)
{
    struct undo *u = arg;
    struct db_gone told = *row;
    struct slice reason = row->reason.p ? row->reason : SLICE("");
    int64_t given = 0;
    int rc = ERR_OK;

    if (row->max_devices >= 0) {
        rc =
            sql_run(u->db, u->err,
                    "INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by)"
                    " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                    "isits", row->user_id, row->name, (int64_t)row->max_devices, u->now_us, u->who);
        given += sql_changes(u->db);
    }
    if (!rc && row->excepted) {
        rc = sql_run(u->db, u->err,
                     "INSERT INTO exceptions(user_id, name, reason, updated_at, updated_by)"
                     " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                     "issts", row->user_id, row->name, reason, u->now_us, u->who);
        given += sql_changes(u->db);
    }
    /* He stays missing since then: only a listing says that he is back. */
    if (!rc)
        rc = sql_run(u->db, u->err,
                     "INSERT INTO users(id, name, created_at, seen_at, gone_at)"
                     " SELECT user_id, name, created_at, gone_at, ?2 FROM cleaned WHERE user_id=?1"
                     " ORDER BY cleanup_id DESC LIMIT 1 ON CONFLICT DO NOTHING",
                     "it", row->user_id, u->now_us);
    told.result = given == (row->max_devices >= 0) + row->excepted ? "restored" : "has one again";
    return rc ? rc : u->fn(u->arg, &told);
}

static int give_all(struct undo *u, int64_t *id)
{
    struct sql q;
    int rc = sql_number(u->db, id, u->err,
                        "SELECT id FROM cleanups WHERE undone_at IS NULL"
                        " AND (id=?1 OR (?1=0 AND who<>'" DB_CLEANUP_STRANGERS "'))"
                        " AND EXISTS (SELECT 1 FROM cleaned WHERE cleanup_id=cleanups.id)"
                        " ORDER BY id DESC LIMIT 1",
                        "i", *id);

    if (rc == ERR_NOT_FOUND)
        return err_set(u->err, rc,
                       "there is no cleanup to undo: none took anything away in the last "
                       "30 days, or it is undone already");
    if (!rc)
        rc = sql_run(u->db, u->err, "UPDATE cleanups SET undone_at=?2 WHERE id=?1", "it", *id,
                     u->now_us);
    if (!rc)
        rc = sql_open(&q, u->db, u->err,
                      "SELECT user_id, name, gone_at, max_devices, excepted, reason FROM cleaned"
                      " WHERE cleanup_id=?1 ORDER BY user_id",
                      "i", *id);
    return rc ? rc : each(&q, give_one, u, u->err);
}

int db_cleanup_undo(struct db *db, int64_t id, int64_t now_us, struct slice who, int64_t *ret_id,
                    db_gone_fn fn, void *arg, struct err *err)
{
    struct undo u = {db, now_us, who, fn, arg, err};
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    rc = db_end(db, give_all(&u, &id), err);
    if (!rc)
        *ret_id = id;
    return rc;
}

int db_cleanup_expire(struct db *db, int64_t before_us, struct err *err)
{
    return sql_run(db, err, "DELETE FROM cleanups WHERE at<?1", "t", before_us);
}
