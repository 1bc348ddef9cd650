/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/here/telegram_here.h"

#include <stdio.h>

#include "base/stamp.h"
#include "net/loop.h"
#include "net/worker.h"
#include "telegram/telegram.h"
#include "base/banned.h"

enum { WORKER_JOBS = 4 };
static const int64_t turn_us = STAMP_SECOND / 10;
static const int64_t longest_us = 15 * STAMP_SECOND;

void telegram_here(const struct settings *s, struct doctor_facts *facts)
{
    struct telegram_opts to = {.token = settings_text(s, SET_BOT_TOKEN),
                               .api_url = settings_text(s, SET_TELEGRAM_API_URL),
                               .proxy = settings_text(s, SET_TELEGRAM_PROXY)};
    struct worker *worker = NULL;
    struct telegram *tg = NULL;
    struct err err = {0};
    int64_t began_us;

    if (!settings_has(s, SET_BOT_TOKEN))
        return;
    facts->telegram_asked = true;
    if (loop_new(&to.loop) || worker_new(to.loop, WORKER_JOBS, &worker)) {
        snprintf(facts->telegram, sizeof(facts->telegram), "out of memory");
    } else {
        to.worker = worker;
        if (telegram_new(&to, &tg, &err)) {
            snprintf(facts->telegram, sizeof(facts->telegram), "%s", err.text);
        } else {
            began_us = loop_real_us(to.loop);
            while (telegram_state(tg) == TELEGRAM_STARTING &&
                   loop_real_us(to.loop) - began_us < longest_us)
                loop_turn(to.loop, turn_us);
            facts->telegram_up = telegram_state(tg) == TELEGRAM_OK;
            snprintf(facts->telegram, sizeof(facts->telegram), "%s",
                     facts->telegram_up ? telegram_bot_name(tg) : telegram_state_text(tg));
        }
    }
    telegram_free(tg);
    worker_free(worker);
    loop_free(to.loop);
}
