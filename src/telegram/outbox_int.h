/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_OUTBOX_INT_H
#define TELEGRAM_OUTBOX_INT_H

/* What the two files of the outbox share; nobody else includes this. */

#include "base/stamp.h"
#include "core/backoff.h"
#include "store/db_outbox.h"
#include "telegram/outbox.h"

enum {
    OB_TAKEN = 16,    /* rows taken by one job */
    OB_SENDING = 16,  /* rows on their way at the same time */
    OB_ATTEMPTS = 20, /* answers of 5xx, or none after sending, until it is the message's fault */
    OB_FILE_ATTEMPTS = 5, /* … of one with a file */
};
#define OB_ROW_AGE (7 * 86400 * STAMP_SECOND)      /* a row is given up */
#define OB_MESSAGE_AGE (30 * 86400 * STAMP_SECOND) /* a slot is forgotten */

struct ob_chat {
    int64_t id;
    int64_t rows;     /* not yet delivered */
    bool busy;        /* its first row is being taken or sent */
    int64_t ready_us; /* real: not before */
    struct backoff backoff;
};

/* A job of the owner; embedded as the first member of what it needs, which `after` frees. */
struct ob_job {
    struct ob_job *next;
    struct outbox *ob;
    int (*run)(struct db *db, struct ob_job *j, struct err *err);
    void (*after)(struct ob_job *j, int rc, const struct err *err);
    int64_t now_us;
};

struct outbox {
    struct loop *loop;
    owner_submit_fn submit;
    void *store;
    void (*on_failed)(void *arg, const struct outbox_failure *f);
    void (*on_sent)(void *arg, int64_t chat_id, struct slice slot, int64_t message_id);
    void *arg;
    struct telegram *tg;
    struct ob_chat **chats;
    size_t n_chats, turn;
    size_t sending; /* rows being taken or sent */
    size_t jobs;    /* of the owner, on their way */
    size_t putting; /* of them, new messages */
    bool stopped, told_stuck;
    struct loop_timer *pump_timer, *stuck_timer;
    struct ob_job *stuck; /* to be submitted again */
    struct backoff backoff;
    int64_t ready_us; /* real: nothing is taken before */
    uint64_t delivered, given_up;
};

/* The chat, or NULL; ob_chat_of makes it, NULL without memory or past LIMIT_TELEGRAM_CHATS. */
struct ob_chat *ob_chat_find(struct outbox *ob, int64_t id);
struct ob_chat *ob_chat_of(struct outbox *ob, int64_t id);
int ob_submit(struct ob_job *j, enum owner_kind kind) MUST_CHECK;
/* Keeps a job whose writing failed, to be tried again. */
void ob_stick(struct ob_job *j);
/* Looks whose turn it is, soon. */
void ob_pump(struct outbox *ob);
/* Nothing is taken for a while (growing). */
void ob_hold(struct outbox *ob);
/* Takes the first row of each chat, and sends it. */
void ob_take(struct outbox *ob, struct ob_chat *const *chats, size_t n);
/* Microseconds since 1970 by the machine's clock. */
int64_t ob_wall_us(void);

#endif
