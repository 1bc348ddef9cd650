/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_notices.h"

#include "store/sql.h"
#include "base/banned.h"

int db_notices_put(struct db *db, const struct db_notice *row, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO notices(key, at, body) VALUES(?1, ?2, ?3)"
                   " ON CONFLICT(key) DO UPDATE SET at=?2, body=?3",
                   "sts", row->key, row->at_us, row->body);
}

int db_notices_each(struct db *db, int64_t since_us, int limit, db_notice_fn fn, void *arg,
                    struct err *err)
{
    struct db_notice row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT key, at, body FROM notices WHERE at>=?1 ORDER BY at DESC LIMIT ?2",
                      "ti", since_us, (int64_t)limit);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_notice){sql_text(&q, 0), sql_time(&q, 1), sql_text(&q, 2)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_notices_expire(struct db *db, int64_t before_us, struct err *err)
{
    return sql_run(db, err, "DELETE FROM notices WHERE at<?1", "t", before_us);
}
