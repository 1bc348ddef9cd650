/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_OUTBOX_H
#define TELEGRAM_OUTBOX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/loop.h"
#include "service/texts/texts.h"
#include "store/owner.h"
#include "telegram/telegram.h"

/*
 * Messages that must arrive: kept in the database (table outbox) before anything is sent, delivered in
 * order per chat, within Telegram's limits, tried for 7 days, over restarts of the program and outages of
 * Telegram. Works without a transport (no token yet): then everything waits. On the loop thread.
 *
 * Once: a row is marked `sending`, on the disk, before its call, and removed after the answer. When the
 * process dies in between, or a connection breaks after the request was sent, nobody can know whether
 * Telegram has the message: it is sent again with a sign before its text (OUTBOX_AGAIN), since a warning
 * lost is worse than one seen twice. Edits need no sign: repeating one changes nothing.
 */
struct outbox;

/* Stands before the text of a message that may have arrived before (docs/decisions.md). */
#define OUTBOX_AGAIN "\xf0\x9f\x94\x81 "

struct outbox_item {
    int64_t chat_id;
    int64_t thread_id;    /* forum topic; 0: none */
    const char *method;   /* "sendMessage", "sendDocument", or another one that gives a Message */
    const json_t *params; /* object without chat_id and message_thread_id; copied */
    /*
     * Name of the message within its chat, e.g. "case:12:1764115200"; empty: none. Once sent, its
     * message id is remembered under it for 30 days.
     */
    struct slice slot;
    /*
     * With a slot: takes the place of what stands there. A row still waiting is replaced where it is in
     * the queue; a message sent is edited (method must be sendMessage then; it becomes editMessageText);
     * one that is gone or cannot be edited any more is sent anew.
     */
    bool edit;
    const char *file_field; /* sendDocument: "document"; NULL: no file */
    const char *file_name;
    struct slice file; /* copied; at most LIMIT_TELEGRAM_UPLOAD */
};

/* An item given up. Valid during the callback. */
struct outbox_failure {
    int64_t chat_id, thread_id;
    const char *method;
    const json_t *params; /* as put */
    struct slice slot;
    bool has_file;
    int error_code;          /* Telegram's (400, 403, …); 0: not delivered within 7 days */
    const char *description; /* in words */
    int64_t created_us;
};

struct outbox_opts {
    struct loop *loop;
    owner_submit_fn submit;
    void *store;
    /*
     * Given up for good: 403 (blocked by the user, removed from the group), 400 (chat or topic not
     * found, text refused), or too old. May put another item, e.g. the same to a private chat.
     */
    void (*on_failed)(void *arg, const struct outbox_failure *f);
    /* Delivered as message_id (also by an edit). May be NULL. */
    void (*on_sent)(void *arg, int64_t chat_id, struct slice slot, int64_t message_id);
    void *arg;
};

/* Makes it and looks for rows left by an earlier life. ERR_NOMEM. */
int outbox_new(const struct outbox_opts *opts, struct outbox **ret_ob) MUST_CHECK;
/* Frees; rows stay. Call after owner_stop, whose last jobs are still told. NULL is allowed. */
void outbox_free(struct outbox *ob);
/* Takes up no further row. outbox_idle: none is on its way any more, so nothing will be in doubt. */
void outbox_stop(struct outbox *ob);
bool outbox_idle(const struct outbox *ob);
/* Gives it the transport, or takes it away (NULL) before telegram_free. */
void outbox_set_telegram(struct outbox *ob, struct telegram *tg);
/* To be called from on_state and on_migrate of the transport. */
void outbox_state(struct outbox *ob, enum telegram_state state);
void outbox_migrate(struct outbox *ob, int64_t from_chat, int64_t to_chat);

/*
 * Adds a message to be delivered; lang is that of its words. Durable when the job of the owner has run;
 * items put one after another are delivered in that order. created_at is now. ERR_INVALID (no chat, no
 * method), ERR_NOMEM, ERR_TOO_BIG (parameters over LIMIT_OUTBOX_PARAMS, the file over
 * LIMIT_TELEGRAM_UPLOAD, or the store's queue full).
 */
int outbox_put(struct outbox *ob, const struct outbox_item *item, enum text_lang lang) MUST_CHECK;
/*
 * Takes what stands under a slot out of the book: what waits under it is not sent, and a later edit is sent
 * as a new message. ERR_NOMEM, ERR_TOO_BIG.
 */
int outbox_forget(struct outbox *ob, int64_t chat_id, struct slice slot) MUST_CHECK;

/* The message that stands under a slot: message_id 0 when there is none. */
typedef void (*outbox_find_fn)(void *arg, int64_t message_id);
/* Looks it up; fn exactly once, later (0 also when the outbox goes away). ERR_NOMEM, ERR_TOO_BIG. */
int outbox_find(struct outbox *ob, int64_t chat_id, struct slice slot, outbox_find_fn fn,
                void *arg) MUST_CHECK;

/* Rows not yet delivered; 0 until they were counted. */
int64_t outbox_length(const struct outbox *ob);
/* Delivered, and given up, in this life of the program. */
uint64_t outbox_delivered(const struct outbox *ob);
uint64_t outbox_given_up(const struct outbox *ob);

#endif
