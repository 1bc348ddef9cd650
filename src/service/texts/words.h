/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_WORDS_H
#define SERVICE_WORDS_H

#include "base/buf.h"
#include "service/texts/texts.h"

/*
 * The words that answers of operations hold, as texts: "special" of limit_from is TEXT_FROM_SPECIAL. A word
 * that is not known is TEXT_NONE, and is then shown as it stands.
 */

enum word_kind {
    WORD_FROM,    /* limit_from */
    WORD_STATE,   /* state of a user as the engine sees him */
    WORD_ROLE,    /* role of a device */
    WORD_OUTCOME, /* outcome of a verdict */
    WORD_RESULT,  /* result of enabling or of an order */
    WORD_TRUST,   /* part of the trust score */
    WORD_EVENT,   /* kind of an event about a user */
};

/* The text of a word; TEXT_NONE for NULL and for one that is not known. */
enum text_id word_text(enum word_kind kind, const char *word);
/* Appends the word as people read it, plain; one that is not known as it stands; "-" for NULL. */
void word_add(struct buf *out, enum text_lang lang, enum word_kind kind, const char *word);
/*
 * Appends what a step or an order does, plain: "disable 15m", "adopt 2h", "disable until enabled by hand",
 * "warn", "revoke", "hand"; "disable" alone takes for_s (0: until enabled by hand).
 */
void word_add_action(struct buf *out, enum text_lang lang, const char *action, int64_t for_s);

/*
 * Appends who did something, plain: "cli", "api:admin", "telegram:12", "pg-limiter" as events and the journal
 * have it.
 */
void word_add_who(struct buf *out, enum text_lang lang, const char *who);

#endif
