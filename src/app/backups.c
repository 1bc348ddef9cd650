/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "bot/topics.h"
#include "service/backup/backup_here.h"
#include "service/jout.h"
#include "store/db_settings.h"
#include "telegram/telegram.h"
#include "base/banned.h"

/*
 * The backup of every backup_every hours, sent to the topic for backups, or to every owner. When it was
 * due is kept, so restarts change nothing and no time is lost by a late one. Never with secrets.
 */

static const int64_t hour_us = 3600 * STAMP_SECOND;
static const int64_t look_us = 5 * STAMP_SECOND;
static const int64_t try_again_us = 60 * STAMP_SECOND, try_again_max_us = 1800 * STAMP_SECOND;
/* Told of after so many tries: a short outage is none of anybody's business. */
enum { TOLD_AFTER = 3, CHATS_MAX = 64 };
#define META_SLOT "backup_slot" /* when the last one was due, microseconds */
#define META_SENT "backup_sent" /* when it was sent */

struct place {
    int64_t chat_id, thread_id;
    enum text_lang lang;
};

struct backups {
    struct daemon *d;
    struct loop_timer *timer;
    int64_t slot_us, sent_us; /* 0: never */
    int64_t due_us;           /* the one being made */
    int64_t again_us;         /* not before, after a failure */
    int tries;
    char error[300]; /* of the last try, "" = none */
    bool busy;
    bool no_topic; /* the group has refused it: this one goes to the owners */
    /* the one being made */
    struct buf zip;
    char name[64], path[4400];
    char file_id[200]; /* of the first one sent: the others need no upload */
    struct place places[CHATS_MAX];
    size_t n_places, at, sent;
    struct settings settings; /* for the worker */
    int keep_rc;
    struct err keep_err;
};

static int64_t read_time(struct db *db, const char *key)
{
    struct err ignored = {0};
    char text[32];
    int64_t at;

    if (db_meta_get(db, key, text, sizeof(text), &ignored) ||
        num_int(slice_of(text), 1, INT64_MAX, &at))
        return 0;
    return at;
}

void backups_load(struct daemon *d, struct db *db)
{
    d->backup_slot_us = read_time(db, META_SLOT);
    d->backup_sent_us = read_time(db, META_SENT);
}

/* ---- the end of one ---- */

static void over(struct backups *b)
{
    buf_release(&b->zip);
    settings_release(&b->settings);
    b->settings = (struct settings){0};
    b->busy = false;
}

static void failed(struct backups *b, const char *why)
{
    struct daemon *d = b->d;
    int64_t wait_us = try_again_us << (b->tries < 5 ? b->tries : 5);

    over(b);
    snprintf(b->error, sizeof(b->error), "%s", why);
    b->again_us = daemon_now(d) + (wait_us < try_again_max_us ? wait_us : try_again_max_us);
    log_warning("backup", "the backup that is due was not sent: %s", why);
    if (++b->tries != TOLD_AFTER)
        return;
    carry_event(d, "backup", 0, (struct slice){NULL, 0}, "the backup that is due cannot be sent");
    notice_put(d->notices, &(struct notice){.event = NOTICE_BACKUP_FAILED,
                                            .at_us = daemon_now(d),
                                            .text = slice_of(b->error)});
}

static int write_done(struct db *db, void *arg, struct err *err)
{
    const int64_t *times = arg;
    char text[32];
    int rc;

    snprintf(text, sizeof(text), "%lld", (long long)times[0]);
    rc = db_meta_put(db, META_SLOT, slice_of(text), err);
    snprintf(text, sizeof(text), "%lld", (long long)times[1]);
    return rc ? rc : db_meta_put(db, META_SENT, slice_of(text), err);
}

static void wrote(void *arg, int rc, const struct err *err)
{
    free(arg);
    if (rc && rc != ERR_CANCELLED)
        log_warning("backup", "it is not kept that a backup was sent: %s", err->text);
}

static void succeeded(struct backups *b)
{
    struct daemon *d = b->d;
    int64_t every = settings_int(&d->settings, SET_BACKUP_EVERY) * hour_us;
    int64_t *times = malloc(2 * sizeof(*times));

    over(b);
    b->no_topic = false;
    b->tries = 0;
    b->again_us = 0;
    b->error[0] = '\0';
    b->sent_us = daemon_now(d);
    b->slot_us = b->due_us;
    /* What was missed meanwhile is missed: the next one keeps to the same hours. */
    if (every > 0 && b->sent_us - b->slot_us >= every)
        b->slot_us += (b->sent_us - b->slot_us) / every * every;
    if (!times)
        return;
    times[0] = b->slot_us;
    times[1] = b->sent_us;
    if (owner_submit(d->owner, OWNER_WRITE, write_done, wrote, times)) {
        free(times);
        log_warning("backup", "it is not kept that a backup was sent: the database is busy");
    }
}

/* ---- sending ---- */

static void find_places(struct backups *b);
static void send_next(struct backups *b);

static void sent(void *arg, int rc, const struct telegram_answer *answer)
{
    struct backups *b = arg;
    const char *id;

    if (b->d->stopping || rc == ERR_CANCELLED) {
        over(b);
        return;
    }
    if (rc) {
        failed(b, err_name(rc));
        return;
    }
    if (answer->ok) {
        id = json_string_value(
            json_object_get(json_object_get(answer->result, "document"), "file_id"));
        if (id && strlen(id) < sizeof(b->file_id))
            snprintf(b->file_id, sizeof(b->file_id), "%s", id);
        b->sent++;
    } else if (b->places[b->at].chat_id < 0) {
        log_warning("backup", "not sent to the group, so to the owners: %s", answer->description);
        b->no_topic = true;
        find_places(b);
        send_next(b);
        return;
    } else {
        /* He has never opened the bot, or has blocked it: the others get theirs all the same. */
        snprintf(b->error, sizeof(b->error), "%s", answer->description);
        log_warning("backup", "not sent to chat %lld: %s", (long long)b->places[b->at].chat_id,
                    answer->description);
    }
    b->at++;
    send_next(b);
}

static json_t *params_of(const struct backups *b, const struct place *p)
{
    struct text_arg args[] = {{"time", NULL, false},
                              {"version", backup_version(), false},
                              {"size", NULL, false},
                              {NULL, NULL, false}};
    struct buf text, when;
    char size[32];
    json_t *params;

    buf_init(&text, 4096);
    buf_init(&when, 64);
    text_add_time(&when, daemon_now(b->d));
    snprintf(size, sizeof(size), "%.1f MB", (double)b->zip.n / (1 << 20));
    args[0].value = buf_str(&when);
    args[2].value = size;
    text_add_html(&text, p->lang, TEXT_BACKUP_CAPTION, args);
    buf_add_char(&text, '\n');
    text_add_html(&text, p->lang, TEXT_BACKUP_NO_SECRETS, NULL);
    params = json_pack("{sI ss ss}", "chat_id", (json_int_t)p->chat_id, "caption", buf_str(&text),
                       "parse_mode", "HTML");
    if (p->thread_id)
        json_object_set_new(params, "message_thread_id", json_integer(p->thread_id));
    text_direct_call(params, p->lang);
    buf_release(&text);
    buf_release(&when);
    return params;
}

static void send_next(struct backups *b)
{
    struct daemon *d = b->d;
    const struct place *p = &b->places[b->at];
    json_t *params;

    if (b->at == b->n_places) {
        if (b->sent)
            succeeded(b);
        else
            failed(b, b->error);
        return;
    }
    if (!d->telegram) {
        failed(b, "there is no bot");
        return;
    }
    params = params_of(b, p);
    if (b->file_id[0]) {
        json_object_set_new(params, "document", json_string(b->file_id));
        telegram_call(d->telegram, "sendDocument", params, TELEGRAM_BULK, sent, b);
    } else {
        telegram_send_file(d->telegram, "sendDocument", params, TELEGRAM_BULK, "document", b->name,
                           buf_slice(&b->zip), sent, b);
    }
}

/* ---- too large ---- */

static void keep(void *arg)
{
    struct backups *b = arg;

    b->keep_rc = backup_keep_here(&b->settings, b->name, buf_slice(&b->zip), b->path,
                                  sizeof(b->path), &b->keep_err);
}

static void kept(void *arg, int rc)
{
    struct backups *b = arg;
    struct daemon *d = b->d;
    char text[4600];

    if (rc == ERR_CANCELLED || d->stopping) {
        over(b);
    } else if (rc || b->keep_rc) {
        failed(b, rc ? err_name(rc) : b->keep_err.text);
    } else {
        snprintf(text, sizeof(text),
                 "it has %.1f MB, more than Telegram takes, and lies on the server: %s",
                 (double)b->zip.n / (1 << 20), b->path);
        succeeded(b);
        log_info("backup", "%s", text);
        notice_put(d->notices, &(struct notice){.event = NOTICE_BACKUP_DONE,
                                                .at_us = daemon_now(d),
                                                .text = slice_of(text)});
    }
}

/* ---- making ---- */

static void find_places(struct backups *b)
{
    struct daemon *d = b->d;
    struct roster_admin a;
    struct place *p = &b->places[0];
    size_t i;

    b->n_places = b->at = b->sent = 0;
    b->file_id[0] = '\0';
    if (!b->no_topic && d->notices &&
        topics_place(notices_topics(d->notices), NOTICE_BACKUP, &p->chat_id, &p->thread_id)) {
        p->lang = text_lang_of(settings_text(&d->settings, SET_BOT_LANGUAGE));
        b->n_places = 1;
        return;
    }
    for (i = 0; roster_at(&d->roster, &d->settings, i, &a) && b->n_places < CHATS_MAX; i++)
        if (a.role == OP_ROLE_OWNER)
            b->places[b->n_places++] = (struct place){a.id, 0, a.lang};
}

static void made(void *arg, int status, struct slice bytes)
{
    struct backups *b = arg;
    struct daemon *d = b->d;
    char why[300];

    if (d->stopping) {
        over(b);
    } else if (status >= 400) {
        snprintf(why, sizeof(why), "%.*s", (int)(bytes.n < 290 ? bytes.n : 290),
                 bytes.n ? bytes.p : "");
        failed(b, why);
    } else if (buf_add_slice(&b->zip, bytes)) {
        failed(b, err_name(ERR_NOMEM));
    } else if (b->zip.n > LIMIT_TELEGRAM_UPLOAD) {
        if (settings_copy(&b->settings, &d->settings) || worker_submit(d->worker, keep, kept, b))
            failed(b, err_name(ERR_NOMEM));
    } else {
        find_places(b);
        if (b->n_places)
            send_next(b);
        else
            failed(b, "there is no owner to send it to: set ADMIN_IDS");
    }
}

static int64_t next_due(const struct backups *b)
{
    int64_t every = settings_int(&b->d->settings, SET_BACKUP_EVERY) * hour_us;

    if (every <= 0)
        return STAMP_NONE;
    return b->slot_us ? b->slot_us + every : daemon_now(b->d);
}

void backups_look(struct backups *b)
{
    struct daemon *d = b->d;
    int64_t due_us = next_due(b);
    struct op_request req = {.method = OP_GET, .path = SLICE("/backup"), .who = SLICE("schedule")};

    if (b->busy || d->stopping || due_us == STAMP_NONE || due_us > daemon_now(d) ||
        daemon_now(d) < b->again_us)
        return;
    if (d->telegram && telegram_state(d->telegram) == TELEGRAM_STARTING)
        return;
    if (!d->telegram || telegram_state(d->telegram) != TELEGRAM_OK) {
        failed(b, d->telegram ? "Telegram is not to be had" : "there is no bot: set BOT_TOKEN");
        return;
    }
    b->busy = true;
    b->due_us = due_us;
    buf_init(&b->zip, LIMIT_BACKUP);
    backup_name(daemon_now(d), b->name);
    op_call(&d->port, &req, made, b);
}

static void on_timer(void *arg)
{
    backups_look(arg);
}

struct backups *backups_new(struct daemon *d)
{
    struct backups *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->d = d;
    b->slot_us = d->backup_slot_us;
    b->sent_us = d->backup_sent_us;
    if (loop_timer_new(d->loop, on_timer, b, &b->timer)) {
        free(b);
        return NULL;
    }
    loop_timer_every(b->timer, look_us);
    return b;
}

void backups_free(struct backups *b)
{
    if (!b)
        return;
    loop_timer_free(b->timer);
    over(b);
    free(b);
}

void backups_json(void *app, struct buf *out)
{
    struct daemon *d = app;
    struct backups *b = d->backups;
    int64_t due_us = b ? next_due(b) : STAMP_NONE;

    jout_open(out, NULL, '{');
    jout_int(out, "every_h", settings_int(&d->settings, SET_BACKUP_EVERY));
    jout_time(out, "next_at", due_us);
    jout_time(out, "last_at", b && b->sent_us ? b->sent_us : STAMP_NONE);
    jout_bool(out, "running", b && b->busy);
    jout_int(out, "failed_attempts", b ? b->tries : 0);
    jout_text(out, "last_error", b && b->error[0] ? b->error : NULL);
    jout_close(out, '}');
}
