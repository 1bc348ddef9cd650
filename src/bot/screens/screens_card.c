/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "bot/card_int.h"
#include "base/banned.h"

/* The card of one user, and what is done to him from there. */

enum { SHOWN_DEVICES = 8, MINUTES_MAX = 366 * 1440 };

static bool is_state(json_t *live, const char *state)
{
    const char *is = in_text(live, "state");

    return is && strcmp(is, state) == 0;
}

static void say_limit(struct view *v, json_t *user, json_t *live)
{
    json_t *row = json_is_object(live) ? live : user;
    const char *from = card_word(v, WORD_FROM, in_text(row, "limit_from"));
    int64_t n = in_int(row, "limit");

    view_html(v, "🎯 ");
    if (n)
        view_say(v, TEXT_EXPLAIN_LIMIT, "n", view_int(v, n), "from", from, NULL);
    else
        view_say(v, TEXT_EXPLAIN_NO_LIMIT, "from", from, NULL);
    if (in_text(user, "reason"))
        view_say(v, TEXT_EXPLAIN_REASON, "reason", in_text(user, "reason"), NULL);
}

static void say_disabled(struct view *v, json_t *row)
{
    if (!json_is_object(row))
        return;
    view_html(v, "🔴 ");
    if (in_text(row, "due_at"))
        view_say(v, TEXT_EXPLAIN_DISABLED, "since", view_time(v, in_text(row, "disabled_at")),
                 "until", view_time(v, in_text(row, "due_at")), NULL);
    else
        view_say(v, TEXT_EXPLAIN_DISABLED_HAND, "since", view_time(v, in_text(row, "disabled_at")),
                 NULL);
    if (in_text(row, "ordered_by"))
        view_say(v, TEXT_EXPLAIN_ORDERED, "who", card_who(v, in_text(row, "ordered_by")), NULL);
    if (in_text(row, "last_error"))
        view_say(v, TEXT_EXPLAIN_RETRY, "n", view_int(v, in_int(row, "failed_attempts")), NULL);
    card_quote(v, in_text(row, "last_error"));
}

static void say_state(struct view *v, json_t *live)
{
    const char *n = view_int(v, in_int(live, "active_devices"));

    if (is_state(live, "monitoring")) {
        view_html(v, "🟡 ");
        view_say(v, TEXT_EXPLAIN_MONITORED, "n", n, "time", view_time(v, in_text(live, "since")),
                 "ago", view_ago(v, in_text(live, "since")), "once",
                 view_int(v, in_int(live, "concurrent")), NULL);
    } else if (is_state(live, "clear")) {
        view_html(v, "🟢 ");
        view_say(v, TEXT_EXPLAIN_CLEAR, "n", n, NULL);
    } else if (!is_state(live, "punished")) {
        view_html(v, "⚪ ");
        view_say(v, TEXT_EXPLAIN_NOT_SEEN, NULL);
    }
    if (in_bool(live, "warned"))
        view_say(v, TEXT_EXPLAIN_WARNED, NULL);
    if (in_bool(live, "verdict_waits"))
        view_say(v, TEXT_EXPLAIN_WAITS, NULL);
    if (in_text(live, "pardoned_until"))
        view_say(v, TEXT_EXPLAIN_PARDONED, "time", view_time(v, in_text(live, "pardoned_until")),
                 NULL);
}

/* "60.1.0.2 · IR · MCI", then node, inbound, since when, why it counts or not, and who has shown it. */
static void say_device(struct view *v, json_t *row, bool read)
{
    static const char *const keys[] = {"country", "isp"};
    const char *inbound = in_text(row, "inbound");
    size_t i;

    view_html(v, "• <code>");
    view_plain(v, in_text(row, "address") ? in_text(row, "address") : "-");
    view_html(v, "</code>");
    for (i = 0; i < ARRAY_LEN(keys); i++) {
        if (!in_text(row, keys[i]))
            continue;
        view_html(v, " · ");
        view_plain(v, in_text(row, keys[i]));
    }
    view_html(v, "\n");
    view_say(v, TEXT_U_CARD_DEVICE, "node", in_text(row, "node_name"), "inbound",
             inbound ? inbound : "-", "since", view_time(v, in_text(row, "first_seen")), "ago",
             view_ago(v, in_text(row, "last_seen")), "role",
             card_word(v, WORD_ROLE, in_text(row, "role")), "by",
             in_bool(row, "online_list")
                 ? view_word(v, in_int(row, "lines") ? TEXT_BY_BOTH : TEXT_BY_LIST, NULL)
             : read ? view_word(v, TEXT_BY_LOG, NULL)
                    : "",
             NULL);
}

static void say_devices(struct view *v, json_t *live)
{
    json_t *devices = json_object_get(live, "devices");
    size_t n = json_array_size(devices), i;
    int64_t more = in_int(live, "addresses_left_out");

    if (!n)
        return;
    view_gap(v);
    view_html(v, "📱 ");
    view_say(v, TEXT_EXPLAIN_DEVICES, NULL);
    for (i = 0; i < n && i < SHOWN_DEVICES; i++)
        say_device(v, json_array_get(devices, i), in_text(live, "last_reading"));
    more += (int64_t)(n - i);
    if (more)
        view_say(v, TEXT_EXPLAIN_MORE, "n", view_int(v, more), NULL);
}

static void say_past(struct view *v, json_t *live)
{
    json_t *next = json_object_get(live, "next");

    if (!json_object_get(live, "trust"))
        return;
    view_gap(v);
    view_html(v, "🛡 ");
    view_say(v, TEXT_EXPLAIN_TRUST, "n", view_int(v, in_int(live, "trust")), NULL);
    if (in_text(next, "action"))
        view_say(v, TEXT_EXPLAIN_COUNT, "n", view_int(v, in_int(live, "violations")), "action",
                 card_action(v, in_text(next, "action"), in_int(next, "for_s")), NULL);
}

static void card_buttons(struct view *v, json_t *user, json_t *live, const char *ref)
{
    const char *lang = text_lang_word(v->lang);
    bool disabled = json_is_object(json_object_get(user, "disabled"));

    view_row(v);
    view_button(v, NULL, "sulim", ref, NULL);
    view_button(v, NULL, in_bool(user, "excepted") ? "aunexc" : "sexca", ref, NULL);
    view_row(v);
    view_button(v, NULL, disabled ? "aena" : "sterm", ref, NULL);
    if (!disabled)
        view_button(v, NULL, "apar", ref, NULL);
    if (is_state(live, "monitoring"))
        view_button(v, NULL, "aunmon", ref, NULL);
    view_row(v);
    view_button(v, NULL, "sexp", ref, lang, NULL);
    view_button(v, NULL, "scuslang", ref, lang, NULL);
    view_row(v);
    view_button(v, NULL, "shist", ref, NULL);
    view_button(v, NULL, "suvio", ref, NULL);
    view_row(v);
    view_button(v, NULL, "arev", ref, NULL);
    view_target(v, view_word(v, TEXT_REFRESH, NULL), "scard|{0}|{1}");
    /* The list he was come from, at its page. */
    if (v->arg[1][0] == 's') {
        view_row(v);
        view_target(v, NULL, v->arg[1]);
    }
}

static void build_card(struct view *v)
{
    json_t *user = v->answer[0], *live = json_object_get(user, "live");
    const char *ref = in_int(user, "id") ? view_user(v, in_int(user, "id")) : v->arg[0];

    view_say(v, TEXT_U_CARD_HEAD, "user", card_name(v, user), "id",
             in_int(user, "id") ? view_user(v, in_int(user, "id")) : "-", NULL);
    if (!in_bool(user, "known"))
        view_say(v, TEXT_EXPLAIN_UNKNOWN, NULL);
    say_limit(v, user, live);
    say_disabled(v, json_object_get(user, "disabled"));
    if (json_is_object(live)) {
        say_state(v, live);
        say_devices(v, live);
        say_past(v, live);
    }
    card_buttons(v, user, live, ref);
}

/* ---- in words ---- */

static void build_explain(struct view *v)
{
    view_plain(v, in_text(v->answer[0], "text") ? in_text(v->answer[0], "text") : "");
    view_row(v);
    view_button(v, NULL, "scuslang", v->arg[0], text_lang_word(v->lang), NULL);
    view_target(v, view_word(v, TEXT_REFRESH, NULL), "sexp|{0}|{1}");
    view_row(v);
    view_button(v, NULL, "scard", v->arg[0], NULL);
}

/* The customer may read another language than the admin. */
static void build_customer(struct view *v)
{
    int lang;

    view_html(v, "<pre>");
    view_plain(v, in_text(v->answer[0], "text") ? in_text(v->answer[0], "text") : "");
    view_html(v, "</pre>");
    view_row(v);
    for (lang = 0; lang < TEXT_LANGS; lang++) {
        const char *word = text_lang_word((enum text_lang)lang);

        view_button(v,
                    view_check(v, strcmp(word, v->arg[1]) == 0,
                               text_lang_name((enum text_lang)lang)),
                    "scuslang", v->arg[0], word, NULL);
        if (lang == 1)
            view_row(v);
    }
    view_row(v);
    view_button(v, NULL, "scard", v->arg[0], NULL);
}

/* ---- history ---- */

static void history_row(struct view *v, json_t *row)
{
    view_say(v, TEXT_U_HISTORY_ROW, "time", view_time(v, in_text(row, "at")), "kind",
             card_word(v, WORD_EVENT, in_text(row, "kind")), "who",
             card_who(v, in_text(row, "who")), NULL);
    card_quote(v, in_text(row, "what"));
}

static const struct list history_list = {8, TEXT_U_HISTORY_NONE, history_row};

static void build_of(struct view *v)
{
    view_say(v, TEXT_U_OF_USER, "user", card_name(v, v->answer[0]), NULL);
    view_row(v);
    view_button(v, NULL, "scard", v->arg[0], NULL);
}

/* ---- violations of one ---- */

static void violation_row(struct view *v, json_t *row)
{
    const char *became = in_text(row, "forgiven_at") ? NULL : in_text(row, "outcome");
    bool counts = became && !in_bool(row, "shadow") && strcmp(became, "cancelled") != 0;

    view_say(v, TEXT_U_VIOLATION_ROW, "no", view_int(v, in_int(row, "violation")), "time",
             view_time(v, in_text(row, "at")), "user", card_name(v, row), "n",
             view_int(v, in_int(row, "devices")), "limit", card_limit(v, in_int(row, "limit")),
             "action", card_action(v, in_text(row, "action"), 0), "outcome",
             became ? card_word(v, WORD_OUTCOME, became)
                    : view_word(v, TEXT_OUTCOME_FORGIVEN, NULL),
             NULL);
    if (counts)
        view_button(v,
                    view_word(v, TEXT_U_FORGIVE_NO, "no", view_int(v, in_int(row, "violation")),
                              NULL),
                    "avfgu", view_int(v, in_int(row, "violation")), v->arg[0], NULL);
}

static const struct list violation_list = {5, TEXT_U_VIOLATION_NONE, violation_row};

static void build_violations(struct view *v)
{
    view_row(v);
    view_button(v, NULL, "avall1", v->arg[0], NULL);
    view_button(v, NULL, "scard", v->arg[0], NULL);
}

/* ---- disabling ---- */

static void build_term(struct view *v)
{
    static const int minutes[] = {15, 60, 360, 1440, 10080};
    size_t i;

    view_say(v, TEXT_U_OF_USER, "user", card_name(v, v->answer[0]), NULL);
    view_row(v);
    view_button(v,
                view_word(v, TEXT_U_TERM_DEFAULT, "span",
                          view_span(v, settings_int(v->settings, SET_TIME_TO_ACTIVE_USERS)), NULL),
                "adsd", v->arg[0], NULL);
    for (i = 0; i < ARRAY_LEN(minutes); i++) {
        if (i % 3 == 0)
            view_row(v);
        view_button(v, view_span(v, minutes[i] * 60), "adsm", v->arg[0], view_int(v, minutes[i]),
                    NULL);
    }
    view_row(v);
    view_button(v, NULL, "idsm", v->arg[0], NULL);
    view_button(v, view_word(v, TEXT_U_TERM_HAND, NULL), "adsh", v->arg[0], NULL);
}

/* What is no number of minutes is not asked about. */
static void run_free_term(struct turn *t)
{
    int64_t n;

    if (num_int(slice_of(turn_arg(t, 1)), 1, MINUTES_MAX, &n))
        turn_fail(t, TEXT_U_TERM_WRONG, NULL);
    else
        turn_go(t, "adsm|{0}|{1}");
}

/* ---- enabling along with a change ---- */

static void build_ask_enable(struct view *v)
{
    view_say(v, TEXT_U_ASK_ENABLE, "user", card_name(v, v->answer[0]), NULL);
    view_row(v);
    view_button(v, view_word(v, TEXT_YES, NULL), "aena", v->arg[0], NULL);
    view_button(v, view_word(v, TEXT_U_ASK_ENABLE_NO, NULL), "scard", v->arg[0], NULL);
}

/* ---- exceptions ---- */

static void build_except(struct view *v)
{
    view_say(v, TEXT_U_EXCEPT_ASK, "user", card_name(v, v->answer[0]), NULL);
    view_row(v);
    view_button(v, NULL, "aexc", v->arg[0], NULL);
    view_row(v);
    view_button(v, NULL, "iexcr", v->arg[0], NULL);
    view_row(v);
    view_button(v, NULL, "scard", v->arg[0], NULL);
}

static void run_except(struct turn *t)
{
    const char *reason = turn_arg(t, 1);
    json_t *body = json_pack("{ss ss}", "username", turn_arg(t, 0), "reason", reason);

    if (body)
        turn_op(t, OP_POST, "/users/except", body, card_changed);
    else
        turn_fail(t, TEXT_NO_MEMORY, NULL);
}

static void except_ended(struct turn *t, int status, json_t *answer)
{
    if (status >= 400)
        turn_refused(t, status, answer);
    else
        turn_done(t, answer);
}

static void unexcept(struct turn *t, const char *user)
{
    const char *args[BOT_ARGS] = {user, "", "", "", "", ""};
    struct buf path;

    buf_init(&path, 2048);
    path_fill(&path, "/users/except/{0}", args, true);
    turn_op(t, OP_DELETE, buf_str(&path), NULL, except_ended);
    buf_release(&path);
}

static void run_unexcept(struct turn *t)
{
    card_with_user(t, "/users/except", unexcept);
}

static void told_pardon(struct view *v, json_t *answer)
{
    view_say(v, TEXT_U_PARDONED_UNTIL, "user", card_name(v, answer), "time",
             view_time(v, in_text(answer, "pardoned_until")), NULL);
}

static void told_forgiven(struct view *v, json_t *answer)
{
    view_say(v, TEXT_U_FORGIVEN_N, "n", view_int(v, in_int(answer, "forgiven")), NULL);
}

/* ---- tables ---- */

static const struct screen screens[] = {
    {.id = "card",
     .title = TEXT_U_CARD,
     .parent = "susers",
     .ask = {"/users/{0}"},
     .build = build_card},
    {.id = "exp",
     .title = TEXT_U_EXPLAIN,
     .parent = "scard|{0}",
     .ask = {"/users/{0}/explain?language={1}"},
     .build = build_explain},
    {.id = "cuslang",
     .title = TEXT_U_CUSTOMER,
     .intro = TEXT_U_CUSTOMER_INTRO,
     .parent = "scard|{0}",
     .ask = {"/users/{0}/explain?customer=true&language={1}"},
     .build = build_customer},
    {.id = "hist",
     .title = TEXT_U_HISTORY,
     .parent = "scard|{0}",
     .ask = {"/users/{0}/history"},
     .build = build_of,
     .list = &history_list},
    {.id = "uvio",
     .title = TEXT_U_USER_VIOLATIONS,
     .parent = "scard|{0}",
     .ask = {"/violations?username={0}"},
     .build = build_violations,
     .list = &violation_list},
    {.id = "term",
     .title = TEXT_U_DISABLE_NOW,
     .intro = TEXT_U_DISABLE_INTRO,
     .parent = "scard|{0}",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/{0}"},
     .build = build_term},
    {.id = "enask",
     .title = TEXT_U_ASK_ENABLE_TITLE,
     .parent = "scard|{0}",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/{0}"},
     .build = build_ask_enable},
    {.id = "exca",
     .title = TEXT_U_EXCEPT_ADD,
     .parent = "scard|{0}",
     .role = OP_ROLE_OPERATOR,
     .ask = {"/users/{0}"},
     .build = build_except},
    {0},
};

static const struct action actions[] = {
    {.id = "ena",
     .label = TEXT_U_ENABLE,
     .method = OP_POST,
     .path = "/users/disabled/{0}/enable",
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "unmon",
     .label = TEXT_U_CLEAR,
     .method = OP_POST,
     .path = "/users/{0}/clear",
     .look = "/users/{0}",
     .ask = TEXT_U_CLEAR_ASK,
     .done = TEXT_U_CLEARED,
     .then = "scard|{0}"},
    {.id = "par",
     .label = TEXT_U_PARDON,
     .method = OP_POST,
     .path = "/users/{0}/pardon",
     .look = "/users/{0}",
     .ask = TEXT_U_PARDON_ASK,
     .told = told_pardon,
     .then = "scard|{0}"},
    {.id = "rev",
     .label = TEXT_U_REVOKE,
     .method = OP_POST,
     .path = "/users/{0}/revoke?confirm=true",
     .look = "/users/{0}",
     .ask = TEXT_U_REVOKE_ASK,
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "dsd",
     .label = TEXT_U_DISABLE_NOW,
     .method = OP_POST,
     .path = "/users/{0}/disable",
     .look = "/users/{0}",
     .ask = TEXT_U_DISABLE_ASK,
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "dsm",
     .label = TEXT_U_DISABLE_NOW,
     .method = OP_POST,
     .path = "/users/{0}/disable",
     .body = "{\"minutes\":\"{#1}\"}",
     .look = "/users/{0}",
     .ask = TEXT_U_DISABLE_ASK_MIN,
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "dsf",
     .label = TEXT_U_DISABLE_NOW,
     .run = run_free_term,
     .then = "sterm|{0}",
     .role = OP_ROLE_OPERATOR},
    {.id = "dsh",
     .label = TEXT_U_DISABLE_NOW,
     .method = OP_POST,
     .path = "/users/{0}/disable",
     .body = "{\"hand\":true}",
     .look = "/users/{0}",
     .ask = TEXT_U_DISABLE_ASK_HAND,
     .told = card_told,
     .then = "scard|{0}"},
    {.id = "exc",
     .label = TEXT_U_EXCEPT_NO_REASON,
     .run = run_except,
     .done = TEXT_U_EXCEPTED,
     .then = "scard|{0}",
     .role = OP_ROLE_OPERATOR},
    {.id = "unexc",
     .label = TEXT_U_EXCEPT_REMOVE,
     .run = run_unexcept,
     .ask = TEXT_U_EXCEPT_REMOVE_ASK,
     .done = TEXT_U_EXCEPT_REMOVED,
     .then = "sexl",
     .role = OP_ROLE_OPERATOR},
    {.id = "vfgu",
     .label = TEXT_U_FORGIVE,
     .method = OP_DELETE,
     .path = "/violations/{0}",
     .ask = TEXT_U_FORGIVE_ASK,
     .told = told_forgiven,
     .then = "suvio|{1}"},
    {.id = "vall1",
     .label = TEXT_U_FORGIVE_USER,
     .method = OP_DELETE,
     .path = "/violations?username={0}",
     .look = "/users/{0}",
     .ask = TEXT_U_FORGIVE_USER_ASK,
     .told = told_forgiven,
     .then = "suvio|{0}"},
    {0},
};

static const struct input inputs[] = {
    {.id = "excr",
     .label = TEXT_U_EXCEPT_WITH_REASON,
     .prompt = TEXT_U_EXCEPT_REASON_PROMPT,
     .action = "exc",
     .back = "scard|{0}",
     .role = OP_ROLE_OPERATOR},
    {.id = "dsm",
     .label = TEXT_U_TERM_FREE,
     .prompt = TEXT_U_TERM_PROMPT,
     .action = "dsf",
     .back = "sterm|{0}"},
    {0},
};

const struct bot_part part_card = {screens, actions, inputs, NULL};
