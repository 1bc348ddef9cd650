/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_history.h"

#include "base/limits.h"
#include "base/stamp.h"
#include "store/sql.h"
#include "base/banned.h"

static int64_t day_of(int64_t us)
{
    return us / (86400 * STAMP_SECOND);
}

static int has_room(struct db *db, int64_t user_id, int64_t day, bool *ret_room, struct err *err)
{
    int64_t rows = 0;
    int rc =
        sql_number(db, &rows, err, "SELECT count(*) FROM ip_history WHERE user_id=?1 AND day=?2",
                   "ii", user_id, day);

    if (!rc)
        *ret_room = rows < LIMIT_HISTORY_DAY;
    return rc;
}

static int add_one(struct db *db, const struct db_seen *s, bool *ret_kept, struct err *err)
{
    struct slice inbound = s->inbound.p ? s->inbound : SLICE("");
    int64_t day = day_of(s->last_us);
    bool room = false;
    int rc = sql_run(db, err,
                     "UPDATE ip_history SET first_seen=min(first_seen, ?6),"
                     " last_seen=max(last_seen, ?7), count=count+?8, isp=coalesce(?9, isp)"
                     " WHERE user_id=?1 AND day=?2 AND address=?3 AND node_id=?4 AND inbound=?5",
                     "iisisttis", s->user_id, day, s->address, s->node_id, inbound, s->first_us,
                     s->last_us, s->count, s->isp);

    if (rc)
        return rc;
    *ret_kept = true;
    if (sql_changes(db))
        return ERR_OK;
    rc = has_room(db, s->user_id, day, &room, err);
    if (rc)
        return rc;
    *ret_kept = room;
    if (!room)
        return ERR_OK;
    return sql_run(
        db, err,
        "INSERT INTO ip_history(user_id, day, address, node_id, inbound, isp, first_seen,"
        " last_seen, count) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        "iisisstti", s->user_id, day, s->address, s->node_id, inbound, s->isp, s->first_us,
        s->last_us, s->count);
}

int db_history_add(struct db *db, const struct db_seen *seen, size_t n, size_t *ret_left_out,
                   struct err *err)
{
    size_t i, left_out = 0;
    bool kept;
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    for (i = 0; !rc && i < n; i++) {
        rc = add_one(db, &seen[i], &kept, err);
        left_out += !rc && !kept;
    }
    rc = db_end(db, rc, err);
    if (!rc && ret_left_out)
        *ret_left_out = left_out;
    return rc;
}

int db_history_each(struct db *db, int64_t user_id, int64_t since_us, int limit, db_seen_fn fn,
                    void *arg, struct err *err)
{
    struct db_seen row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT user_id, address, node_id, inbound, isp, first_seen, last_seen, count"
                      " FROM ip_history WHERE user_id=?1 AND day>=?2 AND last_seen>=?3"
                      " ORDER BY last_seen DESC, address LIMIT ?4",
                      "iiti", user_id, day_of(since_us), since_us,
                      (int64_t)(limit > 0 && limit < LIMIT_PAGE ? limit : LIMIT_PAGE));

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_seen){sql_int(&q, 0),  sql_text(&q, 1), sql_int(&q, 2),  sql_text(&q, 3),
                               sql_text(&q, 4), sql_time(&q, 5), sql_time(&q, 6), sql_int(&q, 7)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_history_crowds(struct db *db, int64_t since_us, db_crowd_fn fn, void *arg, struct err *err)
{
    struct db_crowd row;
    struct sql q;
    /* Beside max(), SQLite takes the other columns from the row that holds the greatest. */
    int rc = sql_open(
        &q, db, err,
        "WITH seen AS (SELECT DISTINCT node_id, address, user_id FROM ip_history"
        "  WHERE last_seen>=?1),"
        " per AS (SELECT node_id, address, count(*) AS n FROM seen GROUP BY node_id, address),"
        " whole AS (SELECT node_id, count(DISTINCT user_id) AS n FROM seen GROUP BY node_id)"
        " SELECT per.node_id, per.address, max(per.n), whole.n FROM per JOIN whole USING(node_id)"
        " GROUP BY per.node_id",
        "t", since_us);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_crowd){sql_int(&q, 0), sql_text(&q, 1), sql_int(&q, 2), sql_int(&q, 3)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
