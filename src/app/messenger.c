/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "bot/bot.h"
#include "bot/notice/notice.h"
#include "service/doctor/doctor.h"
#include "service/jout.h"
#include "store/db_events.h"
#include "telegram/outbox.h"
#include "telegram/telegram.h"
#include "base/banned.h"

/*
 * The way to Telegram: made when there is a token, made anew when token, address or proxy change. Whatever
 * goes wrong with it, the daemon goes on limiting.
 */

static const int64_t drain_us = STAMP_SECOND;      /* what waits may still go out at the end */
static const int64_t settle_us = 2 * STAMP_SECOND; /* until then what is on its way may come in */
static const int64_t turn_us = STAMP_SECOND / 50;

static void on_update(void *arg, json_t *update)
{
    struct daemon *d = arg;

    if (d->bot)
        bot_update(d->bot, update);
}

static void on_state(void *arg, enum telegram_state state, const char *text)
{
    struct daemon *d = arg;

    if (state == TELEGRAM_OK)
        log_info("telegram", "the bot @%s is connected%s%s; %lld messages wait in the outbox",
                 telegram_bot_name(d->telegram), telegram_via(d->telegram)[0] ? ", proxy " : "",
                 telegram_via(d->telegram), (long long)outbox_length(d->outbox));
    else
        log_warning("telegram", "%s", text);
    outbox_state(d->outbox, state);
    if (state == TELEGRAM_OK && d->bot)
        bot_started(d->bot);
}

static void on_migrate(void *arg, int64_t from_chat, int64_t to_chat)
{
    struct daemon *d = arg;

    log_info("telegram", "group %lld is a supergroup now, %lld: its topics and messages follow",
             (long long)from_chat, (long long)to_chat);
    outbox_migrate(d->outbox, from_chat, to_chat);
    notices_migrate(d->notices, from_chat, to_chat);
}

struct lost_message {
    int64_t at_us;
    char what[320];
};

static int write_lost(struct db *db, void *arg, struct err *err)
{
    const struct lost_message *l = arg;
    struct db_event ev = {.at_us = l->at_us,
                          .kind = SLICE("message_lost"),
                          .who = SLICE("pg-limiter"),
                          .what = slice_of(l->what)};

    return db_events_add(db, &ev, NULL, err);
}

static void lost_written(void *arg, int rc, const struct err *err)
{
    (void)rc;
    (void)err;
    free(arg);
}

static void on_failed(void *arg, const struct outbox_failure *f)
{
    struct daemon *d = arg;
    struct lost_message *l;

    if (d->notices && notices_failed(d->notices, f))
        return;
    l = calloc(1, sizeof(*l));
    if (l) {
        l->at_us = daemon_now(d);
        snprintf(l->what, sizeof(l->what), "a message to chat %lld is given up: %s",
                 (long long)f->chat_id, f->description);
        if (owner_submit(d->owner, OWNER_WRITE, write_lost, lost_written, l))
            free(l);
    }
    log_warning("telegram", "a message to chat %lld is given up: %s", (long long)f->chat_id,
                f->description);
}

int messenger_new(struct daemon *d, struct err *err)
{
    struct outbox_opts oo = {.loop = d->loop,
                             .submit = owner_submit,
                             .store = d->owner,
                             .on_failed = on_failed,
                             .arg = d};

    if (outbox_new(&oo, &d->outbox) || notify_new(d))
        return err_set(err, ERR_NOMEM, "out of memory");
    messenger_apply(d);
    return ERR_OK;
}

static void drop_telegram(struct daemon *d)
{
    outbox_set_telegram(d->outbox, NULL);
    bot_free(d->bot);
    d->bot = NULL;
    telegram_free(d->telegram);
    d->telegram = NULL;
    if (d->notices)
        notices_set_telegram(d->notices, NULL);
}

void messenger_apply(struct daemon *d)
{
    const struct settings *s = &d->settings;
    struct telegram_opts to = {.loop = d->loop,
                               .worker = d->worker,
                               .submit = owner_submit,
                               .store = d->owner,
                               .token = settings_text(s, SET_BOT_TOKEN),
                               .api_url = settings_text(s, SET_TELEGRAM_API_URL),
                               .proxy = settings_text(s, SET_TELEGRAM_PROXY),
                               .events = {on_update, on_state, on_migrate},
                               .arg = d};
    struct err err = {0};

    drop_telegram(d);
    d->telegram_error[0] = '\0';
    if (!settings_has(s, SET_BOT_TOKEN))
        return;
    if (telegram_new(&to, &d->telegram, &err)) {
        snprintf(d->telegram_error, sizeof(d->telegram_error), "%s", err.text);
        log_error("telegram", "there is no bot: %s", err.text);
        return;
    }
    outbox_set_telegram(d->outbox, d->telegram);
    if (bot_new(&(struct bot_opts){.loop = d->loop,
                                   .port = &d->port,
                                   .tg = d->telegram,
                                   .call = telegram_call,
                                   .name = telegram_bot_name},
                &d->bot))
        log_error("telegram", "out of memory: nobody is answered");
    else
        bot_set_notices(d->bot, d->notices);
    notices_set_telegram(d->notices, d->telegram);
}

bool messenger_differs(const struct settings *a, const struct settings *b)
{
    static const enum setting ids[] = {SET_BOT_TOKEN, SET_TELEGRAM_API_URL, SET_TELEGRAM_PROXY};
    size_t i;

    for (i = 0; i < ARRAY_LEN(ids); i++)
        if (strcmp(settings_text(a, ids[i]), settings_text(b, ids[i])) != 0)
            return true;
    return false;
}

/*
 * A message on its way when the process ends could not be known to have arrived, so none is: what waits
 * gets a moment (answers to presses as well), nothing new is begun, and what was begun is waited for.
 */
void messenger_stop(struct daemon *d)
{
    int64_t began_us;

    if (!d->outbox)
        return;
    began_us = loop_real_us(d->loop);
    while (d->telegram && telegram_state(d->telegram) == TELEGRAM_OK &&
           (outbox_length(d->outbox) || !outbox_idle(d->outbox) ||
            telegram_stats(d->telegram).waiting) &&
           loop_real_us(d->loop) - began_us < drain_us)
        loop_turn(d->loop, turn_us);
    outbox_stop(d->outbox);
    while (!outbox_idle(d->outbox) && loop_real_us(d->loop) - began_us < settle_us)
        loop_turn(d->loop, turn_us);
    drop_telegram(d);
}

void messenger_json(struct daemon *d, struct buf *out)
{
    struct telegram_stats st = {0};

    jout_open(out, "telegram", '{');
    if (d->telegram)
        st = telegram_stats(d->telegram);
    jout_text(out, "state",
              d->telegram            ? telegram_state_name(telegram_state(d->telegram))
              : d->telegram_error[0] ? "failed"
                                     : "off");
    jout_text(out, "text",
              d->telegram            ? telegram_state_text(d->telegram)
              : d->telegram_error[0] ? d->telegram_error
                                     : "BOT_TOKEN is not set");
    jout_text(out, "bot",
              d->telegram && telegram_bot_name(d->telegram)[0] ? telegram_bot_name(d->telegram)
                                                               : NULL);
    jout_text(out, "proxy",
              d->telegram && telegram_via(d->telegram)[0] ? telegram_via(d->telegram) : NULL);
    jout_time(out, "received", st.last_us ? st.last_us : STAMP_NONE);
    jout_int(out, "updates", (int64_t)st.updates);
    jout_int(out, "waiting", d->outbox ? outbox_length(d->outbox) : 0);
    jout_int(out, "delivered", d->outbox ? (int64_t)outbox_delivered(d->outbox) : 0);
    jout_int(out, "given_up", d->outbox ? (int64_t)outbox_given_up(d->outbox) : 0);
    jout_close(out, '}');
}

const char *messenger_problem(const struct daemon *d)
{
    if (d->telegram_error[0])
        return d->telegram_error;
    if (!d->telegram || telegram_state(d->telegram) == TELEGRAM_OK ||
        telegram_state(d->telegram) == TELEGRAM_STARTING)
        return NULL;
    return telegram_state_text(d->telegram);
}

void messenger_facts(struct daemon *d, struct doctor_facts *facts)
{
    bool up = d->telegram && telegram_state(d->telegram) == TELEGRAM_OK;

    facts->telegram_asked =
        d->telegram_error[0] || (d->telegram && telegram_state(d->telegram) != TELEGRAM_STARTING);
    facts->telegram_up = up;
    snprintf(facts->telegram, sizeof(facts->telegram), "%s",
             up            ? telegram_bot_name(d->telegram)
             : d->telegram ? telegram_state_text(d->telegram)
                           : d->telegram_error);
    facts->outbox = d->outbox ? outbox_length(d->outbox) : -1;
}
