/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_TGSHOWN_H
#define TELEGRAM_TGSHOWN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

/*
 * What messages show, as far as is known: Telegram refuses an edit that changes nothing ("message is not
 * modified"), so such a one need not be made. A bounded table of marks; of two messages that fall into the
 * same place the later is remembered, the other is merely not known any more.
 */

struct tgshown_place {
    int64_t chat_id, message_id;
    uint64_t mark;
};

/* Zeroed: nothing is known. Owns nothing. */
struct tgshown {
    struct tgshown_place places[LIMIT_TELEGRAM_SHOWN];
};

/* The mark of a JSON value, the same for equal ones. Never 0; 0 of NULL, and without memory. */
uint64_t tgshown_mark_of(const json_t *value);
/*
 * The mark of what a message of these parameters (sendMessage, editMessageText) shows: text, its markup, the
 * preview of links, buttons. Never 0; 0 without memory, which is like nothing and is not remembered.
 */
uint64_t tgshown_mark(const json_t *params);

/* Whether the message is known to show just this. */
bool tgshown_is(const struct tgshown *t, int64_t chat_id, int64_t message_id, uint64_t mark);
/* It shows this now, by Telegram's own answer; message_id 0 or mark 0: it is not known any more. */
void tgshown_note(struct tgshown *t, int64_t chat_id, int64_t message_id, uint64_t mark);
/* What it shows is not known any more. */
void tgshown_forget(struct tgshown *t, int64_t chat_id, int64_t message_id);

#endif
