/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_pardons.h"

#include "store/sql.h"
#include "base/banned.h"

int db_pardon_put(struct db *db, int64_t user_id, int64_t until_us, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO pardons(user_id, until) VALUES(?1, ?2)"
                   " ON CONFLICT(user_id) DO UPDATE SET until=excluded.until",
                   "it", user_id, until_us);
}

int db_pardons_each(struct db *db, int64_t now_us, db_pardon_fn fn, void *arg, struct err *err)
{
    struct sql q;
    int rc = sql_run(db, err, "DELETE FROM pardons WHERE until<=?1", "t", now_us);

    if (!rc)
        rc = sql_open(&q, db, err, "SELECT user_id, until FROM pardons", "");
    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = fn(arg, sql_int(&q, 0), sql_time(&q, 1));
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
