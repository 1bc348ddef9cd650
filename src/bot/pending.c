/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/frame.h"
#include "base/banned.h"

const int64_t pending_wait_us = 300 * STAMP_SECOND;

static int64_t now_of(const struct bot *bot)
{
    return loop_mono_us(bot->opts.loop);
}

struct pending *pending_find(struct bot *bot, int64_t chat_id, int64_t admin_id)
{
    size_t i;

    for (i = 0; i < LIMIT_BOT_PENDING; i++) {
        struct pending *p = &bot->pending[i];

        if (p->admin_id == admin_id && p->chat_id == chat_id && p->until_us > now_of(bot))
            return p;
    }
    return NULL;
}

void bot_strip(struct bot *bot, int64_t chat_id, int64_t message_id)
{
    if (message_id)
        bot_call(bot, TEXT_EN, "editMessageReplyMarkup",
                 json_pack("{sI sI}", "chat_id", (json_int_t)chat_id, "message_id",
                           (json_int_t)message_id),
                 NULL, NULL);
}

void pending_end(struct bot *bot, struct pending *p, bool with_buttons)
{
    size_t i;

    if (with_buttons)
        bot_strip(bot, p->chat_id, p->message_id);
    for (i = 0; i < p->n_args; i++) {
        /* What was typed may be a password. */
        explicit_bzero(p->args[i], strlen(p->args[i]));
        free(p->args[i]);
    }
    *p = (struct pending){0};
}

/* A free place, else that of who waits longest. */
static struct pending *place(struct bot *bot, int64_t chat_id, int64_t admin_id)
{
    struct pending *p = pending_find(bot, chat_id, admin_id), *oldest = &bot->pending[0];
    size_t i;

    if (p)
        return p;
    for (i = 0; i < LIMIT_BOT_PENDING; i++) {
        if (!bot->pending[i].admin_id)
            return &bot->pending[i];
        if (bot->pending[i].until_us < oldest->until_us)
            oldest = &bot->pending[i];
    }
    return oldest;
}

int pending_begin(struct turn *t, const struct input *input, int64_t message_id)
{
    struct pending *p = place(t->bot, t->chat_id, t->admin.id);
    struct pending made = {.chat_id = t->chat_id,
                           .admin_id = t->admin.id,
                           .until_us = now_of(t->bot) + pending_wait_us,
                           .message_id = message_id,
                           .input = input,
                           .n_args = t->n_args};
    size_t i;

    for (i = 0; i < t->n_args; i++) {
        made.args[i] = strdup(t->args[i]);
        if (!made.args[i]) {
            while (i--)
                free(made.args[i]);
            return ERR_NOMEM;
        }
    }
    if (p->admin_id)
        pending_end(t->bot, p, p->message_id != message_id);
    *p = made;
    return ERR_OK;
}

void pending_expire(struct bot *bot)
{
    size_t i;

    for (i = 0; i < LIMIT_BOT_PENDING; i++) {
        struct pending *p = &bot->pending[i];
        struct bot_admin admin;
        struct view v;

        if (!p->admin_id || p->busy || p->until_us > now_of(bot))
            continue;
        if (p->message_id && bot_admin_of(bot, p->admin_id, &admin)) {
            view_init(&v, bot, &admin, p->chat_id > 0);
            for (v.n_args = 0; v.n_args < p->n_args; v.n_args++)
                v.arg[v.n_args] = p->args[v.n_args];
            view_say(&v, TEXT_INPUT_OVER, NULL);
            show_ways(&v, p->input->back);
            bot_call(bot, admin.lang, "editMessageText",
                     json_pack("{sI sI ss ss s{sO}}", "chat_id", (json_int_t)p->chat_id,
                               "message_id", (json_int_t)p->message_id, "text", buf_str(&v.text),
                               "parse_mode", "HTML", "reply_markup", "inline_keyboard", v.rows),
                     NULL, NULL);
            view_release(&v);
        }
        pending_end(bot, p, false);
    }
}
