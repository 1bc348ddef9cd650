/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/frame.h"
#include "bot/notice/notice.h"
#include "bot/topics.h"
#include "base/banned.h"

/* What comes from Telegram: who it is, and what he wants. */

/* A stranger is told once a day; all of them together once a second. */
static const int64_t stranger_again_us = 86400 * STAMP_SECOND;
static const int64_t stranger_any_us = STAMP_SECOND;

static int64_t number_of(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- strangers ---- */

static bool may_tell_stranger(struct bot *bot, int64_t id)
{
    int64_t now = loop_mono_us(bot->opts.loop);
    struct stranger *s, *oldest = &bot->strangers[0];
    size_t i;

    if (bot->stranger_us && now - bot->stranger_us < stranger_any_us)
        return false;
    for (i = 0; i < LIMIT_BOT_STRANGERS; i++) {
        s = &bot->strangers[i];
        if (s->id == id && now - s->told_us < stranger_again_us)
            return false;
        if (s->id == id || s->told_us < oldest->told_us)
            oldest = s;
        if (s->id == id)
            break;
    }
    *oldest = (struct stranger){id, now};
    bot->stranger_us = now;
    return true;
}

/* His own language, when it is one of ours. */
static enum text_lang lang_of(const struct bot *bot, json_t *from)
{
    const char *code = json_string_value(json_object_get(from, "language_code"));
    char word[3] = {code && code[0] ? code[0] : '\0', code && code[0] ? code[1] : '\0', '\0'};
    const char *own = settings_text(bot_settings(bot), SET_BOT_LANGUAGE);

    return text_lang_of(code ? word : own);
}

static void stranger_wrote(struct bot *bot, json_t *from, json_t *chat)
{
    enum text_lang lang = lang_of(bot, from);

    if (!may_tell_stranger(bot, number_of(from, "id")))
        return;
    bot_call(bot, lang, "sendMessage",
             json_pack("{sI ss}", "chat_id", (json_int_t)number_of(chat, "id"), "text",
                       text_raw(lang, TEXT_STRANGER)),
             NULL, NULL);
}

static void answer_empty(struct bot *bot, const char *query)
{
    bot_call(bot, TEXT_EN, "answerCallbackQuery", json_pack("{ss}", "callback_query_id", query),
             NULL, NULL);
}

static void stranger_pressed(struct bot *bot, json_t *from, const char *query)
{
    enum text_lang lang = lang_of(bot, from);

    if (!may_tell_stranger(bot, number_of(from, "id"))) {
        answer_empty(bot, query);
        return;
    }
    bot_call(bot, lang, "answerCallbackQuery",
             json_pack("{ss ss sb}", "callback_query_id", query, "text",
                       text_raw(lang, TEXT_STRANGER), "show_alert", 1),
             NULL, NULL);
}

/* ---- turns ---- */

static bool is_private(json_t *chat)
{
    const char *type = json_string_value(json_object_get(chat, "type"));

    return type && strcmp(type, "private") == 0;
}

static struct turn *begin(struct bot *bot, const struct bot_admin *admin, json_t *message)
{
    json_t *chat = json_object_get(message, "chat");
    struct turn *t;
    size_t n = 0;

    for (t = bot->turns; t; t = t->next)
        n++;
    t = n < LIMIT_BOT_TURNS ? turn_new(bot, admin, number_of(chat, "id"), is_private(chat)) : NULL;
    if (t && json_is_true(json_object_get(message, "is_topic_message")))
        t->thread_id = number_of(message, "message_thread_id");
    return t;
}

static void run_data(struct turn *t, const char *data)
{
    struct target target;
    int rc = target_read(&t->bot->memo, data, &target);

    if (rc)
        turn_tell(t, TEXT_OLD_BUTTON);
    else
        turn_run(t, &target);
}

/* ---- presses ---- */

/*
 * Whether the same press of his is on its way already; what is older on the message is overtaken. One made
 * when the message had changed is another: Telegram shows an edit before its answer has come back.
 */
static bool pressed_before(struct bot *bot, int64_t chat_id, int64_t message_id, int64_t admin_id,
                           const char *data, uint64_t mark)
{
    struct turn *t;

    for (t = bot->turns; t; t = t->next) {
        if (t->ended || t->chat_id != chat_id || !message_id || t->pressed_id != message_id)
            continue;
        if (strcmp(t->data, data) == 0 && t->admin.id == admin_id && t->pressed_mark == mark)
            return true;
        t->superseded = true;
    }
    return false;
}

static void press(struct bot *bot, json_t *query)
{
    json_t *from = json_object_get(query, "from"), *message = json_object_get(query, "message");
    const char *id = json_string_value(json_object_get(query, "id"));
    const char *data = json_string_value(json_object_get(query, "data"));
    json_t *chat = json_object_get(message, "chat");
    uint64_t mark = tgshown_mark_of(message); /* another one once it was edited */
    struct bot_admin admin;
    struct pending *p;
    struct turn *t;

    if (!id)
        return;
    if (!bot_admin_of(bot, number_of(from, "id"), &admin)) {
        stranger_pressed(bot, from, id);
        return;
    }
    if (!data || strlen(data) > BOT_DATA || !number_of(chat, "id") ||
        pressed_before(bot, number_of(chat, "id"), number_of(message, "message_id"), admin.id, data,
                       mark)) {
        answer_empty(bot, id);
        return;
    }
    t = begin(bot, &admin, message);
    if (!t) {
        answer_empty(bot, id);
        return;
    }
    t->pressed_id = number_of(message, "message_id");
    t->pressed_mark = mark;
    /* A message Telegram says nothing of any more (date 0) cannot be edited. */
    t->message_id = number_of(message, "date") ? t->pressed_id : 0;
    memcpy(t->data, data, strlen(data) + 1);
    t->query = strdup(id);
    p = data[0] == '-' ? NULL : pending_find(bot, t->chat_id, admin.id);
    if (p && !p->busy)
        pending_end(bot, p, p->message_id != t->pressed_id);
    run_data(t, data);
}

/* ---- texts ---- */

static void delete_message(struct bot *bot, json_t *message)
{
    bot_call(bot, TEXT_EN, "deleteMessage",
             json_pack("{sI sI}", "chat_id",
                       (json_int_t)number_of(json_object_get(message, "chat"), "id"), "message_id",
                       (json_int_t)number_of(message, "message_id")),
             NULL, NULL);
}

/*
 * Numbers as a Persian or Arabic keyboard writes them (۹۰, ٩٠) in Latin digits, and its comma; anything
 * else stays what it is. In place: the digits are shorter. Names and patterns of panels hold none of them.
 */
static void latin_digits(char *text)
{
    const unsigned char *in = (const unsigned char *)text;
    char *out = text;

    while (*in) {
        if (in[0] == 0xdb && in[1] >= 0xb0 && in[1] <= 0xb9) /* U+06F0… */
            *out++ = (char)('0' + in[1] - 0xb0);
        else if (in[0] == 0xd9 && in[1] >= 0xa0 && in[1] <= 0xa9) /* U+0660… */
            *out++ = (char)('0' + in[1] - 0xa0);
        else if (in[0] == 0xd8 && in[1] == 0x8c) /* U+060C */
            *out++ = ',';
        else {
            *out++ = (char)*in++;
            continue;
        }
        in += 2;
    }
    *out = '\0';
}

/* What was awaited has come. */
static void input_came(struct turn *t, struct pending *p, json_t *message, const char *text)
{
    const struct input *in = p->input, *next = in->next ? input_find(slice_of(in->next)) : NULL;
    const struct action *action = in->action ? action_find(slice_of(in->action)) : NULL;
    struct slice trimmed = slice_trim(slice_of(text));
    bool failed = false;
    char *copy;
    size_t i;

    t->from_input = true;
    t->input = in;
    t->kind = 'a';
    for (i = 0; i < p->n_args; i++)
        failed = failed || turn_add_arg(t, p->args[i]);
    if (in->flags & BOT_SECRET)
        delete_message(t->bot, message);
    if (in->got) {
        p->busy = true;
        in->got(t, message);
        return;
    }
    if (!text || !trimmed.n || trimmed.n > (in->max ? in->max : LIMIT_BOT_INPUT)) {
        turn_fail(t, text && trimmed.n ? TEXT_INPUT_LONG : TEXT_INPUT_NO_TEXT, NULL);
        return;
    }
    copy = strndup(trimmed.p, trimmed.n);
    if (copy && !(in->flags & BOT_SECRET))
        latin_digits(copy);
    failed = failed || !copy || turn_add_arg(t, copy);
    free(copy);
    if (failed || (!next && !action)) {
        turn_tell(t, TEXT_NO_MEMORY);
    } else if (next) {
        bot_strip(t->bot, p->chat_id, p->message_id);
        p->message_id = 0;
        t->from_input = false;
        t->kind = 'i';
        t->input = next;
        show_begin(t);
    } else {
        p->busy = true;
        t->action = action;
        action_begin(t);
    }
}

/* "/name@bot words" for this bot: the command and what follows; false: no command, or another bot's. */
static bool command_of(const struct bot *bot, const char *text, struct slice *ret_name,
                       struct slice *ret_rest)
{
    struct slice all = slice_of(text), word = all, at;
    size_t n = 0;

    if (!text || text[0] != '/')
        return false;
    while (n < all.n && all.p[n] != ' ' && all.p[n] != '\n' && all.p[n] != '\t')
        n++;
    word.n = n;
    *ret_rest = slice_trim(slice_skip(all, n));
    word = slice_skip(word, 1);
    *ret_name = slice_cut(&word, '@');
    at = word;
    return !at.p || !bot->opts.name || slice_eq(at, slice_of(bot->opts.name(bot->opts.tg)));
}

/* A command's target with its words: as many as the target names, the last one with all that is left. */
static void run_command(struct turn *t, const struct slash *c, struct slice rest)
{
    char *words[BOT_ARGS] = {NULL};
    const char *args[BOT_ARGS], *tmpl = c->target;
    struct target target;
    struct buf store;
    int wanted = 0, n = 0, i;

    for (i = 0; i < BOT_ARGS; i++) {
        const char name[4] = {'{', (char)('0' + i), '}', '\0'};

        if (strstr(c->target, name))
            wanted = i + 1;
    }
    while (n < wanted && rest.n) {
        struct slice word = rest;

        if (n + 1 < wanted)
            for (word.n = 0; word.n < rest.n && !strchr(" \t\n,", rest.p[word.n]); word.n++)
                ;
        rest = slice_trim(slice_skip(rest, word.n));
        words[n] = strndup(word.p, word.n < LIMIT_BOT_ARG ? word.n : LIMIT_BOT_ARG);
        if (words[n])
            latin_digits(words[n]);
        n++;
    }
    for (i = 0; i < BOT_ARGS; i++)
        args[i] = words[i] ? words[i] : "";
    if (n < wanted && c->bare)
        tmpl = c->bare;
    buf_init(&store, BOT_ARGS * (LIMIT_BOT_ARG + 1));
    if (target_fill(tmpl, args, &store, &target))
        turn_tell(t, TEXT_NO_MEMORY);
    else
        turn_run(t, &target);
    buf_release(&store);
    for (i = 0; i < BOT_ARGS; i++)
        free(words[i]);
}

/*
 * Whether a message says that this bot is in a group since now: it was added, the group was made with it, or
 * became a supergroup with another id.
 */
static bool says_joined(const struct bot *bot, json_t *message)
{
    const char *name = bot->opts.name ? bot->opts.name(bot->opts.tg) : "", *other;
    json_t *who;
    size_t i;

    if (json_is_true(json_object_get(message, "group_chat_created")) ||
        json_is_true(json_object_get(message, "supergroup_chat_created")) ||
        number_of(message, "migrate_from_chat_id"))
        return true;
    json_array_foreach(json_object_get(message, "new_chat_members"), i, who)
    {
        other = json_string_value(json_object_get(who, "username"));
        if (json_is_true(json_object_get(who, "is_bot")) && name[0] && other &&
            strcmp(name, other) == 0)
            return true;
    }
    return false;
}

/* Whoever it was; an owner is asked whether it is to be the notifications' group, unless it is already. */
static void joined(struct bot *bot, json_t *message)
{
    struct topics *topics = bot->notices ? notices_topics(bot->notices) : NULL;
    int64_t chat = number_of(json_object_get(message, "chat"), "id");
    struct bot_admin admin;
    struct turn *t;

    if (topics)
        topics_joined(topics, chat);
    if (!bot_admin_of(bot, number_of(json_object_get(message, "from"), "id"), &admin) ||
        admin.role < OP_ROLE_OWNER || (topics && topics_group(topics) == chat))
        return;
    t = begin(bot, &admin, message);
    if (t)
        run_data(t, "atopcmd");
}

static void wrote(struct bot *bot, json_t *message)
{
    json_t *from = json_object_get(message, "from"), *chat = json_object_get(message, "chat");
    const char *text = json_string_value(json_object_get(message, "text"));
    struct slice name = SLICE("*"), rest = slice_of(text);
    const struct slash *c;
    struct bot_admin admin;
    struct pending *p;
    struct turn *t;
    bool slash = command_of(bot, text, &name, &rest);

    if (!number_of(chat, "id") || json_is_true(json_object_get(from, "is_bot")))
        return;
    if (says_joined(bot, message)) {
        joined(bot, message);
        return;
    }
    if (!bot_admin_of(bot, number_of(from, "id"), &admin)) {
        if (is_private(chat) || slash)
            stranger_wrote(bot, from, chat);
        return;
    }
    p = pending_find(bot, number_of(chat, "id"), admin.id);
    if (!slash && !is_private(chat) && !p)
        return;
    t = begin(bot, &admin, message);
    if (!t)
        return;
    if (p && !slash) {
        if (p->busy)
            turn_tell(t, TEXT_WORKING);
        else
            input_came(t, p, message, text);
        return;
    }
    if (p && !p->busy)
        pending_end(bot, p, true);
    if (!slash && text && text[0] == '/') {
        turn_end(t); /* another bot's */
        return;
    }
    c = slash || text ? slash_find(name) : NULL;
    if (c && admin.role >= c->role)
        run_command(t, c, rest);
    else
        turn_tell(t, c ? TEXT_MAY_NOT : slash ? TEXT_NO_COMMAND : TEXT_NOT_AWAITED);
}

void bot_update(struct bot *bot, json_t *update)
{
    json_t *query = json_object_get(update, "callback_query");
    json_t *message = json_object_get(update, "message");

    bot_learn_name(bot, json_object_get(json_is_object(query) ? query : message, "from"));
    if (json_is_object(query))
        press(bot, query);
    else if (json_is_object(message))
        wrote(bot, message);
}
