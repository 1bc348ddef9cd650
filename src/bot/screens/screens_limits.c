/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/card_int.h"
#include "base/banned.h"

/* Limits: special ones of single users, and the general one. */

static const int presets[] = {1, 2, 3, 4, 5, 6, 8, 10};

static void build_limits(struct view *v)
{
    int64_t n = settings_int(v->settings, SET_GENERAL_LIMIT);

    view_say(v, n ? TEXT_MAIN_LIMIT : TEXT_MAIN_NO_LIMIT, "n", view_int(v, n), NULL);
    view_say(v, TEXT_U_SPECIAL_N, "n", view_int(v, (int64_t)json_array_size(in_data(v->answer[0]))),
             NULL);
}

/* ---- one user's ---- */

/* pending: of a name that the panel has never shown, which has a page of its own. */
static void add_presets(struct view *v, const char *ref, int64_t now, bool pending)
{
    const char *set = pending ? "asetp" : "asetl";
    size_t i;

    for (i = 0; i < ARRAY_LEN(presets); i++) {
        if (i % 4 == 0)
            view_row(v);
        view_button(v, view_fmt(v, "%s%d", presets[i] == now ? "✓ " : "", presets[i]), set, ref,
                    view_int(v, presets[i]), NULL);
    }
    view_row(v);
    view_button(v, view_word(v, TEXT_U_NO_LIMIT, NULL), set, ref, "0", NULL);
    view_button(v, NULL, pending ? "isetp" : "isetl", ref, NULL);
}

static void build_user_limit(struct view *v)
{
    json_t *user = v->answer[0], *live = json_object_get(user, "live");
    json_t *row = json_is_object(live) ? live : user;
    const char *from = in_text(row, "limit_from");
    int64_t n = in_int(row, "limit");

    view_say(v, TEXT_U_OF_USER, "user", card_name(v, user), NULL);
    view_say(v, n ? TEXT_EXPLAIN_LIMIT : TEXT_EXPLAIN_NO_LIMIT, "n", view_int(v, n), "from",
             card_word(v, WORD_FROM, from), NULL);
    if (in_bool(user, "excepted"))
        view_say(v, TEXT_U_LIMIT_BUT_EXCEPTED, NULL);
    add_presets(v, v->arg[0], n, false);
    if (in_bool(user, "special")) {
        view_row(v);
        view_button(v, NULL, "adell", v->arg[0], NULL);
    }
    view_row(v);
    view_button(v, NULL, "scard", v->arg[0], NULL);
}

/* One kept by a name that the panel has never shown. */
static void build_pending_limit(struct view *v)
{
    view_say(v, TEXT_U_ROW_PENDING, NULL);
    add_presets(v, v->arg[0], -1, true);
    view_row(v);
    view_button(v, NULL, "adell", v->arg[0], NULL);
}

static void special_row(struct view *v, json_t *row)
{
    bool pending = !in_int(row, "id");

    view_say(v, TEXT_U_SPECIAL_ROW, "user", card_name(v, row), "limit",
             card_limit(v, in_int(row, "limit")), "time", view_time(v, in_text(row, "updated_at")),
             "who", card_who(v, in_text(row, "updated_by")), NULL);
    if (pending)
        view_say(v, TEXT_U_ROW_PENDING, NULL);
    view_button(v, view_fmt(v, "✏️ %s", card_name(v, row)), pending ? "splim" : "sulim",
                card_ref(v, row), NULL);
    view_button(v, view_fmt(v, "🗑 %s", card_name(v, row)), "adell", card_ref(v, row), NULL);
}

static const struct list special_list = {8, TEXT_U_SPECIAL_NONE, special_row};

/* ---- what is done ---- */

static void set_limit(struct turn *t, const char *user)
{
    const char *args[BOT_ARGS] = {user, turn_arg(t, 1), "", "", "", ""};
    json_t *body = body_fill("{\"username\":\"{0}\",\"limit\":\"{#1}\"}", args);

    if (body)
        turn_op(t, OP_POST, "/users/limits", body, card_changed);
    else
        turn_fail(t, TEXT_NO_MEMORY, NULL);
}

static void run_set_limit(struct turn *t)
{
    card_with_user(t, "/users/limits", set_limit);
}

static void deleted(struct turn *t, int status, json_t *answer)
{
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_done(t, answer);
}

static void delete_limit(struct turn *t, const char *user)
{
    const char *args[BOT_ARGS] = {user, "", "", "", "", ""};
    struct buf path;

    buf_init(&path, 2048);
    path_fill(&path, "/users/limits/{0}", args, true);
    turn_op(t, OP_DELETE, buf_str(&path), NULL, deleted);
    buf_release(&path);
}

static void run_delete_limit(struct turn *t)
{
    card_with_user(t, "/users/limits", delete_limit);
}

/* ---- /set_special_limit NAME N: the name must be one ---- */

static void named(struct turn *t, int status, json_t *answer)
{
    json_t *first = json_array_get(in_data(answer), 0);
    const char *name = in_text(first, "username");
    char user[40];

    if (status >= 400) {
        turn_refused(t, status, answer);
    } else if (name && (strcmp(name, turn_arg(t, 0)) == 0 || in_int(answer, "total") == 1)) {
        snprintf(user, sizeof(user), "id:%lld", (long long)in_int(first, "id"));
        set_limit(t, user);
    } else if (name || json_array_size(json_object_get(answer, "near"))) {
        turn_go(t, "sfnd|ulim|{0}");
    } else {
        /* The panel may know him; if not, it says so. */
        set_limit(t, turn_arg(t, 0));
    }
}

static void run_set_named(struct turn *t)
{
    const char *args[BOT_ARGS] = {turn_arg(t, 0), "", "", "", "", ""};
    struct buf path;

    buf_init(&path, 4096);
    path_fill(&path, "/users?search={0}&limit=2", args, true);
    turn_op(t, OP_GET, buf_str(&path), NULL, named);
    buf_release(&path);
}

static const struct screen screens[] = {
    {.id = "lim",
     .title = TEXT_U_LIMITS,
     .ask = {"/users/limits"},
     .build = build_limits,
     .entries =
         ENTRIES(GO_AS("ifind|ulim", U_SPECIAL_SET), GO_BESIDE("sspl"), SETTING(GENERAL_LIMIT))},
    {.id = "spl",
     .title = TEXT_U_SPECIAL,
     .parent = "slim",
     .ask = {"/users/limits"},
     .list = &special_list,
     .entries = ENTRIES(GO_AS("ifind|ulim", U_SPECIAL_SET), GO_AS_BESIDE("sspl", REFRESH))},
    {.id = "ulim",
     .title = TEXT_U_LIMIT_OF,
     .parent = "scard|{0}",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/{0}"},
     .build = build_user_limit},
    {.id = "plim",
     .title = TEXT_U_LIMIT_OF,
     .parent = "sspl",
     .role = OP_ROLE_OPERATOR,
     .build = build_pending_limit},
    {0},
};

static const struct action actions[] = {
    {.id = "setl",
     .label = TEXT_U_LIMIT_OF,
     .run = run_set_limit,
     .done = TEXT_U_LIMIT_SET,
     .then = "sulim|{0}",
     .role = OP_ROLE_OPERATOR},
    {.id = "setp",
     .label = TEXT_U_LIMIT_OF,
     .run = run_set_limit,
     .done = TEXT_U_LIMIT_SET,
     .then = "splim|{0}",
     .role = OP_ROLE_OPERATOR},
    {.id = "setn",
     .label = TEXT_U_LIMIT_OF,
     .run = run_set_named,
     .done = TEXT_U_LIMIT_SET,
     .then = "sspl",
     .role = OP_ROLE_OPERATOR},
    {.id = "dell",
     .label = TEXT_U_LIMIT_REMOVE,
     .run = run_delete_limit,
     .ask = TEXT_U_LIMIT_REMOVE_ASK,
     .done = TEXT_U_LIMIT_REMOVED,
     .then = "sspl",
     .role = OP_ROLE_OPERATOR},
    {.id = "setg",
     .label = TEXT_U_GENERAL_SET,
     .method = OP_PUT,
     .path = "/config/limit",
     .body = "{\"limit\":\"{#0}\"}",
     .then = "slim"},
    {0},
};

static const struct input inputs[] = {
    {.id = "setl",
     .label = TEXT_U_LIMIT_FREE,
     .prompt = TEXT_U_LIMIT_PROMPT,
     .action = "setl",
     .back = "sulim|{0}",
     .role = OP_ROLE_OPERATOR},
    {.id = "setp",
     .label = TEXT_U_LIMIT_FREE,
     .prompt = TEXT_U_LIMIT_PROMPT,
     .action = "setp",
     .back = "splim|{0}",
     .role = OP_ROLE_OPERATOR},
    {0},
};

static const struct slash commands[] = {
    {"limits", TEXT_U_CMD_LIMITS, "nlim"},
    {"set_special_limit", TEXT_NONE, "asetn|{0}|{1}", "afind|ulim|{0}"},
    {"show_special_limit", TEXT_NONE, "nspl"},
    {"set_general_limit_number", TEXT_NONE, "asetg|{0}", "nlim"},
    {0},
};

const struct bot_part part_limits = {screens, actions, inputs, commands};
