/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_BOT_BED_H
#define TESTS_BOT_BED_H

/*
 * A bed for tests of the bot: the database and operations of op_bed.h, and a Telegram that keeps what it
 * is asked and answers when the test says so. Owner 100 has the chat 100; everybody else is a stranger.
 */

#include "../service/op_bed.h"
#include "bot/bot.h"
#include "net/loop.h"

struct sent {
    struct sent *next;
    char method[40];
    json_t *params;
    telegram_done_fn fn;
    void *arg;
    bool answered;
};

struct bot_bed {
    struct bed *ops;
    struct loop *loop;
    struct bot *bot;
    struct sent *sent, **end; /* all calls, in order */
    struct sent *seen;        /* the last one that bot_bed_next gave */
    int64_t message_id;       /* of the last message */
    struct buf file;          /* what was sent last as a file … */
    char file_name[80];       /* … and how it was called */
    struct slice upload;      /* what somebody has sent: p NULL cannot be fetched */
    int error_code;           /* the next call is answered with this … */
    const char *error;        /* … and these words */
};

/* For cmocka's setup and teardown. */
int bot_bed_setup(void **state);
int bot_bed_teardown(void **state);
/* Somebody writes in his private chat, or presses a button (data) of a message. */
void bot_bed_write(struct bot_bed *b, int64_t from, const char *text);
void bot_bed_press(struct bot_bed *b, int64_t from, int64_t message_id, const char *data);
/* The same on a message that was edited then (unix seconds; 0: never). */
void bot_bed_press_of(struct bot_bed *b, int64_t who, int64_t message_id, int64_t edited,
                      const char *data);
/* Answers one call, unless it is. */
void bot_bed_answer_one(struct bot_bed *b, struct sent *s);
/* Answers every call that is not answered, until none is left. */
void bot_bed_answer(struct bot_bed *b);
/* The next call not looked at yet; NULL: none. With method, others are passed over. */
struct sent *bot_bed_next(struct bot_bed *b, const char *method);
/* Answers all; the last message or edit not looked at yet. Fails when there is none. */
struct sent *bot_bed_last(struct bot_bed *b);
/* Its text holds this, or the test fails. */
void bot_bed_says(const struct sent *s, const char *text);
/* Its text ("" when missing); the data of its button with this label (part of it), NULL: none. */
const char *bot_bed_text(const struct sent *s);
const char *bot_bed_button(const struct sent *s, const char *label);
/* Presses a button of the last message by its label, answers all, gives the next edit or message. */
struct sent *bot_bed_go(struct bot_bed *b, struct sent *on, const char *label);

#endif
