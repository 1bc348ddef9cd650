/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/frame.h"
#include "base/banned.h"

/* A view on its way to Telegram: in place of a message or as new ones, one after another. */

struct sending {
    struct turn *t;
    json_t *parts, *rows;
    size_t at;
    bool plain;    /* Telegram did not take the HTML: without tags */
    uint64_t mark; /* of the part on its way */
};

void bot_forget(struct bot *bot, int64_t chat_id, int64_t message_id)
{
    tgshown_forget(&bot->shown, chat_id, message_id);
}

static void send_part(struct sending *s);

static void sending_end(struct sending *s)
{
    struct turn *t = s->t;

    json_decref(s->parts);
    json_decref(s->rows);
    free(s);
    if (t->bot)
        turn_end(t);
    turn_unref(t);
}

static bool says(const struct telegram_answer *a, const char *words)
{
    return strstr(a->description, words);
}

/* The number of a new message is that of the prompt whose answer is awaited. */
static void take_number(struct sending *s, const struct telegram_answer *answer)
{
    struct turn *t = s->t;
    struct pending *p = t->input ? pending_find(t->bot, t->chat_id, t->admin.id) : NULL;
    int64_t id = json_integer_value(json_object_get(answer->result, "message_id"));

    /* By now another text may be awaited; what was edited has its number already. */
    if (p && p->input == t->input && !t->message_id && id && s->at + 1 == json_array_size(s->parts))
        p->message_id = id;
}

/* What the message shows now; unless a later press of it is on its way to show something else. */
static void note_shown(const struct sending *s, int64_t message_id)
{
    const struct turn *t = s->t, *other;

    for (other = t->bot->turns; other; other = other->next)
        if (other != t && !other->ended && other->chat_id == t->chat_id &&
            other->pressed_id == message_id) {
            bot_forget(t->bot, t->chat_id, message_id);
            return;
        }
    tgshown_note(&t->bot->shown, t->chat_id, message_id, s->mark);
}

static void sent(void *arg, int rc, const struct telegram_answer *answer)
{
    struct sending *s = arg;
    struct turn *t = s->t;

    if (!t->bot || rc) {
        sending_end(s);
        return;
    }
    if (!answer->ok && answer->error_code == 400) {
        if (says(answer, "can't parse entities") && !s->plain) {
            log_error("bot", "Telegram does not take the HTML of a message: %s",
                      answer->description);
            s->plain = true;
            send_part(s);
            return;
        }
        if (t->message_id && !says(answer, TELEGRAM_NOT_MODIFIED)) {
            t->message_id = 0; /* gone, or too old to be edited: a new one */
            send_part(s);
            return;
        }
    }
    if (answer->ok) {
        take_number(s, answer);
        note_shown(s, t->message_id
                          ? t->message_id
                          : json_integer_value(json_object_get(answer->result, "message_id")));
    }
    t->message_id = 0;
    if (++s->at < json_array_size(s->parts) && (answer->ok || says(answer, TELEGRAM_NOT_MODIFIED)))
        send_part(s);
    else
        sending_end(s);
}

/* The part on its way, as it is sent. */
static json_t *parameters(const struct sending *s)
{
    struct turn *t = s->t;
    const char *html = json_string_value(json_array_get(s->parts, s->at));
    bool last = s->at + 1 == json_array_size(s->parts);
    struct buf plain;
    json_t *params;

    buf_init(&plain, LIMIT_BOT_VIEW);
    if (s->plain)
        strip_html(&plain, slice_of(html));
    params = json_pack("{sI ss s{sb}}", "chat_id", (json_int_t)t->chat_id, "text",
                       s->plain ? buf_str(&plain) : html, "link_preview_options", "is_disabled", 1);
    buf_release(&plain);
    if (!s->plain)
        json_object_set_new(params, "parse_mode", json_string("HTML"));
    if (t->message_id)
        json_object_set_new(params, "message_id", json_integer(t->message_id));
    else if (t->thread_id)
        json_object_set_new(params, "message_thread_id", json_integer(t->thread_id));
    if (last && json_array_size(s->rows))
        json_object_set_new(params, "reply_markup", json_pack("{sO}", "inline_keyboard", s->rows));
    return params;
}

static void send_part(struct sending *s)
{
    struct turn *t = s->t;
    json_t *params = parameters(s);

    s->mark = tgshown_mark(params);
    bot_call(t->bot, t->admin.lang, t->message_id ? "editMessageText" : "sendMessage", params, sent,
             s);
}

/* Whether the message shows just this already: Telegram would refuse the edit. */
static bool is_shown(const struct sending *s)
{
    const struct turn *t = s->t;
    json_t *params = parameters(s);
    uint64_t mark = tgshown_mark(params);

    json_decref(params);
    return tgshown_is(&t->bot->shown, t->chat_id, t->message_id, mark);
}

void show_send(struct turn *t, struct view *v)
{
    struct sending *s = calloc(1, sizeof(*s));

    if (s)
        *s = (struct sending){.t = t, .parts = json_array(), .rows = json_incref(v->rows)};
    /* Before it is cut; a line that is cut gets a mark for its second part when that is sent. */
    text_direct(&v->text, v->lang);
    if (s && !v->failed && !v->text.failed &&
        split_html(buf_slice(&v->text), LIMIT_BOT_TEXT - 1, s->parts) == 0)
        while (json_array_size(s->parts) > LIMIT_BOT_PARTS)
            json_array_remove(s->parts, json_array_size(s->parts) - 2);
    if (!s || !json_array_size(s->parts)) {
        log_error("bot", "an answer could not be made: out of memory, or too long");
        if (t->query)
            turn_toast(t, text_raw(t->admin.lang, TEXT_NO_MEMORY), true);
        else
            bot_call(t->bot, t->admin.lang, "sendMessage",
                     json_pack("{sI ss}", "chat_id", (json_int_t)t->chat_id, "text",
                               text_raw(t->admin.lang, TEXT_NO_MEMORY)),
                     NULL, NULL);
        if (s) {
            json_decref(s->parts);
            json_decref(s->rows);
            free(s);
        }
        turn_end(t);
        return;
    }
    t->refs++;
    if (json_array_size(s->parts) == 1 && is_shown(s)) {
        turn_toast(t, text_raw(t->admin.lang, TEXT_UNCHANGED), false);
        sending_end(s);
        return;
    }
    turn_toast(t, NULL, false);
    send_part(s);
}

void view_toast_text(struct buf *out, struct slice html)
{
    enum { UNITS = 190 };
    struct buf plain;
    struct slice rest;
    size_t used = 0, units = 0;

    buf_init(&plain, LIMIT_BOT_VIEW);
    strip_html(&plain, slice_trim(html));
    rest = buf_slice(&plain);
    while (used < rest.n && units < UNITS) {
        unsigned char c = (unsigned char)rest.p[used];
        size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

        used += n <= rest.n - used ? n : rest.n - used;
        units += n == 4 ? 2 : 1;
    }
    buf_add(out, rest.p ? rest.p : "", used);
    if (used < rest.n)
        buf_add_str(out, "…");
    buf_release(&plain);
}
