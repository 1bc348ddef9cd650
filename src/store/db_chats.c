/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_chats.h"

#include "store/sql.h"
#include "base/banned.h"

int db_chats_put(struct db *db, const struct db_chat *row, struct err *err)
{
    return sql_run(db, err,
                   "INSERT INTO chats(chat_id, topic, thread_id, updated_at, updated_by)"
                   " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(chat_id, topic)"
                   " DO UPDATE SET thread_id=?3, updated_at=?4, updated_by=?5",
                   "isnts", row->chat_id, row->topic.p ? row->topic : SLICE(""), row->thread_id,
                   row->updated_us, row->updated_by);
}

int db_chats_each(struct db *db, db_chat_fn fn, void *arg, struct err *err)
{
    struct db_chat row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT chat_id, topic, thread_id, updated_at, updated_by FROM chats"
                      " ORDER BY topic",
                      "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_chat){sql_int(&q, 0), sql_text(&q, 1), sql_int(&q, 2), sql_time(&q, 3),
                               sql_text(&q, 4)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_chats_delete(struct db *db, struct slice topic, struct err *err)
{
    return sql_run(db, err, "DELETE FROM chats WHERE ?1='' OR topic=?1", "s",
                   topic.p ? topic : SLICE(""));
}

int db_chats_move(struct db *db, int64_t from, int64_t to, struct err *err)
{
    return sql_run(db, err, "UPDATE OR REPLACE chats SET chat_id=?2 WHERE chat_id=?1", "ii", from,
                   to);
}
