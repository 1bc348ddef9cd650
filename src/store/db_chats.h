/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_CHATS_H
#define STORE_DB_CHATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/*
 * Table chats: the group that notifications go to (the row with the topic ""), and the forum topic of
 * each kind of them there. At most one group.
 */

struct db_chat {
    int64_t chat_id;
    struct slice topic; /* the kind's word; "" the group itself */
    int64_t thread_id;  /* 0: the general topic; -1: not to the group, but to private chats */
    int64_t updated_us;
    struct slice updated_by;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_chat_fn)(void *arg, const struct db_chat *row);

/* Sets the thread of a topic, new or not. */
int db_chats_put(struct db *db, const struct db_chat *row, struct err *err) MUST_CHECK;
/* Every row, the group's first. */
int db_chats_each(struct db *db, db_chat_fn fn, void *arg, struct err *err) MUST_CHECK;
/* Forgets a topic, or with topic "" everything. None there is no error. */
int db_chats_delete(struct db *db, struct slice topic, struct err *err) MUST_CHECK;
/* The group has another id from now on (it was upgraded). */
int db_chats_move(struct db *db, int64_t from, int64_t to, struct err *err) MUST_CHECK;

#endif
