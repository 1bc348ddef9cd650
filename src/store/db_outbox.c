/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "store/sql.h"
#include "base/banned.h"

static struct slice or_null(struct slice s)
{
    return s.n ? s : (struct slice){NULL, 0};
}

/* The newest waiting row of the slot; 0: none. */
static int waiting_of(struct db *db, const struct db_outbox_row *row, int64_t *ret_id,
                      struct err *err)
{
    return sql_number(db, ret_id, err,
                      "SELECT coalesce(max(id), 0) FROM outbox"
                      " WHERE chat_id=?1 AND slot=?2 AND state='waiting'",
                      "is", row->chat_id, row->slot);
}

int db_outbox_put(struct db *db, const struct db_outbox_row *row, bool *ret_new, struct err *err)
{
    int64_t id = 0;
    int rc = ERR_OK;

    if (row->edit && row->slot.n)
        rc = waiting_of(db, row, &id, err);
    if (rc)
        return rc;
    if (id)
        rc = sql_run(db, err,
                     "UPDATE outbox SET created_at=?2, thread_id=?3, method=?4, params=?5,"
                     " file_field=?6, file_name=?7, file=?8 WHERE id=?1",
                     "itnssssb", id, row->created_us, row->thread_id, row->method, row->params,
                     or_null(row->file_field), or_null(row->file_name), row->file);
    else
        rc =
            sql_run(db, err,
                    "INSERT INTO outbox(created_at, chat_id, thread_id, method, params, slot, edit,"
                    " state, file_field, file_name, file)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', ?8, ?9, ?10)",
                    "tinsssissb", row->created_us, row->chat_id, row->thread_id, row->method,
                    row->params, or_null(row->slot), (int64_t)row->edit, or_null(row->file_field),
                    or_null(row->file_name), row->file);
    if (!rc)
        *ret_new = id == 0;
    return rc;
}

int db_outbox_recover(struct db *db, int64_t *ret_n, struct err *err)
{
    int rc =
        sql_run(db, err, "UPDATE outbox SET state='waiting', doubt=1 WHERE state='sending'", "");

    if (!rc)
        *ret_n = sql_changes(db);
    return rc;
}

int db_outbox_chats(struct db *db, db_outbox_chat_fn fn, void *arg, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT o.chat_id, c.n, o.not_before FROM outbox o JOIN"
                      " (SELECT min(id) AS first, count(*) AS n FROM outbox GROUP BY chat_id) c"
                      " ON o.id=c.first ORDER BY o.id",
                      "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = fn(arg, sql_int(&q, 0), sql_int(&q, 1), sql_time(&q, 2));
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

static char *keep(char *at, struct slice *s, struct slice from)
{
    if (!from.p) {
        *s = (struct slice){NULL, 0};
        return at;
    }
    memcpy(at, from.p, from.n);
    at[from.n] = '\0';
    *s = (struct slice){at, from.n};
    return at + from.n + 1;
}

enum { TEXTS = 6 };

/* Fills a row from "id, created_at, thread_id, edit, doubt, attempts, message_id, method, …, file". */
static int read_row(const struct sql *q, struct db_outbox_row *row, struct err *err)
{
    struct slice *to[TEXTS] = {&row->method,     &row->params,    &row->slot,
                               &row->file_field, &row->file_name, &row->file};
    struct slice from[TEXTS];
    size_t i, n = 0;
    char *at;

    for (i = 0; i < TEXTS; i++) {
        from[i] = i + 1 < TEXTS ? sql_text(q, 7 + (int)i) : sql_blob(q, 7 + (int)i);
        n += from[i].n + 1;
    }
    row->id = sql_int(q, 0);
    row->created_us = sql_time(q, 1);
    row->thread_id = sql_int(q, 2);
    row->edit = sql_int(q, 3) != 0;
    row->doubt = sql_int(q, 4) != 0;
    row->attempts = (int)sql_int(q, 5);
    row->message_id = sql_int(q, 6);
    row->mem = at = malloc(n);
    if (!at)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (i = 0; i < TEXTS; i++)
        at = keep(at, to[i], from[i]);
    return ERR_OK;
}

int db_outbox_take(struct db *db, int64_t chat_id, struct db_outbox_row *ret_row, struct err *err)
{
    struct db_outbox_row row = {.chat_id = chat_id};
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT o.id, o.created_at, o.thread_id, o.edit, o.doubt, o.attempts,"
                      " m.message_id, o.method, o.params, o.slot, o.file_field, o.file_name, o.file"
                      " FROM outbox o LEFT JOIN messages m"
                      " ON m.chat_id=o.chat_id AND m.slot=o.slot"
                      " WHERE o.chat_id=?1 AND o.state='waiting' ORDER BY o.id LIMIT 1",
                      "i", chat_id);

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 0)
        rc = err_set(err, ERR_NOT_FOUND, "nothing waits for this chat");
    else if (rc == 1)
        rc = read_row(&q, &row, err);
    sql_close(&q);
    if (!rc)
        rc = sql_run(db, err, "UPDATE outbox SET state='sending', not_before=NULL WHERE id=?1", "i",
                     row.id);
    if (rc) {
        db_outbox_release(&row);
        return rc;
    }
    *ret_row = row;
    return ERR_OK;
}

int db_outbox_done(struct db *db, int64_t id, int64_t message_id, int64_t now_us, struct err *err)
{
    int rc = ERR_OK;

    if (message_id)
        rc = sql_run(db, err,
                     "INSERT INTO messages(chat_id, slot, message_id, sent_at)"
                     " SELECT chat_id, slot, ?2, ?3 FROM outbox WHERE id=?1 AND slot IS NOT NULL"
                     " ON CONFLICT(chat_id, slot) DO UPDATE"
                     " SET message_id=excluded.message_id, sent_at=excluded.sent_at",
                     "iit", id, message_id, now_us);
    return rc ? rc : sql_run(db, err, "DELETE FROM outbox WHERE id=?1", "i", id);
}

int db_outbox_again(struct db *db, int64_t id, bool doubt, int attempts, int64_t not_before_us,
                    struct slice error, struct err *err)
{
    return sql_run(db, err,
                   "UPDATE outbox SET state='waiting', doubt=max(doubt, ?2), attempts=?3,"
                   " not_before=?4, last_error=?5 WHERE id=?1",
                   "iiits", id, (int64_t)doubt, (int64_t)attempts, not_before_us, or_null(error));
}

int db_outbox_migrate(struct db *db, int64_t from_chat, int64_t to_chat, struct err *err)
{
    int rc = sql_run(db, err, "UPDATE outbox SET chat_id=?2, not_before=NULL WHERE chat_id=?1",
                     "ii", from_chat, to_chat);

    if (!rc)
        rc = sql_run(db, err, "DELETE FROM messages WHERE chat_id=?1", "i", from_chat);
    if (!rc)
        rc = sql_run(db, err, "UPDATE OR REPLACE chats SET chat_id=?2 WHERE chat_id=?1", "ii",
                     from_chat, to_chat);
    return rc;
}

int db_outbox_forget(struct db *db, int64_t chat_id, struct slice slot, int64_t *ret_n,
                     struct err *err)
{
    int rc = sql_run(db, err, "DELETE FROM outbox WHERE chat_id=?1 AND slot=?2 AND state='waiting'",
                     "is", chat_id, slot);
    int64_t n = rc ? 0 : sql_changes(db);

    if (!rc)
        rc = db_messages_delete(db, chat_id, slot, err);
    if (!rc)
        *ret_n = n;
    return rc;
}

int db_outbox_count(struct db *db, int64_t *ret_n, struct err *err)
{
    return sql_number(db, ret_n, err, "SELECT count(*) FROM outbox", "");
}

void db_outbox_release(struct db_outbox_row *row)
{
    free(row->mem);
    row->mem = NULL;
}

int db_messages_get(struct db *db, int64_t chat_id, struct slice slot, int64_t *ret_message_id,
                    struct err *err)
{
    return sql_number(db, ret_message_id, err,
                      "SELECT message_id FROM messages WHERE chat_id=?1 AND slot=?2", "is", chat_id,
                      slot);
}

int db_messages_delete(struct db *db, int64_t chat_id, struct slice slot, struct err *err)
{
    return sql_run(db, err, "DELETE FROM messages WHERE chat_id=?1 AND slot=?2", "is", chat_id,
                   slot);
}

int db_messages_expire(struct db *db, int64_t before_us, struct err *err)
{
    return sql_run(db, err, "DELETE FROM messages WHERE sent_at<?1", "t", before_us);
}
