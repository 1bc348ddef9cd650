/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_TEXTS_H
#define SERVICE_TEXTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * Texts for people who chose a language: four languages side by side, in one .def file an area
 * (texts_all.def), each row TEXT(ID, "English", "Persian", "Russian", "Chinese"). In a text stand
 *
 *   {name}               where the value `name` goes
 *   {name:one|other}     a word in the form that goes with the number `name`; the number itself is not
 *                        printed. English has two forms (1|else), Russian three (1, 21|2-4, 22|else),
 *                        Persian and Chinese one and need not use this.
 *
 * Texts for the bot are HTML as Telegram understands it (b, i, u, s, code, pre, blockquote, a);
 * `<`, `>` and `&` themselves are written &lt; &gt; &amp;. Those of a customer are plain.
 */

enum text_lang { TEXT_EN, TEXT_FA, TEXT_RU, TEXT_ZH, TEXT_LANGS };

enum text_id {
    TEXT_NONE, /* no text: "" in every language */
#define TEXT(id, en, fa, ru, zh) TEXT_##id,
#include "service/texts/texts_all.def"
#undef TEXT
    TEXT_COUNT
};

/* A value for a placeholder; a list ends with a NULL name. */
struct text_arg {
    const char *name;
    const char *value; /* NULL is taken as "" */
    bool html;         /* the value is HTML already: text_add_html leaves it as it is */
};

/* The language of a word of bot_language ("fa"); English for an unknown one. */
enum text_lang text_lang_of(const char *word);
/* The word of a language ("fa"), its name in itself ("فارسی"). */
const char *text_lang_word(enum text_lang lang);
const char *text_lang_name(enum text_lang lang);
/* The text as it stands in the table. Never NULL. */
const char *text_raw(enum text_lang lang, enum text_id id);
/* Which form of a word goes with n: 0 for the first, up to text_forms(lang) - 1. */
int text_form(enum text_lang lang, int64_t n);
/* How many forms a word has: 2 in English, 3 in Russian, else 1. */
int text_forms(enum text_lang lang);

/*
 * Appends the text with its placeholders filled in; one without a value stays as it is. Values put into a
 * Persian text are isolated (U+2068 … U+2069), so that names and numbers do not turn around with it;
 * only plain digits need none. args may be NULL.
 */
void text_add(struct buf *out, enum text_lang lang, enum text_id id, const struct text_arg *args);
/* The same for texts that are HTML: values are escaped, but those marked html. */
void text_add_html(struct buf *out, enum text_lang lang, enum text_id id,
                   const struct text_arg *args);
/*
 * Appends s escaped for HTML (& < > "); bytes that are no UTF-8 become U+FFFD, control characters but
 * newline a blank: Telegram refuses a whole message for one of them.
 */
void text_escape(struct buf *out, struct slice s);
/*
 * Makes every line of a finished message run in the direction of its language: a Persian line that begins
 * with a Latin name would be laid out from the left otherwise (Unicode TR 9, rule P2). For other
 * languages, and lines that have their mark, nothing; without memory, or beyond the text's maximum, the
 * text stays as it is.
 */
void text_direct(struct buf *text, enum text_lang lang);
/*
 * The same for a call to Telegram: its parameters `text` and `caption`. Done where messages leave the
 * program (bot_call, outbox_put and the senders of files), so that nobody who writes one must think of it.
 */
void text_direct_call(json_t *params, enum text_lang lang);
/* Appends a length of time in its two greatest units: "45 s", "3 min", "2 h 5 min", "7 d". */
void text_add_span(struct buf *out, enum text_lang lang, int64_t seconds);
/* Appends a point in time as `2026-11-25 23:45` in the zone of the settings; STAMP_NONE "-". */
void text_add_time(struct buf *out, int64_t us);

#endif
