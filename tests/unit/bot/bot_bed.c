/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The telegram of a test is the bed itself. */
static void call(struct telegram *tg, const char *method, json_t *params, enum telegram_lane lane,
                 telegram_done_fn fn, void *arg)
{
    struct bot_bed *b = (struct bot_bed *)tg;
    struct sent *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    assert_int_equal(lane, TELEGRAM_NOW);
    assert_non_null(params);
    *s = (struct sent){.params = params, .fn = fn, .arg = arg};
    snprintf(s->method, sizeof(s->method), "%s", method);
    *b->end = s;
    b->end = &s->next;
}

static void send_file(struct telegram *tg, const char *method, json_t *params,
                      enum telegram_lane lane, const char *field, const char *filename,
                      struct slice bytes, telegram_done_fn fn, void *arg)
{
    struct bot_bed *b = (struct bot_bed *)tg;

    assert_string_equal(field, "document");
    buf_clear(&b->file);
    assert_int_equal(buf_add_slice(&b->file, bytes), ERR_OK);
    snprintf(b->file_name, sizeof(b->file_name), "%s", filename);
    call(tg, method, params, lane, fn, arg);
}

static void download(struct telegram *tg, const char *file_id, size_t max, telegram_file_fn fn,
                     void *arg)
{
    struct bot_bed *b = (struct bot_bed *)tg;
    struct buf content;

    assert_string_equal(file_id, "F1");
    buf_init(&content, max);
    if (b->upload.p && buf_add_slice(&content, b->upload))
        fail();
    if (b->upload.p)
        fn(arg, ERR_OK, NULL, &content);
    else
        fn(arg, ERR_UNREACHABLE, "no way to Telegram", NULL);
    buf_release(&content);
}

static const char *name(const struct telegram *tg)
{
    (void)tg;
    return "limiter_bot";
}

int bot_bed_setup(void **state)
{
    struct bot_bed *b = calloc(1, sizeof(*b));
    struct err err = {0};
    void *ops = NULL;

    assert_non_null(b);
    assert_int_equal(bed_setup(&ops), 0);
    b->ops = ops;
    assert_int_equal(settings_set(&b->ops->settings, SET_ADMIN_IDS, ORIGIN_FILE, SLICE("100"),
                                  &err),
                     ERR_OK);
    assert_int_equal(loop_new(&b->loop), ERR_OK);
    b->end = &b->sent;
    assert_int_equal(bot_new(&(struct bot_opts){.loop = b->loop,
                                                .port = &b->ops->port,
                                                .tg = (struct telegram *)b,
                                                .call = call,
                                                .send_file = send_file,
                                                .download = download,
                                                .name = name},
                             &b->bot),
                     ERR_OK);
    b->message_id = 1000;
    buf_init(&b->file, LIMIT_BACKUP);
    *state = b;
    return 0;
}

static void answer(struct bot_bed *b, struct sent *s, int rc)
{
    struct telegram_answer a = {.ok = true, .description = "", .retry_after_s = -1};

    s->answered = true;
    if (b->error_code) {
        a = (struct telegram_answer){.error_code = b->error_code, .description = b->error};
        b->error_code = 0;
    } else if (strcmp(s->method, "sendMessage") == 0) {
        a.result = json_pack("{sI}", "message_id", (json_int_t)++b->message_id);
        json_object_set(s->params, "_id", json_object_get(a.result, "message_id"));
    } else {
        a.result = json_true();
    }
    if (s->fn)
        s->fn(s->arg, rc, rc ? NULL : &a);
    json_decref(a.result);
}

void bot_bed_answer_one(struct bot_bed *b, struct sent *s)
{
    if (!s->answered)
        answer(b, s, 0);
}

void bot_bed_answer(struct bot_bed *b)
{
    struct sent *s;

    for (s = b->sent; s; s = s->next)
        if (!s->answered)
            answer(b, s, 0);
}

int bot_bed_teardown(void **state)
{
    struct bot_bed *b = *state;
    void *ops = b->ops;
    struct sent *s;

    bot_free(b->bot);
    while ((s = b->sent)) {
        if (!s->answered)
            answer(b, s, ERR_CANCELLED);
        b->sent = s->next;
        json_decref(s->params);
        free(s);
    }
    loop_free(b->loop);
    buf_release(&b->file);
    free(b);
    return bed_teardown(&ops);
}

static json_t *from(int64_t id)
{
    return json_pack("{sI sb ss}", "id", (json_int_t)id, "is_bot", 0, "first_name", "X");
}

void bot_bed_write(struct bot_bed *b, int64_t who, const char *text)
{
    json_t *u = json_pack("{sI s{sI so s{sI ss} si ss}}", "update_id", (json_int_t)1, "message",
                          "message_id", (json_int_t)++b->message_id, "from", from(who), "chat",
                          "id", (json_int_t)who, "type", "private", "date", 1, "text", text);

    assert_non_null(u);
    bot_update(b->bot, u);
    json_decref(u);
}

void bot_bed_press(struct bot_bed *b, int64_t who, int64_t message_id, const char *data)
{
    bot_bed_press_of(b, who, message_id, 0, data);
}

void bot_bed_press_of(struct bot_bed *b, int64_t who, int64_t message_id, int64_t edited,
                      const char *data)
{
    json_t *u = json_pack("{sI s{ss so s{sI s{sI ss} si sI} ss}}", "update_id", (json_int_t)1,
                          "callback_query", "id", "77", "from", from(who), "message", "message_id",
                          (json_int_t)message_id, "chat", "id", (json_int_t)who, "type", "private",
                          "date", 1, "edit_date", (json_int_t)edited, "data", data);

    assert_non_null(u);
    bot_update(b->bot, u);
    json_decref(u);
}

struct sent *bot_bed_next(struct bot_bed *b, const char *method)
{
    struct sent *s = b->seen ? b->seen->next : b->sent;

    while (s && method && strcmp(s->method, method) != 0)
        s = s->next;
    if (s)
        b->seen = s;
    return s;
}

const char *bot_bed_text(const struct sent *s)
{
    const char *text = s ? json_string_value(json_object_get(s->params, "text")) : NULL;

    return text ? text : "";
}

const char *bot_bed_button(const struct sent *s, const char *label)
{
    json_t *rows = json_object_get(json_object_get(s->params, "reply_markup"), "inline_keyboard");
    json_t *row, *button;
    size_t i, k;

    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, k, button)
        {
            if (strstr(json_string_value(json_object_get(button, "text")), label))
                return json_string_value(json_object_get(button, "callback_data"));
        }
    }
    return NULL;
}

struct sent *bot_bed_go(struct bot_bed *b, struct sent *on, const char *label)
{
    const char *data = on ? bot_bed_button(on, label) : NULL;
    json_t *id = on ? json_object_get(on->params, "message_id") : NULL;
    struct sent *s;

    if (!data)
        fail_msg("no button %s in: %s", label, bot_bed_text(on));
    if (!id)
        id = json_object_get(on->params, "_id");
    bot_bed_press(b, 100, json_integer_value(id), data);
    bot_bed_answer(b);
    while ((s = bot_bed_next(b, NULL)))
        if (strcmp(s->method, "editMessageText") == 0 || strcmp(s->method, "sendMessage") == 0)
            return s;
    fail_msg("nothing came of %s (%s)", label, data);
    return NULL;
}

struct sent *bot_bed_last(struct bot_bed *b)
{
    struct sent *s, *found = NULL;

    bot_bed_answer(b);
    while ((s = bot_bed_next(b, NULL)))
        if (strcmp(s->method, "sendMessage") == 0 || strcmp(s->method, "editMessageText") == 0)
            found = s;
    assert_non_null(found);
    return found;
}

void bot_bed_says(const struct sent *s, const char *text)
{
    if (!strstr(bot_bed_text(s), text))
        fail_msg("\"%s\" is not in: %s", text, bot_bed_text(s));
}
