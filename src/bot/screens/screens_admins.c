/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "bot/card_int.h"
#include "bot/frame.h"
#include "service/roster.h"
#include "base/banned.h"

/* Admin: who is served by the bot, and the language each is served in. */

static enum text_id role_name(const char *word)
{
    enum op_role role = OP_ROLE_OWNER;

    if (op_role_parse(slice_of(word), &role))
        role = OP_ROLE_OWNER;
    return role == OP_ROLE_OWNER      ? TEXT_ROLE_OWNER
           : role == OP_ROLE_OPERATOR ? TEXT_ROLE_OPERATOR
                                      : TEXT_ROLE_VIEWER;
}

/* The panel's name of one of its admins, "3" when it is not known. */
static const char *panel_name(struct view *v, json_t *names, int64_t id)
{
    json_t *row;
    size_t i;

    json_array_foreach(in_data(names), i, row)
    {
        if (in_int(row, "id") == id)
            return view_fmt(v, "%s", in_text(row, "name"));
    }
    return view_int(v, id);
}

static const char *whose(struct view *v, json_t *admin, json_t *names)
{
    int64_t id = in_int(admin, "panel_admin_id");

    if (!id)
        return view_word(v, TEXT_ADMIN_SEES_ALL, NULL);
    return view_word(v, TEXT_ADMIN_SEES, "admin", panel_name(v, names, id), NULL);
}

static const char *called(struct view *v, json_t *admin)
{
    const char *name = in_text(admin, "name");

    return name ? view_fmt(v, "%s (%lld)", name, (long long)in_int(admin, "id"))
                : view_int(v, in_int(admin, "id"));
}

/* ---- the menu ---- */

static void build_menu(struct view *v)
{
    view_say(v, TEXT_ADMIN_YOU, "role", view_word(v, role_name(op_role_word(v->admin.role)), NULL),
             NULL);
    if (v->admin.panel_admin_id)
        view_say(v, TEXT_ADMIN_YOU_SEE, "admin", view_int(v, v->admin.panel_admin_id), NULL);
}

/* ---- the list ---- */

static void list_row(struct view *v, json_t *row)
{
    view_say(v, TEXT_ADMIN_ROW, "admin", called(v, row), "role",
             view_word(v, role_name(in_text(row, "role")), NULL), NULL);
    view_button(v, view_fmt(v, "👤 %s", called(v, row)), "sadm1", view_int(v, in_int(row, "id")),
                NULL);
}

/* ---- one ---- */

static json_t *find(json_t *answer, const char *id)
{
    json_t *row;
    int64_t n;
    size_t i;

    if (num_int(slice_of(id), 1, INT64_MAX, &n))
        return NULL;
    json_array_foreach(in_data(answer), i, row)
    {
        if (in_int(row, "id") == n)
            return row;
    }
    return NULL;
}

static void add_roles(struct view *v, const char *now)
{
    static const struct {
        const char *role, *action;
    } roles[] = {{"owner", "aadmro"}, {"operator", "aadmrp"}, {"viewer", "aadmrv"}};
    size_t i;

    view_row(v);
    for (i = 0; i < ARRAY_LEN(roles); i++) {
        const char *label = view_word(v, role_name(roles[i].role), NULL);

        if (strcmp(now, roles[i].role) == 0)
            view_button(v, view_check(v, true, label), "-", NULL);
        else
            view_button(v, label, roles[i].action, v->arg[0], NULL);
    }
}

static void build_one(struct view *v)
{
    json_t *row = find(v->answer[0], v->arg[0]);
    const char *lang = in_text(row, "language"), *by = in_text(row, "added_by");

    if (!row) {
        view_say(v, TEXT_ADMIN_GONE, NULL);
        return;
    }
    view_say(v, TEXT_ADMIN_ONE, "admin", called(v, row), "role",
             view_word(v, role_name(in_text(row, "role")), NULL), "whose",
             whose(v, row, v->answer[1]), NULL);
    view_say(v, TEXT_ADMIN_SPEAKS, "language",
             lang ? text_lang_name(text_lang_of(lang)) : view_word(v, TEXT_LANGUAGE_GENERAL, NULL),
             NULL);
    if (in_bool(row, "fixed")) {
        view_say(v, TEXT_ADMIN_FIXED, NULL);
        return;
    }
    view_say(v, TEXT_ADMIN_ADDED, "time", view_time(v, in_text(row, "added_at")), "who",
             card_who(v, by ? by : ""), NULL);
    add_roles(v, in_text(row, "role"));
    view_row(v);
    if (strcmp(in_text(row, "role"), "owner") != 0)
        view_button(v, NULL, "sadmw", v->arg[0], NULL);
    view_row(v);
    view_button(v, NULL, "aadmx", v->arg[0], NULL);
}

/* ---- whose users ---- */

static void build_scope(struct view *v)
{
    view_row(v);
    view_button(v, view_word(v, TEXT_ADMIN_SEES_ALL, NULL), "aadms", v->arg[0], "0", NULL);
}

static void scope_row(struct view *v, json_t *row)
{
    view_button(v, in_text(row, "name"), "aadms", v->arg[0], view_int(v, in_int(row, "id")), NULL);
}

/* ---- a new one: id|name, then the role, then whose users ---- */

static void build_role(struct view *v)
{
    view_say(v, TEXT_ADMIN_NEW, "admin",
             v->arg[1][0] ? view_fmt(v, "%s (%s)", v->arg[1], v->arg[0]) : v->arg[0], NULL);
    view_say(v, TEXT_ADMIN_ROLES, NULL);
    view_row(v);
    view_button(v, view_word(v, TEXT_ROLE_VIEWER, NULL), "sadmnw", v->arg[0], v->arg[1], "viewer",
                NULL);
    view_button(v, view_word(v, TEXT_ROLE_OPERATOR, NULL), "sadmnw", v->arg[0], v->arg[1],
                "operator", NULL);
    view_button(v, view_word(v, TEXT_ROLE_OWNER, NULL), "aadmown", v->arg[0], v->arg[1], NULL);
}

static void build_new_scope(struct view *v)
{
    view_row(v);
    view_button(v, view_word(v, TEXT_ADMIN_SEES_ALL, NULL), "aadmadd", v->arg[0], v->arg[1],
                v->arg[2], "0", NULL);
}

static void new_scope_row(struct view *v, json_t *row)
{
    view_button(v, in_text(row, "name"), "aadmadd", v->arg[0], v->arg[1], v->arg[2],
                view_int(v, in_int(row, "id")), NULL);
}

/* Told of him who has been added: he must open the bot before it may write to him. */
static void told_added(struct view *v, json_t *answer)
{
    json_t *admin = json_object_get(answer, "admin");

    view_say(v, TEXT_ADMIN_ADDED_NOW, "admin", called(v, admin), "role",
             view_word(v, role_name(in_text(admin, "role")), NULL), NULL);
}

/* "First Last", cut where it would not fit. */
static void name_of(json_t *user, char *name, size_t max)
{
    const char *first = in_text(user, "first_name"), *last = in_text(user, "last_name");
    size_t n;

    snprintf(name, max, "%s%s%s", first ? first : "", last ? " " : "", last ? last : "");
    n = strlen(name);
    if (n + 1 < max)
        return;
    /* Not in the middle of a letter. */
    while (n && ((unsigned char)name[n - 1] & 0xc0) == 0x80)
        n--;
    if (n)
        name[n - 1] = '\0';
}

/* An id typed in, the author of a message passed on, or a contact. */
static void got_new(struct turn *t, json_t *message)
{
    json_t *origin = json_object_get(message, "forward_origin");
    json_t *contact = json_object_get(message, "contact");
    const char *kind = in_text(origin, "type"), *text = in_text(message, "text");
    json_t *user = json_object_get(origin, "sender_user");
    char number[24], name[LIMIT_ADMIN_NAME / 2 + 1] = "";
    int64_t id = 0;

    if (kind && strcmp(kind, "hidden_user") == 0) {
        turn_fail(t, TEXT_ADMIN_HIDDEN, NULL);
        return;
    }
    if (user) {
        id = in_int(user, "id");
        name_of(user, name, sizeof(name));
    } else if (contact) {
        id = in_int(contact, "user_id");
        name_of(contact, name, sizeof(name));
    } else if (origin || !text || num_int(slice_trim(slice_of(text)), 1, INT64_C(1) << 52, &id)) {
        turn_fail(t, TEXT_ADMIN_NO_ID, NULL);
        return;
    }
    if (in_bool(user, "is_bot") || id <= 0) {
        turn_fail(t, in_bool(user, "is_bot") ? TEXT_ADMIN_IS_BOT : TEXT_ADMIN_NO_ID, NULL);
        return;
    }
    snprintf(number, sizeof(number), "%lld", (long long)id);
    if (turn_add_arg(t, number) || turn_add_arg(t, name))
        turn_tell(t, TEXT_NO_MEMORY);
    else
        turn_go(t, "sadmn|{0}|{1}");
}

/* ---- language ---- */

static void build_language(struct view *v)
{
    struct roster_admin a = {0};
    const char *self = view_int(v, v->admin.id);
    int lang;

    if (v->port->roster)
        (void)roster_find(v->port->roster(v->port->app), v->settings, v->admin.id, &a);
    for (lang = 0; lang < TEXT_LANGS; lang++) {
        view_row(v);
        view_button(v,
                    view_check(v, a.own_lang && a.lang == (enum text_lang)lang,
                               text_lang_name((enum text_lang)lang)),
                    "alang", self, text_lang_word((enum text_lang)lang), NULL);
    }
    view_row(v);
    view_button(v, view_check(v, !a.own_lang, view_word(v, TEXT_LANGUAGE_GENERAL, NULL)), "alang",
                self, "default", NULL);
}

static void spoken(struct turn *t, int status, json_t *answer)
{
    struct bot_admin now;

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    /* From here on in the new language. */
    if (bot_admin_of(t->bot, t->admin.id, &now))
        t->admin = now;
    turn_done(t, answer);
}

static void run_language(struct turn *t)
{
    char path[64];
    json_t *body = json_pack("{ss}", "language", turn_arg(t, 1));

    snprintf(path, sizeof(path), "/admins/%lld/language", (long long)t->admin.id);
    turn_op(t, OP_PUT, path, body, spoken);
}

/* ---- the tables ---- */

static const struct list admins = {8, TEXT_ADMIN_NONE, list_row};
static const struct list scopes = {20, TEXT_PANEL_NO_ADMINS, scope_row};
static const struct list new_scopes = {20, TEXT_PANEL_NO_ADMINS, new_scope_row};

static const struct screen screens[] = {
    {.id = "adm",
     .title = TEXT_ADMIN,
     .build = build_menu,
     .entries =
         ENTRIES(GO("sadml"), GO_BESIDE("iadmnew"), GO("sbak"), GO_BESIDE("ires"), GO("slang"))},
    {.id = "adml",
     .title = TEXT_ADMIN_LIST,
     .parent = "sadm",
     .ask = {"/admins"},
     .list = &admins,
     .entries = ENTRIES(GO("iadmnew"))},
    {.id = "adm1",
     .title = TEXT_ADMIN_TITLE,
     .parent = "sadml",
     .ask = {"/admins", "/panel/admins"},
     .may_fail = 1U << 1,
     .build = build_one},
    {.id = "admw",
     .title = TEXT_ADMIN_WHOSE,
     .intro = TEXT_ADMIN_WHOSE_HELP,
     .parent = "sadm1|{0}",
     .ask = {"/panel/admins"},
     .may_fail = 1,
     .role = OP_ROLE_OWNER,
     .build = build_scope,
     .list = &scopes},
    {.id = "admn",
     .title = TEXT_ADMIN_ADD,
     .parent = "sadm",
     .role = OP_ROLE_OWNER,
     .build = build_role},
    {.id = "admnw",
     .title = TEXT_ADMIN_WHOSE,
     .intro = TEXT_ADMIN_WHOSE_HELP,
     .parent = "sadmn|{0}|{1}",
     .ask = {"/panel/admins"},
     .may_fail = 1,
     .role = OP_ROLE_OWNER,
     .build = build_new_scope,
     .list = &new_scopes},
    {.id = "lang",
     .title = TEXT_LANGUAGE,
     .intro = TEXT_LANGUAGE_HELP,
     .parent = "sadm",
     .build = build_language},
    {0},
};

#define ROLE(name, role, question) \
    { \
        .id = name, .method = OP_PATCH, .path = "/admins/{0}", .body = "{\"role\":\"" role "\"}", \
        .ask = question, .done = TEXT_ADMIN_CHANGED, .then = "sadm1|{0}" \
    }

static const struct action actions[] = {
    {.id = "admadd",
     .method = OP_POST,
     .path = "/admins",
     .body = "{\"id\":\"{#0}\",\"name\":\"{1}\",\"role\":\"{2}\",\"panel_admin_id\":\"{#3}\"}",
     .told = told_added,
     .then = "sadml"},
    {.id = "admown",
     .method = OP_POST,
     .path = "/admins",
     .body = "{\"id\":\"{#0}\",\"name\":\"{1}\",\"role\":\"owner\"}",
     .ask = TEXT_ADMIN_OWNER_ASK,
     .told = told_added,
     .then = "sadml"},
    ROLE("admro", "owner", TEXT_ADMIN_TO_OWNER),
    ROLE("admrp", "operator", TEXT_ADMIN_TO_OPERATOR),
    ROLE("admrv", "viewer", TEXT_ADMIN_TO_VIEWER),
    {.id = "adms",
     .method = OP_PATCH,
     .path = "/admins/{0}",
     .body = "{\"panel_admin_id\":\"{#1}\"}",
     .done = TEXT_ADMIN_CHANGED,
     .then = "sadm1|{0}"},
    {.id = "admx",
     .label = TEXT_ADMIN_REMOVE,
     .method = OP_DELETE,
     .path = "/admins/{0}",
     .ask = TEXT_ADMIN_REMOVE_ASK,
     .done = TEXT_ADMIN_REMOVED,
     .then = "sadml"},
    {.id = "lang",
     .run = run_language,
     .role = OP_ROLE_VIEWER,
     .done = TEXT_LANGUAGE_DONE,
     .then = "slang"},
    {0},
};

static const struct input inputs[] = {
    {.id = "admnew",
     .label = TEXT_ADMIN_ADD,
     .prompt = TEXT_ADMIN_ADD_ASK,
     .back = "sadm",
     .got = got_new,
     .role = OP_ROLE_OWNER},
    {0},
};

static const struct slash commands[] = {
    {"admins", TEXT_CMD_ADMINS, "nadml", NULL, OP_ROLE_OWNER},
    {"admins_list", TEXT_NONE, "nadml", NULL, OP_ROLE_OWNER},
    {"add_admin", TEXT_NONE, "iadmnew", NULL, OP_ROLE_OWNER},
    {"remove_admin", TEXT_NONE, "nadml", NULL, OP_ROLE_OWNER},
    {"language", TEXT_CMD_LANGUAGE, "nlang", NULL, OP_ROLE_VIEWER},
    {0},
};

const struct bot_part part_admins = {screens, actions, inputs, commands};
