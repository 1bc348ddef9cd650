/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "bot/frame.h"
#include "bot/notice/notice_int.h"
#include "service/notice_kinds.h"
#include "base/banned.h"

/* The group that notifications go to, and the forum topic of each kind. */

static enum text_id kind_title(const char *word)
{
    enum notice_kind kind = notice_kind_find(slice_of(word ? word : ""));

    return kind < NOTICE_KINDS ? notice_kind_text(kind) : TEXT_NONE;
}

static const char *place_name(struct view *v, json_t *row)
{
    const char *place = in_text(row, "place");

    if (place && strcmp(place, "topic") == 0)
        return view_word(v, TEXT_T_TOPIC, "n", view_int(v, in_int(row, "thread_id")), NULL);
    if (place && strcmp(place, "general") == 0)
        return view_word(v, TEXT_T_GENERAL, NULL);
    return view_word(v, TEXT_T_PRIVATE, NULL);
}

static void say_group(struct view *v, json_t *answer)
{
    const char *title = in_text(answer, "title"), *why = in_text(answer, "problem");

    if (!in_int(answer, "group")) {
        view_say(v, TEXT_T_NONE, NULL);
        return;
    }
    view_say(v, TEXT_T_GROUP, "title", title ? title : "", "id",
             view_int(v, in_int(answer, "group")), NULL);
    if (why)
        view_say(v, TEXT_T_PROBLEM, "!why", view_said_value(v, why), NULL);
    if (json_array_size(json_object_get(answer, "broken")))
        view_say(v, TEXT_T_BROKEN, NULL);
}

static void build_topics(struct view *v)
{
    json_t *answer = v->answer[0], *row;
    bool group = in_int(answer, "group") != 0;
    size_t i;

    say_group(v, answer);
    view_row(v);
    view_button(v, NULL, "itopg", NULL);
    if (!group)
        return;
    view_button(v, NULL, "atopchk", NULL);
    view_row(v);
    view_button(v, NULL, "atopmk", NULL);
    json_array_foreach(in_data(answer), i, row)
    {
        const char *kind = in_text(row, "kind");

        view_row(v);
        view_button(v,
                    view_fmt(v, "%s: %s", view_word(v, kind_title(kind), NULL), place_name(v, row)),
                    "stopk", kind, NULL);
    }
    view_row(v);
    view_button(v, NULL, "atopclr", NULL);
}

/* ---- where one kind goes; the topics that others go to can be picked ---- */

static json_t *row_of(json_t *answer, const char *kind)
{
    json_t *row;
    size_t i;

    json_array_foreach(in_data(answer), i, row)
    {
        if (in_text(row, "kind") && strcmp(in_text(row, "kind"), kind) == 0)
            return row;
    }
    return NULL;
}

/* The kinds that share a topic, in a few words. */
static const char *names_at(struct view *v, int64_t thread)
{
    const char *names = view_int(v, thread), *comma = ": ";
    json_t *row;
    size_t i;

    json_array_foreach(in_data(v->answer[0]), i, row)
    {
        if (in_int(row, "thread_id") != thread)
            continue;
        names = view_fmt(v, "%s%s%s", names, comma,
                         view_word(v, kind_title(in_text(row, "kind")), NULL));
        comma = ", ";
    }
    return names;
}

static void build_kind(struct view *v)
{
    json_t *mine = row_of(v->answer[0], v->arg[0]), *row;
    const char *place = in_text(mine, "place");
    int64_t told[NOTICE_KINDS], thread;
    size_t n = 0, i, k;

    if (!mine || !place)
        return;
    view_say(v, TEXT_T_WHERE, "kind", view_word(v, kind_title(v->arg[0]), NULL), NULL);
    view_row(v);
    view_button(v, view_check(v, strcmp(place, "general") == 0, view_word(v, TEXT_T_GENERAL, NULL)),
                "atopput", v->arg[0], "general", NULL);
    view_button(v, view_check(v, strcmp(place, "private") == 0, view_word(v, TEXT_T_PRIVATE, NULL)),
                "atopput", v->arg[0], "private", NULL);
    json_array_foreach(in_data(v->answer[0]), i, row)
    {
        thread = in_int(row, "thread_id");
        for (k = 0; k < n && told[k] != thread; k++)
            ;
        if (!thread || k < n)
            continue;
        told[n++] = thread;
        view_row(v);
        view_button(v, view_check(v, in_int(mine, "thread_id") == thread, names_at(v, thread)),
                    "atopput", v->arg[0], view_int(v, thread), NULL);
    }
    view_row(v);
    view_button(v, NULL, "atopnew", v->arg[0], NULL);
}

/* ---- in the group itself: arguments are its id and the topic's ---- */

static void build_here(struct view *v)
{
    json_t *answer = v->answer[0], *row;
    int64_t chat = 0, thread = 0;
    size_t i;

    if (num_int(slice_of(v->arg[0]), INT64_MIN, -1, &chat) || chat != in_int(answer, "group")) {
        view_say(v, TEXT_T_USE_ASK, NULL);
        view_button(v, view_word(v, TEXT_T_USE, NULL), "atopset", v->arg[0], NULL);
        return;
    }
    say_group(v, answer);
    if (num_int(slice_of(v->arg[1]), 1, INT32_MAX, &thread))
        return;
    view_say(v, TEXT_T_HERE, NULL);
    json_array_foreach(in_data(answer), i, row)
    {
        bool here = in_int(row, "thread_id") == thread;

        if (i % 2 == 0)
            view_row(v);
        view_button(v, view_check(v, here, view_word(v, kind_title(in_text(row, "kind")), NULL)),
                    "atophere", in_text(row, "kind"), here ? "general" : v->arg[1], v->arg[0],
                    v->arg[1], NULL);
    }
}

/* /topics, and being added: in private the settings, in a group what may be done there. */
static void run_here(struct turn *t)
{
    char target[BOT_DATA + 1];

    if (turn_chat(t) > 0) {
        turn_go(t, "ntop");
        return;
    }
    snprintf(target, sizeof(target), "ntopu|%lld|%lld", (long long)turn_chat(t),
             (long long)t->thread_id);
    turn_go(t, target);
}

/* ---- the id of a group ---- */

static void group_set(struct turn *t, int status, json_t *answer)
{
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_go(t, "ntop");
}

/* A number, as Telegram's apps show it also without -100 before it, or something forwarded from it. */
static void got_group(struct turn *t, json_t *message)
{
    json_t *origin = json_object_get(message, "forward_origin"), *chat;
    const char *text = json_string_value(json_object_get(message, "text"));
    int64_t id = 0;

    chat = json_object_get(origin, "sender_chat");
    if (!chat)
        chat = json_object_get(origin, "chat");
    if (chat)
        id = json_integer_value(json_object_get(chat, "id"));
    else if (!text ||
             num_int(slice_trim(slice_of(text)), -(INT64_C(1) << 53), INT64_C(1) << 53, &id))
        id = 0;
    if (!id) {
        /* Of what a member wrote only the member is named. */
        turn_fail(t, origin ? TEXT_T_NO_ORIGIN : TEXT_T_NO_ID, NULL);
        return;
    }
    if (id > 0)
        id = -id;
    turn_op(t, OP_PUT, "/topics", json_pack("{s:I}", "group", (json_int_t)id), group_set);
}

static void told_check(struct view *v, json_t *answer)
{
    static const struct {
        const char *word;
        enum text_id text;
    } reasons[] = {{"unknown", TEXT_T_WHY_UNKNOWN},     {"no_group", TEXT_T_WHY_NO_GROUP},
                   {"no_topics", TEXT_T_WHY_NO_TOPICS}, {"no_admin", TEXT_T_WHY_NO_ADMIN},
                   {"no_right", TEXT_T_WHY_NO_RIGHT},   {"none", TEXT_T_NONE}};
    const char *reason = in_text(answer, "reason"), *detail = in_text(answer, "detail");
    size_t i;

    if (in_bool(answer, "ok")) {
        view_say(v, TEXT_T_CHECK_OK, NULL);
        return;
    }
    for (i = 0; i < ARRAY_LEN(reasons); i++)
        if (reason && strcmp(reason, reasons[i].word) == 0)
            view_say(v, reasons[i].text, NULL);
    if (detail) {
        view_html(v, "<i>");
        view_said(v, detail);
        view_html(v, "</i>\n");
    }
}

static const struct screen screens[] = {
    {.id = "top",
     .title = TEXT_T_TITLE,
     .parent = "sconf",
     .ask = {"/topics"},
     .build = build_topics},
    {.id = "topk",
     .title = TEXT_T_TITLE,
     .parent = "stop",
     .role = OP_ROLE_OWNER,
     .ask = {"/topics"},
     .build = build_kind},
    {.id = "topu",
     .title = TEXT_T_TITLE,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .ask = {"/topics"},
     .build = build_here},
    {0},
};

static const struct action actions[] = {
    {.id = "topchk",
     .label = TEXT_T_CHECK,
     .method = OP_POST,
     .path = "/topics/check",
     .body = "{}",
     .told = told_check,
     .then = "stop"},
    {.id = "topmk",
     .label = TEXT_T_MAKE,
     .method = OP_POST,
     .path = "/topics/create",
     .body = "{}",
     .done = TEXT_T_MADE,
     .then = "stop"},
    {.id = "topnew",
     .label = TEXT_T_NEW,
     .method = OP_POST,
     .path = "/topics/create",
     .body = "{\"kinds\":[\"{0}\"]}",
     .done = TEXT_T_MADE,
     .then = "stop"},
    {.id = "topput",
     .method = OP_PUT,
     .path = "/topics",
     .body = "{\"kinds\":{\"{0}\":\"{#1}\"}}",
     .done = TEXT_DONE,
     .then = "stop"},
    {.id = "tophere",
     .method = OP_PUT,
     .path = "/topics",
     .body = "{\"kinds\":{\"{0}\":\"{#1}\"}}",
     .done = TEXT_DONE,
     .then = "stopu|{2}|{3}"},
    {.id = "topset",
     .method = OP_PUT,
     .path = "/topics",
     .body = "{\"group\":\"{#0}\"}",
     .done = TEXT_DONE,
     .then = "stopu|{0}"},
    {.id = "topclr",
     .label = TEXT_T_CLEAR,
     .method = OP_DELETE,
     .path = "/topics",
     .ask = TEXT_T_CLEAR_ASK,
     .done = TEXT_DONE,
     .then = "stop"},
    {.id = "topcmd", .run = run_here, .role = OP_ROLE_OWNER},
    {0},
};

static const struct input inputs[] = {
    {.id = "topg",
     .label = TEXT_T_SET,
     .prompt = TEXT_T_PROMPT,
     .back = "stop",
     .got = got_group,
     .role = OP_ROLE_OWNER},
    {0},
};

static const struct slash commands[] = {
    {"topics", TEXT_T_CMD, "atopcmd", NULL, OP_ROLE_OWNER},
    {"topic", TEXT_NONE, "atopcmd", NULL, OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_topics = {screens, actions, inputs, commands};
