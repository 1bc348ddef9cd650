/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/frame.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/* Changes that are made out of what a setting has: one at a time. */

const struct settings *turn_settings(const struct turn *t)
{
    return bot_settings(t->bot);
}

static void changed(struct turn *t, int status, json_t *answer)
{
    t->bot->changing[t->changing] = false;
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_done(t, answer);
}

void setting_change_by(struct turn *t, enum setting id, enum op_method method, const char *path,
                       json_t *body)
{
    if (!body || t->bot->changing[id]) {
        json_decref(body);
        turn_fail(t, body ? TEXT_ERR_BUSY : TEXT_NO_MEMORY, NULL);
        return;
    }
    t->bot->changing[id] = true;
    t->changing = id;
    turn_op(t, method, path, body, changed);
}

void setting_change(struct turn *t, enum setting id, const char *text)
{
    setting_change_by(t, id, OP_PATCH, "/config", json_pack("{ss}", setting_def(id)->key, text));
}

static bool holds(struct slice list, struct slice entry)
{
    while (list.p && list.n)
        if (slice_eq(slice_trim(slice_cut(&list, ',')), entry))
            return true;
    return false;
}

static void add(struct buf *out, struct slice entry)
{
    if (out->n)
        buf_add_char(out, ',');
    buf_add_slice(out, entry);
}

void setting_list_change(struct turn *t, const char *key, const char *entry, bool in)
{
    enum setting id;
    struct slice rest, one;
    struct buf text, given;
    size_t i;

    if (setting_find(slice_of(key), &id, NULL)) {
        turn_fail(t, TEXT_OLD_BUTTON, NULL);
        return;
    }
    buf_init(&text, LIMIT_SETTING_VALUE + 1);
    buf_init(&given, LIMIT_SETTING_VALUE + 1);
    buf_add_str(&given, entry);
    for (i = 0; i < given.n; i++)
        if (given.p[i] == '\n')
            given.p[i] = ',';
    rest = slice_of(settings_text(turn_settings(t), id));
    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (in || !holds(buf_slice(&given), one))
            add(&text, one);
    }
    rest = in ? buf_slice(&given) : (struct slice){NULL, 0};
    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (one.n && !holds(buf_slice(&text), one))
            add(&text, one);
    }
    if (text.failed || given.failed)
        turn_fail(t, TEXT_INPUT_LONG, NULL);
    else
        setting_change(t, id, buf_str(&text));
    buf_release(&text);
    buf_release(&given);
}
