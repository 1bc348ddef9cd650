/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/banned.h"

/* The life of a turn, what it asks operations for, and how it answers a press. */

struct turn *turn_new(struct bot *bot, const struct bot_admin *admin, int64_t chat_id,
                      bool is_private)
{
    struct turn *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    *t = (struct turn){.next = bot->turns,
                       .at = &bot->turns,
                       .bot = bot,
                       .no = ++bot->last_turn,
                       .refs = 1,
                       .admin = *admin,
                       .chat_id = chat_id,
                       .is_private = is_private,
                       .began_us = loop_real_us(bot->opts.loop)};
    if (t->next)
        t->next->at = &t->next;
    bot->turns = t;
    return t;
}

struct turn *turn_after(const struct turn *t, const char *action)
{
    const struct turn *other;
    struct turn *next;
    size_t n = 0;

    for (other = t->bot->turns; other; other = other->next)
        n++;
    next = n < LIMIT_BOT_TURNS ? turn_new(t->bot, &t->admin, t->chat_id, t->is_private) : NULL;
    if (!next)
        return NULL;
    next->thread_id = t->thread_id;
    next->kind = 'a';
    next->action = action_find(slice_of(action));
    return next;
}

static void free_args(struct turn *t)
{
    while (t->n_args) {
        char *arg = t->args[--t->n_args];

        explicit_bzero(arg, strlen(arg)); /* it may be a password */
        free(arg);
        t->args[t->n_args] = NULL;
    }
}

static void drop_answers(struct turn *t)
{
    size_t i;

    for (i = 0; i < BOT_ASKS; i++) {
        json_decref(t->answers[i]);
        t->answers[i] = NULL;
    }
}

void turn_unref(struct turn *t)
{
    if (--t->refs)
        return;
    if (t->at) {
        *t->at = t->next;
        if (t->next)
            t->next->at = t->at;
    }
    free_args(t);
    drop_answers(t);
    if (t->noted)
        view_release(&t->note);
    if (t->drop)
        t->drop(t->extra);
    else
        free(t->extra);
    free(t->query);
    free(t);
}

void turn_end(struct turn *t)
{
    if (t->ended)
        return;
    t->ended = true;
    turn_toast(t, NULL, false);
    if (t->bot)
        log_debug("bot", "telegram:%lld: is done", (long long)t->admin.id);
    turn_unref(t);
}

void turn_toast(struct turn *t, const char *text, bool alert)
{
    json_t *params;

    if (!t->query)
        return;
    params = json_pack("{ss}", "callback_query_id", t->query);
    if (text && text[0]) {
        json_object_set_new(params, "text", json_string(text));
        if (alert)
            json_object_set_new(params, "show_alert", json_true());
    }
    free(t->query);
    t->query = NULL;
    bot_call(t->bot, t->admin.lang, "answerCallbackQuery", params, NULL, NULL);
}

void turn_trace(const struct turn *t, const char *what, const char *id)
{
    struct buf args;
    size_t i;

    if (!log_enabled(LOG_DEBUG))
        return;
    buf_init(&args, BOT_ARGS * (LIMIT_BOT_ARG + 1) + 1);
    for (i = 0; i < t->n_args && !t->action; i++)
        buf_addf(&args, "|%s", t->args[i]);
    log_debug("bot", "telegram:%lld: %s %c%s%s", (long long)t->admin.id, what, t->kind, id,
              buf_str(&args));
    buf_release(&args);
}

/* ---- what it holds ---- */

const char *turn_arg(const struct turn *t, size_t i)
{
    return i < t->n_args ? t->args[i] : "";
}

const struct bot_admin *turn_admin(const struct turn *t)
{
    return &t->admin;
}

struct bot *turn_bot(const struct turn *t)
{
    return t->bot;
}

int64_t turn_chat(const struct turn *t)
{
    return t->chat_id;
}

int64_t turn_pressed(const struct turn *t)
{
    return t->pressed_id;
}

void **turn_extra(struct turn *t)
{
    return &t->extra;
}

int turn_add_arg(struct turn *t, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return ERR_NOMEM;
    if (t->n_args == BOT_ARGS)
        free(t->args[--t->n_args]);
    t->args[t->n_args++] = copy;
    return ERR_OK;
}

void turn_view(struct turn *t, struct view *v)
{
    size_t i;

    view_init(v, t->bot, &t->admin, t->is_private);
    for (i = 0; i < t->n_args; i++)
        v->arg[i] = t->args[i];
    v->n_args = t->n_args;
    v->page = t->page;
}

struct view *turn_note(struct turn *t)
{
    if (!t->noted)
        turn_view(t, &t->note);
    t->noted = true;
    return &t->note;
}

/* ---- operations ---- */

struct asking {
    struct turn *t;
    turn_op_fn fn;
};

static void answered(void *arg, int status, struct slice json)
{
    struct asking a = *(struct asking *)arg;
    json_t *answer;

    free(arg);
    if (a.t->bot) {
        answer = json_loadb(json.p ? json.p : "", json.n, 0, NULL);
        a.fn(a.t, status, answer);
        json_decref(answer);
    }
    turn_unref(a.t);
}

/* Whether a yes to the operation's own question, which was pressed, is to be passed on to this call. */
static bool passes_yes(const struct turn *t, enum op_method method, struct slice bare)
{
    const struct op_def *def = t->kind == 'f' ? op_def_find(method, bare) : NULL;
    const struct op_param *p;

    for (p = def ? def->params : NULL; p && p->name; p++)
        if (strcmp(p->name, "confirm") == 0)
            return true;
    return false;
}

void turn_op(struct turn *t, enum op_method method, const char *path, json_t *body, turn_op_fn fn)
{
    struct asking *a = calloc(1, sizeof(*a));
    struct slice query = slice_of(path), bare = slice_cut(&query, '?');
    char who[40], with_yes[1024];
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct op_request req = {.method = method,
                             .path = bare,
                             .query = query,
                             .body = slice_of(text),
                             .role = t->admin.role,
                             .panel_admin_id = t->admin.panel_admin_id};

    json_decref(body);
    if (passes_yes(t, method, bare) && query.n + 16 < sizeof(with_yes)) {
        snprintf(with_yes, sizeof(with_yes), "%.*s%sconfirm=true", (int)query.n,
                 query.n ? query.p : "", query.n ? "&" : "");
        req.query = slice_of(with_yes);
    }
    if (!a || (body && !text)) {
        free(a);
        free(text);
        fn(t, 500, NULL);
        return;
    }
    *a = (struct asking){t, fn};
    t->refs++;
    snprintf(who, sizeof(who), "telegram:%lld", (long long)t->admin.id);
    req.who = slice_of(who);
    op_call(t->bot->opts.port, &req, answered, a);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* ---- where it goes ---- */

static int take(struct turn *t, const struct target *target)
{
    char *args[BOT_ARGS] = {NULL};
    size_t i;

    /* The texts of target may be those of t. */
    for (i = 0; i < target->n; i++) {
        args[i] = strdup(target->arg[i]);
        if (!args[i]) {
            while (i--)
                free(args[i]);
            return ERR_NOMEM;
        }
    }
    free_args(t);
    memcpy(t->args, args, target->n * sizeof(*args));
    t->n_args = target->n;
    t->kind = target->kind;
    t->page = target->page;
    t->asked_last = false;
    drop_answers(t);
    t->screen = NULL;
    t->input = NULL;
    t->action = NULL;
    if (target->kind == 's' || target->kind == 'n')
        t->screen = screen_find(slice_of(target->id));
    else if (target->kind == 'i')
        t->input = input_find(slice_of(target->id));
    else
        t->action = action_find(slice_of(target->id));
    return t->screen || t->input || t->action ? ERR_OK : ERR_NOT_FOUND;
}

static unsigned flags_of(const struct turn *t)
{
    return t->screen ? t->screen->flags : t->input ? t->input->flags : t->action->flags;
}

static void took_away(void *arg, int rc, const struct telegram_answer *answer)
{
    struct turn *t = arg;

    /* Too old to be deleted: its buttons go. */
    if (t->bot && !rc && !answer->ok)
        bot_call(t->bot, TEXT_EN, "editMessageReplyMarkup",
                 json_pack("{sI sI}", "chat_id", (json_int_t)t->chat_id, "message_id",
                           (json_int_t)t->pressed_id),
                 NULL, NULL);
    turn_unref(t);
}

void turn_run(struct turn *t, const struct target *target)
{
    char id[BOT_ID + 1];
    int rc;

    if (target->kind == '-') {
        turn_end(t);
        return;
    }
    if (target->kind == 'x') {
        t->refs++;
        bot_call(t->bot, TEXT_EN, "deleteMessage",
                 json_pack("{sI sI}", "chat_id", (json_int_t)t->chat_id, "message_id",
                           (json_int_t)t->pressed_id),
                 took_away, t);
        turn_end(t);
        return;
    }
    snprintf(id, sizeof(id), "%s", target->id);
    rc = take(t, target);
    if (rc)
        turn_tell(t, rc == ERR_NOT_FOUND ? TEXT_OLD_BUTTON : TEXT_NO_MEMORY);
    else if (!view_may(&t->admin, t->kind, id))
        turn_tell(t, TEXT_MAY_NOT);
    else if (!t->is_private && (flags_of(t) & (BOT_PRIVATE | BOT_SECRET)))
        turn_tell(t, TEXT_PRIVATE_ONLY);
    else if (t->action)
        action_begin(t);
    else {
        if (t->kind == 'n')
            t->message_id = 0;
        show_begin(t);
    }
}

void turn_go(struct turn *t, const char *tmpl)
{
    const char *args[BOT_ARGS];
    struct target target;
    struct buf store;
    size_t i;
    int rc;

    /* What was written leads somewhere else: below it, and no more is awaited. */
    if (t->from_input) {
        t->message_id = 0;
        turn_input_over(t);
    }
    for (i = 0; i < BOT_ARGS; i++)
        args[i] = turn_arg(t, i);
    buf_init(&store, BOT_ARGS * (LIMIT_BOT_ARG + 1));
    rc = target_fill(tmpl, args, &store, &target);
    if (rc)
        turn_tell(t, rc == ERR_NOMEM ? TEXT_NO_MEMORY : TEXT_OLD_BUTTON);
    else
        turn_run(t, &target);
    buf_release(&store);
}

void turn_tell_view(struct turn *t, struct view *v)
{
    struct buf toast;

    if (t->query) {
        buf_init(&toast, LIMIT_BOT_VIEW);
        view_toast_text(&toast, buf_slice(&v->text));
        turn_toast(t, buf_str(&toast), true);
        buf_release(&toast);
        turn_end(t);
        return;
    }
    show_ways(v, NULL);
    t->message_id = 0;
    show_send(t, v);
}

void turn_tell(struct turn *t, enum text_id id)
{
    struct view v;

    turn_view(t, &v);
    view_say(&v, id, NULL);
    turn_tell_view(t, &v);
    view_release(&v);
}
