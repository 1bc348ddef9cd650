/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/card_int.h"
#include "base/banned.h"

/* Users: finding one, exceptions, who is disabled and the way back, who is gone from the panel. */

/* ---- finding ---- */

/* Where a user goes who was looked for with this purpose, as a screen's id: the card without one. */
static const char *const purposes[] = {"card", "ulim", "exca", "exp", "hist", "uvio", "term"};

static const char *purpose_of(const char *text)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(purposes); i++)
        if (strcmp(purposes[i], text) == 0)
            return purposes[i];
    return purposes[0];
}

static void go_to(struct turn *t, json_t *user)
{
    char target[64];

    snprintf(target, sizeof(target), "s%s|id:%lld|%s", purpose_of(turn_arg(t, 0)),
             (long long)in_int(user, "id"), text_lang_word(turn_admin(t)->lang));
    turn_go(t, target);
}

/* The panel may know one whom nobody has told us of so far. */
static void asked_panel(struct turn *t, int status, json_t *answer)
{
    json_t *near = *turn_extra(t);

    if (status < 400 && in_int(answer, "id") && in_bool(answer, "known")) {
        go_to(t, answer);
    } else if (near) {
        turn_go(t, "sfnd|{0}|{1}");
    } else {
        turn_fail(t, TEXT_U_FIND_NONE, "part", turn_arg(t, 1), NULL);
    }
}

/* One that fits, or one called exactly so: he it is. */
static json_t *only_one(json_t *rows, const char *part)
{
    json_t *first = json_array_get(rows, 0);
    const char *name = in_text(first, "username");

    if (json_array_size(rows) == 1 || (name && strcmp(name, part) == 0))
        return first;
    return NULL;
}

static void found(struct turn *t, int status, json_t *answer)
{
    static const char near_ones[] = "near";
    json_t *rows = in_data(answer), *one = only_one(rows, turn_arg(t, 1));
    const char *args[BOT_ARGS] = {turn_arg(t, 1), "", "", "", "", ""};
    struct buf path;

    if (status >= 400) {
        turn_refused(t, status, answer);
    } else if (one) {
        go_to(t, one);
    } else if (json_array_size(rows)) {
        turn_go(t, "sfnd|{0}|{1}");
    } else {
        if (json_array_size(json_object_get(answer, "near")))
            *turn_extra(t) = strdup(near_ones);
        buf_init(&path, 4096);
        path_fill(&path, "/users/{0}", args, true);
        turn_op(t, OP_GET, buf_str(&path), NULL, asked_panel);
        buf_release(&path);
    }
}

static void run_find(struct turn *t)
{
    const char *args[BOT_ARGS] = {turn_arg(t, 1), "", "", "", "", ""};
    struct buf path;

    if (!turn_arg(t, 1)[0]) {
        turn_go(t, "ifind|{0}");
        return;
    }
    buf_init(&path, 4096);
    path_fill(&path, "/users?search={0}&limit=2", args, true);
    turn_op(t, OP_GET, buf_str(&path), NULL, found);
    buf_release(&path);
}

static void found_row(struct view *v, json_t *row)
{
    const char *gone = in_text(row, "gone_since");
    const char *state = gone ? view_word(v, TEXT_STATE_GONE, NULL)
                        : in_bool(row, "disabled")
                            ? view_word(v, TEXT_STATE_DISABLED, NULL)
                            : card_word(v, WORD_STATE, in_text(row, "state"));

    view_say(v, TEXT_U_FOUND_ROW, "mark", card_mark(row), "user", card_name(v, row), "id",
             view_user(v, in_int(row, "id")), "state", state, "n",
             view_int(v, in_int(row, "devices")), "limit", card_limit(v, in_int(row, "limit")),
             NULL);
    view_button(v, view_fmt(v, "%s %s", card_mark(row), card_name(v, row)),
                view_fmt(v, "s%s", purpose_of(v->arg[0])), view_user(v, in_int(row, "id")),
                text_lang_word(v->lang), NULL);
}

static const struct list found_list = {8, TEXT_NONE, found_row};

static void build_found(struct view *v)
{
    json_t *near = json_object_get(v->answer[0], "near"), *row;
    int64_t total = in_int(v->answer[0], "total");
    size_t i;

    if (total)
        view_say(v, TEXT_U_FOUND_N, "n", view_int(v, total), "part", v->arg[1], NULL);
    else
        view_say(v, TEXT_U_FIND_NONE, "part", v->arg[1], NULL);
    if (!total && json_array_size(near))
        view_say(v, TEXT_U_FIND_NEAR, NULL);
    json_array_foreach(near, i, row)
    {
        view_row(v);
        found_row(v, row);
    }
}

/* ---- exceptions ---- */

static void except_row(struct view *v, json_t *row)
{
    view_say(v, TEXT_U_EXCEPT_ROW, "user", card_name(v, row), "time",
             view_time(v, in_text(row, "updated_at")), "who",
             card_who(v, in_text(row, "updated_by")), NULL);
    card_quote(v, in_text(row, "reason"));
    if (in_bool(row, "pending"))
        view_say(v, TEXT_U_ROW_PENDING, NULL);
    card_button(v, row, "exl");
    view_button(v, view_fmt(v, "🗑 %s", card_name(v, row)), "aunexc", card_ref(v, row), NULL);
}

static const struct list except_list = {6, TEXT_U_EXCEPT_NONE, except_row};

/* ---- disabled ---- */

static void disabled_row(struct view *v, json_t *row)
{
    view_say(v, TEXT_U_DISABLED_ROW, "user", card_name(v, row), "since",
             view_time(v, in_text(row, "disabled_at")), NULL);
    if (in_text(row, "due_at"))
        view_say(v, TEXT_U_DISABLED_UNTIL, "time", view_time(v, in_text(row, "due_at")), NULL);
    else
        view_say(v, TEXT_U_DISABLED_BY_HAND, NULL);
    if (in_text(row, "ordered_by"))
        view_say(v, TEXT_EXPLAIN_ORDERED, "who", card_who(v, in_text(row, "ordered_by")), NULL);
    if (in_text(row, "last_error"))
        view_say(v, TEXT_EXPLAIN_RETRY, "n", view_int(v, in_int(row, "failed_attempts")), NULL);
    card_quote(v, in_text(row, "last_error"));
    card_button(v, row, "dis");
    view_button(v, view_word(v, TEXT_U_ENABLE, NULL), "aenal", view_user(v, in_int(row, "id")),
                NULL);
}

static const struct list disabled_list = {6, TEXT_U_DISABLED_NONE, disabled_row};

static void build_disabled(struct view *v)
{
    view_say(v, TEXT_U_TOTAL_N, "n", view_int(v, (int64_t)json_array_size(in_data(v->answer[0]))),
             NULL);
}

/* ---- enabling all ---- */

static const struct {
    const char *since;
    int64_t s;
} since_choices[] = {{"30m", 1800}, {"1h", 3600}, {"6h", 21600}, {"24h", 86400}, {"all", 0}};

/* How many of the rows were disabled in the last s seconds; 0: all. */
static int64_t count_since(struct view *v, json_t *rows, int64_t s)
{
    int64_t n = 0, us;
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *at = in_text(row, "disabled_at");

        n += !s || !at || stamp_parse_iso(slice_of(at), &us) || us >= v->now_us - s * STAMP_SECOND;
    }
    return n;
}

static void build_enable_all(struct view *v)
{
    const char *forgive = strcmp(v->arg[0], "true") == 0 ? "true" : "false";
    json_t *rows = in_data(v->answer[0]);
    size_t i;

    view_say(v, TEXT_U_TOTAL_N, "n", view_int(v, (int64_t)json_array_size(rows)), NULL);
    if (!json_array_size(rows))
        return;
    for (i = 0; i < ARRAY_LEN(since_choices); i++) {
        const char *n = view_int(v, count_since(v, rows, since_choices[i].s));

        view_row(v);
        view_button(v,
                    since_choices[i].s ? view_word(v, TEXT_U_ENABLE_SINCE, "span",
                                                   view_span(v, since_choices[i].s), "n", n, NULL)
                                       : view_word(v, TEXT_U_ENABLE_EVERYONE, "n", n, NULL),
                    "aenall", since_choices[i].since, n, forgive, NULL);
    }
    view_row(v);
    view_button(v,
                view_check(v, strcmp(forgive, "true") == 0,
                           view_word(v, TEXT_U_ENABLE_FORGIVE, NULL)),
                "senall", strcmp(forgive, "true") == 0 ? "false" : "true", NULL);
}

static bool is_many(const struct turn *t)
{
    return strlen(turn_arg(t, 1)) > 1 && strcmp(turn_arg(t, 1), "10") != 0;
}

static void all_ended(struct turn *t, int status, json_t *answer)
{
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_done(t, answer);
}

/* The progress has been shown meanwhile, and its turn is over. */
static void many_ended(struct turn *t, int status, json_t *answer)
{
    struct turn *next = turn_after(t, "enall");

    if (next)
        all_ended(next, status, answer);
}

static void run_enable_all(struct turn *t)
{
    bool all = strcmp(turn_arg(t, 0), "all") == 0, many;
    json_t *body = json_pack("{sb}", "forgive", strcmp(turn_arg(t, 2), "true") == 0);

    if (body && !all && json_object_set_new(body, "since", json_string(turn_arg(t, 0)))) {
        json_decref(body);
        body = NULL;
    }
    if (!body) {
        turn_fail(t, TEXT_NO_MEMORY, NULL);
        return;
    }
    many = is_many(t);
    turn_op(t, OP_POST, "/users/disabled/enable-all", body, many ? many_ended : all_ended);
    if (many)
        turn_go(t, "senpr|{1}");
}

static void build_progress(struct view *v)
{
    view_say(v, TEXT_U_ENABLE_LEFT, "n",
             view_int(v, (int64_t)json_array_size(in_data(v->answer[0]))), NULL);
    card_refresh(v, "enpr");
    view_row(v);
    view_button(v, NULL, "sdis", NULL);
}

/* ---- stuck ---- */

static void stuck_row(struct view *v, json_t *row)
{
    const char *how = in_text(row, "how");
    bool group = how && strcmp(how, "group") == 0;

    view_say(v, group ? TEXT_U_STUCK_GROUP : TEXT_U_STUCK_STATUS, "user", card_name(v, row), "time",
             view_time(v, in_text(row, "edited_at")), NULL);
    card_button(v, row, "stuck");
    view_button(v, NULL, "sadopt", view_user(v, in_int(row, "id")), NULL);
}

static const struct list stuck_list = {6, TEXT_U_STUCK_NONE, stuck_row};

static void build_adopt(struct view *v)
{
    static const int minutes[] = {1, 15, 60, 1440};
    size_t i;

    view_say(v, TEXT_U_OF_USER, "user", card_name(v, v->answer[0]), NULL);
    view_row(v);
    for (i = 0; i < ARRAY_LEN(minutes); i++)
        view_button(v, view_span(v, minutes[i] * 60), "aadom", v->arg[0], view_int(v, minutes[i]),
                    NULL);
    view_row(v);
    view_button(v, view_word(v, TEXT_U_TERM_HAND, NULL), "aadoh", v->arg[0], NULL);
}

/* ---- cleanup ---- */

static void gone_names(struct view *v, json_t *answer)
{
    enum { NAMES = 30 };
    json_t *rows = in_data(answer), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (i == NAMES)
            break;
        view_say(v, TEXT_U_GONE_ROW, "user", card_name(v, row), "time",
                 view_time(v, in_text(row, "gone_since")), NULL);
    }
    if (json_array_size(rows) > NAMES)
        view_say(v, TEXT_U_AND_MORE, "n", view_int(v, (int64_t)json_array_size(rows) - NAMES),
                 NULL);
}

static void looked_gone(struct turn *t, int status, json_t *answer)
{
    struct view *note;
    int64_t n = in_int(answer, "total");
    char target[32];

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    note = turn_note(t);
    if (!n) {
        view_say(note, TEXT_U_GONE_NONE, NULL);
        turn_go(t, "sclean");
        return;
    }
    view_say(note, TEXT_U_GONE_N, "n", view_int(note, n), NULL);
    gone_names(note, answer);
    snprintf(target, sizeof(target), "sclrun|%lld", (long long)n);
    turn_go(t, target);
}

static void run_look_gone(struct turn *t)
{
    turn_op(t, OP_POST, "/cleanup?dry_run=true", NULL, looked_gone);
}

static void told_cleaned(struct view *v, json_t *answer)
{
    view_say(v, TEXT_U_CLEANED_N, "n", view_int(v, in_int(answer, "total")), NULL);
    gone_names(v, answer);
}

static void told_given_back(struct view *v, json_t *answer)
{
    view_say(v, TEXT_U_GIVEN_BACK_N, "n", view_int(v, in_int(answer, "total")), NULL);
    gone_names(v, answer);
}

static void build_clean_run(struct view *v)
{
    view_row(v);
    view_button(v, view_word(v, TEXT_U_CLEAN_REMOVE, "n", v->arg[0], NULL), "aclrun", NULL);
}

/* ---- tables ---- */

static const struct screen screens[] = {
    {.id = "users",
     .title = TEXT_U_USERS,
     .entries = ENTRIES(GO("ifind|card"), GO_AS("ifind|exca", U_EXCEPT_ADD),
                        GO_AS_BESIDE("sexl", U_EXCEPT_SHOW), GO("sdis"), GO_BESIDE("senall"),
                        GO("sstuck"), GO_BESIDE("sclean"), GO("srecr"))},
    {.id = "fnd",
     .title = TEXT_U_FIND,
     .parent = "susers",
     .ask = {"/users?search={1}"},
     .build = build_found,
     .list = &found_list,
     .entries = ENTRIES(GO_AS("ifind|{0}", U_FIND_AGAIN))},
    {.id = "exl",
     .title = TEXT_U_EXCEPTIONS,
     .parent = "susers",
     .ask = {"/users/except"},
     .list = &except_list,
     .entries = ENTRIES(GO_AS("ifind|exca", U_EXCEPT_ADD), GO_AS_BESIDE("sexl", REFRESH))},
    {.id = "dis",
     .title = TEXT_U_DISABLED,
     .parent = "susers",
     .ask = {"/users/disabled"},
     .build = build_disabled,
     .list = &disabled_list,
     .entries = ENTRIES(GO("senall"), GO_AS_BESIDE("sdis", REFRESH), GO("afrlook"))},
    {.id = "enall",
     .title = TEXT_U_ENABLE_ALL,
     .intro = TEXT_U_ENABLE_ALL_INTRO,
     .parent = "sdis",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/disabled"},
     .build = build_enable_all},
    {.id = "enpr",
     .title = TEXT_U_ENABLE_PROGRESS,
     .parent = "sdis",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/disabled"},
     .build = build_progress},
    {.id = "stuck",
     .title = TEXT_U_STUCK,
     .intro = TEXT_U_STUCK_INTRO,
     .parent = "susers",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/disabled/stuck"},
     .list = &stuck_list,
     .entries = ENTRIES(GO_AS("sstuck", REFRESH))},
    {.id = "adopt",
     .title = TEXT_U_ADOPT,
     .intro = TEXT_U_ADOPT_INTRO,
     .parent = "sstuck",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/{0}"},
     .build = build_adopt},
    {.id = "clean",
     .title = TEXT_U_CLEANUP,
     .intro = TEXT_U_CLEANUP_INTRO,
     .parent = "susers",
     .entries = ENTRIES(GO("acllook"), GO("aclundo"))},
    {.id = "clrun",
     .title = TEXT_U_CLEANUP_RUN,
     .intro = TEXT_U_CLEANUP_RUN_INTRO,
     .parent = "sclean",
     .role = OP_ROLE_OWNER,
     .build = build_clean_run},
    {0},
};

static const struct action actions[] = {
    {.id = "find", .label = TEXT_U_FIND, .run = run_find, .then = "susers"},
    {.id = "enal",
     .label = TEXT_U_ENABLE,
     .method = OP_POST,
     .path = "/users/disabled/{0}/enable",
     .told = card_told,
     .then = "sdis"},
    {.id = "enall",
     .label = TEXT_U_ENABLE_ALL,
     .run = run_enable_all,
     .ask = TEXT_U_ENABLE_ALL_ASK,
     .told = card_told_many,
     .then = "sdis",
     .role = OP_ROLE_OPERATOR},
    {.id = "adom",
     .label = TEXT_U_ADOPT,
     .method = OP_POST,
     .path = "/users/disabled/{0}/adopt",
     .body = "{\"minutes\":\"{#1}\"}",
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "adoh",
     .label = TEXT_U_ADOPT,
     .method = OP_POST,
     .path = "/users/disabled/{0}/adopt",
     .body = "{\"hand\":true}",
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "cllook",
     .label = TEXT_U_CLEAN_LOOK,
     .run = run_look_gone,
     .then = "sclean",
     .role = OP_ROLE_OWNER},
    {.id = "clrun",
     .label = TEXT_U_CLEANUP,
     .method = OP_POST,
     .path = "/cleanup",
     .told = told_cleaned,
     .then = "sclean"},
    {.id = "clundo",
     .label = TEXT_U_CLEAN_UNDO,
     .method = OP_POST,
     .path = "/cleanup/undo",
     .ask = TEXT_U_CLEAN_UNDO_ASK,
     .told = told_given_back,
     .then = "sclean"},
    {0},
};

static const struct input inputs[] = {
    {.id = "find",
     .label = TEXT_U_FIND,
     .prompt = TEXT_U_FIND_PROMPT,
     .action = "find",
     .back = "susers"},
    {0},
};

static const struct slash commands[] = {
    {"user", TEXT_U_CMD_USER, "afind|card|{0}"},
    {"disabled", TEXT_U_CMD_DISABLED, "ndis"},
    {"explain", TEXT_U_CMD_EXPLAIN, "afind|exp|{0}"},
    {"find", TEXT_NONE, "afind|card|{0}"},
    {"history", TEXT_NONE, "afind|hist|{0}"},
    {"set_except_user", TEXT_NONE, "afind|exca|{0}"},
    {"remove_except_user", TEXT_NONE, "afind|card|{0}", "nexl"},
    {"show_except_users", TEXT_U_CMD_EXCEPTIONS, "nexl"},
    {"enable_all", TEXT_NONE, "nenall"},
    {0},
};

const struct bot_part part_users = {screens, actions, inputs, commands};
