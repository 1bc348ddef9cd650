/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/limits.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/* Access to the panel: what is new is tried by the operation before it is kept. Private chats only. */

static void build(struct view *v)
{
    static const enum setting ids[] = {SET_PANEL_DOMAIN, SET_PANEL_USERNAME, SET_PANEL_PASSWORD,
                                       SET_PANEL_API_KEY};
    struct buf list;
    size_t i;

    view_say(v, TEXT_PANEL_NOW, "domain", view_setting(v, SET_PANEL_DOMAIN), "user",
             view_setting(v, SET_PANEL_USERNAME), "password", view_setting(v, SET_PANEL_PASSWORD),
             "key", view_setting(v, SET_PANEL_API_KEY), NULL);
    view_gap(v);
    view_say(v, TEXT_PANEL_HELP, NULL);
    buf_init(&list, 256);
    for (i = 0; i < ARRAY_LEN(ids); i++)
        if (settings_layer(v->settings, ids[i], ORIGIN_ENV))
            buf_addf(&list, "%s%s", list.n ? ", " : "", setting_def(ids[i])->env);
    if (list.n)
        view_say(v, TEXT_PANEL_ENV, "list", buf_str(&list), NULL);
    buf_release(&list);
    view_row(v);
    view_button(v, NULL, "ipandom", NULL);
    view_button(v, NULL, "ipanuser", NULL);
    view_row(v);
    view_button(v, NULL, "ipankey", NULL);
    if (settings_has(v->settings, SET_PANEL_API_KEY))
        view_button(v, NULL, "apannok", NULL);
}

static const struct screen screens[] = {
    {.id = "pan",
     .title = TEXT_PANEL,
     .parent = "sconf",
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .build = build},
    {0},
};

#define PUT(ID, BODY) \
    { \
        .id = ID, .flags = BOT_PRIVATE, .method = OP_PUT, .path = "/config/panel", .body = BODY, \
        .done = TEXT_PANEL_SAVED, .then = "span" \
    }

static const struct action actions[] = {
    PUT("pandom", "{\"domain\":\"{0}\"}"),
    PUT("panlog", "{\"username\":\"{0}\",\"password\":\"{1}\",\"api_key\":\"\"}"),
    PUT("pankey", "{\"api_key\":\"{0}\"}"),
    {.id = "pannok",
     .label = TEXT_PANEL_KEY_CLEAR,
     .flags = BOT_PRIVATE,
     .method = OP_PUT,
     .path = "/config/panel",
     .body = "{\"api_key\":\"\"}",
     .done = TEXT_PANEL_SAVED,
     .then = "span"},
    {0},
};

static const struct input inputs[] = {
    {.id = "pandom",
     .label = TEXT_PANEL_ADDRESS,
     .prompt = TEXT_PANEL_ASK_ADDRESS,
     .flags = BOT_PRIVATE,
     .action = "pandom",
     .back = "span"},
    {.id = "panuser",
     .label = TEXT_PANEL_LOGIN,
     .prompt = TEXT_PANEL_ASK_LOGIN,
     .flags = BOT_PRIVATE,
     .max = LIMIT_USER_NAME,
     .next = "panpass",
     .back = "span"},
    {.id = "panpass",
     .prompt = TEXT_PANEL_ASK_PASSWORD,
     .flags = BOT_SECRET,
     .action = "panlog",
     .back = "span"},
    {.id = "pankey",
     .label = TEXT_PANEL_KEY,
     .prompt = TEXT_PANEL_ASK_KEY,
     .flags = BOT_SECRET,
     .action = "pankey",
     .back = "span"},
    {0},
};

static const struct slash commands[] = {
    {"create_config", TEXT_CMD_PANEL, "npan", NULL, OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_panel = {screens, actions, inputs, commands};
