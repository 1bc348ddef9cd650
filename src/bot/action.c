/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* Something done: what is asked before, the operation, what is told after. */

/* The outcome belongs into a toast: the message pressed stays what it is. */
static bool stays(const struct turn *t)
{
    return t->action && t->action->flags & BOT_LEAVE && t->kind == 'a' && t->pressed_id;
}

void turn_input_over(struct turn *t)
{
    struct pending *p = t->from_input ? pending_find(t->bot, t->chat_id, t->admin.id) : NULL;

    if (p)
        pending_end(t->bot, p, true);
    t->from_input = false;
}

/* Yes runs the action with kind, No goes where it would lead. */
static void ask_first(struct turn *t, struct view *v, const char *kind)
{
    const struct action *a = t->action;

    turn_trace(t, "is asked before", a->id);
    view_row(v);
    view_button(v, view_word(v, TEXT_YES, NULL), view_fmt(v, "%s%s", kind, a->id),
                t->n_args > 0 ? t->args[0] : NULL, t->n_args > 1 ? t->args[1] : NULL,
                t->n_args > 2 ? t->args[2] : NULL, t->n_args > 3 ? t->args[3] : NULL,
                t->n_args > 4 ? t->args[4] : NULL, t->n_args > 5 ? t->args[5] : NULL, NULL);
    view_target(v, view_word(v, TEXT_NO, NULL),
                a->flags & BOT_LEAVE ? "x"
                : a->then            ? a->then
                                     : "smain");
    if (stays(t))
        t->message_id = 0;
    turn_input_over(t);
    show_send(t, v);
}

static void looked(struct turn *t, int status, json_t *answer)
{
    struct view v;

    turn_view(t, &v);
    view_say_of(&v, t->action->ask, status < 400 ? answer : NULL);
    ask_first(t, &v, "y");
    view_release(&v);
}

static char *fill_path(const struct turn *t, const char *tmpl)
{
    const char *args[BOT_ARGS];
    struct buf path;
    size_t i;

    for (i = 0; i < BOT_ARGS; i++)
        args[i] = turn_arg(t, i);
    buf_init(&path, 8 * LIMIT_BOT_ARG);
    path_fill(&path, tmpl, args, true);
    if (path.failed)
        buf_release(&path);
    return buf_take(&path);
}

static void ended(struct turn *t, int status, json_t *answer)
{
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_done(t, answer);
}

static void run_op(struct turn *t)
{
    const char *args[BOT_ARGS];
    json_t *body = NULL;
    char *path = fill_path(t, t->action->path);
    size_t i;

    for (i = 0; i < BOT_ARGS; i++)
        args[i] = turn_arg(t, i);
    if (t->action->body)
        body = body_fill(t->action->body, args);
    if (!path || (t->action->body && !body)) {
        json_decref(body);
        turn_tell(t, TEXT_NO_MEMORY);
    } else {
        turn_op(t, t->action->method, path, body, ended);
    }
    free(path);
}

void action_begin(struct turn *t)
{
    char *path;

    if (t->action->ask && t->kind == 'a') {
        path = t->action->look ? fill_path(t, t->action->look) : NULL;
        if (path)
            turn_op(t, OP_GET, path, NULL, looked);
        else
            looked(t, 500, NULL);
        free(path);
        return;
    }
    turn_trace(t, "runs", t->action->id);
    if (t->action->run)
        t->action->run(t);
    else
        run_op(t);
}

/* ---- how it ended ---- */

/* The note as a toast, and the message as it is; else where it leads, with the note above. */
static void go_on(struct turn *t, bool alert)
{
    struct view *note = turn_note(t);
    struct buf toast;
    struct view v;

    buf_init(&toast, LIMIT_BOT_VIEW);
    view_toast_text(&toast, buf_slice(&note->text));
    if (stays(t) && (t->query || !alert)) {
        turn_toast(t, buf_str(&toast), alert);
        turn_end(t);
    } else if (stays(t)) { /* that it is being worked on was his toast */
        turn_tell_view(t, note);
    } else if (t->action->flags & BOT_LEAVE || (t->superseded && !t->action->then)) {
        turn_view(t, &v);
        buf_add_slice(&v.text, buf_slice(&note->text));
        view_row(&v);
        view_target(&v, view_word(&v, TEXT_HOME, NULL), "smain");
        show_send(t, &v);
        view_release(&v);
    } else {
        turn_toast(t, buf_str(&toast), alert);
        turn_go(t, t->action->then ? t->action->then : "smain");
    }
    buf_release(&toast);
}

/*
 * A change of rules that would let disabled users go: whether to enable them is asked, before going where the
 * action leads. False: nothing of that, or it cannot be asked.
 */
static bool ask_for_freed(struct turn *t, json_t *answer)
{
    const char *args[BOT_ARGS], *then = t->action && t->action->then ? t->action->then : "smain";
    char back[BOT_DATA + 1], number[24], data[BOT_DATA + 1];
    struct target target;
    struct buf store;
    size_t i;
    int rc;

    if (!in_text(answer, "hint") || !in_int(answer, "freed") || !t->action || stays(t) ||
        t->admin.role < OP_ROLE_OPERATOR)
        return false;
    for (i = 0; i < BOT_ARGS; i++)
        args[i] = turn_arg(t, i);
    buf_init(&store, BOT_ARGS * (LIMIT_BOT_ARG + 1));
    rc = target_fill(then, args, &store, &target);
    if (!rc)
        rc = target_write(&t->bot->memo, &target, back);
    buf_release(&store);
    if (rc)
        return false;
    snprintf(number, sizeof(number), "%lld", (long long)in_int(answer, "freed"));
    target = (struct target){.kind = 's', .id = "freed", .n = 2, .arg = {number, back}};
    if (target_write(&t->bot->memo, &target, data) || target_read(&t->bot->memo, data, &target))
        return false;
    turn_run(t, &target);
    return true;
}

void turn_done(struct turn *t, json_t *answer)
{
    struct view *note = turn_note(t);

    if (t->from_input)
        t->message_id = 0;
    turn_input_over(t);
    if (t->action && t->action->told)
        t->action->told(note, answer);
    else if (!note->text.n)
        view_say_of(note, t->action && t->action->done ? t->action->done : TEXT_DONE, answer);
    if (ask_for_freed(t, answer))
        return;
    if (t->action)
        go_on(t, false);
    else
        turn_tell_view(t, note);
}

/* An input goes on waiting: what is wrong, and Cancel. */
static void wait_on(struct turn *t, struct view *note)
{
    struct pending *p = pending_find(t->bot, t->chat_id, t->admin.id);
    const struct input *in = t->input;
    struct view v;

    turn_trace(t, "is asked again", in->id);
    turn_view(t, &v);
    buf_add_slice(&v.text, slice_trim(buf_slice(&note->text)));
    view_gap(&v);
    view_say(&v, TEXT_INPUT_AGAIN, NULL);
    view_row(&v);
    view_target(&v, view_word(&v, TEXT_CANCEL, NULL), in->back ? in->back : "smain");
    t->message_id = 0;
    if (p && p->input == in) {
        /* The arguments of the next try are those before this text. */
        p->busy = false;
        bot_strip(t->bot, p->chat_id, p->message_id);
        p->message_id = 0;
        p->until_us = loop_mono_us(t->bot->opts.loop) + pending_wait_us;
    }
    show_send(t, &v);
    view_release(&v);
}

static void failed(struct turn *t)
{
    if (t->from_input)
        wait_on(t, turn_note(t));
    else if (t->action)
        go_on(t, true);
    else
        turn_tell_view(t, turn_note(t));
}

void turn_refused(struct turn *t, int status, json_t *answer)
{
    const char *code = in_text(answer, "code");
    struct view v;

    if (t->action && status == 409 && code && strcmp(code, "confirm_needed") == 0) {
        turn_view(t, &v);
        show_error(&v, status, answer);
        if (t->from_input)
            t->message_id = 0;
        ask_first(t, &v, "f");
        view_release(&v);
        return;
    }
    show_error(turn_note(t), status, answer);
    failed(t);
}

void turn_fail(struct turn *t, enum text_id id, ...)
{
    va_list ap;

    va_start(ap, id);
    view_vsay(turn_note(t), id, ap);
    va_end(ap);
    failed(t);
}
