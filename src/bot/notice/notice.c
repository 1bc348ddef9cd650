/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "bot/topics.h"
#include "store/db_notices.h"
#include "base/banned.h"

/*
 * Notes, the pace of messages, and folding. Six messages of a kind may go out at once, and six a minute:
 * of the three kinds that come together that is 18, and a group takes 20. What is more becomes lines of
 * one message, which is sent at once and edited as it grows.
 */

enum { BURST = 6, PER_MINUTE = 6, BODY_MAX = 1 << 18 };
static const int64_t flush_us = 3 * STAMP_SECOND;  /* between two edits of a fold */
static const int64_t quiet_us = 60 * STAMP_SECOND; /* a fold without news for this long ends … */
static const int64_t long_us = 600 * STAMP_SECOND; /* … and one that lasts longer */
static const int64_t loaded_us = 7 * 86400 * STAMP_SECOND;
static const int64_t kept_us = 30 * 86400 * STAMP_SECOND;

int64_t notices_now(const struct notices *n)
{
    return loop_wall_us(n->o.loop);
}

/* ---- notes ---- */

static void unlink_note(struct notices *n, struct note *note)
{
    *(note->newer ? &note->newer->older : &n->newest) = note->older;
    *(note->older ? &note->older->newer : &n->oldest) = note->newer;
    note->newer = note->older = NULL;
}

static void to_front(struct notices *n, struct note *note)
{
    note->older = n->newest;
    *(n->newest ? &n->newest->newer : &n->oldest) = note;
    n->newest = note;
}

static void drop(struct notices *n, struct note *note)
{
    int i;

    for (i = 0; i < NOTICE_KINDS; i++)
        if (n->folds[i] == note)
            n->folds[i] = NULL;
    smap_del(&n->by_key, slice_of(note->key));
    unlink_note(n, note);
    note_free(note);
}

struct note *notices_find(struct notices *n, const char *key, bool make)
{
    struct note *note = smap_get(&n->by_key, slice_of(key));

    if (note) {
        unlink_note(n, note);
        to_front(n, note);
        return note;
    }
    if (!make || !(note = note_new(key)))
        return NULL;
    if (smap_put(&n->by_key, slice_of(key), note)) {
        note_free(note);
        return NULL;
    }
    to_front(n, note);
    if (n->by_key.n > NOTE_KEEP)
        drop(n, n->oldest);
    return note;
}

struct keep_job {
    char key[NOTE_KEY];
    int64_t at_us;
    struct buf body;
};

static int write_note(struct db *db, void *arg, struct err *err)
{
    const struct keep_job *j = arg;
    struct db_notice row = {slice_of(j->key), j->at_us, buf_slice(&j->body)};

    return db_notices_put(db, &row, err);
}

static void kept(void *arg, int rc, const struct err *err)
{
    struct keep_job *j = arg;

    if (rc && rc != ERR_CANCELLED)
        log_warning("notice", "%s is not kept: %s", j->key, err->text);
    buf_release(&j->body);
    free(j);
}

void notices_keep(struct notices *n, const struct note *note)
{
    struct keep_job *j = calloc(1, sizeof(*j));

    if (!j)
        return;
    memcpy(j->key, note->key, sizeof(j->key));
    j->at_us = notices_now(n);
    buf_init(&j->body, BODY_MAX);
    note_write(note, &j->body);
    if (j->body.failed || n->o.port->submit(n->o.port->store, OWNER_WRITE, write_note, kept, j)) {
        buf_release(&j->body);
        free(j);
    }
}

/* ---- sending ---- */

struct sending {
    struct notices *n;
    struct note *note;
};

static json_t *params_of(struct notices *n, const struct note *note, const struct place *place)
{
    struct buf text;
    json_t *params = NULL, *keys;

    buf_init(&text, 16384);
    notice_text(n, note, place, &text);
    if (text.n && !text.failed)
        params = json_pack("{s:s#,s:s,s:{s:b}}", "text", text.p, (int)text.n, "parse_mode", "HTML",
                           "link_preview_options", "is_disabled", 1);
    buf_release(&text);
    keys = params ? notice_keys(note, place, '\0') : NULL;
    if (keys)
        json_object_set_new(params, "reply_markup", json_pack("{s:o}", "inline_keyboard", keys));
    return params;
}

/* The database cannot be written, which is what the message is about: it goes without being kept. */
static void send_at_once(struct notices *n, const struct place *place, json_t *params)
{
    if (!n->tg)
        return;
    json_object_set_new(params, "chat_id", json_integer(place->chat_id));
    if (place->thread_id > 0)
        json_object_set_new(params, "message_thread_id", json_integer(place->thread_id));
    text_direct_call(params, place->lang);
    telegram_call(n->tg, "sendMessage", json_incref(params), TELEGRAM_NOW, NULL, NULL);
}

static void send_to(void *arg, const struct place *place)
{
    struct sending *s = arg;
    struct notices *n = s->n;
    char slot[NOTE_KEY + 32];
    json_t *params = params_of(n, s->note, place);
    struct outbox_item item = {.chat_id = place->chat_id,
                               .thread_id = place->thread_id > 0 ? place->thread_id : 0,
                               .method = "sendMessage",
                               .params = params,
                               .edit = true};
    int rc;

    if (!params)
        return;
    snprintf(slot, sizeof(slot), "%s:%lld", s->note->key, (long long)s->note->msg);
    item.slot = slice_of(slot);
    if (s->note->event == NOTICE_STORE_DOWN) {
        send_at_once(n, place, params);
    } else {
        rc = outbox_put(n->o.outbox, &item, place->lang);
        if (rc)
            log_warning("notice", "a message is lost: %s", err_name(rc));
    }
    json_decref(params);
}

void notices_send(struct notices *n, struct note *note)
{
    struct sending s = {n, note};
    bool fold = strncmp(note->key, "fold:", 5) == 0, user = note->user_id > 0;

    if (!note->msg)
        return;
    if (fold)
        user = note->n_lines && note->lines[0].user_id;
    else
        user = user && strncmp(note->key, "case:", 5) == 0;
    places_each(n, notice_kind_of((enum notice_event)note->msg_event), user,
                fold ? -1 : note->owner_id, send_to, &s);
}

bool notices_on(const struct notices *n, enum notice_kind kind)
{
    const struct settings *s = n->o.port->settings(n->o.port->app);

    return settings_bool(s, notice_kind_setting(kind));
}

bool notices_token(struct notices *n, enum notice_kind kind)
{
    struct bucket *b = &n->buckets[kind];
    int64_t now_us = notices_now(n);

    b->tokens += (double)(now_us - b->at_us) / (60.0 * (double)STAMP_SECOND) * PER_MINUTE;
    if (b->tokens > BURST || b->at_us == 0 || b->at_us > now_us)
        b->tokens = BURST;
    b->at_us = now_us;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

/* ---- folds ---- */

static struct note *open_fold(struct notices *n, enum notice_kind kind, enum notice_event event)
{
    struct note *fold = n->folds[kind];
    char key[NOTE_KEY];
    int64_t now_us = notices_now(n);

    if (fold)
        return fold;
    snprintf(key, sizeof(key), "fold:%s:%lld", notice_kind_word(kind),
             (long long)(now_us / STAMP_SECOND));
    fold = notices_find(n, key, true);
    if (!fold)
        return NULL;
    fold->msg = now_us / STAMP_SECOND;
    fold->event = fold->msg_event = event;
    fold->first_us = now_us;
    n->folds[kind] = fold;
    return fold;
}

static void fold_add(struct notices *n, const struct note *note, struct slice line)
{
    enum notice_event event = (enum notice_event)note->msg_event;
    enum notice_kind kind = notice_kind_of(event);
    struct note *fold = open_fold(n, kind, event);
    bool user = strncmp(note->key, "case:", 5) == 0;

    if (!fold)
        return;
    note_add_line(fold, user ? note->user_id : 0, note->owner_id, line);
    fold->at_us = notices_now(n);
    n->dirty[kind] = true;
    if (!loop_timer_armed(n->timer))
        loop_timer_set(n->timer, fold->count == 1 ? STAMP_SECOND : flush_us);
}

static void flush(void *arg)
{
    struct notices *n = arg;
    int64_t now_us = notices_now(n);
    bool any = false;
    int i;

    for (i = 0; i < NOTICE_KINDS; i++) {
        struct note *fold = n->folds[i];

        if (!fold)
            continue;
        if (n->dirty[i]) {
            n->dirty[i] = false;
            notices_send(n, fold);
            notices_keep(n, fold);
        }
        if (now_us - fold->at_us >= quiet_us || now_us - fold->first_us >= long_us ||
            fold->at_us > now_us)
            n->folds[i] = NULL;
        else
            any = true;
    }
    if (any)
        loop_timer_set(n->timer, flush_us);
}

void notices_begin(struct notices *n, struct note *note, struct slice line)
{
    enum notice_kind kind = notice_kind_of((enum notice_event)note->msg_event);
    int64_t now_s = notices_now(n) / STAMP_SECOND;

    note->msg = 0;
    if (!notices_on(n, kind))
        return;
    if (n->folds[kind] || !notices_token(n, kind)) {
        fold_add(n, note, line);
        return;
    }
    note->msg = now_s > note->msg_last ? now_s : note->msg_last + 1;
    note->msg_last = note->msg;
    notices_send(n, note);
}

/* ---- ---- */

void notice_put(struct notices *n, const struct notice *what)
{
    struct notice at;

    if (!n)
        return;
    at = *what;
    if (at.at_us <= 0)
        at.at_us = notices_now(n);
    if (at.event <= NOTICE_SEEN)
        notice_case(n, &at);
    else
        notice_thing(n, &at);
    /* The end of a case ends what was told of its failing as well. */
    if (at.event == NOTICE_RELEASED || at.event == NOTICE_SUPERSEDED)
        notice_thing(n, &at);
}

struct load_job {
    struct notices *n;
    int64_t now_us;
    struct note **notes; /* newest first */
    size_t count;
};

static int load_one(void *arg, const struct db_notice *row)
{
    struct load_job *j = arg;
    char key[NOTE_KEY];
    struct note *note;

    note_set(key, sizeof(key), row->key);
    note = note_new(key);
    if (!note)
        return ERR_NOMEM;
    if (note_read(note, row->body))
        note_free(note);
    else
        j->notes[j->count++] = note;
    return ERR_OK;
}

static void load_clear(struct load_job *j)
{
    while (j->count)
        note_free(j->notes[--j->count]);
}

static int load(struct db *db, void *arg, struct err *err)
{
    struct load_job *j = arg;
    int rc;

    load_clear(j);
    rc = db_notices_expire(db, j->now_us - kept_us, err);
    return rc ? rc : db_notices_each(db, j->now_us - loaded_us, NOTE_KEEP, load_one, j, err);
}

/* What was told between the question and the answer is newer. */
static void loaded(void *arg, int rc, const struct err *err)
{
    struct load_job *j = arg;
    size_t i;

    if (j->n)
        j->n->loading = NULL;
    else
        rc = ERR_CANCELLED;
    if (rc && rc != ERR_CANCELLED)
        log_warning("notice", "what was told before cannot be read: %s", err->text);
    for (i = 0; !rc && i < j->count; i++) {
        struct note *note = j->notes[i];

        if (smap_get(&j->n->by_key, slice_of(note->key)) || j->n->by_key.n >= NOTE_KEEP ||
            smap_put(&j->n->by_key, slice_of(note->key), note))
            continue;
        note->newer = j->n->oldest;
        *(j->n->oldest ? &j->n->oldest->older : &j->n->newest) = note;
        j->n->oldest = note;
        j->notes[i] = NULL;
    }
    for (i = 0; i < j->count; i++)
        note_free(j->notes[i]);
    free(j->notes);
    free(j);
}

static int begin_load(struct notices *n)
{
    struct load_job *j = calloc(1, sizeof(*j));
    int rc = ERR_NOMEM;

    if (j)
        j->notes = calloc(NOTE_KEEP, sizeof(*j->notes));
    if (j && j->notes) {
        j->n = n;
        j->now_us = notices_now(n);
        n->loading = j;
        rc = n->o.port->submit(n->o.port->store, OWNER_WRITE, load, loaded, j);
        if (rc)
            n->loading = NULL;
    }
    if (rc && j) {
        free(j->notes);
        free(j);
    }
    return rc;
}

int notices_new(const struct notices_opts *opts, struct notices **ret_n)
{
    struct notices *n = calloc(1, sizeof(*n));
    int rc;

    if (!n)
        return ERR_NOMEM;
    n->o = *opts;
    smap_init(&n->by_key, opts->key, 0);
    rc = loop_timer_new(opts->loop, flush, n, &n->timer);
    if (!rc)
        rc = topics_new(n, &n->topics);
    if (!rc)
        rc = summary_new(n);
    if (!rc)
        rc = alarm_new(n);
    if (!rc)
        rc = begin_load(n);
    if (rc) {
        notices_free(n);
        return rc;
    }
    *ret_n = n;
    return ERR_OK;
}

void notices_changed(struct notices *n)
{
    topics_reload(n->topics);
}

bool notices_failed(struct notices *n, const struct outbox_failure *f)
{
    return topics_failed(n->topics, f);
}

void notices_migrate(struct notices *n, int64_t from_chat, int64_t to_chat)
{
    topics_migrate(n->topics, from_chat, to_chat);
}

struct topics *notices_topics(struct notices *n)
{
    return n->topics;
}

void notices_set_telegram(struct notices *n, struct telegram *tg)
{
    n->tg = tg;
}

void notices_free(struct notices *n)
{
    if (!n)
        return;
    alarm_free(n->alarm);
    if (n->loading)
        n->loading->n = NULL;
    /* What was folded and not yet said is said now: the outbox keeps it. */
    if (n->timer)
        flush(n);
    loop_timer_free(n->timer);
    summary_free(n->summary);
    topics_free(n->topics);
    while (n->newest)
        drop(n, n->newest);
    smap_release(&n->by_key);
    free(n);
}
