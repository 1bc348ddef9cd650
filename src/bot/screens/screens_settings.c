/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/setting_text.h"
#include "base/banned.h"

/* The Settings menu, the way of disabling, and picking a group for it. */

static void build_method(struct view *v)
{
    view_say(v, TEXT_METHOD_HELP, NULL);
    view_gap(v);
    view_say(v, TEXT_SET_PRESENT, "value", view_setting(v, SET_DISABLE_METHOD), NULL);
    view_row(v);
    view_button(v,
                view_check(v, !settings_int(v->settings, SET_DISABLE_METHOD),
                           view_word(v, TEXT_METHOD_BY_STATUS, NULL)),
                "ametput", "disable_method", "status", NULL);
    /* Without a group there is nothing to move him into: it is picked first. */
    if (settings_int(v->settings, SET_DISABLED_GROUP_ID))
        view_button(v,
                    view_check(v, settings_int(v->settings, SET_DISABLE_METHOD) == 1,
                               view_word(v, TEXT_METHOD_BY_GROUP, NULL)),
                    "ametput", "disable_method", "group", NULL);
    else
        view_button(v, view_check(v, false, view_word(v, TEXT_METHOD_BY_GROUP, NULL)), "spick",
                    "disabled_group_id", "group", NULL);
    view_row(v);
    view_button(v,
                view_word(v, TEXT_METHOD_GROUP, "id", view_setting(v, SET_DISABLED_GROUP_ID), NULL),
                "spick", "disabled_group_id", NULL);
    view_row(v);
    view_button(v,
                view_word(v, TEXT_METHOD_FALLBACK, "id", view_setting(v, SET_FALLBACK_GROUP_ID),
                          NULL),
                "spick", "fallback_group_id", NULL);
}

/* Arguments: the setting that gets the group; "group": the method is switched as well. */
static void build_pick(struct view *v)
{
    enum setting id;

    if (setting_find(slice_of(v->arg[0]), &id, NULL))
        return;
    view_say(v, setting_help(id), NULL);
    view_say(v, TEXT_SET_PRESENT, "value", view_setting(v, id), NULL);
    if (settings_int(v->settings, id))
        view_button(v, view_word(v, TEXT_PICK_NONE, NULL), "ametput", v->arg[0], "0", NULL);
}

static void pick_row(struct view *v, json_t *row)
{
    enum setting id;
    const char *group = view_int(v, in_int(row, "id")), *label;

    if (setting_find(slice_of(v->arg[0]), &id, NULL))
        return;
    label = view_check(v, settings_int(v->settings, id) == in_int(row, "id"),
                       view_fmt(v, "%s (%s)", in_text(row, "name"), group));
    if (v->arg[1][0])
        view_button(v, label, "ametgrp", group, NULL);
    else
        view_button(v, label, "ametput", v->arg[0], group, NULL);
}

static const struct list groups = {10, TEXT_PICK_NO_GROUP, pick_row};

static const struct screen screens[] = {
    {.id = "conf",
     .title = TEXT_CONF,
     .intro = TEXT_CONF_INTRO,
     .entries =
         ENTRIES(GO("span"), GO_BESIDE("smode"), SETTING(COUNTRY_CODE), SETTING(CHECK_INTERVAL),
                 SETTING(TIME_TO_ACTIVE_USERS), SETTING(IPINFO_TOKEN), SETTING(ENHANCED_DETAILS),
                 SETTING(SINGLE_IP_USERS), SETTING(GROUP_BY), GO("smet"), GO_BESIDE("spun"),
                 GO("sgf"), GO_BESIDE("saf"), GO("spat"), GO_BESIDE("snod"), GO("stop"),
                 GO_BESIDE("snot"), SETTING(BACKUP_EVERY), GO_BESIDE("shook"), GO("slang"),
                 GO_BESIDE("sall"))},
    {.id = "met",
     .title = TEXT_METHOD,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .build = build_method,
     .entries = ENTRIES(SETTING(PANEL_NOTE))},
    {.id = "pick",
     .title = TEXT_PICK_GROUP,
     .parent = "smet",
     .role = OP_ROLE_OWNER,
     .ask = {"/panel/groups"},
     .build = build_pick,
     .list = &groups},
    {0},
};

static const struct action actions[] = {
    {.id = "metput",
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"{0}\":\"{1}\"}",
     .told = setting_told,
     .then = "smet"},
    {.id = "metgrp",
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"disable_method\":\"group\",\"disabled_group_id\":\"{0}\"}",
     .told = setting_told,
     .then = "smet"},
    {0},
};

static const struct slash commands[] = {
    {"settings", TEXT_CMD_SETTINGS, "nconf"},
    {"set_check_interval", TEXT_CMD_INTERVAL, "aput|check_interval|sconf||{0}",
     "nset|check_interval|sconf", OP_ROLE_OWNER},
    {"set_time_to_active_users", TEXT_CMD_ACTIVE_TIME, "aput|time_to_active_users|sconf||{0}",
     "nset|time_to_active_users|sconf", OP_ROLE_OWNER},
    {"country", TEXT_CMD_COUNTRY, "aput|country_code|sconf||{0}", "nset|country_code|sconf",
     OP_ROLE_OWNER},
    {"set_ipinfo_token", TEXT_NONE, "nset|ipinfo_token|sconf", NULL, OP_ROLE_OWNER},
    {"show_enhanced_details", TEXT_NONE, "nset|enhanced_details|sconf", NULL, OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_settings = {screens, actions, NULL, commands};
