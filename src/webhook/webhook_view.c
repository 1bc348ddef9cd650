/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "service/jout.h"
#include "webhook/webhook_int.h"
#include "base/banned.h"

/* What people are told of the webhook. */

static const char *const words[] = {
    [WEBHOOK_OFF] = "off", [WEBHOOK_UNSIGNED] = "unsigned", [WEBHOOK_NEW] = "new",
    [WEBHOOK_OK] = "ok",   [WEBHOOK_FAILING] = "failing",
};

static const char no_secret[] = "WEBHOOK_SECRET is not set, and nothing is sent unsigned";
static const char set_secret[] =
    "`pg-limiter config set webhook_secret SECRET`, and the same at the receiver";

struct webhook_facts webhook_facts(const struct webhook *w)
{
    struct webhook_facts f = {.state = !w->url                       ? WEBHOOK_OFF
                                       : !w->secret                  ? WEBHOOK_UNSIGNED
                                       : w->failing_us != STAMP_NONE ? WEBHOOK_FAILING
                                       : w->tried                    ? WEBHOOK_OK
                                                                     : WEBHOOK_NEW,
                              .open_network = w->url && webhook_form_is_open(w->url),
                              .oldest_us = STAMP_NONE,
                              .delivered_us = w->row.delivered_us,
                              .lost = w->row.lost,
                              .delivered = w->delivered,
                              .failed = w->failed,
                              .refused = w->refused,
                              .given_up = w->given_up,
                              .failing_us = w->failing_us,
                              .next_us = STAMP_NONE,
                              .error = w->error,
                              .cure = w->cure};
    int64_t rest_us = w->ready_us - loop_mono_us(w->opts.loop);

    snprintf(f.origin, sizeof(f.origin), "%s", w->origin);
    if (w->loaded && w->newest > w->row.done_id) {
        f.waiting = w->newest - w->row.done_id;
        f.oldest_us = w->oldest_us;
    }
    if (f.state == WEBHOOK_FAILING)
        f.next_us = loop_wall_us(w->opts.loop) + (rest_us > 0 ? rest_us : 0);
    if (f.state == WEBHOOK_UNSIGNED) {
        f.error = no_secret;
        f.cure = set_secret;
    }
    return f;
}

void webhook_json(const struct webhook *w, struct buf *out)
{
    struct webhook_facts f = webhook_facts(w);

    jout_text(out, "state", words[f.state]);
    jout_text(out, "url", f.origin[0] ? f.origin : NULL);
    jout_int(out, "waiting", f.waiting);
    jout_time(out, "oldest", f.oldest_us);
    jout_time(out, "last_delivered", f.delivered_us);
    jout_int(out, "delivered", (int64_t)f.delivered);
    jout_int(out, "failed", (int64_t)(f.failed + f.refused));
    jout_int(out, "lost", f.lost);
    jout_time(out, "failing_since", f.failing_us);
    jout_time(out, "next_try", f.next_us);
    jout_text(out, "error", f.error[0] ? f.error : NULL);
    jout_text(out, "cure", f.cure);
}

void webhook_doctor(const struct webhook *w, struct doctor_webhook *ret)
{
    struct webhook_facts f = webhook_facts(w);

    *ret = (struct doctor_webhook){.asked = true,
                                   .tried = f.state == WEBHOOK_OK || f.state == WEBHOOK_FAILING,
                                   .failing = f.state == WEBHOOK_FAILING,
                                   .open_network = f.open_network,
                                   .waiting = f.waiting,
                                   .lost = f.lost,
                                   .oldest_us = f.oldest_us,
                                   .delivered_us = f.delivered_us,
                                   .cure = f.cure};
    snprintf(ret->url, sizeof(ret->url), "%s", f.origin);
    snprintf(ret->why, sizeof(ret->why), "%s", f.error);
}

void webhook_problem(const struct webhook *w, struct buf *out)
{
    struct webhook_facts f = webhook_facts(w);

    if (f.error[0])
        buf_addf(out, "webhook: %s: %s; %lld events wait", f.origin, f.error, (long long)f.waiting);
}
