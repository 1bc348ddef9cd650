/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "base/utf8.h"
#include "bot/frame.h"
#include "service/texts/said.h"
#include "base/banned.h"

/* What builders write with: texts, and buttons with their targets. */

enum { SAY_ARGS = 12, ROW_MAX = 8 };

struct view_text {
    struct view_text *next;
    char text[];
};

void view_init(struct view *v, struct bot *bot, const struct bot_admin *admin, bool is_private)
{
    *v = (struct view){.bot = bot,
                       .port = bot->opts.port,
                       .settings = bot_settings(bot),
                       .admin = *admin,
                       .lang = admin->lang,
                       .is_private = is_private,
                       .now_us = loop_wall_us(bot->opts.loop),
                       .rows = json_array(),
                       .fresh_row = true};
    size_t i;

    for (i = 0; i < BOT_ARGS; i++)
        v->arg[i] = "";
    buf_init(&v->text, LIMIT_BOT_VIEW);
    v->failed = !v->rows;
}

void view_release(struct view *v)
{
    struct view_text *t;

    while ((t = v->texts)) {
        v->texts = t->next;
        free(t);
    }
    json_decref(v->rows);
    buf_release(&v->text);
    v->rows = NULL;
}

/* A copy that lives as long as the view. */
static const char *keep(struct view *v, const char *text)
{
    size_t n = strlen(text) + 1;
    struct view_text *t = malloc(sizeof(*t) + n);

    if (!t) {
        v->failed = true;
        return "";
    }
    memcpy(t->text, text, n);
    t->next = v->texts;
    v->texts = t;
    return t->text;
}

/* ---- texts ---- */

/* Pairs of name and value, ended by NULL; beyond them the view's arguments as {0} …. */
static void take_args(struct view *v, va_list ap, struct text_arg *args)
{
    static const char *const numbers[BOT_ARGS] = {"0", "1", "2", "3", "4", "5"};
    const char *name;
    size_t n = 0, i;

    while ((name = va_arg(ap, const char *)) && n < SAY_ARGS) {
        bool html = name[0] == '!';

        args[n++] = (struct text_arg){name + html, va_arg(ap, const char *), html};
    }
    for (i = 0; i < BOT_ARGS; i++)
        args[n++] = (struct text_arg){numbers[i], v->arg[i], false};
    args[n] = (struct text_arg){NULL, NULL, false};
}

void view_vsay(struct view *v, enum text_id id, va_list ap)
{
    struct text_arg args[SAY_ARGS + BOT_ARGS + 1];

    take_args(v, ap, args);
    text_add_html(&v->text, v->lang, id, args);
    buf_add_char(&v->text, '\n');
}

void view_say(struct view *v, enum text_id id, ...)
{
    va_list ap;

    va_start(ap, id);
    view_vsay(v, id, ap);
    va_end(ap);
}

/* The texts and numbers of an object as values; how many. */
static size_t take_members(struct view *v, json_t *row, struct text_arg *args, size_t n, size_t max)
{
    const char *key;
    json_t *value;

    json_object_foreach(row, key, value)
    {
        if (n == max)
            break;
        if (json_is_string(value))
            args[n++] = (struct text_arg){key, json_string_value(value), false};
        else if (json_is_integer(value))
            args[n++] = (struct text_arg){key, view_int(v, json_integer_value(value)), false};
    }
    return n;
}

void view_say_of(struct view *v, enum text_id id, json_t *answer)
{
    enum { MEMBERS = 40 };
    static const char *const numbers[BOT_ARGS] = {"0", "1", "2", "3", "4", "5"};
    struct text_arg args[MEMBERS + BOT_ARGS + 1];
    size_t n = take_members(v, answer, args, 0, MEMBERS / 2), i;

    n = take_members(v, json_array_get(in_data(answer), 0), args, n, MEMBERS);
    for (i = 0; i < BOT_ARGS; i++)
        args[n++] = (struct text_arg){numbers[i], v->arg[i], false};
    args[n] = (struct text_arg){NULL, NULL, false};
    text_add_html(&v->text, v->lang, id, args);
    buf_add_char(&v->text, '\n');
}

void view_html(struct view *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&v->text, fmt, ap);
    va_end(ap);
}

void view_plain(struct view *v, const char *text)
{
    text_escape(&v->text, slice_of(text));
}

void view_said(struct view *v, const char *text)
{
    if (!said_add_html(&v->text, v->lang, slice_of(text)))
        view_plain(v, text);
}

const char *view_said_value(struct view *v, const char *text)
{
    const char *kept;
    struct buf b;

    buf_init(&b, LIMIT_BOT_VIEW);
    if (!said_add_html(&b, v->lang, slice_of(text)))
        text_escape(&b, slice_of(text));
    v->failed = v->failed || b.failed;
    kept = keep(v, buf_str(&b));
    buf_release(&b);
    return kept;
}

void view_gap(struct view *v)
{
    struct slice s = buf_slice(&v->text);

    if (s.n && !slice_ends(s, SLICE("\n\n")))
        buf_add_str(&v->text, slice_ends(s, SLICE("\n")) ? "\n" : "\n\n");
}

const char *view_word(struct view *v, enum text_id id, ...)
{
    struct text_arg args[SAY_ARGS + BOT_ARGS + 1];
    const char *kept;
    struct buf b, plain;
    va_list ap;
    size_t i;

    va_start(ap, id);
    take_args(v, ap, args);
    va_end(ap);
    buf_init(&b, LIMIT_BOT_VIEW);
    buf_init(&plain, LIMIT_BOT_VIEW);
    /* Values are escaped for what takes the table's own tags away again. */
    for (i = 0; args[i].name; i++)
        args[i].html = false;
    text_add_html(&b, v->lang, id, args);
    strip_html(&plain, buf_slice(&b));
    kept = keep(v, buf_str(&plain));
    v->failed = v->failed || b.failed || plain.failed;
    buf_release(&b);
    buf_release(&plain);
    return kept;
}

const char *view_fmt(struct view *v, const char *fmt, ...)
{
    const char *kept;
    struct buf b;
    va_list ap;

    buf_init(&b, LIMIT_BOT_VIEW);
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    v->failed = v->failed || b.failed;
    kept = keep(v, buf_str(&b));
    buf_release(&b);
    return kept;
}

const char *view_int(struct view *v, int64_t n)
{
    return view_fmt(v, "%lld", (long long)n);
}

const char *view_user(struct view *v, int64_t id)
{
    return view_fmt(v, "id:%lld", (long long)id);
}

const char *view_span(struct view *v, int64_t seconds)
{
    const char *kept;
    struct buf b;

    buf_init(&b, 256);
    text_add_span(&b, v->lang, seconds);
    kept = keep(v, buf_str(&b));
    buf_release(&b);
    return kept;
}

const char *view_time(struct view *v, const char *iso)
{
    int64_t us = STAMP_NONE;
    const char *kept;
    struct buf b;

    if (iso && stamp_parse_iso(slice_of(iso), &us))
        us = STAMP_NONE;
    buf_init(&b, 256);
    text_add_time(&b, us);
    kept = keep(v, buf_str(&b));
    buf_release(&b);
    return kept;
}

const char *view_ago(struct view *v, const char *iso)
{
    int64_t us;

    if (!iso || stamp_parse_iso(slice_of(iso), &us))
        return "-";
    return view_span(v, (v->now_us - us) / STAMP_SECOND);
}

const char *view_check(struct view *v, bool on, const char *label)
{
    return view_fmt(v, "%s %s", on ? "✅" : "⬜", label);
}

/* ---- buttons ---- */

/* At most LIMIT_BOT_LABEL characters, none of them a control character. */
static const char *short_label(struct view *v, const char *label)
{
    struct slice rest = slice_of(label);
    const char *kept;
    struct buf b;
    int n;

    buf_init(&b, 8 * LIMIT_BOT_LABEL);
    for (n = 0; rest.n && n < LIMIT_BOT_LABEL; n++) {
        size_t used = utf8_len(rest);

        if (!used)
            buf_add_str(&b, "\xef\xbf\xbd");
        else if ((unsigned char)rest.p[0] < ' ')
            buf_add_char(&b, ' ');
        else
            buf_add(&b, rest.p, used);
        rest = slice_skip(rest, used ? used : 1);
    }
    if (rest.n)
        buf_add_str(&b, "…");
    kept = b.n ? keep(v, buf_str(&b)) : "·";
    buf_release(&b);
    return kept;
}

static void add_button(struct view *v, const char *label, const char *key, const char *value)
{
    size_t n = json_array_size(v->rows), i, all = 0;
    json_t *row = n ? json_array_get(v->rows, n - 1) : NULL, *button = json_object();

    for (i = 0; i < n; i++)
        all += json_array_size(json_array_get(v->rows, i));
    if (v->fresh_row || !row || json_array_size(row) >= ROW_MAX) {
        row = json_array();
        if (json_array_append_new(v->rows, row))
            v->failed = true;
        v->fresh_row = false;
    }
    /* More than Telegram takes is a mistake of the screen, which then says so instead of vanishing. */
    if (all >= LIMIT_BOT_BUTTONS || v->failed ||
        json_object_set_new(button, "text", json_string(short_label(v, label))) ||
        json_object_set_new(button, key, json_string(value)) || json_array_append(row, button))
        v->failed = true;
    json_decref(button);
}

void view_row(struct view *v)
{
    v->fresh_row = true;
}

void view_link(struct view *v, const char *label, const char *url)
{
    add_button(v, label, "url", url);
}

/* The label of what a target leads to. */
static const char *title_of(struct view *v, char kind, const char *id)
{
    const struct screen *screen = screen_find(slice_of(id));
    const struct action *action = action_find(slice_of(id));
    const struct input *input = input_find(slice_of(id));

    if ((kind == 's' || kind == 'n') && screen)
        return view_word(v, screen->title, NULL);
    if ((kind == 'a' || kind == 'y' || kind == 'f') && action && action->label)
        return view_word(v, action->label, NULL);
    if (kind == 'i' && input && input->label)
        return view_word(v, input->label, NULL);
    return id;
}

static void put_target(struct view *v, const char *label, const struct target *t)
{
    char data[BOT_DATA + 1];

    if (t->kind != '-' && t->kind != 'x' && !view_may(&v->admin, t->kind, t->id))
        return;
    if (target_write(&v->bot->memo, t, data))
        v->failed = true;
    else
        add_button(v, label ? label : title_of(v, t->kind, t->id), "callback_data", data);
}

static void put_button(struct view *v, const char *label, const char *kind_id, int64_t page,
                       va_list ap)
{
    struct target t = {.kind = kind_id[0], .page = page};
    const char *arg;

    snprintf(t.id, sizeof(t.id), "%s", kind_id + 1);
    while ((arg = va_arg(ap, const char *)) && t.n < BOT_ARGS)
        t.arg[t.n++] = arg;
    put_target(v, label, &t);
}

void view_button(struct view *v, const char *label, const char *kind_id, ...)
{
    va_list ap;

    va_start(ap, kind_id);
    put_button(v, label, kind_id, 0, ap);
    va_end(ap);
}

void view_button_page(struct view *v, const char *label, const char *kind_id, int64_t page, ...)
{
    va_list ap;

    va_start(ap, page);
    put_button(v, label, kind_id, page, ap);
    va_end(ap);
}

void view_pages(struct view *v, const char *kind_id, int64_t pages)
{
    int64_t to[2] = {v->page - 1, v->page + 1};
    int i;

    if (pages < 2)
        return;
    view_row(v);
    for (i = 0; i < 2; i++) {
        struct target t = {.kind = '-'};

        if (to[i] >= 0 && to[i] < pages) {
            t = (struct target){.kind = kind_id[0], .page = to[i], .n = v->n_args};
            snprintf(t.id, sizeof(t.id), "%s", kind_id + 1);
            memcpy(t.arg, v->arg, sizeof(t.arg));
        }
        put_target(v, t.kind == '-' ? "·" : i ? "➡️" : "⬅️", &t);
        if (i == 0)
            put_target(v, view_fmt(v, "%lld / %lld", (long long)v->page + 1, (long long)pages),
                       &(struct target){.kind = '-'});
    }
}

void view_target(struct view *v, const char *label, const char *target)
{
    struct target t;
    struct buf store;

    buf_init(&store, BOT_ARGS * (LIMIT_BOT_ARG + 1));
    if (target_fill(target, v->arg, &store, &t))
        v->failed = true;
    else
        put_target(v, label, &t);
    buf_release(&store);
}

/* ---- answers ---- */

const char *in_text(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

int64_t in_int(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

double in_real(json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

bool in_bool(json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

json_t *in_data(json_t *answer)
{
    return json_object_get(answer, "data");
}
