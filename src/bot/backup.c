/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/frame.h"
#include "service/backup/backup_here.h"
#include "service/backup/sealed.h"
#include "base/banned.h"

/*
 * /backup: the operation makes it, the worker seals it where a passphrase was given, Telegram takes it. What
 * is too large for Telegram stays on this machine.
 */

struct making {
    struct buf zip;
    struct settings settings; /* for the worker */
    struct buf passphrase;
    char env_file[4200], path[4400], name[64];
    int64_t now_us;
    bool sealed;
    int rc;
    struct err err;
};

static void making_free(void *extra)
{
    struct making *m = extra;

    if (!m)
        return;
    buf_release(&m->zip);
    backup_forget(&m->passphrase);
    settings_release(&m->settings);
    free(m);
}

static void fail(struct turn *t, enum text_id id, const char *why)
{
    turn_fail(t, id, "!why", view_said_value(turn_note(t), why), NULL);
}

/* ---- sent ---- */

static void sent(void *arg, int rc, const struct telegram_answer *answer)
{
    struct turn *t = arg;

    if (t->bot && (rc || !answer->ok))
        fail(t, TEXT_BACKUP_NOT_SENT, rc ? err_name(rc) : answer->description);
    else if (t->bot)
        turn_done(t, NULL);
    turn_unref(t);
}

static void send(struct turn *t)
{
    struct making *m = t->extra;
    struct bot *bot = t->bot;
    char iso[STAMP_TEXT];
    json_t *params;
    struct view v;

    turn_view(t, &v);
    stamp_iso(m->now_us, iso);
    view_say(&v, TEXT_BACKUP_CAPTION, "time", view_time(&v, iso), "version", backup_version(),
             "size", view_size(&v, m->zip.n), NULL);
    view_say(&v, m->sealed ? TEXT_BACKUP_HAS_SECRETS : TEXT_BACKUP_NO_SECRETS, NULL);
    view_say(&v, TEXT_BACKUP_PUT_BACK, NULL);
    params = json_pack("{sI ss ss}", "chat_id", (json_int_t)t->chat_id, "caption", buf_str(&v.text),
                       "parse_mode", "HTML");
    view_release(&v);
    if (!params) {
        fail(t, TEXT_BACKUP_NOT_SENT, err_name(ERR_NOMEM));
        return;
    }
    text_direct_call(params, t->admin.lang);
    t->refs++;
    (bot->opts.send_file ? bot->opts.send_file
                         : telegram_send_file)(bot->opts.tg, "sendDocument", params, TELEGRAM_NOW,
                                               "document", m->name, buf_slice(&m->zip), sent, t);
}

/* ---- kept here ---- */

static void keep(void *arg)
{
    struct making *m = arg;

    m->rc = backup_keep_here(&m->settings, m->name, buf_slice(&m->zip), m->path, sizeof(m->path),
                             &m->err);
}

static void kept(struct turn *t, void *arg, int rc)
{
    struct making *m = arg;
    struct view *note;

    if (!t->bot)
        return;
    if (rc || m->rc) {
        fail(t, TEXT_BACKUP_FAILED, rc ? err_name(rc) : m->err.text);
        return;
    }
    note = turn_note(t);
    view_say(note, TEXT_BACKUP_TOO_BIG, "size", view_size(note, m->zip.n), "max",
             view_size(note, LIMIT_TELEGRAM_UPLOAD), "path", m->path, NULL);
    turn_done(t, NULL);
}

static void deliver(struct turn *t)
{
    struct making *m = t->extra;
    struct view v;

    if (m->zip.n > LIMIT_TELEGRAM_UPLOAD) {
        turn_work(t, keep, kept, m);
        return;
    }
    turn_view(t, &v);
    turn_working(t, send, TEXT_BACKUP_SENDING, "size", view_size(&v, m->zip.n), NULL);
    view_release(&v);
}

/* ---- made ---- */

static void seal(void *arg)
{
    struct making *m = arg;

    m->rc = backup_seal_here(&m->zip, buf_slice(&m->passphrase), m->env_file, &m->settings,
                             m->now_us, &m->err);
}

static void sealed(struct turn *t, void *arg, int rc)
{
    struct making *m = arg;

    if (!t->bot)
        return;
    if (rc || m->rc) {
        fail(t, TEXT_BACKUP_FAILED, rc ? err_name(rc) : m->err.text);
    } else {
        m->sealed = true;
        deliver(t);
    }
}

static void made(struct turn *t, int status, struct slice bytes)
{
    struct making *m = t->extra;
    json_t *answer;

    if (status >= 400) {
        answer = json_loadb(bytes.p, bytes.n, 0, NULL);
        turn_refused(t, status, answer);
        json_decref(answer);
    } else if (buf_add_slice(&m->zip, bytes)) {
        fail(t, TEXT_BACKUP_FAILED, err_name(ERR_NOMEM));
    } else if (m->passphrase.n) {
        turn_work(t, seal, sealed, m);
    } else {
        deliver(t);
    }
}

static void ask(struct turn *t)
{
    turn_raw(t, OP_GET, "/backup", (struct slice){NULL, 0}, made);
}

static void begin(struct turn *t, const char *passphrase)
{
    const struct op_port *port = t->bot->opts.port;
    struct making *m = calloc(1, sizeof(*m));

    if (!m || settings_copy(&m->settings, bot_settings(t->bot))) {
        free(m);
        turn_tell(t, TEXT_NO_MEMORY);
        return;
    }
    buf_init(&m->zip, LIMIT_BACKUP);
    buf_init(&m->passphrase, SEALED_PASSPHRASE_MAX);
    buf_add_str(&m->passphrase, passphrase);
    m->now_us = port->now_us(port->app);
    backup_name(m->now_us, m->name);
    snprintf(m->env_file, sizeof(m->env_file), "%s",
             port->env_file && port->env_file(port->app) ? port->env_file(port->app) : "");
    t->extra = m;
    t->drop = making_free;
    turn_working(t, ask, TEXT_BACKUP_WORKING, NULL);
}

void backup_run(struct turn *t)
{
    begin(t, "");
}

void backup_run_secrets(struct turn *t)
{
    const char *passphrase = turn_arg(t, 0);
    size_t n = strlen(passphrase);
    struct view *note = turn_note(t);

    if (n < SEALED_PASSPHRASE_MIN || n > SEALED_PASSPHRASE_MAX) {
        turn_fail(t, TEXT_BACKUP_PASS_WRONG, "min", view_int(note, SEALED_PASSPHRASE_MIN), "max",
                  view_int(note, SEALED_PASSPHRASE_MAX), NULL);
        return;
    }
    turn_input_over(t);
    t->message_id = 0;
    begin(t, passphrase);
}
