/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/card_int.h"
#include "base/banned.h"

/* Monitoring: how it stands now, who is watched, clearing one, the evidence of one. */

/* How well the nodes are seen, where there is something to say. */
static void say_coverage(struct view *v, json_t *nodes)
{
    int64_t lost = in_int(nodes, "another_reader"), off = in_int(nodes, "online_list_off");
    int64_t dead = in_int(nodes, "dead_streams"), unknown = in_int(nodes, "unknown_cases");

    if (lost + off + dead + unknown)
        view_say(v, TEXT_U_STATUS_COVERAGE, "lost", view_int(v, lost), "off", view_int(v, off),
                 "dead", view_int(v, dead), "unknown", view_int(v, unknown), NULL);
}

static void build_status(struct view *v)
{
    json_t *s = v->answer[0], *panel = json_object_get(s, "panel"), *row;
    json_t *nodes = json_object_get(s, "nodes"), *users = json_object_get(s, "users");
    json_t *lines = json_object_get(s, "lines");
    json_t *cache = json_object_get(s, "cache");
    const char *version = in_text(panel, "version"), *in_use = in_text(cache, "in_use");
    size_t i;

    view_say(v, in_bool(s, "paused") ? TEXT_U_STATUS_PAUSED : TEXT_U_STATUS_MODE, "mode",
             view_setting(v, SET_ENFORCEMENT), "span", view_span(v, in_int(s, "uptime_s")), NULL);
    view_say(v, in_bool(panel, "up") ? TEXT_U_STATUS_PANEL_UP : TEXT_U_STATUS_PANEL_DOWN, "url",
             in_text(panel, "url"), "version", version ? version : "?", NULL);
    view_say(v, TEXT_U_STATUS_NODES, "n", view_int(v, in_int(nodes, "total")), "connected",
             view_int(v, in_int(nodes, "connected")), "open",
             view_int(v, in_int(nodes, "streams_open")), "quiet",
             view_int(v, in_int(nodes, "quiet")), NULL);
    say_coverage(v, nodes);
    view_say(v, TEXT_U_STATUS_USERS, "n", view_int(v, in_int(users, "listed")), "active",
             view_int(v, in_int(users, "active")), "hour",
             view_int(v, in_int(users, "seen_last_hour")), NULL);
    view_say(v, TEXT_U_STATUS_CASES, "monitoring", view_int(v, in_int(users, "monitoring")),
             "waiting", view_int(v, in_int(users, "waiting")), "disabled",
             view_int(v, in_int(users, "disabled")), NULL);
    view_say(v, TEXT_U_STATUS_LINES, "rate", view_fmt(v, "%.1f", in_real(lines, "per_s")), "n",
             view_int(v, in_int(lines, "total")), NULL);
    if (in_use && strcmp(in_use, "redis") == 0)
        view_say(v, TEXT_U_STATUS_CACHE_REDIS, "store",
                 in_text(cache, "server") ? in_text(cache, "server") : "Redis", NULL);
    else if (in_use)
        view_say(v, TEXT_U_STATUS_CACHE_MEMORY, NULL);
    if (json_array_size(json_object_get(s, "problems")) == 0) {
        view_say(v, TEXT_U_STATUS_FINE, NULL);
        return;
    }
    view_gap(v);
    view_say(v, TEXT_U_STATUS_PROBLEMS, NULL);
    json_array_foreach(json_object_get(s, "problems"), i, row)
    {
        view_html(v, "❗️");
        card_quote(v, json_string_value(row));
    }
}

static void watched_row(struct view *v, json_t *row)
{
    card_active_row(v, row, "und");
    view_say(v, TEXT_U_WATCHED_SINCE, "time", view_time(v, in_text(row, "since")), "ago",
             view_ago(v, in_text(row, "since")), NULL);
    view_button(v, view_word(v, TEXT_U_CLEAR, NULL), "aclrm", view_user(v, in_int(row, "id")),
                NULL);
    view_button(v, view_word(v, TEXT_U_EVIDENCE, NULL), "sexp", view_user(v, in_int(row, "id")),
                text_lang_word(v->lang), NULL);
}

static const struct list watched_list = {5, TEXT_U_WATCHED_NONE, watched_row};

static const struct screen screens[] = {
    {.id = "mon",
     .title = TEXT_U_MONITORING,
     .entries = ENTRIES(GO("sstat"), GO_BESIDE("sund"), GO_AS("ifind|exp", U_EVIDENCE_OF),
                        GO_BESIDE("sdis"))},
    {.id = "stat",
     .title = TEXT_U_STATUS,
     .parent = "smon",
     .ask = {"/status"},
     .build = build_status,
     .entries = ENTRIES(GO("sund"), GO_AS_BESIDE("sstat", REFRESH))},
    {.id = "und",
     .title = TEXT_U_WATCHED,
     .parent = "smon",
     .ask = {"/users/active?state=monitoring"},
     .list = &watched_list,
     .entries = ENTRIES(GO_AS("sund", REFRESH))},
    {0},
};

static const struct action actions[] = {
    {.id = "clrm",
     .label = TEXT_U_CLEAR,
     .method = OP_POST,
     .path = "/users/{0}/clear",
     .look = "/users/{0}",
     .ask = TEXT_U_CLEAR_ASK,
     .done = TEXT_U_CLEARED,
     .then = "sund"},
    {0},
};

static const struct slash commands[] = {
    {"status", TEXT_U_CMD_STATUS, "nstat"},
    {"monitoring_status", TEXT_NONE, "nstat"},
    {"monitoring_details", TEXT_U_CMD_WATCHED, "nund"},
    {"clear_monitoring", TEXT_NONE, "afind|card|{0}", "nund"},
    {0},
};

const struct bot_part part_monitoring = {screens, actions, NULL, commands};
