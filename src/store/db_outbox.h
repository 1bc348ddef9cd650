/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_OUTBOX_H
#define STORE_DB_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Tables outbox (messages to Telegram not yet delivered) and messages (which message stands under a
 * name, its slot, in a chat). The rules stand in telegram/outbox.h; a row goes
 *
 *   waiting -> sending -> (removed) | waiting
 *
 * and is `sending`, on the disk, from before the call until after the answer. Rows of one chat are taken
 * by id. Functions may be run twice, as every job of the owner.
 */

/* A row. Texts of a row taken or reported point into its memory: db_outbox_release. */
struct db_outbox_row {
    int64_t id;
    int64_t created_us;
    int64_t chat_id;
    int64_t thread_id; /* 0: none */
    struct slice method;
    struct slice params; /* JSON object */
    struct slice slot;   /* empty: none */
    bool edit;
    bool doubt;                               /* it may have been delivered already */
    int attempts;                             /* failed ones */
    int64_t message_id;                       /* what stands under the slot now; 0: nothing */
    struct slice file_field, file_name, file; /* p NULL: no file */
    char *mem;
};

/*
 * Adds a row as `waiting`; of row, id, doubt, attempts and message_id are not read. With edit, a row of
 * the same slot that waits (the newest) takes the content instead, where it stands. *ret_new: a row was
 * added.
 */
int db_outbox_put(struct db *db, const struct db_outbox_row *row, bool *ret_new,
                  struct err *err) MUST_CHECK;
/* At the start: every row left `sending` waits again, in doubt. *ret_n: how many. */
int db_outbox_recover(struct db *db, int64_t *ret_n, struct err *err) MUST_CHECK;
/* A chat with rows: their number, and until when (real time) the first may not be sent (STAMP_NONE). */
typedef int (*db_outbox_chat_fn)(void *arg, int64_t chat_id, int64_t rows, int64_t not_before_us);
/* Every chat with rows, that of the oldest row first; the same rules as db_setting_fn. */
int db_outbox_chats(struct db *db, db_outbox_chat_fn fn, void *arg, struct err *err) MUST_CHECK;
/*
 * Takes the first waiting row of a chat: marks it `sending` and reads it. For OWNER_DURABLE.
 * ERR_NOT_FOUND. Release it with db_outbox_release.
 */
int db_outbox_take(struct db *db, int64_t chat_id, struct db_outbox_row *ret_row,
                   struct err *err) MUST_CHECK;
/* Removes a row; with message_id, that is what stands under its slot now. */
int db_outbox_done(struct db *db, int64_t id, int64_t message_id, int64_t now_us,
                   struct err *err) MUST_CHECK;
/*
 * A row could not be sent: it waits again, not before not_before_us (STAMP_NONE: no such time), with that
 * number of attempts, in doubt when it may have been delivered (or was so before).
 */
int db_outbox_again(struct db *db, int64_t id, bool doubt, int attempts, int64_t not_before_us,
                    struct slice error, struct err *err) MUST_CHECK;
/* A group has another id: its rows and topics follow, what stood under slots there is forgotten. */
int db_outbox_migrate(struct db *db, int64_t from_chat, int64_t to_chat,
                      struct err *err) MUST_CHECK;
/* Forgets what stands under a slot, and removes rows that wait for it. *ret_n: rows removed. */
int db_outbox_forget(struct db *db, int64_t chat_id, struct slice slot, int64_t *ret_n,
                     struct err *err) MUST_CHECK;
/* Rows in all. */
int db_outbox_count(struct db *db, int64_t *ret_n, struct err *err) MUST_CHECK;
/* Frees the texts of a row. A zeroed row may be released. */
void db_outbox_release(struct db_outbox_row *row);

/* The message under a slot. ERR_NOT_FOUND. */
int db_messages_get(struct db *db, int64_t chat_id, struct slice slot, int64_t *ret_message_id,
                    struct err *err) MUST_CHECK;
/* Forgets the message under a slot; rows that wait for it stay. */
int db_messages_delete(struct db *db, int64_t chat_id, struct slice slot,
                       struct err *err) MUST_CHECK;
/* Forgets messages sent before before_us. */
int db_messages_expire(struct db *db, int64_t before_us, struct err *err) MUST_CHECK;

#endif
