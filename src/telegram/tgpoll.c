/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "store/db_settings.h"
#include "telegram/telegram_int.h"
#include "base/banned.h"

/*
 * Receiving: getMe until Telegram answers, then getUpdates without end. The number of the last update and
 * when it came are kept in `meta`.
 */

enum { POLL_S = 50, POLL_MIN_S = 10, BATCH = 100 };
static const int64_t poll_extra_us = 15 * STAMP_SECOND; /* to the time a poll may wait */
static const int64_t cut_us =
    5 * STAMP_SECOND; /* a poll that breaks later may have been too quiet */
static const int64_t next_proxy_us = STAMP_SECOND / 5;
static const int64_t probe_deadline_us = 15 * STAMP_SECOND;
static const int64_t wait_min_us = STAMP_SECOND, wait_max_us = 30 * STAMP_SECOND;
static const int64_t wait_hopeless_us = 120 * STAMP_SECOND; /* where a person has to do something */
/*
 * After a week without updates Telegram numbers them anew, from anywhere: an old number would then stand
 * above all new ones, and nothing would ever be received (getUpdates, Update.update_id).
 */
static const int64_t number_age_us = 6 * 86400 * STAMP_SECOND;

struct tg_offset {
    struct telegram *tg; /* NULL: it went away */
    char key[TG_OFFSET_KEY];
    char value[64];
};

static void probe(struct telegram *tg);
static void poll(struct telegram *tg);

/* ---- the state ---- */

static void set_state(struct telegram *tg, enum telegram_state state, const char *text)
{
    bool changed = tg->state != state;

    if (!changed && strcmp(tg->state_text, text) == 0)
        return;
    tg->state = state;
    snprintf(tg->state_text, sizeof(tg->state_text), "%s", text);
    tgcall_scrub(tg, tg->state_text);
    if (changed && tg->events.on_state)
        tg->events.on_state(tg->arg, state, tg->state_text);
}

static void again_in(struct telegram *tg, int64_t us)
{
    if (!tg->submit)
        return;
    loop_timer_set_real(tg->poll_timer, us);
}

static void fail(struct telegram *tg, enum telegram_state state, const char *text)
{
    bool hopeless = state != TELEGRAM_UNREACHABLE;

    tg->poll_cut = false;
    if (state != tg->state && tg->state == TELEGRAM_OK)
        backoff_reset(&tg->backoff);
    tg->backoff.max_us = hopeless ? wait_hopeless_us : wait_max_us;
    if ((state == TELEGRAM_UNREACHABLE || state == TELEGRAM_WRONG_URL) && tg->n_proxies > 1) {
        tg->other_proxy = true;
        tg->backoff.max_us = wait_max_us;
        /* All of them at once, then a pause. */
        if (++tg->tried % tg->n_proxies) {
            again_in(tg, next_proxy_us);
            return;
        }
    }
    again_in(tg, backoff_next(&tg->backoff, loop_random(tg->loop)));
    set_state(tg, state, text);
}

/* No answer of any server. */
static void fail_call(struct telegram *tg, const struct err *err)
{
    char text[ERR_TEXT_MAX];

    snprintf(text, sizeof(text),
             "Telegram cannot be reached%s: %.300s. %s; what is to be told waits in the outbox",
             tg->n_proxies > 1 ? " by any of the proxies" : "", err->text,
             tg->n_proxies ? "Does the proxy work? TELEGRAM_PROXY takes several"
                           : "Where it is blocked, set TELEGRAM_PROXY (socks5h://host:port)");
    fail(tg, TELEGRAM_UNREACHABLE, text);
}

/* An answer that is none of the Bot API's. */
static void fail_foreign(struct telegram *tg, const struct http_answer *a)
{
    char text[ERR_TEXT_MAX];

    if (a->status >= 500) {
        snprintf(text, sizeof(text), "Telegram answers %d: it, or the way to it, is out of order",
                 a->status);
        fail(tg, TELEGRAM_UNREACHABLE, text);
        return;
    }
    snprintf(text, sizeof(text),
             "%.200s answers (status %d, %.60s), but it is no Bot API: check TELEGRAM_API_URL and "
             "TELEGRAM_PROXY; a provider that blocks Telegram may show a page of its own",
             tg->api_url, a->status, a->content_type[0] ? a->content_type : "no type");
    fail(tg, TELEGRAM_WRONG_URL, text);
}

/* The Bot API says no. */
static void fail_refused(struct telegram *tg, const struct telegram_answer *a)
{
    char text[ERR_TEXT_MAX];

    switch (a->error_code) {
    case 401:
        fail(tg, TELEGRAM_TOKEN,
             "Telegram does not know BOT_TOKEN: it was mistyped, or revoked. Take the present one "
             "from @BotFather (/mybots, API Token), put it into .env, then `pg-limiter restart` or "
             "SIGHUP");
        return;
    case 404:
        fail(tg, TELEGRAM_WRONG_URL,
             "Telegram answers 404: BOT_TOKEN is not whole, or TELEGRAM_API_URL has a path that is "
             "not the Bot API's");
        return;
    case 409:
        if (strcasestr(a->description, "webhook")) {
            tg->webhook = true;
            again_in(tg, 0);
            return;
        }
        fail(tg, TELEGRAM_OTHER_POLLER,
             "another program receives this bot's messages, so buttons and commands come here only "
             "now and then: stop it (an old PG-Limiter?), or give this one a bot of its own");
        return;
    case 429:
        again_in(tg, a->retry_after_s * STAMP_SECOND + loop_jitter(tg->loop, STAMP_SECOND, 50));
        return;
    default:
        snprintf(text, sizeof(text), "Telegram answers %d: %.200s", a->error_code, a->description);
        fail(tg, TELEGRAM_UNREACHABLE, text);
    }
}

/* ---- the number of the last update ---- */

static int write_offset(struct db *db, void *arg, struct err *err)
{
    struct tg_offset *o = arg;

    return db_meta_put(db, o->key, slice_of(o->value), err);
}

static void offset_written(void *arg, int rc, const struct err *err)
{
    if (rc && rc != ERR_CANCELLED)
        log_warning("telegram", "the number of the last update is not kept: %s", err->text);
    free(arg);
}

static void keep_offset(struct telegram *tg)
{
    struct tg_offset *o = calloc(1, sizeof(*o));

    if (!o)
        return;
    memcpy(o->key, tg->offset_key, sizeof(o->key));
    snprintf(o->value, sizeof(o->value), "%lld %lld", (long long)tg->last_id,
             (long long)(tg->last_seen_us / 1000));
    if (tg->submit(tg->store, OWNER_WRITE, write_offset, offset_written, o)) {
        log_warning("telegram", "the number of the last update is not kept: the database is busy");
        free(o);
    }
}

static int read_offset(struct db *db, void *arg, struct err *err)
{
    struct tg_offset *o = arg;
    int rc;

    o->value[0] = '\0';
    rc = db_meta_get(db, o->key, o->value, sizeof(o->value), err);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static void offset_read(void *arg, int rc, const struct err *err)
{
    struct tg_offset *o = arg;
    struct telegram *tg = o->tg;
    struct slice rest, id;
    int64_t number, ms;

    if (!tg) {
        free(o);
        return;
    }
    tg->loading = NULL;
    if (rc)
        log_warning("telegram", "the number of the last update cannot be read: %s", err->text);
    rest = slice_of(rc ? "" : o->value);
    id = slice_cut(&rest, ' ');
    if (!num_int(id, 0, INT64_MAX / 2, &number) && !num_int(rest, 0, INT64_MAX / 1000, &ms)) {
        tg->last_id = number;
        tg->last_seen_us = ms * 1000;
    }
    free(o);
    probe(tg);
}

static bool number_holds(const struct telegram *tg)
{
    return tg->last_id >= 0 && loop_wall_us(tg->loop) - tg->last_seen_us < number_age_us;
}

/* ---- getUpdates ---- */

/* The message that ends a group: it is a supergroup with another id since. */
static void follow_group(struct telegram *tg, json_t *update)
{
    json_t *message = json_object_get(update, "message");
    int64_t from = json_integer_value(json_object_get(json_object_get(message, "chat"), "id"));
    int64_t to = json_integer_value(json_object_get(message, "migrate_to_chat_id"));

    if (from && to && tg->events.on_migrate)
        tg->events.on_migrate(tg->arg, from, to);
}

/* Hands one update over, unless it has been before. Whether it was new. */
static bool take_update(struct telegram *tg, json_t *update)
{
    int64_t id;

    if (tganswer_update_id(update, &id) || (number_holds(tg) && id <= tg->last_id))
        return false;
    tg->last_id = id;
    tg->last_seen_us = loop_wall_us(tg->loop);
    keep_offset(tg);
    tg->stats.updates++;
    follow_group(tg, update);
    tg->events.on_update(tg->arg, update);
    return true;
}

static void take_batch(struct telegram *tg, json_t *list)
{
    size_t i, n = json_array_size(list);
    bool any = false;

    tg->stats.last_us = loop_wall_us(tg->loop);
    backoff_reset(&tg->backoff);
    tg->tried = 0;
    set_state(tg, TELEGRAM_OK, "receiving");
    for (i = 0; i < n; i++)
        any = take_update(tg, json_array_get(list, i)) || any;
    tg->one_by_one = false;
    /* The same again and again would come without a pause. */
    again_in(tg, any || n == 0 ? 0 : wait_min_us);
}

/* A batch that cannot be read would come for ever: the update to blame is found, and passed over. */
static void unreadable(struct telegram *tg, struct slice body)
{
    int64_t id;

    if (tg->one_by_one && !tganswer_find_update(body, &id)) {
        log_warning("telegram", "an update that cannot be read was passed over");
        tg->last_id = id;
        tg->last_seen_us = loop_wall_us(tg->loop);
        keep_offset(tg);
        tg->one_by_one = false;
    } else {
        tg->one_by_one = true;
    }
    again_in(tg, wait_min_us);
}

static void polled(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct telegram *tg = arg;
    struct tganswer parsed = {0};
    struct err why = {0};

    tg->polling = NULL;
    if (rc == ERR_CANCELLED || tg->freeing)
        return;
    if (rc == ERR_TOO_BIG) {
        tg->one_by_one = true;
        fail_call(tg, err);
    } else if (rc && loop_real_us(tg->loop) - tg->polled_us > cut_us) {
        tg->poll_cut = true;
        probe(tg);
    } else if (rc) {
        fail_call(tg, err);
    } else if (tganswer_parse(buf_slice(answer->body), &parsed, &why)) {
        if (answer->status == 200 && answer->body->n && answer->body->p[0] == '{')
            unreadable(tg, buf_slice(answer->body));
        else
            fail_foreign(tg, answer);
    } else if (!parsed.a.ok) {
        fail_refused(tg, &parsed.a);
    } else {
        take_batch(tg, parsed.a.result);
    }
    tganswer_release(&parsed);
}

static void poll(struct telegram *tg)
{
    struct buf body;

    buf_init(&body, 512);
    buf_addf(&body,
             "{\"timeout\":%d,\"limit\":%d,\"allowed_updates\":[\"message\",\"callback_query\"]",
             tg->poll_s, tg->one_by_one ? 1 : BATCH);
    if (number_holds(tg))
        buf_addf(&body, ",\"offset\":%lld", (long long)tg->last_id + 1);
    buf_add_char(&body, '}');
    tg->polled_us = loop_real_us(tg->loop);
    if (body.failed ||
        tgcall_start(tg, "getUpdates", buf_slice(&body), "application/json", true,
                     tg->poll_s * STAMP_SECOND + poll_extra_us, polled, tg, &tg->polling))
        again_in(tg, wait_max_us);
    buf_release(&body);
}

/* ---- getMe, deleteWebhook ---- */

static void take_me(struct telegram *tg, const json_t *me)
{
    const char *name = json_string_value(json_object_get(me, "username"));

    snprintf(tg->bot_name, sizeof(tg->bot_name), "%s", name ? name : "");
    tg->bot_id = json_integer_value(json_object_get(me, "id"));
}

/* Telegram is there, but what stands between cuts connections on which nothing moves. */
static void shorten(struct telegram *tg)
{
    tg->poll_cut = false;
    if (tg->poll_s <= POLL_MIN_S)
        return;
    tg->poll_s = tg->poll_s / 2 > POLL_MIN_S ? tg->poll_s / 2 : POLL_MIN_S;
    log_info(
        "telegram",
        "a connection on which nothing moved was cut on its way: Telegram is asked every %d s now",
        tg->poll_s);
}

static void probed(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct telegram *tg = arg;
    struct tganswer parsed = {0};
    struct err why = {0};
    bool ok = false;

    tg->probing = NULL;
    if (rc == ERR_CANCELLED || tg->freeing)
        return;
    if (rc) {
        fail_call(tg, err);
    } else if (tganswer_parse(buf_slice(answer->body), &parsed, &why)) {
        fail_foreign(tg, answer);
    } else if (!parsed.a.ok) {
        fail_refused(tg, &parsed.a);
    } else {
        ok = true;
        if (tg->webhook)
            log_warning("telegram", "a webhook was set for this bot: it was removed, since updates "
                                    "are fetched from here");
        else
            take_me(tg, parsed.a.result);
        tg->webhook = false;
        tg->tried = 0;
        if (tg->poll_cut)
            shorten(tg);
        /* While another program polls, only getUpdates can tell that it does not any more. */
        if (tg->state != TELEGRAM_OTHER_POLLER) {
            backoff_reset(&tg->backoff);
            set_state(tg, TELEGRAM_OK, "receiving");
        }
        if (!tg->polling && tg->submit)
            poll(tg);
    }
    tganswer_release(&parsed);
    if (ok)
        tgcall_pump(tg);
    else if (tg->polling && tg->state != TELEGRAM_OK) {
        http_cancel(tg->polling);
        tg->polling = NULL;
    }
}

static void probe(struct telegram *tg)
{
    if (tg->probing)
        return;
    if (tgcall_start(tg, tg->webhook ? "deleteWebhook" : "getMe", SLICE("{}"), "application/json",
                     true, probe_deadline_us, probed, tg, &tg->probing))
        again_in(tg, wait_max_us);
}

void tgpoll_suspect(struct telegram *tg)
{
    if (!tg->freeing && tg->submit && tg->state == TELEGRAM_OK)
        probe(tg);
}

static void on_timer(void *arg)
{
    struct telegram *tg = arg;

    if (tg->other_proxy) {
        tg->other_proxy = false;
        tg_next_proxy(tg);
    }
    if (tg->polling || tg->probing)
        return;
    if (tg->webhook || tg->tried ||
        (tg->state != TELEGRAM_OK && tg->state != TELEGRAM_OTHER_POLLER))
        probe(tg);
    else
        poll(tg);
}

int tgpoll_setup(struct telegram *tg)
{
    struct tg_offset *o = calloc(1, sizeof(*o));

    tg->last_id = -1;
    tg->poll_s = POLL_S;
    if (!tg->submit) {
        free(o);
        probe(tg);
        return tg->probing ? ERR_OK : ERR_NOMEM;
    }
    snprintf(tg->state_text, sizeof(tg->state_text), "not asked yet");
    backoff_init(&tg->backoff, wait_min_us, wait_max_us);
    if (!o || loop_timer_new(tg->loop, on_timer, tg, &tg->poll_timer)) {
        free(o);
        return ERR_NOMEM;
    }
    o->tg = tg;
    memcpy(o->key, tg->offset_key, sizeof(o->key));
    if (tg->submit(tg->store, OWNER_READ, read_offset, offset_read, o)) {
        free(o);
        return ERR_NOMEM;
    }
    tg->loading = o;
    return ERR_OK;
}

void tgpoll_release(struct telegram *tg)
{
    if (tg->loading)
        tg->loading->tg = NULL;
    if (tg->polling)
        http_cancel(tg->polling);
    if (tg->probing)
        http_cancel(tg->probing);
    tg->polling = tg->probing = NULL;
    loop_timer_free(tg->poll_timer);
    tg->poll_timer = NULL;
}
