/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What people send to the bot, a line each: "P data" presses a button, "T text" writes, "S text" is a
 * stranger's, anything else is an update as it comes (JSON). There is no database: what can be read is
 * answered "busy". Each press of the owner is answered exactly once; nothing breaks Telegram's bounds.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS = 256 };

static struct settings settings;
static struct loop *loop;
static struct {
    telegram_done_fn fn;
    void *arg;
    bool sends;
} calls[CALLS];
static size_t n_calls;
static int answers;

static const struct settings *get_settings(void *app)
{
    (void)app;
    return &settings;
}

static int64_t get_now(void *app)
{
    (void)app;
    return INT64_C(1795448496) * STAMP_SECOND;
}

static const char *get_env_file(void *app)
{
    (void)app;
    return "";
}

static int no_store(void *store, enum owner_kind kind, owner_fn fn, owner_done_fn done, void *arg)
{
    (void)store;
    (void)kind;
    (void)fn;
    (void)done;
    (void)arg;
    return ERR_BUSY;
}

static void check_buttons(json_t *params)
{
    json_t *rows = json_object_get(json_object_get(params, "reply_markup"), "inline_keyboard");
    json_t *row, *button;
    size_t i, k;

    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, k, button)
        {
            json_t *text = json_object_get(button, "text");
            json_t *put = json_object_get(button, "callback_data");

            if (!json_string_length(text) || json_string_length(put) > BOT_DATA)
                abort();
        }
    }
}

static void call(struct telegram *tg, const char *method, json_t *params, enum telegram_lane lane,
                 telegram_done_fn fn, void *arg)
{
    json_t *text = json_object_get(params, "text");

    (void)tg;
    (void)lane;
    if (!params || n_calls == CALLS)
        abort();
    if (strcmp(method, "answerCallbackQuery") == 0)
        answers++;
    else if (text && (!json_string_length(text) ||
                      split_units((struct slice){json_string_value(text),
                                                 json_string_length(text)}) > LIMIT_BOT_TEXT))
        abort();
    check_buttons(params);
    calls[n_calls].fn = fn;
    calls[n_calls].arg = arg;
    calls[n_calls++].sends = strcmp(method, "sendMessage") == 0;
    json_decref(params);
}

static void answer_all(void)
{
    size_t i;

    for (i = 0; i < n_calls; i++) {
        struct telegram_answer a = {.ok = true, .description = "", .retry_after_s = -1};

        a.result = calls[i].sends ? json_pack("{si}", "message_id", 7) : NULL;
        if (calls[i].fn)
            calls[i].fn(calls[i].arg, 0, &a);
        json_decref(a.result);
    }
    n_calls = 0;
}

static void send(struct bot *bot, struct slice line)
{
    char kind = line.n > 1 && line.p[1] == ' ' ? line.p[0] : '{';
    struct slice rest = slice_skip(line, 2);
    json_t *u;
    int before = answers;

    if (kind == 'P')
        u = json_pack("{s{ss s{si} s{si s{si ss} si} ss%}}", "callback_query", "id", "1", "from",
                      "id", 100, "message", "message_id", 5, "chat", "id", 100, "type", "private",
                      "date", 1, "data", rest.p, (int)rest.n);
    else if (kind == 'T' || kind == 'S')
        u = json_pack("{s{si s{si} s{si ss} ss%}}", "message", "message_id", 6, "from", "id",
                      kind == 'T' ? 100 : 666, "chat", "id", kind == 'T' ? 100 : 666, "type",
                      "private", "text", rest.p, (int)rest.n);
    else
        u = json_loadb(line.p ? line.p : "", line.n, 0, NULL);
    if (json_is_object(u))
        bot_update(bot, u);
    answer_all();
    if (kind == 'P' && u && answers != before + 1)
        abort();
    json_decref(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct op_port port = {.submit = no_store,
                                        .settings = get_settings,
                                        .now_us = get_now,
                                        .env_file = get_env_file};
    struct slice rest = {(const char *)data, size};
    struct bot *bot = NULL;
    struct err err = {0};

    if (!loop && (loop_new(&loop) || settings_init(&settings) ||
                  settings_set(&settings, SET_ADMIN_IDS, ORIGIN_FILE, SLICE("100"), &err)))
        abort();
    if (bot_new(&(struct bot_opts){.loop = loop, .port = &port, .call = call}, &bot))
        abort();
    while (rest.p && rest.n)
        send(bot, slice_cut(&rest, '\n'));
    bot_free(bot);
    answer_all();
    return 0;
}
