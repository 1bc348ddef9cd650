/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/frame.h"
#include "base/banned.h"

/* From a screen in a table to the message: its questions, its text and buttons. */

void show_ways(struct view *v, const char *back)
{
    struct target t;
    struct buf store;

    /* Where it came from may be an argument, which a command has not. */
    buf_init(&store, BOT_ARGS * (LIMIT_BOT_ARG + 1));
    if (back && target_fill(back, v->arg, &store, &t))
        back = NULL;
    buf_release(&store);
    view_row(v);
    view_target(v, view_word(v, TEXT_BACK, NULL), back ? back : "smain");
    view_target(v, view_word(v, TEXT_HOME, NULL), "smain");
}

void show_error(struct view *v, int status, json_t *answer)
{
    static const struct {
        const char *code;
        enum text_id text;
    } known[] = {
        {"unreachable", TEXT_ERR_UNREACHABLE},
        {"not_found", TEXT_ERR_NOT_FOUND},
        {"exists", TEXT_ERR_EXISTS},
        {"invalid", TEXT_ERR_INVALID},
        {"bad_request", TEXT_ERR_INVALID},
        {"too_big", TEXT_ERR_TOO_BIG},
        {"forbidden", TEXT_ERR_FORBIDDEN},
        {"login_needed", TEXT_ERR_AUTH},
        {"busy", TEXT_ERR_BUSY},
        {"stopping", TEXT_ERR_STOPPING},
        {"timeout", TEXT_ERR_TIMEOUT},
        {"refused", TEXT_ERR_REFUSED},
        {"confirm_needed", TEXT_ERR_CONFIRM},
        {"no_memory", TEXT_NO_MEMORY},
        {"disk_full", TEXT_ERR_FULL},
        {"read_only", TEXT_ERR_READONLY},
        {"io_error", TEXT_ERR_IO},
        {"corrupt", TEXT_ERR_CORRUPT},
        {"tls_error", TEXT_ERR_TLS},
    };
    const char *code = in_text(answer, "code"), *detail = in_text(answer, "detail");
    size_t i;

    for (i = 0; i < ARRAY_LEN(known); i++)
        if (code && strcmp(code, known[i].code) == 0)
            break;
    view_say(v, i < ARRAY_LEN(known) ? known[i].text : TEXT_ERR_OTHER, "status",
             view_int(v, status), NULL);
    if (detail) {
        view_html(v, "<i>");
        view_said(v, detail);
        view_html(v, "</i>\n");
    }
}

/* ---- asking ---- */

static const char *const *asks_of(const struct turn *t)
{
    return t->screen ? t->screen->ask : t->input->ask;
}

static const struct list *list_of(const struct turn *t)
{
    return t->screen ? t->screen->list : NULL;
}

/* Whether the operation of a path pages by itself. */
static bool pages(const char *path)
{
    struct slice all = slice_of(path), bare = slice_cut(&all, '?');
    const struct op_def *def = op_def_find(OP_GET, bare);
    const struct op_param *p;

    for (p = def ? def->params : NULL; p && p->name; p++)
        if (strcmp(p->name, "offset") == 0)
            return true;
    return false;
}

static void build(struct turn *t);

static void got(struct turn *t, int i, int status, json_t *answer)
{
    t->statuses[i] = status;
    json_decref(t->answers[i]);
    t->answers[i] = json_incref(answer);
    if (--t->asking == 0)
        build(t);
}

/* One function an answer: turn_op tells no number. */
static void got0(struct turn *t, int status, json_t *answer)
{
    got(t, 0, status, answer);
}
static void got1(struct turn *t, int status, json_t *answer)
{
    got(t, 1, status, answer);
}
static void got2(struct turn *t, int status, json_t *answer)
{
    got(t, 2, status, answer);
}
static void got3(struct turn *t, int status, json_t *answer)
{
    got(t, 3, status, answer);
}

static void ask(struct turn *t)
{
    static const turn_op_fn fns[BOT_ASKS] = {got0, got1, got2, got3};
    const char *const *asks = asks_of(t);
    const char *args[BOT_ARGS];
    const struct list *list = list_of(t);
    struct buf path;
    int i;

    for (i = 0; i < BOT_ARGS; i++)
        args[i] = turn_arg(t, (size_t)i);
    t->asking = 1; /* answers may come at once */
    for (i = 0; i < BOT_ASKS && asks[i]; i++) {
        buf_init(&path, 8 * LIMIT_BOT_ARG);
        path_fill(&path, asks[i], args, true);
        if (i == 0 && list && pages(asks[i]))
            buf_addf(&path, "%coffset=%lld&limit=%d", strchr(buf_str(&path), '?') ? '&' : '?',
                     (long long)t->page * list->per_page, list->per_page);
        t->asking++;
        if (path.failed)
            got(t, i, 500, NULL);
        else
            turn_op(t, OP_GET, buf_str(&path), NULL, fns[i]);
        buf_release(&path);
    }
    if (--t->asking == 0)
        build(t);
}

void show_begin(struct turn *t)
{
    ask(t);
}

/* ---- building ---- */

/* Whether another page must be asked for: the one wanted is past the end. */
static bool build_list(struct turn *t, struct view *v)
{
    const struct list *list = list_of(t);
    json_t *rows = in_data(v->answer[0]), *total_given = json_object_get(v->answer[0], "total");
    bool cut = !pages(asks_of(t)[0]);
    int64_t n = (int64_t)json_array_size(rows), i;
    int64_t total = !cut && total_given ? json_integer_value(total_given) : n;
    int64_t all = (total + list->per_page - 1) / list->per_page;
    int64_t from = cut ? v->page * list->per_page : 0;

    if (v->page && v->page >= all) {
        t->page = v->page = all ? all - 1 : 0;
        if (!cut)
            return true;
        from = v->page * list->per_page;
    }
    if (total == 0 && list->empty)
        view_say(v, list->empty, NULL);
    for (i = from; i < n && i < from + list->per_page; i++) {
        view_row(v);
        list->row(v, json_array_get(rows, (size_t)i));
    }
    view_pages(v, view_fmt(v, "s%s", t->screen->id), all);
    return false;
}

static void build_entries(struct view *v, const struct entry *e, const char *id)
{
    for (; e && e->kind != ENTRY_END; e++) {
        const char *label = e->label ? view_word(v, e->label, NULL) : NULL;

        if (!e->beside)
            view_row(v);
        if (e->kind == ENTRY_GO) {
            view_target(v, label, e->target);
            continue;
        }
        label = label ? label : view_word(v, setting_title(e->setting), NULL);
        view_button(v, view_fmt(v, "%s: %s", label, view_setting(v, e->setting)), "sset",
                    setting_def(e->setting)->key, view_fmt(v, "s%s", id), v->arg[0], NULL);
    }
    view_row(v);
}

/* The first answer without which it cannot be built; -1: none. */
static int missing(const struct turn *t)
{
    const char *const *asks = asks_of(t);
    int i;

    for (i = 0; i < BOT_ASKS && asks[i]; i++)
        if ((t->statuses[i] >= 400 || !t->answers[i]) &&
            !(t->screen && t->screen->may_fail & (1U << i)))
            return i;
    return -1;
}

static void add_note(struct turn *t, struct view *v)
{
    if (!t->noted || !t->note.text.n)
        return;
    v->failed = v->failed || t->note.failed;
    buf_add_slice(&v->text, slice_trim(buf_slice(&t->note.text)));
    view_gap(v);
}

static void build_input(struct turn *t, struct view *v)
{
    const struct input *in = t->input;

    view_say(v, in->prompt, NULL);
    if (in->build)
        in->build(v);
    if (!v->is_private)
        view_say(v, TEXT_INPUT_REPLY, NULL);
    view_row(v);
    view_target(v, view_word(v, TEXT_CANCEL, NULL), in->back ? in->back : "smain");
}

/* false: another page is asked for. */
static bool build_screen(struct turn *t, struct view *v)
{
    const struct screen *s = t->screen;

    if (s->title) {
        view_html(v, "<b>");
        view_say(v, s->title, NULL);
        v->text.n--; /* its line break stands behind the tag */
        view_html(v, "</b>\n");
    }
    if (s->intro)
        view_say(v, s->intro, NULL);
    view_gap(v);
    if (s->build)
        s->build(v);
    if (s->list && build_list(t, v))
        return false;
    build_entries(v, s->entries, s->id);
    if (!(s->flags & BOT_NO_HOME))
        show_ways(v, s->parent);
    return true;
}

/* Again, with the same arguments. */
static void retry_button(struct turn *t, struct view *v)
{
    struct target same = {.kind = t->kind, .page = t->page, .n = t->n_args};
    char data[BOT_DATA + 1];
    json_t *row;
    size_t i;

    memcpy(same.id, t->screen ? t->screen->id : t->input->id,
           strlen(t->screen ? t->screen->id : t->input->id) + 1);
    for (i = 0; i < t->n_args; i++)
        same.arg[i] = t->args[i];
    if (target_write(&v->bot->memo, &same, data))
        return;
    row = json_pack("[{ss ss}]", "text", view_word(v, TEXT_RETRY, NULL), "callback_data", data);
    if (!row || json_array_append_new(v->rows, row))
        v->failed = true;
}

static void build(struct turn *t)
{
    int failed = missing(t), i;
    struct view v;

    if (t->superseded && t->screen && !t->noted) {
        turn_end(t);
        return;
    }
    turn_view(t, &v);
    for (i = 0; i < BOT_ASKS; i++)
        v.answer[i] = t->statuses[i] < 400 ? t->answers[i] : NULL;
    add_note(t, &v);
    turn_trace(t, failed >= 0 ? "is refused" : "shows", t->screen ? t->screen->id : t->input->id);
    if (failed >= 0) {
        show_error(&v, t->statuses[failed], t->answers[failed]);
        retry_button(t, &v);
        show_ways(&v, t->screen ? t->screen->parent : t->input->back);
    } else if (t->input) {
        build_input(t, &v);
    } else if (!build_screen(t, &v) && !t->asked_last) {
        view_release(&v);
        t->asked_last = true;
        ask(t);
        return;
    }
    /* The text awaited may come before Telegram has answered; the message's number is added then. */
    if (failed < 0 && t->input && pending_begin(t, t->input, t->message_id))
        v.failed = true;
    show_send(t, &v);
    view_release(&v);
}
