/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "telegram/telegram_int.h"
#include "base/banned.h"

/* Calls: two queues, the pace, and what becomes of an answer. */

enum { FLYING_NOW = 16, FLYING_BULK = 8 };
static const int64_t call_deadline_us = 30 * STAMP_SECOND;
static const int64_t file_deadline_us = 300 * STAMP_SECOND;
static const int64_t patience_us = 20 * STAMP_SECOND; /* of TELEGRAM_NOW with a 429 */

/* ---- lists ---- */

static void list_add(struct tg_list *l, struct tg_call *c)
{
    c->next = NULL;
    c->prev = l->last;
    if (l->last)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
    l->n++;
}

static void list_remove(struct tg_list *l, struct tg_call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        l->last = c->prev;
    c->prev = c->next = NULL;
    l->n--;
}

static void list_push(struct tg_list *l, struct tg_call *c)
{
    c->prev = NULL;
    c->next = l->first;
    if (l->first)
        l->first->prev = c;
    else
        l->last = c;
    l->first = c;
    l->n++;
}

static void call_free(struct tg_call *c)
{
    buf_release(&c->body);
    free(c);
}

/* ---- URLs ---- */

void tgcall_add_url(const struct telegram *tg, struct buf *out, const char *kind,
                    const char *method)
{
    buf_addf(out, "%s%s/bot%s/%s", tg->api_url, kind, tg->token, method);
}

void tgcall_scrub(const struct telegram *tg, char *text)
{
    size_t n = strlen(tg->token);
    char *at;

    while ((at = strstr(text, tg->token))) {
        memmove(at + 1, at + n, strlen(at + n) + 1);
        *at = '*';
    }
}

int tgcall_start(struct telegram *tg, const char *method, struct slice body, const char *type,
                 bool repeatable, int64_t deadline_us, http_done_fn done, void *arg,
                 struct http_call **ret_call)
{
    /* Without "Expect: 100-continue", which costs a second where a proxy knows nothing of it. */
    struct http_header headers[] = {{"Content-Type", type}, {"Expect", NULL}};
    struct http_request req = {.method = "POST",
                               .repeatable = repeatable,
                               .headers = headers,
                               .n_headers = ARRAY_LEN(headers),
                               .body = body,
                               .deadline_us = deadline_us,
                               .body_max = LIMIT_TELEGRAM_ANSWER};
    struct buf url;
    int rc;

    buf_init(&url, 2048);
    tgcall_add_url(tg, &url, "", method);
    req.url = buf_str(&url);
    rc = url.failed ? ERR_NOMEM : http_start(tg->http, &req, done, arg, ret_call);
    buf_release(&url);
    return rc;
}

/* ---- the end of a call ---- */

/* The clock of the pace: in a test that measures something else it may run faster than the others. */
static int64_t pace_us(const struct telegram *tg)
{
    return loop_real_us(tg->loop) * tg->pace_scale;
}

static void finish(struct tg_call *c, int rc, const struct telegram_answer *answer)
{
    if (c->fn)
        c->fn(c->arg, rc, answer);
    call_free(c);
}

/* What the message shows now, unless two calls of it crossed and nobody knows which came last. */
static void note_shown(const struct tg_call *c, const struct telegram_answer *a)
{
    int64_t id = c->message_id ? c->message_id
                               : json_integer_value(json_object_get(a->result, "message_id"));

    if (c->mark && !c->crossed && (a->ok || tganswer_judge(a, true) == TGANSWER_SAME))
        tgshown_note(&c->tg->shown, c->chat, id, c->mark);
}

/* Whether an answered call was put back into its queue, to be made again. */
static bool throttled(struct tg_call *c, const struct telegram_answer *a)
{
    struct telegram *tg = c->tg;
    int64_t now = loop_real_us(tg->loop), wait = a->retry_after_s * STAMP_SECOND;

    tg->stats.throttled++;
    tgpace_throttled(tg->pace, c->chat, wait * tg->pace_scale, now * tg->pace_scale);
    if (c->lane == TELEGRAM_BULK || now + wait - c->queued_us > patience_us)
        return false;
    list_push(&tg->queue[c->lane], c);
    return true;
}

static void count(struct telegram *tg, const struct tg_call *c, const struct telegram_answer *a)
{
    if (a->ok) {
        tg->stats.calls++;
        return;
    }
    if (a->error_code != 429)
        tg->stats.refused++;
    log_debug("telegram", "%s: %d %s", c->method, a->error_code, a->description);
    if (a->migrate_to && c->chat && tg->events.on_migrate)
        tg->events.on_migrate(tg->arg, c->chat, a->migrate_to);
}

/*
 * Whether an answer that is none may hide one: a gateway's that had no answer, or the Bot API's own cut off.
 * A page in HTML (a proxy's, a censor's) says that the Bot API was never reached.
 */
static bool cut_short(const struct http_answer *a)
{
    return a->status >= 500 || a->body->n == 0 || a->body->p[0] == '{';
}

static void call_done(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct tg_call *c = arg;
    struct telegram *tg = c->tg;
    struct tganswer parsed = {0};
    struct err why = {0};
    bool sent = http_sent(c->http);

    c->http = NULL;
    list_remove(&tg->flying, c);
    tg->n_flying[c->lane]--;
    tgpace_answered(tg->pace, c->counts, pace_us(tg));
    if (!rc) {
        rc = tganswer_parse(buf_slice(answer->body), &parsed, &why);
        sent = rc && cut_short(answer);
    } else {
        snprintf(why.text, sizeof(why.text), "%s", err->text);
    }
    if (rc) {
        tg->stats.failed++;
        tgcall_scrub(tg, why.text);
        log_debug("telegram", "%s: %s", c->method, why.text);
        tgpoll_suspect(tg);
        /* Cancelled while the transport lives on: its client gave way to that of another proxy. */
        if (rc == ERR_CANCELLED && !tg->freeing)
            rc = ERR_UNREACHABLE;
        finish(c, sent ? ERR_UNSURE : rc, NULL);
    } else {
        count(tg, c, &parsed.a);
        note_shown(c, &parsed.a);
        if (parsed.a.error_code == 401)
            tgpoll_suspect(tg);
        if (parsed.a.error_code != 429 || !throttled(c, &parsed.a))
            finish(c, ERR_OK, &parsed.a);
    }
    tganswer_release(&parsed);
    tgcall_pump(tg);
}

/* ---- sending ---- */

static int64_t pace_wait(const struct telegram *tg, int64_t chat, bool counts, bool urgent)
{
    int64_t wait = tgpace_wait(tg->pace, chat, counts, urgent, pace_us(tg));

    return wait / tg->pace_scale + (wait % tg->pace_scale != 0);
}

static void init_pace_scale(struct telegram *tg)
{
    tg->pace_scale = 1;
#ifdef PG_TEST_CLOCK
    int64_t scale;

    if (num_int(slice_of(getenv("PG_PACE_SCALE")), 1, 1000, &scale) == ERR_OK)
        tg->pace_scale = scale;
#endif
}

/* Two urgent messages to one chat could overtake each other on their connections. */
static bool chat_busy(const struct telegram *tg, const struct tg_call *c)
{
    const struct tg_call *f;

    if (!c->counts || !c->chat)
        return false;
    for (f = tg->flying.first; f; f = f->next)
        if (f->chat == c->chat && f->counts && f->lane == c->lane)
            return true;
    return false;
}

static bool overtakes(const struct tg_call *c)
{
    const struct tg_call *q;

    if (!c->counts || !c->chat)
        return false;
    for (q = c->prev; q; q = q->prev)
        if (q->chat == c->chat && q->counts)
            return true;
    return false;
}

/* What is on its way to a message makes unknown what it shows until the answer. */
static void meet(struct telegram *tg, struct tg_call *c)
{
    struct tg_call *f;

    c->crossed = false;
    if (!c->message_id)
        return;
    tgshown_forget(&tg->shown, c->chat, c->message_id);
    for (f = tg->flying.first; f; f = f->next)
        if (f->chat == c->chat && f->message_id == c->message_id)
            f->crossed = c->crossed = true;
}

/* Telegram would refuse it: the message shows just this. */
static bool changes_nothing(const struct telegram *tg, const struct tg_call *c)
{
    return c->message_id && tgshown_is(&tg->shown, c->chat, c->message_id, c->mark);
}

static void leave_out(struct telegram *tg, struct tg_call *c)
{
    list_remove(&tg->queue[c->lane], c);
    c->fail_rc = ERR_OK;
    list_add(&tg->failed, c);
    tgcall_pump(tg);
}

static void send_one(struct telegram *tg, struct tg_call *c)
{
    int64_t deadline = c->deadline_us;
    int rc;

    list_remove(&tg->queue[c->lane], c);
    rc = tgpace_sent(tg->pace, c->chat, c->counts, pace_us(tg));
    if (!rc) {
        rc = tgcall_start(tg, c->method, buf_slice(&c->body), c->type, c->repeatable, deadline,
                          call_done, c, &c->http);
        if (rc)
            tgpace_answered(tg->pace, c->counts, pace_us(tg));
    }
    if (rc) {
        tg->stats.failed++;
        finish(c, rc, NULL);
        return;
    }
    meet(tg, c);
    list_add(&tg->flying, c);
    tg->n_flying[c->lane]++;
}

/* Sends what may go of one lane; how long until the next of it may. */
static int64_t pump_lane(struct telegram *tg, enum telegram_lane lane, uint32_t most)
{
    int64_t next = INT64_MAX, wait;
    struct tg_call *c, *after;

    for (c = tg->queue[lane].first; c && tg->n_flying[lane] < most; c = after) {
        after = c->next;
        if (chat_busy(tg, c) || overtakes(c))
            continue;
        if (changes_nothing(tg, c)) {
            leave_out(tg, c);
            continue;
        }
        wait = pace_wait(tg, c->chat, c->counts, lane == TELEGRAM_NOW);
        if (wait == 0)
            send_one(tg, c);
        else if (wait < next)
            next = wait;
    }
    return next;
}

static void pump(void *arg)
{
    /* In Telegram's own words, so that who asks need not know who answered. */
    static const struct telegram_answer same = {.error_code = 400,
                                                .description =
                                                    "Bad Request: " TELEGRAM_NOT_MODIFIED,
                                                .retry_after_s = -1};
    struct telegram *tg = arg;
    struct tg_call *c;
    int64_t now_wait, bulk_wait;

    while ((c = tg->failed.first)) {
        list_remove(&tg->failed, c);
        finish(c, c->fail_rc, c->fail_rc ? NULL : &same);
    }
    now_wait = pump_lane(tg, TELEGRAM_NOW, FLYING_NOW);
    bulk_wait = pump_lane(tg, TELEGRAM_BULK, FLYING_BULK);
    if (bulk_wait < now_wait)
        now_wait = bulk_wait;
    if (now_wait != INT64_MAX && !loop_timer_armed(tg->pump_timer))
        loop_timer_set_real(tg->pump_timer, now_wait);
}

void tgcall_pump(struct telegram *tg)
{
    if (!tg->freeing)
        loop_timer_set_real(tg->pump_timer, 0);
}

/* ---- making ---- */

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void describe(struct tg_call *c, const char *method, const json_t *params)
{
    const json_t *chat = json_object_get(params, "chat_id");
    bool text = strcmp(method, "sendMessage") == 0 || strcmp(method, "editMessageText") == 0;

    snprintf(c->method, sizeof(c->method), "%s", method);
    c->chat = json_is_integer(chat) ? json_integer_value(chat) : 0;
    c->message_id = json_integer_value(json_object_get(params, "message_id"));
    c->mark = text ? tgshown_mark(params) : 0;
    c->counts = (starts(method, "send") && strcmp(method, "sendChatAction") != 0) ||
                starts(method, "edit") || starts(method, "copy") || starts(method, "forward");
    c->repeatable = !(starts(method, "send") || starts(method, "copy") ||
                      starts(method, "forward") || starts(method, "create"));
}

static void enqueue(struct telegram *tg, struct tg_call *c, int rc)
{
    c->queued_us = loop_real_us(tg->loop);
    if (!rc && tg->queue[c->lane].n >= LIMIT_TELEGRAM_CALLS)
        rc = ERR_TOO_BIG;
    c->fail_rc = rc;
    list_add(rc ? &tg->failed : &tg->queue[c->lane], c);
    tgcall_pump(tg);
}

static struct tg_call *new_call(struct telegram *tg, enum telegram_lane lane, telegram_done_fn fn,
                                void *arg)
{
    struct tg_call *c = calloc(1, sizeof(*c));

    if (!c) {
        if (fn)
            fn(arg, ERR_NOMEM, NULL);
        return NULL;
    }
    c->tg = tg;
    c->lane = lane;
    c->fn = fn;
    c->arg = arg;
    c->deadline_us = call_deadline_us;
    return c;
}

void telegram_call(struct telegram *tg, const char *method, json_t *params, enum telegram_lane lane,
                   telegram_done_fn fn, void *arg)
{
    struct tg_call *c = new_call(tg, lane, fn, arg);
    char *text = NULL;

    if (!c) {
        json_decref(params);
        return;
    }
    text = params ? json_dumps(params, JSON_COMPACT) : NULL;
    describe(c, method, params);
    snprintf(c->type, sizeof(c->type), "application/json");
    buf_init(&c->body, LIMIT_TELEGRAM_ANSWER);
    buf_add_str(&c->body, text ? text : "{}");
    enqueue(tg, c, (params && !text) || c->body.failed ? ERR_NOMEM : ERR_OK);
    free(text);
    json_decref(params);
}

/* Line ends and quotes would end the header that a name stands in. */
static void add_name(struct buf *b, const char *name)
{
    for (; *name; name++)
        buf_add_char(b, strchr("\"\r\n\\", *name) || (unsigned char)*name < 0x20 ? '_' : *name);
}

static void add_fields(struct buf *b, const char *boundary, json_t *params)
{
    const char *key;
    json_t *value;

    json_object_foreach(params, key, value)
    {
        char *text =
            json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        if (!text && !json_is_string(value))
            b->failed = true;
        buf_addf(b, "--%s\r\nContent-Disposition: form-data; name=\"", boundary);
        add_name(b, key);
        buf_addf(b, "\"\r\n\r\n%s\r\n", text ? text : json_string_value(value));
        free(text);
    }
}

void telegram_send_file(struct telegram *tg, const char *method, json_t *params,
                        enum telegram_lane lane, const char *field, const char *filename,
                        struct slice bytes, telegram_done_fn fn, void *arg)
{
    struct tg_call *c = new_call(tg, lane, fn, arg);
    int rc = bytes.n > LIMIT_TELEGRAM_UPLOAD ? ERR_TOO_BIG : ERR_OK;
    char boundary[64];
    struct buf *b;

    if (!c) {
        json_decref(params);
        return;
    }
    b = &c->body;
    describe(c, method, params);
    c->deadline_us = file_deadline_us;
    snprintf(boundary, sizeof(boundary), "pg-limiter-%016llx%016llx",
             (unsigned long long)loop_random(tg->loop), (unsigned long long)loop_random(tg->loop));
    snprintf(c->type, sizeof(c->type), "multipart/form-data; boundary=%s", boundary);
    buf_init(b, (size_t)LIMIT_TELEGRAM_UPLOAD + LIMIT_TELEGRAM_ANSWER);
    if (!rc) {
        add_fields(b, boundary, params);
        buf_addf(b, "--%s\r\nContent-Disposition: form-data; name=\"", boundary);
        add_name(b, field);
        buf_add_str(b, "\"; filename=\"");
        add_name(b, filename);
        buf_add_str(b, "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
        buf_add_slice(b, bytes);
        buf_addf(b, "\r\n--%s--\r\n", boundary);
        rc = b->failed ? ERR_NOMEM : ERR_OK;
    }
    enqueue(tg, c, rc);
    json_decref(params);
}

int64_t telegram_wait_us(const struct telegram *tg, int64_t chat_id)
{
    if (tg->state != TELEGRAM_OK && tg->state != TELEGRAM_OTHER_POLLER)
        return INT64_MAX;
    return pace_wait(tg, chat_id, true, false);
}

int tgcall_setup(struct telegram *tg)
{
    struct hash_key key;

    if (getrandom(&key, sizeof(key), 0) != sizeof(key))
        key = (struct hash_key){loop_random(tg->loop), loop_random(tg->loop)};
    init_pace_scale(tg);
    tg->pace = tgpace_new(key, pace_us(tg));
    return tg->pace ? loop_timer_new(tg->loop, pump, tg, &tg->pump_timer) : ERR_NOMEM;
}

void tgcall_release(struct telegram *tg)
{
    struct tg_list *lists[] = {&tg->queue[0], &tg->queue[1], &tg->failed};
    struct tg_call *c;
    size_t i;

    loop_timer_free(tg->pump_timer);
    tg->pump_timer = NULL;
    while ((c = tg->flying.first)) {
        bool sent = http_sent(c->http);

        http_cancel(c->http);
        list_remove(&tg->flying, c);
        finish(c, sent ? ERR_UNSURE : ERR_CANCELLED, NULL);
    }
    for (i = 0; i < ARRAY_LEN(lists); i++) {
        while ((c = lists[i]->first)) {
            list_remove(lists[i], c);
            finish(c, ERR_CANCELLED, NULL);
        }
    }
    tgpace_free(tg->pace);
    tg->pace = NULL;
}
