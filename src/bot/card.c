/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/card_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "service/texts/said.h"
#include "base/banned.h"

/* What the screens about users have in common. */

const char *card_word(struct view *v, enum word_kind kind, const char *word)
{
    enum text_id id = word_text(kind, word);

    if (id)
        return view_word(v, id, NULL);
    return view_fmt(v, "%s", word ? word : "-");
}

const char *card_action(struct view *v, const char *action, int64_t for_s)
{
    const char *kept;
    struct buf b;

    buf_init(&b, 1024);
    word_add_action(&b, v->lang, action, for_s);
    v->failed = v->failed || b.failed;
    kept = view_fmt(v, "%s", buf_str(&b));
    buf_release(&b);
    return kept;
}

const char *card_who(struct view *v, const char *who)
{
    static const char telegram[] = "telegram:";
    const char *kept;
    struct buf b;
    int64_t id;

    if (who && strncmp(who, telegram, sizeof(telegram) - 1) == 0 &&
        !num_int(slice_of(who + sizeof(telegram) - 1), 1, INT64_MAX, &id) &&
        bot_name_of(v->bot, id)[0])
        return view_fmt(v, "%s", bot_name_of(v->bot, id));
    buf_init(&b, 1024);
    word_add_who(&b, v->lang, who);
    v->failed = v->failed || b.failed;
    kept = view_fmt(v, "%s", buf_str(&b));
    buf_release(&b);
    return kept;
}

const char *card_name(struct view *v, json_t *row)
{
    const char *name = in_text(row, "username");

    if (name)
        return name;
    return in_int(row, "id") ? view_user(v, in_int(row, "id")) : "-";
}

const char *card_ref(struct view *v, json_t *row)
{
    const char *name = in_text(row, "username");
    char mark[9];

    if (in_int(row, "id"))
        return view_user(v, in_int(row, "id"));
    text_mark(slice_of(name ? name : ""), mark);
    return view_fmt(v, "#%s", mark);
}

const char *card_mark(json_t *row)
{
    const char *state = in_text(row, "state");

    if (in_bool(row, "disabled") || (state && strcmp(state, "punished") == 0))
        return "🔴";
    if (state && strcmp(state, "monitoring") == 0)
        return "🟡";
    return state && strcmp(state, "clear") == 0 ? "🟢" : "⚪";
}

const char *card_limit(struct view *v, int64_t limit)
{
    return limit ? view_int(v, limit) : "∞";
}

void card_quote(struct view *v, const char *text)
{
    if (!text || !text[0])
        return;
    view_html(v, "   <i>");
    if (!said_add_html(&v->text, v->lang, slice_of(text))) {
        view_html(v, "\xe2\x81\xa8");
        view_plain(v, text);
        view_html(v, "\xe2\x81\xa9");
    }
    view_html(v, "</i>\n");
}

void card_button(struct view *v, json_t *row, const char *list)
{
    const char *from = NULL;

    if (!in_int(row, "id"))
        return;
    if (list)
        from =
            v->page ? view_fmt(v, "s%s/%lld", list, (long long)v->page) : view_fmt(v, "s%s", list);
    view_button(v, view_fmt(v, "👤 %s", card_name(v, row)), "scard", view_user(v, in_int(row, "id")),
                from, NULL);
}

void card_refresh(struct view *v, const char *screen)
{
    view_row(v);
    view_button_page(v, view_word(v, TEXT_REFRESH, NULL), view_fmt(v, "s%s", screen), v->page,
                     v->n_args > 0 ? v->arg[0] : NULL, v->n_args > 1 ? v->arg[1] : NULL,
                     v->n_args > 2 ? v->arg[2] : NULL, NULL);
}

static const char *joined(struct view *v, json_t *texts)
{
    const char *all = "";
    json_t *text;
    size_t i;

    json_array_foreach(texts, i, text) all =
        view_fmt(v, "%s%s%s", all, i ? ", " : "",
                 json_string_value(text) ? json_string_value(text) : "");
    return all;
}

static void add_address(struct view *v, json_t *row)
{
    static const char *const keys[] = {"country", "isp", "node", "inbound"};
    size_t i;

    view_html(v, "   <code>");
    view_plain(v, in_text(row, "address") ? in_text(row, "address") : "-");
    view_html(v, "</code>");
    for (i = 0; i < ARRAY_LEN(keys); i++) {
        if (!in_text(row, keys[i]))
            continue;
        view_html(v, " · ");
        view_plain(v, in_text(row, keys[i]));
    }
    view_html(v, "\n");
}

void card_active_row(struct view *v, json_t *row, const char *list)
{
    json_t *address;
    size_t i;

    view_say(v, TEXT_U_ACTIVE_ROW, "mark", card_mark(row), "user", card_name(v, row), "n",
             view_int(v, in_int(row, "devices")), "limit", card_limit(v, in_int(row, "limit")),
             "nodes", joined(v, json_object_get(row, "nodes")), "trust",
             view_int(v, in_int(row, "trust")), NULL);
    json_array_foreach(json_object_get(row, "addresses"), i, address) add_address(v, address);
    card_button(v, row, list);
}

static void tell_one(struct view *v, json_t *row)
{
    const char *result = in_text(row, "result"), *detail = in_text(row, "detail");
    bool plain = result && (strcmp(result, "enabled") == 0 || strcmp(result, "disabled") == 0);

    view_say(v, TEXT_U_RESULT_LINE, "user", card_name(v, row), "result",
             card_word(v, WORD_RESULT, result), NULL);
    if (in_text(row, "due_at"))
        view_say(v, TEXT_U_UNTIL_LINE, "time", view_time(v, in_text(row, "due_at")), NULL);
    if (!plain)
        card_quote(v, detail);
}

void card_told(struct view *v, json_t *answer)
{
    json_t *rows = in_data(answer), *row;
    size_t i;

    if (!rows) {
        tell_one(v, answer);
        return;
    }
    if (json_array_size(rows) == 0)
        view_say(v, TEXT_U_NOBODY_ENABLED, NULL);
    json_array_foreach(rows, i, row) tell_one(v, row);
}

void card_told_many(struct view *v, json_t *answer)
{
    static const char *const results[] = {"enabled", "superseded", "failed", "not_disabled"};
    int64_t n[ARRAY_LEN(results)] = {0};
    json_t *row;
    size_t i, k;

    json_array_foreach(in_data(answer), i, row)
    {
        const char *result = in_text(row, "result");

        for (k = 0; k < ARRAY_LEN(results); k++)
            n[k] += result && strcmp(result, results[k]) == 0;
    }
    view_say(v, TEXT_U_ENABLED_N, "n", view_int(v, n[0]), NULL);
    for (k = 1; k < ARRAY_LEN(results); k++)
        if (n[k])
            view_say(v, TEXT_U_RESULT_COUNT, "n", view_int(v, n[k]), "result",
                     card_word(v, WORD_RESULT, results[k]), NULL);
}

/* ---- turns ---- */

void card_changed(struct turn *t, int status, json_t *answer)
{
    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    if (in_bool(answer, "pending"))
        view_say(turn_note(t), TEXT_U_KEPT_PENDING, "user", card_name(turn_note(t), answer), NULL);
    if (!in_bool(answer, "disabled") || !in_int(answer, "id")) {
        turn_done(t, answer);
        return;
    }
    view_say(turn_note(t), TEXT_DONE, NULL);
    turn_go(t, "senask|{0}");
}

struct looking {
    void (*fn)(struct turn *t, const char *user);
};

static void looked(struct turn *t, int status, json_t *answer)
{
    struct looking *l = *turn_extra(t);
    const char *name;
    json_t *row;
    char mark[9];
    size_t i;

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    json_array_foreach(in_data(answer), i, row)
    {
        name = in_text(row, "username");
        text_mark(slice_of(name ? name : ""), mark);
        if (!in_int(row, "id") && name && strcmp(mark, turn_arg(t, 0) + 1) == 0) {
            l->fn(t, name);
            return;
        }
    }
    turn_fail(t, TEXT_U_USER_NOT_THERE, NULL);
}

void card_with_user(struct turn *t, const char *path, void (*fn)(struct turn *t, const char *user))
{
    struct looking *l;

    if (turn_arg(t, 0)[0] != '#') {
        fn(t, turn_arg(t, 0));
        return;
    }
    l = malloc(sizeof(*l));
    if (!l) {
        turn_fail(t, TEXT_NO_MEMORY, NULL);
        return;
    }
    l->fn = fn;
    *turn_extra(t) = l;
    turn_op(t, OP_GET, path, NULL, looked);
}

void card_coverage(struct view *v, json_t *row)
{
    static const struct {
        const char *key;
        enum text_id text;
    } counts[] = {{"dead_streams", TEXT_U_NODE_DEAD}, {"unknown_cases", TEXT_U_NODE_UNKNOWN}};
    bool taken = in_bool(row, "another_reader");
    int64_t lost = (int64_t)(100 * in_real(row, "lines_lost") + 0.5);
    int64_t error = (int64_t)(100 * in_real(row, "lines_lost_error") + 0.5);
    size_t i;

    if (taken || lost > error)
        view_say(v, taken ? TEXT_U_NODE_LOST : TEXT_U_NODE_SOME_LOST, "n", view_int(v, lost),
                 "error", view_int(v, error), NULL);
    if (in_bool(row, "online_list_off"))
        view_say(v, TEXT_U_NODE_UNLISTED, NULL);
    for (i = 0; i < ARRAY_LEN(counts); i++)
        if (in_int(row, counts[i].key))
            view_say(v, counts[i].text, "n", view_int(v, in_int(row, counts[i].key)), NULL);
}
