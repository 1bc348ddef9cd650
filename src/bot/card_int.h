/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_CARD_INT_H
#define BOT_CARD_INT_H

#include "bot/bot_int.h"
#include "service/texts/words.h"

/*
 * What the screens about users share (screens_card, …_limits, …_users, …_monitoring, …_reports). A user is
 * `id:12` in every target; one whom the panel has never shown is "#" and the mark of his name (text_mark),
 * since names do not stand in buttons.
 */

/* A word of an answer in the view's language, as it stands when it is not known; "-" for NULL. */
const char *card_word(struct view *v, enum word_kind kind, const char *word);
/* What a step or order does: word_add_action. */
const char *card_action(struct view *v, const char *action, int64_t for_s);
/* Who did something: word_add_who. */
const char *card_who(struct view *v, const char *who);
/* How a person names the user of a row: his name, id:12 without one, "-". */
const char *card_name(struct view *v, json_t *row);
/* The user of a row in a target. */
const char *card_ref(struct view *v, json_t *row);
/* "🟢", "🟡", "🔴" or "⚪" for a row's state and whether he is disabled. */
const char *card_mark(json_t *row);
/* "2", or the sign for no limit. */
const char *card_limit(struct view *v, int64_t limit);
/* Appends, as a line of its own, what stands in the answers in English only: isolated, so that it keeps its
 * direction among Persian words. */
void card_quote(struct view *v, const char *text);
/* How well a node is seen, as the operations tell of it: a line for each thing that is not as it
 * should be. */
void card_coverage(struct view *v, json_t *row);
/*
 * A button with the user's name to his card; none for one the panel has never shown. list: the screen (id)
 * to which the card offers a way back, at this page; NULL: none.
 */
void card_button(struct view *v, json_t *row, const char *list);
/* A button that shows the same screen again. */
void card_refresh(struct view *v, const char *screen);
/* The lines about an active user (shape #active_user) and the button to his card. */
void card_active_row(struct view *v, json_t *row, const char *list);
/* What became of an enable or an order, one line each user: an action's told. */
void card_told(struct view *v, json_t *answer);
/* The same of many, in numbers. */
void card_told_many(struct view *v, json_t *answer);

/*
 * Ends a turn whose operation changed the limit or exception of the user of the turn's first argument: asks
 * whether to enable him where he is disabled, else turn_done. Failures are told.
 */
void card_changed(struct turn *t, int status, json_t *answer);
/*
 * Calls fn with the user of the turn's first argument as operations name him: "#mark" is looked for in the
 * list at path ("/users/limits"). fn ends the turn; it is ended here where there is no such user.
 */
void card_with_user(struct turn *t, const char *path, void (*fn)(struct turn *t, const char *user));

#endif
