/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_TEXTS_H
#define SERVICE_TEXTS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * Texts for people who chose a language (bot_language): one table, four languages side by side. A text
 * holds `{name}` where a value goes; it is written so that numbers need no plural.
 */

enum text_lang { TEXT_EN, TEXT_FA, TEXT_RU, TEXT_ZH, TEXT_LANGS };

enum text_id {
    TEXT_CUSTOMER_ACCOUNT,  /* {user} */
    TEXT_CUSTOMER_FINE,     /* nothing has been held against him */
    TEXT_CUSTOMER_SHARED,   /* more devices at once than allowed */
    TEXT_CUSTOMER_WHEN,     /* {time} */
    TEXT_CUSTOMER_LIMIT,    /* {limit} */
    TEXT_CUSTOMER_NO_LIMIT, /* he is not limited */
    TEXT_CUSTOMER_DEVICES,  /* {devices} */
    TEXT_CUSTOMER_PLACES,   /* {places} */
    TEXT_CUSTOMER_UNTIL,    /* {time} */
    TEXT_CUSTOMER_BY_HAND,  /* until somebody enables him */
    TEXT_CUSTOMER_OPEN,     /* he is not disabled now */
    TEXT_CUSTOMER_ADVICE,   /* {limit} */
    TEXT_UNKNOWN_PLACE,     /* where nothing is known of an address */
    TEXT_COUNT
};

/* A value for a placeholder; a list ends with a NULL name. */
struct text_arg {
    const char *name;
    const char *value;
};

/* The language of a word of bot_language ("fa"); English for an unknown one. */
enum text_lang text_lang_of(const char *word);
/* The text as it stands in the table. Never NULL. */
const char *text_raw(enum text_lang lang, enum text_id id);
/* Appends the text with its placeholders filled in; one without a value stays as it is. args may be NULL. */
void text_add(struct buf *out, enum text_lang lang, enum text_id id, const struct text_arg *args);

#endif
