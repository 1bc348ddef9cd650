/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/num.h"
#include "base/stamp.h"
#include "bot/frame.h"
#include "base/banned.h"

static const int64_t tick_us = STAMP_SECOND / 4;
/* Who pressed hears something within a second, also while the panel does not answer. */
static const int64_t toast_us = STAMP_SECOND / 2;

/* A test of what a press is answered with in the end may wait for it on a machine that is held up. */
static int64_t toast_scale(void)
{
    int64_t scale = 1;

#ifdef PG_TEST_CLOCK
    if (num_int(slice_of(getenv("PG_TOAST_SCALE")), 1, 1000, &scale))
        scale = 1;
#endif
    return scale;
}

static void on_tick(void *arg)
{
    struct bot *bot = arg;
    struct turn *t, *next;
    int64_t now = loop_real_us(bot->opts.loop);

    pending_expire(bot);
    brought_expire(bot);
    setting_change_expire(bot, loop_mono_us(bot->opts.loop));
    for (t = bot->turns; t; t = next) {
        next = t->next;
        if (t->query && now - t->began_us > bot->toast_us)
            turn_toast(t, text_raw(t->admin.lang, TEXT_WORKING), false);
    }
}

int bot_new(const struct bot_opts *opts, struct bot **ret_bot)
{
    struct bot *bot = calloc(1, sizeof(*bot));

    if (!bot)
        return ERR_NOMEM;
    bot->opts = *opts;
    bot->toast_us = toast_us * toast_scale();
    bot->memo.nonce = (uint32_t)loop_random(opts->loop);
    if (loop_timer_new(opts->loop, on_tick, bot, &bot->tick)) {
        free(bot);
        return ERR_NOMEM;
    }
    loop_timer_every(bot->tick, tick_us);
    *ret_bot = bot;
    return ERR_OK;
}

void bot_free(struct bot *bot)
{
    struct turn *t, *next;
    size_t i;

    if (!bot)
        return;
    setting_change_forget(bot);
    for (t = bot->turns; t; t = next) {
        next = t->next;
        t->at = NULL;
        t->bot = NULL;
        free(t->query);
        t->query = NULL;
        turn_end(t);
    }
    for (i = 0; i < LIMIT_BOT_PENDING; i++)
        if (bot->pending[i].admin_id)
            pending_end(bot, &bot->pending[i], false);
    bot_forget_naming(bot);
    loop_timer_free(bot->tick);
    memo_release(&bot->memo);
    brought_free(bot->brought);
    free(bot);
}

void bot_set_notices(struct bot *bot, struct notices *notices)
{
    bot->notices = notices;
}

struct notices *bot_notices(const struct bot *bot)
{
    return bot->notices;
}

const struct settings *bot_settings(const struct bot *bot)
{
    return bot->opts.port->settings(bot->opts.port->app);
}

void bot_call(struct bot *bot, enum text_lang lang, const char *method, json_t *params,
              telegram_done_fn fn, void *arg)
{
    json_t *message = json_object_get(params, "message_id");

    /* Whatever becomes of it; what was sent by send.c is remembered again once it has arrived. */
    if (message)
        bot_forget(bot, json_integer_value(json_object_get(params, "chat_id")),
                   json_integer_value(message));
    text_direct_call(params, lang);
    bot->opts.call(bot->opts.tg, method, params, TELEGRAM_NOW, fn, arg);
}
