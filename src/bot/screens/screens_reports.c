/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/card_int.h"
#include "base/banned.h"

/* Reports: what is connected, by node and inbound, devices, addresses of the last hours, violations. */

static void build_connections(struct view *v)
{
    json_t *r = v->answer[0];

    view_say(v, TEXT_U_CONN_WINDOW, "span", view_span(v, in_int(r, "window_s")), NULL);
    view_say(v, TEXT_U_CONN_USERS, "n", view_int(v, in_int(r, "users")), NULL);
    view_say(v, TEXT_U_CONN_SEVERAL, "n", view_int(v, in_int(r, "several")), "over",
             view_int(v, in_int(r, "over_limit")), NULL);
    view_say(v, TEXT_U_CONN_DEVICES, "n", view_int(v, in_int(r, "devices")), "addresses",
             view_int(v, in_int(r, "addresses")), NULL);
    view_say(v, TEXT_U_CONN_THROUGH, "nodes", view_int(v, in_int(r, "nodes")), "inbounds",
             view_int(v, in_int(r, "inbounds")), "rate",
             view_fmt(v, "%.1f", in_real(r, "lines_per_s")), NULL);
    view_say(v, TEXT_U_CONN_CASES, "monitoring", view_int(v, in_int(r, "monitoring")), "disabled",
             view_int(v, in_int(r, "disabled")), NULL);
}

/* ---- nodes and inbounds ---- */

static const char *node_mark(json_t *row)
{
    if (!in_bool(row, "connected"))
        return "🔴";
    return !in_bool(row, "stream_open") || in_bool(row, "quiet") ? "🟡" : "🟢";
}

static void node_row(struct view *v, json_t *row)
{
    view_say(v, TEXT_U_NODE_ROW, "mark", node_mark(row), "node", in_text(row, "name"), "n",
             view_int(v, in_int(row, "users")), "addresses", view_int(v, in_int(row, "addresses")),
             "inbounds", view_int(v, in_int(row, "inbounds")), "rate",
             view_fmt(v, "%.1f", in_real(row, "lines_per_s")), NULL);
    if (!in_bool(row, "connected"))
        view_say(v, TEXT_U_NODE_DOWN, NULL);
    else if (!in_bool(row, "stream_open"))
        view_say(v, TEXT_U_NODE_NO_STREAM, NULL);
    else if (in_bool(row, "quiet"))
        view_say(v, TEXT_U_NODE_QUIET, NULL);
    card_coverage(v, row);
    if (!in_bool(row, "judged"))
        view_say(v, TEXT_U_NODE_NOT_JUDGED, NULL);
}

static void by_node_row(struct view *v, json_t *row)
{
    view_button(v,
                view_fmt(v, "%s %s (%lld)", node_mark(row), in_text(row, "name"),
                         (long long)in_int(row, "users")),
                "srnu", view_int(v, in_int(row, "id")), NULL);
}

static void inbound_row(struct view *v, json_t *row)
{
    const char *tag = in_text(row, "inbound");

    view_say(v, TEXT_U_INBOUND_ROW, "inbound",
             tag ? tag : view_word(v, TEXT_U_INBOUND_UNKNOWN, NULL), "n",
             view_int(v, in_int(row, "users")), "addresses", view_int(v, in_int(row, "addresses")),
             "nodes", view_int(v, in_int(row, "nodes")), NULL);
    view_button(v, tag ? tag : view_word(v, TEXT_U_INBOUND_UNKNOWN, NULL), "sriu", tag ? tag : "",
                NULL);
}

static const struct list node_list = {10, TEXT_U_NODES_NONE, node_row};
static const struct list by_node_list = {10, TEXT_U_NODES_NONE, by_node_row};
static const struct list inbound_list = {8, TEXT_U_NOBODY_CONNECTED, inbound_row};
static void active_row(struct view *v, json_t *row)
{
    card_active_row(v, row, NULL);
}

static void multi_row(struct view *v, json_t *row)
{
    card_active_row(v, row, "rmul");
}

static const struct list active_list = {6, TEXT_U_NOBODY_CONNECTED, active_row};
static const struct list multi_list = {6, TEXT_U_NOBODY_CONNECTED, multi_row};

static void build_of_node(struct view *v)
{
    json_t *row;
    size_t i;

    json_array_foreach(in_data(v->answer[1]), i, row)
    {
        if (strcmp(view_int(v, in_int(row, "id")), v->arg[0]) == 0)
            view_say(v, TEXT_U_OF_NODE, "node", in_text(row, "name"), NULL);
    }
    view_say(v, TEXT_U_TOTAL_N, "n", view_int(v, in_int(v->answer[0], "total")), NULL);
    card_refresh(v, "rnu");
}

static void build_of_inbound(struct view *v)
{
    view_say(v, TEXT_U_OF_INBOUND, "inbound",
             v->arg[0][0] ? v->arg[0] : view_word(v, TEXT_U_INBOUND_UNKNOWN, NULL), NULL);
    view_say(v, TEXT_U_TOTAL_N, "n", view_int(v, in_int(v->answer[0], "total")), NULL);
    card_refresh(v, "riu");
}

static void build_total(struct view *v)
{
    view_say(v, TEXT_U_TOTAL_N, "n", view_int(v, in_int(v->answer[0], "total")), NULL);
}

/* ---- addresses of the last hours ---- */

static void address_row(struct view *v, json_t *row)
{
    bool special = json_is_integer(json_object_get(row, "limit"));

    view_say(v, TEXT_U_IPS_ROW, "user", card_name(v, row), "n",
             view_int(v, in_int(row, "addresses")), "nodes", view_int(v, in_int(row, "nodes")),
             "ago", view_ago(v, in_text(row, "last_seen")), NULL);
    if (in_bool(row, "excepted"))
        view_say(v, TEXT_U_IPS_EXCEPTED, NULL);
    else if (special)
        view_say(v, TEXT_U_IPS_SPECIAL, "limit", card_limit(v, in_int(row, "limit")), NULL);
    card_button(v, row, NULL);
}

static const struct list address_list = {8, TEXT_U_IPS_NONE, address_row};

static void build_addresses(struct view *v)
{
    view_say(v, TEXT_U_IPS_HOURS, "span", view_span(v, in_int(v->answer[0], "hours") * 3600), "n",
             view_int(v, in_int(v->answer[0], "total")), NULL);
    card_refresh(v, "rip");
}

/* ---- violations ---- */

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
    card_button(v, row, "vio");
    if (counts)
        view_button(v,
                    view_word(v, TEXT_U_FORGIVE_NO, "no", view_int(v, in_int(row, "violation")),
                              NULL),
                    "avfg", view_int(v, in_int(row, "violation")), NULL);
}

static const struct list violation_list = {5, TEXT_U_VIOLATION_NONE, violation_row};

static void told_forgiven(struct view *v, json_t *answer)
{
    view_say(v, TEXT_U_FORGIVEN_N, "n", view_int(v, in_int(answer, "forgiven")), NULL);
}

/* What the old bot understood: a name, or ALL. */
static void run_clear(struct turn *t)
{
    turn_go(t, strcmp(turn_arg(t, 0), "ALL") == 0 ? "avall" : "afind|uvio|{0}");
}

/* ---- tables ---- */

static const struct screen screens[] = {
    {.id = "rep",
     .title = TEXT_U_REPORTS,
     .entries =
         ENTRIES(GO("srcon"), GO_BESIDE("srnod"), GO("srmul"), GO_BESIDE("srbn"), GO("srinb"),
                 GO_BESIDE("svio"), GO_AS("srip|12", U_IPS_12), GO_AS_BESIDE("srip|48", U_IPS_48))},
    {.id = "rcon",
     .title = TEXT_U_CONN,
     .parent = "srep",
     .ask = {"/reports/connections"},
     .build = build_connections,
     .entries = ENTRIES(GO("srnod"), GO_BESIDE("srinb"), GO_AS("srcon", REFRESH))},
    {.id = "rnod",
     .title = TEXT_U_NODE_USE,
     .parent = "srep",
     .ask = {"/reports/nodes"},
     .list = &node_list,
     .entries = ENTRIES(GO("srbn"), GO_AS_BESIDE("srnod", REFRESH))},
    {.id = "rbn",
     .title = TEXT_U_BY_NODE,
     .intro = TEXT_U_BY_NODE_INTRO,
     .parent = "srep",
     .ask = {"/reports/nodes"},
     .list = &by_node_list,
     .entries = ENTRIES(GO_AS("srbn", REFRESH))},
    {.id = "rnu",
     .title = TEXT_U_BY_NODE,
     .parent = "srbn",
     .ask = {"/users/active?node={0}", "/reports/nodes?limit=1000"},
     .may_fail = 2,
     .build = build_of_node,
     .list = &active_list},
    {.id = "rinb",
     .title = TEXT_U_BY_INBOUND,
     .parent = "srep",
     .ask = {"/reports/inbounds"},
     .list = &inbound_list,
     .entries = ENTRIES(GO_AS("srinb", REFRESH))},
    {.id = "riu",
     .title = TEXT_U_BY_INBOUND,
     .parent = "srinb",
     .ask = {"/users/active?inbound={0}"},
     .build = build_of_inbound,
     .list = &active_list},
    {.id = "rmul",
     .title = TEXT_U_MULTI,
     .parent = "srep",
     .ask = {"/users/active?devices=2"},
     .build = build_total,
     .list = &multi_list,
     .entries = ENTRIES(GO_AS("srmul", REFRESH))},
    {.id = "rip",
     .title = TEXT_U_IPS,
     .parent = "srep",
     .ask = {"/reports/addresses?hours={0}&least=2"},
     .build = build_addresses,
     .list = &address_list},
    {.id = "vio",
     .title = TEXT_U_VIOLATIONS,
     .parent = "srep",
     .ask = {"/violations"},
     .build = build_total,
     .list = &violation_list,
     .entries = ENTRIES(GO("avall"), GO_AS_BESIDE("svio", REFRESH))},
    {0},
};

static const struct action actions[] = {
    {.id = "vfg",
     .label = TEXT_U_FORGIVE,
     .method = OP_DELETE,
     .path = "/violations/{0}",
     .ask = TEXT_U_FORGIVE_ASK,
     .told = told_forgiven,
     .then = "svio"},
    {.id = "vall",
     .label = TEXT_U_FORGIVE_ALL,
     .method = OP_DELETE,
     .path = "/violations?all=true&confirm=true",
     .look = "/violations?counting=true&limit=1",
     .ask = TEXT_U_FORGIVE_ALL_ASK,
     .told = told_forgiven,
     .then = "svio",
     .role = OP_ROLE_OWNER},
    {.id = "vclr", .label = TEXT_U_FORGIVE, .run = run_clear, .then = "svio"},
    {0},
};

static const struct slash commands[] = {
    {"reports", TEXT_U_CMD_REPORTS, "nrep"},
    {"violations", TEXT_U_CMD_VIOLATIONS, "nvio"},
    {"user_violations", TEXT_NONE, "afind|uvio|{0}", "nvio"},
    {"clear_user_violations", TEXT_NONE, "avclr|{0}", "nvio"},
    {"connection_report", TEXT_NONE, "nrcon"},
    {"node_usage", TEXT_NONE, "nrnod"},
    {"multi_device_users", TEXT_NONE, "nrmul"},
    {"users_by_node", TEXT_NONE, "nrnu|{0}", "nrbn"},
    {"users_by_protocol", TEXT_NONE, "nriu|{0}", "nrinb"},
    {"ip_history_12h", TEXT_NONE, "nrip|12"},
    {"ip_history_48h", TEXT_NONE, "nrip|48"},
    {0},
};

const struct bot_part part_reports = {screens, actions, NULL, commands};
