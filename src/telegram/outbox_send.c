/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "telegram/outbox_int.h"
#include "telegram/tganswer.h"
#include "base/banned.h"

/* One row: taken, sent, judged by the answer, removed or put back. */

enum { SIGN_TEXT_MAX = 4000 };

/* A row on its way. */
struct ob_send {
    struct ob_job j; /* the job that ends it */
    struct db_outbox_row row;
    json_t *params;
    bool edited; /* sent as an edit of row.message_id */
    bool plain;  /* sent without markup, since Telegram could not read it */
    /* how it ends */
    bool done, doubt, forget;
    int64_t message_id, not_before_us;
    char error[200];
};

struct ob_taking {
    struct ob_job j;
    size_t n;
    int64_t chats[OB_TAKEN];
    int rcs[OB_TAKEN];
    struct ob_send *sends[OB_TAKEN];
};

static void send_free(struct ob_send *s)
{
    json_decref(s->params);
    db_outbox_release(&s->row);
    free(s);
}

static void chat_free(struct outbox *ob, int64_t chat)
{
    struct ob_chat *c = ob_chat_find(ob, chat);

    ob->sending--;
    if (c)
        c->busy = false;
}

/* ---- the end of a row ---- */

static int end_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_send *s = (struct ob_send *)j;
    int rc = ERR_OK;

    if (s->forget)
        rc = db_messages_delete(db, s->row.chat_id, s->row.slot, err);
    if (rc)
        return rc;
    if (s->done)
        return db_outbox_done(db, s->row.id, s->message_id, j->now_us, err);
    return db_outbox_again(db, s->row.id, s->doubt, s->row.attempts, s->not_before_us,
                           slice_of(s->error), err);
}

static void end_after(struct ob_job *j, int rc, const struct err *err)
{
    struct ob_send *s = (struct ob_send *)j;
    struct outbox *ob = j->ob;
    struct ob_chat *c;

    (void)err;
    /* The chat stays busy: the next row must not overtake, and this one must not go twice. */
    if (rc && rc != ERR_CANCELLED) {
        ob_stick(j);
        return;
    }
    c = ob_chat_find(ob, s->row.chat_id);
    if (c && s->done && c->rows)
        c->rows--;
    chat_free(ob, s->row.chat_id);
    send_free(s);
    ob_pump(ob);
}

static void end(struct ob_send *s)
{
    s->j.run = end_run;
    s->j.after = end_after;
    s->j.now_us = loop_wall_us(s->j.ob->loop);
    if (ob_submit(&s->j, OWNER_WRITE))
        ob_stick(&s->j);
}

static void give_up(struct ob_send *s, int code, const char *why)
{
    struct outbox *ob = s->j.ob;
    struct outbox_failure f = {.chat_id = s->row.chat_id,
                               .thread_id = s->row.thread_id,
                               .method = s->row.method.p,
                               .params = s->params,
                               .slot = s->row.slot,
                               .has_file = s->row.file.p != NULL,
                               .error_code = code,
                               .description = why,
                               .created_us = s->row.created_us};

    ob->given_up++;
    if (ob->on_failed)
        ob->on_failed(ob->arg, &f);
    s->done = true;
    end(s);
}

static void later(struct ob_send *s, bool doubt, int64_t wait_us, const char *why)
{
    struct outbox *ob = s->j.ob;
    struct ob_chat *c = ob_chat_find(ob, s->row.chat_id);

    s->doubt = doubt;
    snprintf(s->error, sizeof(s->error), "%s", why);
    if (c && wait_us > 0)
        c->ready_us = loop_real_us(ob->loop) + wait_us;
    end(s);
}

static void delivered(struct ob_send *s, int64_t message_id)
{
    struct outbox *ob = s->j.ob;
    struct ob_chat *c = ob_chat_find(ob, s->row.chat_id);

    if (c)
        backoff_reset(&c->backoff);
    backoff_reset(&ob->backoff);
    ob->delivered++;
    s->done = true;
    s->message_id = message_id;
    if (ob->on_sent)
        ob->on_sent(ob->arg, s->row.chat_id, s->row.slot, message_id);
    end(s);
}

/* ---- sending ---- */

static void sent(void *arg, int rc, const struct telegram_answer *a);

/* The sign of a message that may be a repeat, where its text has room and no places counted in it. */
static void sign(json_t *params)
{
    static const char *const names[] = {"text", "caption"};
    size_t i;

    if (json_object_get(params, "entities") || json_object_get(params, "caption_entities"))
        return;
    for (i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = json_string_value(json_object_get(params, names[i]));
        char *with;
        size_t n;

        if (!text || strlen(text) > SIGN_TEXT_MAX)
            continue;
        n = strlen(text) + sizeof(OUTBOX_AGAIN);
        with = malloc(n);
        if (!with)
            return;
        snprintf(with, n, "%s%s", OUTBOX_AGAIN, text);
        json_object_set_new(params, names[i], json_string(with));
        free(with);
        return;
    }
}

/* A copy of the row's parameters as they are sent. NULL without memory. */
static json_t *parameters(const struct ob_send *s)
{
    json_t *p = json_copy(s->params);

    if (!p)
        return NULL;
    json_object_set_new(p, "chat_id", json_integer(s->row.chat_id));
    if (s->edited) {
        json_object_set_new(p, "message_id", json_integer(s->row.message_id));
        json_object_del(p, "disable_notification");
        json_object_del(p, "reply_parameters");
        json_object_del(p, "protect_content");
        json_object_del(p, "message_effect_id");
    } else if (s->row.thread_id) {
        json_object_set_new(p, "message_thread_id", json_integer(s->row.thread_id));
    }
    if (s->plain)
        json_object_del(p, "parse_mode");
    if (s->row.doubt && !s->edited)
        sign(p);
    return p;
}

static void send_row(struct ob_send *s)
{
    struct telegram *tg = s->j.ob->tg;
    json_t *p;

    s->edited = s->row.edit && s->row.message_id && !s->row.file.p &&
                slice_eq(s->row.method, SLICE("sendMessage"));
    p = tg ? parameters(s) : NULL;
    if (!p) {
        later(s, false, STAMP_SECOND, tg ? "out of memory" : "no bot");
        return;
    }
    if (s->row.file.p)
        telegram_send_file(tg, s->row.method.p, p, TELEGRAM_BULK, s->row.file_field.p,
                           s->row.file_name.p ? s->row.file_name.p : "file", s->row.file, sent, s);
    else
        telegram_call(tg, s->edited ? "editMessageText" : s->row.method.p, p, TELEGRAM_BULK, sent,
                      s);
}

static int64_t chat_backoff(struct ob_send *s)
{
    struct outbox *ob = s->j.ob;
    struct ob_chat *c = ob_chat_find(ob, s->row.chat_id);

    return c ? backoff_next(&c->backoff, loop_random(ob->loop)) : STAMP_SECOND;
}

/* Telegram answered no, for now. */
static void refused_now(struct ob_send *s, const struct telegram_answer *a)
{
    int64_t wait = a->retry_after_s * STAMP_SECOND;

    if (a->error_code == 429) {
        s->not_before_us = ob_wall_us() + wait;
        later(s, false, wait, a->description);
        return;
    }
    if (++s->row.attempts >= (s->row.file.p ? OB_FILE_ATTEMPTS : OB_ATTEMPTS)) {
        give_up(s, a->error_code, a->description);
        return;
    }
    later(s, false, chat_backoff(s), a->description);
}

static void refused(struct ob_send *s, const struct telegram_answer *a)
{
    if (a->migrate_to) {
        later(s, false, 0, a->description);
        return;
    }
    switch (tganswer_judge(a, s->edited)) {
    case TGANSWER_RETRY:
        refused_now(s, a);
        return;
    case TGANSWER_SAME:
        delivered(s, s->row.message_id);
        return;
    case TGANSWER_NO_EDIT:
        s->forget = true;
        later(s, false, 0, a->description);
        return;
    case TGANSWER_NO_TOKEN:
        ob_hold(s->j.ob);
        later(s, false, 0, a->description);
        return;
    case TGANSWER_PERMANENT:
        /* Tags in the text are ugly; a warning that never comes is worse. */
        if (!s->plain && json_object_get(s->params, "parse_mode") &&
            strcasestr(a->description, "can't parse entities")) {
            log_warning("telegram", "a message's markup was refused, it is sent as plain text: %s",
                        a->description);
            s->plain = true;
            send_row(s);
            return;
        }
        give_up(s, a->error_code, a->description);
    }
}

static void sent(void *arg, int rc, const struct telegram_answer *a)
{
    struct ob_send *s = arg;
    int64_t id;

    if (rc == ERR_UNSURE) {
        ob_hold(s->j.ob);
        if (++s->row.attempts >= (s->row.file.p ? OB_FILE_ATTEMPTS : OB_ATTEMPTS))
            give_up(s, 0, "Telegram never answered");
        else
            later(s, !s->edited, chat_backoff(s), "no answer");
    } else if (rc) {
        ob_hold(s->j.ob);
        later(s, false, 0, err_name(rc));
    } else if (a->ok) {
        id = json_integer_value(json_object_get(a->result, "message_id"));
        delivered(s, s->edited ? s->row.message_id : id);
    } else {
        refused(s, a);
    }
}

/* ---- taking ---- */

static int take_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_taking *t = (struct ob_taking *)j;
    size_t i;
    int rc = ERR_OK;

    for (i = 0; i < t->n && !rc; i++) {
        db_outbox_release(&t->sends[i]->row); /* of a run that was lost */
        t->rcs[i] = db_outbox_take(db, t->chats[i], &t->sends[i]->row, err);
        if (t->rcs[i] != ERR_NOT_FOUND)
            rc = t->rcs[i];
    }
    return rc;
}

static void taken(struct ob_send *s)
{
    json_error_t why;
    int64_t age = loop_wall_us(s->j.ob->loop) - s->row.created_us;

    s->params = json_loadb(s->row.params.p, s->row.params.n, 0, &why);
    if (!json_is_object(s->params))
        give_up(s, 400, "its parameters are damaged");
    else if (age > OB_ROW_AGE)
        give_up(s, 0, "it could not be delivered within 7 days");
    else
        send_row(s);
}

static void take_after(struct ob_job *j, int rc, const struct err *err)
{
    struct ob_taking *t = (struct ob_taking *)j;
    struct outbox *ob = j->ob;
    struct ob_chat *c;
    size_t i;

    if (rc && rc != ERR_CANCELLED) {
        log_warning("telegram", "the outbox cannot be written, so nothing is sent: %s", err->text);
        ob_hold(ob);
    }
    for (i = 0; i < t->n; i++) {
        if (!rc && !t->rcs[i]) {
            taken(t->sends[i]);
            continue;
        }
        c = ob_chat_find(ob, t->chats[i]);
        if (!rc && c)
            c->rows = 0;
        chat_free(ob, t->chats[i]);
        send_free(t->sends[i]);
    }
    free(t);
    ob_pump(ob);
}

void ob_take(struct outbox *ob, struct ob_chat *const *chats, size_t n)
{
    struct ob_taking *t = calloc(1, sizeof(*t));
    size_t i;

    if (!t)
        return;
    t->j = (struct ob_job){.ob = ob, .run = take_run, .after = take_after};
    for (i = 0; i < n; i++) {
        struct ob_send *s = calloc(1, sizeof(*s));

        if (!s)
            break;
        s->j.ob = ob;
        s->not_before_us = STAMP_NONE;
        t->sends[i] = s;
        t->chats[i] = chats[i]->id;
        chats[i]->busy = true;
        t->n++;
    }
    ob->sending += t->n;
    if (t->n && !ob_submit(&t->j, OWNER_DURABLE))
        return;
    for (i = 0; i < t->n; i++) {
        chat_free(ob, t->chats[i]);
        send_free(t->sends[i]);
    }
    free(t);
    ob_hold(ob);
}
