/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "service/jout.h"
#include "webhook/webhook_int.h"
#include "base/banned.h"

/* An attempt: of an event of the queue, or of a test beside it. */

enum { TELL_AFTER = 2 }; /* failures in a row: a single one is not worth a line of the log */

static int start(struct webhook *w, struct slice body, const char *id, http_done_fn done,
                 struct http_call **ret_call)
{
    char signature[WEBHOOK_SIGNATURE], stamp[32];
    int64_t now_s = loop_wall_us(w->opts.loop) / STAMP_SECOND;
    struct http_header headers[] = {{"Content-Type", "application/json"},
                                    {"Expect", NULL}, /* 100-continue: costs a second somewhere */
                                    {"X-PG-Limiter-Id", id},
                                    {"X-PG-Limiter-Timestamp", stamp},
                                    {"X-PG-Limiter-Signature", signature}};
    struct http_request req = {.method = "POST",
                               .url = w->url,
                               .headers = headers,
                               .n_headers = ARRAY_LEN(headers),
                               .body = body,
                               .deadline_us = WEBHOOK_DEADLINE,
                               .body_max = LIMIT_WEBHOOK_ANSWER,
                               .head_suffices = true};
    int rc;

    snprintf(stamp, sizeof(stamp), "%lld", (long long)now_s);
    rc = webhook_form_sign(w->secret, now_s, body, signature);
    return rc ? rc : http_start(w->http, &req, done, w, ret_call);
}

/* ---- what it came to ---- */

static void tell_failure(struct webhook *w, const struct webhook_outcome *o, int code)
{
    if (w->backoff.tries + 1 < TELL_AFTER || (w->told_failing && w->failing_told == code)) {
        log_debug("webhook", "%s: %s", w->origin, o->text);
        return;
    }
    log_warning("webhook", "%s: %s; events wait and are tried again. %s", w->origin, o->text,
                o->cure);
    w->told_failing = true;
    w->failing_told = code;
}

/* Once an outage, as an error, which the admins are told of. */
static void tell_long(struct webhook *w, const struct webhook_outcome *o)
{
    if (w->told_long || loop_wall_us(w->opts.loop) - w->failing_us < WEBHOOK_LONG)
        return;
    w->told_long = true;
    log_error("webhook",
              "%s has taken nothing for an hour: %s; %lld events wait, for up to 7 days. %s",
              w->origin, o->text, (long long)(w->newest - w->row.done_id), o->cure);
}

static void on_success(struct webhook *w)
{
    if (w->told_failing)
        log_info("webhook", "%s takes events again: %lld wait", w->origin,
                 (long long)(w->newest - w->row.done_id));
    w->tried = true;
    w->told_failing = w->told_long = false;
    w->failing_us = STAMP_NONE;
    w->refused_id = 0;
    w->error[0] = '\0';
    w->cure = NULL;
    webhook_recovered(w);
}

static void on_failure(struct webhook *w, const struct webhook_outcome *o, int code)
{
    w->tried = true;
    if (w->failing_us == STAMP_NONE)
        w->failing_us = loop_wall_us(w->opts.loop);
    snprintf(w->error, sizeof(w->error), "%s", o->text);
    w->cure = o->cure;
    tell_failure(w, o, code);
    tell_long(w, o);
}

/* Whether it refuses this event, and nothing else happened to it, for so long that the others go before. */
static bool refused_enough(struct webhook *w, const struct webhook_outcome *o, int64_t id)
{
    int64_t now_us = loop_mono_us(w->opts.loop);

    if (o->end != WEBHOOK_REFUSED) {
        w->refused_id = 0;
        return false;
    }
    if (w->refused_id != id) {
        w->refused_id = id;
        w->refused_us = now_us;
    }
    return now_us - w->refused_us >= WEBHOOK_REFUSALS;
}

static void on_done(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct webhook *w = arg;
    struct webhook_outcome o;
    int64_t id = w->items[w->at].id;

    w->call = NULL;
    if (w->freeing || rc == ERR_CANCELLED)
        return;
    webhook_judge(rc, err, answer, &o);
    if (o.end == WEBHOOK_DELIVERED) {
        FAULT_POINT("webhook.answered");
        w->delivered++;
        on_success(w);
        webhook_note(w, id, true);
        return;
    }
    if (o.end == WEBHOOK_REFUSED)
        w->refused++;
    else
        w->failed++;
    on_failure(w, &o, o.status ? o.status : rc);
    if (refused_enough(w, &o, id))
        webhook_note(w, id, false);
    else
        webhook_rest(w, o.retry_after_s);
}

void webhook_send(struct webhook *w)
{
    struct webhook_item *item = &w->items[w->at];
    struct slice body = {item->body, item->n};
    char id[48];

    w->oldest_us = item->at_us;
    snprintf(id, sizeof(id), "%lld-%lld", (long long)item->id, (long long)(item->at_us / 1000));
    if (start(w, body, id, on_done, &w->call)) {
        log_error("webhook", "an event cannot be sent: out of memory");
        webhook_rest(w, 0);
    }
}

/* ---- a test ---- */

static void probe_end(struct webhook *w, int rc, const struct err *err, struct slice json)
{
    webhook_tested_fn fn = w->probe_fn;
    void *arg = w->probe_arg;

    w->probe_fn = NULL;
    w->probe_arg = NULL;
    fn(arg, rc, err, json);
}

static void on_probed(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct webhook *w = arg;
    int64_t took_us = loop_real_us(w->opts.loop) - w->probe_began_us;
    struct err gone = {.code = ERR_CANCELLED, .text = "the webhook was changed meanwhile"};
    struct webhook_outcome o;
    struct buf out;

    w->probe = NULL;
    if (rc == ERR_CANCELLED) {
        probe_end(w, rc, &gone, (struct slice){NULL, 0});
        return;
    }
    webhook_judge(rc, err, answer, &o);
    if (o.end == WEBHOOK_DELIVERED) {
        on_success(w);
        webhook_go(w);
    }
    buf_init(&out, 4096);
    jout_open(&out, NULL, '{');
    jout_bool(&out, "ok", o.end == WEBHOOK_DELIVERED);
    jout_text(&out, "url", w->origin);
    jout_text(&out, "id", w->probe_id);
    if (o.status)
        jout_int(&out, "status", o.status);
    else
        jout_text(&out, "status", NULL);
    jout_int(&out, "took_ms", took_us / 1000);
    jout_text(&out, "error", o.end == WEBHOOK_DELIVERED ? NULL : o.text);
    jout_text(&out, "cure", o.cure);
    jout_close(&out, '}');
    probe_end(w, ERR_OK, &gone, buf_slice(&out));
    buf_release(&out);
}

static int probe_begin(struct webhook *w, struct slice who)
{
    int64_t now_us = loop_wall_us(w->opts.loop);
    struct db_event event = {.at_us = now_us - now_us % 1000,
                             .kind = SLICE("test"),
                             .who = who,
                             .what = SLICE("a test of the webhook: nothing has happened")};
    struct buf body;
    int rc;

    buf_init(&body, LIMIT_WEBHOOK_BODY);
    webhook_form_body(&body, &event);
    snprintf(w->probe_id, sizeof(w->probe_id), "0-%lld", (long long)(now_us / 1000));
    w->probe_began_us = loop_real_us(w->opts.loop);
    rc = body.failed ? ERR_NOMEM : start(w, buf_slice(&body), w->probe_id, on_probed, &w->probe);
    buf_release(&body);
    return rc;
}

void webhook_test(struct webhook *w, struct slice who, webhook_tested_fn fn, void *arg)
{
    struct slice none = {NULL, 0};
    struct err err = {0};
    int rc = ERR_OK;

    if (w->stopped)
        rc = err_set(&err, ERR_CANCELLED, "the daemon is stopping");
    else if (!w->url)
        rc = err_set(&err, ERR_INVALID, "there is no webhook: set webhook_url first");
    else if (!w->secret)
        rc = err_set(&err, ERR_INVALID,
                     "webhook_secret is not set, and nothing is sent unsigned: set it first");
    else if (!w->http)
        rc = err_set(&err, ERR_INVALID, "%s", w->error);
    else if (w->probe_fn)
        rc = err_set(&err, ERR_BUSY, "a test is on its way already");
    if (rc) {
        fn(arg, rc, &err, none);
        return;
    }
    w->probe_fn = fn;
    w->probe_arg = arg;
    rc = probe_begin(w, who);
    if (rc)
        probe_end(w, rc, (err_set(&err, rc, "out of memory"), &err), none);
}
