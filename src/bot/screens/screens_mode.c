/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/setting_text.h"
#include "base/banned.h"

/* Enforcement: on, shadow or off, and who stays disabled whatever it says. */

static void build(struct view *v)
{
    static const char *const modes[] = {"on", "shadow", "off"};
    const char *now = settings_text(v->settings, SET_ENFORCEMENT);
    int64_t n = in_int(v->answer[0], "total");
    size_t i;

    view_say(v, TEXT_MODE_NOW, "mode", view_setting(v, SET_ENFORCEMENT), NULL);
    view_gap(v);
    view_say(v, TEXT_MODE_HELP, NULL);
    view_row(v);
    for (i = 0; i < ARRAY_LEN(modes); i++)
        view_button(v,
                    view_check(v, strcmp(now, modes[i]) == 0,
                               setting_value_text(v, SET_ENFORCEMENT, modes[i])),
                    "amode", modes[i], NULL);
    if (!n)
        return;
    view_gap(v);
    view_say(v, TEXT_MODE_STAY, "n", view_int(v, n), NULL);
    view_row(v);
    view_button(v, view_word(v, TEXT_MODE_ENABLE, "n", view_int(v, n), NULL), "amodena", NULL);
}

static const struct screen screens[] = {
    {.id = "mode",
     .title = TEXT_MODE,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .ask = {"/users/disabled"},
     .may_fail = 1,
     .build = build},
    {0},
};

static const struct action actions[] = {
    {.id = "mode",
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"enforcement\":\"{0}\"}",
     .ask = TEXT_MODE_ASK,
     .told = setting_told,
     .then = "smode"},
    {.id = "modena",
     .method = OP_POST,
     .path = "/users/disabled/enable-all",
     .ask = TEXT_MODE_ENABLE_ASK,
     .done = TEXT_MODE_ENABLED,
     .then = "smode",
     .role = OP_ROLE_OWNER},
    {0},
};

static const struct slash commands[] = {
    {"mode", TEXT_CMD_MODE, "amode|{0}", "nmode", OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_mode = {screens, actions, NULL, commands};
