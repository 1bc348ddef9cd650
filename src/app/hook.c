/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "webhook/webhook.h"
#include "base/banned.h"

/* The webhook within the daemon: its settings, its end, and what surfaces see of it. */

static const int64_t settle_us = 2 * STAMP_SECOND; /* until then an answer on its way may come in */
static const int64_t turn_us = STAMP_SECOND / 50;

int hook_new(struct daemon *d, struct err *err)
{
    static char agent[64];
    struct webhook_opts wo = {.loop = d->loop,
                              .worker = d->worker,
                              .submit = owner_submit,
                              .store = d->owner,
                              .agent = agent,
                              .ca_file = settings_text(&d->settings, SET_WEBHOOK_CA_FILE)};

    snprintf(agent, sizeof(agent), "pg-limiter/%s", op_version());
    if (webhook_new(&wo, &d->webhook))
        return err_set(err, ERR_NOMEM, "out of memory");
    hook_apply(d);
    return ERR_OK;
}

void hook_apply(struct daemon *d)
{
    if (d->webhook)
        webhook_configure(d->webhook, settings_text(&d->settings, SET_WEBHOOK_URL),
                          settings_text(&d->settings, SET_WEBHOOK_SECRET));
}

void hook_stop(struct daemon *d)
{
    if (d->webhook)
        webhook_stop(d->webhook);
}

void hook_settle(struct daemon *d, int64_t since_us)
{
    if (!d->webhook)
        return;
    while (!webhook_idle(d->webhook) && loop_real_us(d->loop) - since_us < settle_us)
        loop_turn(d->loop, turn_us);
    webhook_halt(d->webhook);
}

void hook_json(void *app, struct buf *out)
{
    struct daemon *d = app;

    if (d->webhook)
        webhook_json(d->webhook, out);
}

void hook_test(void *app, struct slice who, op_enable_fn fn, void *arg)
{
    struct daemon *d = app;
    struct err err = {.code = ERR_CANCELLED, .text = "the daemon is stopping"};

    if (d->webhook && !d->stopping)
        webhook_test(d->webhook, who, fn, arg);
    else
        fn(arg, ERR_CANCELLED, &err, (struct slice){NULL, 0});
}

void hook_status(struct daemon *d, struct buf *out)
{
    jout_open(out, "webhook", '{');
    hook_json(d, out);
    jout_close(out, '}');
}

void hook_problem(struct daemon *d, struct buf *out)
{
    struct buf line;

    if (!d->webhook)
        return;
    buf_init(&line, 2048);
    webhook_problem(d->webhook, &line);
    if (line.n)
        jout_str(out, NULL, buf_slice(&line));
    buf_release(&line);
}

void hook_facts(struct daemon *d, struct doctor_facts *facts)
{
    if (d->webhook)
        webhook_doctor(d->webhook, &facts->webhook);
}
