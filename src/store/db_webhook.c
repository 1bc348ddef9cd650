/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_webhook.h"

#include "store/sql.h"
#include "base/banned.h"

int db_webhook_newest(struct db *db, int64_t *ret_id, struct err *err)
{
    return sql_number(db, ret_id, err,
                      "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name='events'", "");
}

static int read_row(struct db *db, struct db_webhook *ret, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err, "SELECT done_id, delivered_at, lost FROM webhook", "");

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1) {
        *ret = (struct db_webhook){sql_int(&q, 0), sql_time(&q, 1), sql_int(&q, 2)};
        rc = ERR_OK;
    } else if (rc == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "there is no webhook");
    }
    sql_close(&q);
    return rc;
}

int db_webhook_begin(struct db *db, struct db_webhook *ret, struct err *err)
{
    int64_t newest;
    int rc = db_webhook_newest(db, &newest, err);

    /* No event is older than its own queue, whatever was done to the file. */
    if (!rc)
        rc = sql_run(db, err,
                     "INSERT INTO webhook(one, done_id) VALUES(1, ?1) ON CONFLICT(one) DO UPDATE"
                     " SET done_id=min(done_id, excluded.done_id)",
                     "i", newest);
    return rc ? rc : read_row(db, ret, err);
}

int db_webhook_end(struct db *db, struct err *err)
{
    return sql_run(db, err, "DELETE FROM webhook", "");
}

int db_webhook_delivered(struct db *db, int64_t id, int64_t now_us, struct err *err)
{
    return sql_run(db, err, "UPDATE webhook SET done_id=max(done_id, ?1), delivered_at=?2", "it",
                   id, now_us);
}

int db_webhook_give_up(struct db *db, int64_t upto_id, int64_t before_us, int64_t most,
                       struct db_webhook *ret, struct err *err)
{
    int64_t newest, young = 0;
    int rc = db_webhook_newest(db, &newest, err);

    if (!rc)
        rc = sql_number(db, &young, err,
                        "SELECT coalesce((SELECT id FROM events WHERE id>(SELECT done_id FROM"
                        " webhook) AND at>=?1 ORDER BY id LIMIT 1), ?2)",
                        "ti", before_us, newest + 1);
    if (rc)
        return rc;
    if (upto_id < young - 1)
        upto_id = young - 1;
    if (upto_id < newest - most)
        upto_id = newest - most;
    rc = sql_run(db, err,
                 "UPDATE webhook SET lost=lost+max(done_id, ?1)-done_id, done_id=max(done_id, ?1)",
                 "i", upto_id);
    return rc ? rc : read_row(db, ret, err);
}
