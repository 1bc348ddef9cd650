/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_SETTING_TEXT_H
#define BOT_SETTING_TEXT_H

/* Settings as people read them, and changes of those that are lists; for the screens of settings. */

#include "base/num.h"
#include "bot/bot_int.h"

/* A value of a setting (its canonical text; NULL as "") for a person: "2 h", "on", "3 entries". */
const char *setting_value_text(struct view *v, enum setting id, const char *text);
/* Says what values it may have, where that is not seen by the buttons. */
void setting_add_allowed(struct view *v, enum setting id);
/* The heading of a section; where a value comes from. */
enum text_id section_title(enum setting_section section);
enum text_id setting_origin_text(enum setting_origin origin);
/* action.told of every change of settings. */
void setting_told(struct view *v, json_t *answer);

/* The settings in force. */
const struct settings *turn_settings(const struct turn *t);
/*
 * Ends the turn by a change of a setting (PATCH /config, or another operation with a body, stolen). For an
 * action's run only: while somebody's change of that setting is on its way the turn waits, and then the whole
 * run is called again, so that one change cannot undo the other; after setting_wait_us it fails and says why.
 */
void setting_change(struct turn *t, enum setting id, const char *text);
void setting_change_by(struct turn *t, enum setting id, enum op_method method, const char *path,
                       json_t *body);
/* The same with an entry put into a list, or taken out. Several may be given, split by commas or lines. */
void setting_list_change(struct turn *t, const char *key, const char *entry, bool in);

#endif
