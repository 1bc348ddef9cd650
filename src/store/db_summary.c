/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_summary.h"

#include "store/sql.h"
#include "base/banned.h"

/* Two numbers of one row. */
static int pair(struct sql *q, int rc, int64_t *ret_a, int64_t *ret_b, struct err *err)
{
    if (rc)
        return rc;
    rc = sql_step(q, err);
    if (rc == 1) {
        *ret_a = sql_int(q, 0);
        *ret_b = sql_int(q, 1);
        rc = ERR_OK;
    }
    sql_close(q);
    return rc;
}

int db_summary_count(struct db *db, int64_t from_us, int64_t to_us, const struct db_scope *scope,
                     struct db_summary *ret, struct err *err)
{
    struct db_summary s = {0};
    struct sql q;
    int rc;

    rc = pair(&q,
              sql_open(&q, db, err,
                       "SELECT count(*), 0 FROM events WHERE kind='warning' AND at>=?1 AND at<?2"
                       " AND in_scope(user_id, ?3)",
                       "ttp", from_us, to_us, scope),
              &s.warned, &(int64_t){0}, err);
    if (!rc)
        rc = pair(&q,
                  sql_open(&q, db, err,
                           "SELECT count(*), count(v.ordered_by) FROM enforcements e"
                           " JOIN violations v ON v.id=e.verdict_id"
                           " WHERE e.applied_at>=?1 AND e.applied_at<?2"
                           " AND in_scope(e.user_id, ?3)",
                           "ttp", from_us, to_us, scope),
                  &s.disabled, &s.ordered, err);
    if (!rc)
        rc = pair(
            &q,
            sql_open(
                &q, db, err,
                "SELECT count(*), count(nullif(nullif(closed_by, ''), 'pg-limiter')) FROM enforcements"
                " WHERE state='restored' AND closed_at>=?1 AND closed_at<?2"
                " AND in_scope(user_id, ?3)",
                "ttp", from_us, to_us, scope),
            &s.enabled, &s.by_hand, err);
    if (!rc)
        rc = pair(&q,
                  sql_open(&q, db, err,
                           "SELECT count(*), 0 FROM violations WHERE mode='shadow' AND at>=?1"
                           " AND at<?2 AND in_scope(user_id, ?3)",
                           "ttp", from_us, to_us, scope),
                  &s.shadow, &(int64_t){0}, err);
    if (!rc)
        rc = pair(&q,
                  sql_open(&q, db, err,
                           "SELECT count(*), 0 FROM enforcements"
                           " WHERE state IN ('applied', 'restoring') AND in_scope(user_id, ?1)",
                           "p", scope),
                  &s.disabled_now, &(int64_t){0}, err);
    if (!rc)
        *ret = s;
    return rc;
}

int db_summary_sharers(struct db *db, int64_t from_us, int64_t to_us, const struct db_scope *scope,
                       int n, db_sharer_fn fn, void *arg, struct err *err)
{
    struct db_sharer row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT user_id, max(name), count(*), max(devices) FROM violations"
                      " WHERE at>=?1 AND at<?2 AND ordered_by IS NULL AND outcome<>'cancelled'"
                      " AND in_scope(user_id, ?3) GROUP BY user_id"
                      " ORDER BY count(*) DESC, max(devices) DESC, user_id LIMIT ?4",
                      "ttpi", from_us, to_us, scope, (int64_t)n);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_sharer){sql_int(&q, 0), sql_text(&q, 1), sql_int(&q, 2), sql_int(&q, 3)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_summary_nodes(struct db *db, int64_t from_us, int64_t to_us, db_text_fn fn, void *arg,
                     struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT data FROM events WHERE kind='node_up' AND data IS NOT NULL"
                      " AND at>=?1 AND at<?2 ORDER BY id",
                      "tt", from_us, to_us);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = fn(arg, sql_text(&q, 0));
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
