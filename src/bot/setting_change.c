/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "bot/frame.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/*
 * Changes that are made out of what a setting has: one at a time of each setting. Whoever comes meanwhile
 * waits, and his is made out of what the former has left.
 */

const int64_t setting_wait_us = 15 * STAMP_SECOND;

const struct settings *turn_settings(const struct turn *t)
{
    return bot_settings(t->bot);
}

/* ---- the line ---- */

static void wait_in_line(struct turn *t, enum setting id)
{
    struct turn **end = &t->bot->waiting;

    while (*end)
        end = &(*end)->next_waiting;
    *end = t;
    t->next_waiting = NULL;
    t->changing = id;
    t->waits_until_us = loop_mono_us(t->bot->opts.loop) + setting_wait_us;
    t->refs++;
}

/* The reference is the caller's. */
static void leave_line(struct turn **at)
{
    struct turn *t = *at;

    *at = t->next_waiting;
    t->next_waiting = NULL;
}

/* The one who has waited longest does it all again, with what the setting has now. */
static void call_next(struct bot *bot, enum setting id)
{
    struct turn **at = &bot->waiting, *t;

    while (*at && (*at)->changing != id)
        at = &(*at)->next_waiting;
    t = *at;
    if (!t)
        return;
    leave_line(at);
    if (t->noted)
        view_release(&t->note);
    t->noted = false;
    t->action->run(t);
    turn_unref(t);
    /* It had nothing to change. */
    if (!bot->changing[id])
        call_next(bot, id);
}

static void tell_waited(struct turn *t)
{
    const struct turn *other = t->bot->changing[t->changing];
    int64_t id = other ? other->admin.id : 0;
    struct view *v = turn_note(t);
    const char *name = bot_name_of(t->bot, id);

    turn_fail(t, TEXT_SETTING_WAITED, "name", view_word(v, setting_title(t->changing), NULL), "who",
              name[0] ? name : view_int(v, id), "wait",
              view_span(v, setting_wait_us / STAMP_SECOND), NULL);
}

void setting_change_expire(struct bot *bot, int64_t mono_us)
{
    struct turn **at = &bot->waiting, *t;

    while (*at) {
        t = *at;
        if (t->waits_until_us > mono_us) {
            at = &t->next_waiting;
            continue;
        }
        leave_line(at);
        tell_waited(t);
        turn_unref(t);
    }
}

void setting_change_forget(struct bot *bot)
{
    struct turn *t;

    while ((t = bot->waiting)) {
        leave_line(&bot->waiting);
        turn_unref(t);
    }
}

/* ---- a change ---- */

static void changed(struct turn *t, int status, json_t *answer)
{
    struct bot *bot = t->bot;
    enum setting id = t->changing;

    bot->changing[id] = NULL;
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_done(t, answer);
    if (!bot->changing[id])
        call_next(bot, id);
}

void setting_change_by(struct turn *t, enum setting id, enum op_method method, const char *path,
                       json_t *body)
{
    if (!body) {
        turn_fail(t, TEXT_NO_MEMORY, NULL);
        return;
    }
    if (t->bot->changing[id]) {
        json_decref(body);
        wait_in_line(t, id);
        return;
    }
    t->bot->changing[id] = t;
    t->changing = id;
    turn_op(t, method, path, body, changed);
}

void setting_change(struct turn *t, enum setting id, const char *text)
{
    setting_change_by(t, id, OP_PATCH, "/config", json_pack("{ss}", setting_def(id)->key, text));
}

/* {"KEY":{"add":[…]}} or {"KEY":{"remove":[…]}}: the operation lays it on what the list holds by then. */
void setting_list_change(struct turn *t, const char *key, const char *entry, bool in)
{
    json_t *list = json_array(), *body;
    enum setting id;
    size_t n;

    if (setting_find(slice_of(key), &id, NULL)) {
        json_decref(list);
        turn_fail(t, TEXT_OLD_BUTTON, NULL);
        return;
    }
    for (; list && *entry; entry += n) {
        struct slice one;

        entry += strspn(entry, ",\n");
        n = strcspn(entry, ",\n");
        one = slice_trim((struct slice){entry, n});
        if (one.n && json_array_append_new(list, json_stringn(one.p, one.n))) {
            json_decref(list);
            list = NULL;
        }
    }
    body = json_pack("{s{so}}", setting_def(id)->key, in ? "add" : "remove", list);
    setting_change_by(t, id, OP_PATCH, "/config", body);
}
