/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_geo.h"

#include "store/sql.h"
#include "base/banned.h"

static int put_all(struct db *db, const struct db_geo *rows, size_t n, int64_t now_us,
                   struct err *err)
{
    size_t i;
    int rc = sql_run(db, err, "DELETE FROM geo_cache WHERE expires_at<?1", "t", now_us);

    for (i = 0; !rc && i < n; i++)
        rc = sql_run(db, err,
                     "INSERT OR REPLACE INTO geo_cache(block, country, asn, isp, expires_at)"
                     " VALUES(?1, ?2, ?3, ?4, ?5)",
                     "ssnst", rows[i].block, rows[i].country, rows[i].asn, rows[i].isp,
                     rows[i].expires_us);
    return rc;
}

int db_geo_put(struct db *db, const struct db_geo *rows, size_t n, int64_t now_us, struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    return rc ? rc : db_end(db, put_all(db, rows, n, now_us, err), err);
}

int db_geo_each(struct db *db, int64_t now_us, int limit, db_geo_fn fn, void *arg, struct err *err)
{
    struct db_geo row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT block, country, asn, isp, expires_at FROM geo_cache"
                      " WHERE expires_at>=?1 ORDER BY expires_at DESC LIMIT ?2",
                      "ti", now_us, (int64_t)limit);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_geo){sql_text(&q, 0), sql_text(&q, 1), sql_text(&q, 3), sql_int(&q, 2),
                              sql_time(&q, 4)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
