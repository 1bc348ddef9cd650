/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_nodes.h"

#include "store/sql.h"
#include "base/banned.h"

int db_nodes_put(struct db *db, int64_t id, struct slice name, int64_t seen_us, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO nodes(id, name, first_seen, last_seen) VALUES(?1, ?2, ?3, ?3)"
                   " ON CONFLICT(id) DO UPDATE SET name=?2, last_seen=max(last_seen, ?3)",
                   "ist", id, name.p ? name : SLICE(""), seen_us);
}

int db_nodes_each(struct db *db, db_node_fn fn, void *arg, struct err *err)
{
    struct db_node row;
    struct sql q;
    int rc =
        sql_open(&q, db, err, "SELECT id, name, first_seen, last_seen FROM nodes ORDER BY id", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_node){sql_int(&q, 0), sql_text(&q, 1), sql_time(&q, 2), sql_time(&q, 3)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_clock_put(struct db *db, const struct db_clock *clock, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO node_clock(node_id, offset_us, saved_at) VALUES(?1, ?2, ?3)"
                   " ON CONFLICT(node_id) DO UPDATE SET offset_us=?2, saved_at=?3",
                   "iit", clock->node_id, clock->offset_us, clock->saved_us);
}

int db_clock_each(struct db *db, db_clock_fn fn, void *arg, struct err *err)
{
    struct db_clock row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT node_id, offset_us, saved_at FROM node_clock ORDER BY node_id", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_clock){sql_int(&q, 0), sql_int(&q, 1), sql_time(&q, 2)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_shared_put(struct db *db, const struct db_shared *row, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO shared_sources(address, since, until) VALUES(?1, ?2, ?3)"
                   " ON CONFLICT(address) DO UPDATE SET"
                   " since=CASE WHEN barred THEN ?2 ELSE since END,"
                   " until=CASE WHEN barred THEN ?3 ELSE max(until, ?3) END, barred=0"
                   " WHERE NOT (barred AND until>?2)",
                   "stt", row->address, row->since_us, row->until_us);
}

int db_shared_bar(struct db *db, struct slice address, int64_t now_us, int64_t until_us,
                  struct err *err)
{
    int rc = sql_run(db, err,
                     "UPDATE shared_sources SET since=?2, until=?3, barred=1"
                     " WHERE address=?1 AND barred=0 AND until>?2",
                     "stt", address, now_us, until_us);

    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "%.*s is not marked as a shared source", (int)address.n,
                       address.p);
    return rc;
}

int db_shared_each(struct db *db, int64_t now_us, db_shared_fn fn, void *arg, struct err *err)
{
    struct db_shared row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT address, since, until, barred FROM shared_sources WHERE until>?1"
                      " ORDER BY address",
                      "t", now_us);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_shared){sql_text(&q, 0), sql_time(&q, 1), sql_time(&q, 2),
                                 sql_int(&q, 3) != 0};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
