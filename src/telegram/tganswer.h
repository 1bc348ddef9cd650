/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_TGANSWER_H
#define TELEGRAM_TGANSWER_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "telegram/telegram.h"

/*
 * Answers of the Bot API (https://core.telegram.org/bots/api#making-requests): an object with ok, and
 * result or error_code, description, parameters. Bytes from outside.
 */
struct tganswer {
    struct telegram_answer a; /* result is a part of root */
    json_t *root;
    char description[256]; /* one printable line */
};

/* Reads an answer; its JSON lives until tganswer_release. ERR_PROTOCOL: it is none of the Bot API's. */
int tganswer_parse(struct slice body, struct tganswer *ret_answer, struct err *err) MUST_CHECK;
/* Frees what a parse gave; a zeroed one may be released. */
void tganswer_release(struct tganswer *answer);

/*
 * The highest update_id in a text that could not be parsed as a whole, so that it can be passed over.
 * ERR_NOT_FOUND.
 */
int tganswer_find_update(struct slice body, int64_t *ret_id) MUST_CHECK;
/* The id of an update; ERR_PROTOCOL: it is no object, or has none. */
int tganswer_update_id(const json_t *update, int64_t *ret_id) MUST_CHECK;

/* What became of a message, judged by an answer with ok false. */
enum tganswer_kind {
    TGANSWER_RETRY,     /* 429, 5xx: later */
    TGANSWER_SAME,      /* TELEGRAM_NOT_MODIFIED: it is as it should be */
    TGANSWER_NO_EDIT,   /* the message is gone or cannot be edited: a new one is needed */
    TGANSWER_NO_TOKEN,  /* 401, 404: not the message's fault */
    TGANSWER_PERMANENT, /* will never be taken: blocked, chat or topic not found, text refused */
};
/* Judges an answer that is not ok; edit: it was one of a message. */
enum tganswer_kind tganswer_judge(const struct telegram_answer *a, bool edit);

#endif
