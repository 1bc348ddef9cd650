/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/frame.h"
#include "base/banned.h"

/* The list of commands that Telegram shows beside the field of input: per language, and per admin. */

static json_t *list_of(enum text_lang lang, enum op_role role)
{
    json_t *list = json_array();
    const struct slash *c;
    struct buf text;
    size_t i;

    buf_init(&text, LIMIT_BOT_VIEW);
    for (i = 0; (c = slash_at(i)); i++) {
        if (!c->help || role < c->role)
            continue;
        buf_clear(&text);
        strip_html(&text, slice_of(text_raw(lang, c->help)));
        json_array_append_new(list, json_pack("{ss ss}", "command", c->name, "description",
                                              buf_str(&text)));
    }
    buf_release(&text);
    return list;
}

/* code: of the users' own Telegram, "" for all others; chat 0: everybody. */
static void tell(struct bot *bot, enum text_lang lang, const char *code,
                 const struct bot_admin *admin)
{
    json_t *params =
        json_pack("{so}", "commands", list_of(lang, admin ? admin->role : OP_ROLE_VIEWER));

    if (code[0])
        json_object_set_new(params, "language_code", json_string(code));
    if (admin)
        json_object_set_new(params, "scope",
                            json_pack("{ss sI}", "type", "chat", "chat_id", (json_int_t)admin->id));
    bot_call(bot, lang, "setMyCommands", params, NULL, NULL);
}

void commands_tell(struct bot *bot, const struct bot_admin *admin)
{
    tell(bot, admin->lang, "", admin);
}

static void tell_all(struct bot *bot)
{
    enum text_lang own = text_lang_of(settings_text(bot_settings(bot), SET_BOT_LANGUAGE));
    struct bot_admin admin;
    uint64_t mark = 1 + (uint64_t)own;
    size_t i;
    int lang;

    for (i = 0; bot_admin_at(bot, i, &admin); i++)
        mark =
            (mark ^ (uint64_t)admin.id ^ (uint64_t)admin.lang << 56 ^ (uint64_t)admin.role << 60) *
            UINT64_C(1099511628211);
    if (!bot->started || mark == bot->commands_told)
        return;
    bot->commands_told = mark;
    tell(bot, own, "", NULL);
    for (lang = 0; lang < TEXT_LANGS; lang++)
        tell(bot, (enum text_lang)lang, text_lang_word((enum text_lang)lang), NULL);
    for (i = 0; bot_admin_at(bot, i, &admin); i++)
        commands_tell(bot, &admin);
}

void bot_started(struct bot *bot)
{
    bot->started = true;
    tell_all(bot);
}

void bot_changed(struct bot *bot)
{
    tell_all(bot);
}
