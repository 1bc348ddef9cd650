/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/frame.h"
#include "base/banned.h"

/* Main, and the commands that every bot has. */

static void build_main(struct view *v)
{
    int64_t limit = settings_int(v->settings, SET_GENERAL_LIMIT);

    view_say(v, TEXT_MAIN_MODE, "mode", view_setting(v, SET_ENFORCEMENT), NULL);
    view_say(v, limit ? TEXT_MAIN_LIMIT : TEXT_MAIN_NO_LIMIT, "n", view_int(v, limit), NULL);
}

static void build_help(struct view *v)
{
    const struct slash *c;
    size_t i;

    for (i = 0; (c = slash_at(i)); i++) {
        if (!c->help || v->admin.role < c->role)
            continue;
        view_html(v, "/%s — ", c->name);
        view_say(v, c->help, NULL);
    }
}

static const struct screen screens[] = {
    {.id = "main",
     .title = TEXT_MAIN,
     .flags = BOT_NO_HOME,
     .build = build_main,
     .entries = ENTRIES(GO("sconf"), GO_BESIDE("slim"), GO("susers"), GO_BESIDE("smon"), GO("srep"),
                        GO_BESIDE("sadm"), GO("shelp"))},
    {.id = "help", .title = TEXT_HELP, .intro = TEXT_HELP_INTRO, .build = build_help},
    {0},
};

/* The chat is open now: Telegram takes its commands. */
static void run_start(struct turn *t)
{
    commands_tell(turn_bot(t), turn_admin(t));
    turn_go(t, "nmain");
}

static void run_cancel(struct turn *t)
{
    turn_done(t, NULL);
}

static const struct action actions[] = {
    {.id = "start", .run = run_start},
    {.id = "cancel", .run = run_cancel, .done = TEXT_CANCELLED, .then = "nmain"},
    {0},
};

static const struct slash commands[] = {
    {"start", TEXT_CMD_START, "astart"},
    {"help", TEXT_CMD_HELP, "nhelp"},
    {"cancel", TEXT_CMD_CANCEL, "acancel"},
    {0},
};

const struct bot_part part_main = {screens, actions, NULL, commands};
