/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/num.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/list.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* report …, user find, user clear: what is connected now, and finding one of them. */

static void add_query(struct buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    buf_addf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', name);
    cli_add_user(path, value);
}

/* ---- finding ---- */

static const struct list_column find_columns[] = {
    {"User", NULL, LIST_USER, TERM_BOLD, NULL},
    {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
    {"State", "state", LIST_TEXT, TERM_PLAIN, NULL},
    {">Devices", "devices", LIST_TEXT, TERM_PLAIN, NULL},
    {">Limit", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
    {"From", "limit_from", LIST_TEXT, TERM_DIM, NULL},
    {"", "disabled", LIST_FLAG, TERM_RED, "disabled"},
    {"Gone", "gone_since", LIST_TIME, TERM_YELLOW, NULL},
};

static void print_near(json_t *near)
{
    char name[192];
    json_t *row;
    size_t i;

    json_array_foreach(near, i, row)
    {
        fputs(i ? ", " : "Near to it: ", stdout);
        term_put(list_user(row, name, sizeof(name)));
    }
    if (i)
        putchar('\n');
}

int cmd_user_find(struct cli *cli)
{
    static const struct list list = {find_columns, ARRAY_LEN(find_columns),
                                     "No user's name holds this.", false};
    int64_t limit = 0, offset = 0, total;
    struct buf path;
    json_t *json;
    int rc = cli_number(cli, OPT_LIMIT, 1, 1000, 100, &limit);

    if (!rc)
        rc = cli_number(cli, OPT_OFFSET, 0, 1000000000, 0, &offset);
    if (rc)
        return rc;
    cli_user_path(&path, "/users", "", "");
    add_query(&path, "search", cli->args[0]);
    buf_addf(&path, "&offset=%lld&limit=%lld", (long long)offset, (long long)limit);
    rc = cli_read(cli, buf_str(&path), &json);
    buf_release(&path);
    if (rc || !json)
        return rc;
    list_print(json_object_get(json, "data"), &list);
    total =
        in_int(json, "total") - offset - (int64_t)json_array_size(json_object_get(json, "data"));
    if (total > 0)
        printf("%lld more: --offset %lld\n", (long long)total, (long long)(offset + limit));
    print_near(json_object_get(json, "near"));
    json_decref(json);
    return CLI_OK;
}

int cmd_user_clear(struct cli *cli)
{
    struct buf path;
    int rc;

    cli_user_path(&path, "/users/", cli->args[0], "/clear");
    rc = cli_do(cli, OP_POST, buf_str(&path), NULL);
    buf_release(&path);
    return rc;
}

int cmd_violations_clear_all(struct cli *cli)
{
    json_t *json;
    int rc = cli_ask_sure(cli, OP_DELETE, "/violations?all=true", NULL, &json);

    if (rc || cli_json(cli, json))
        return rc;
    term_put(in_text(json, "detail") ? in_text(json, "detail") : "done");
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}

/* ---- reports ---- */

int cmd_report_connections(struct cli *cli)
{
    json_t *json;
    int rc = cli_read(cli, "/reports/connections", &json);

    if (rc || !json)
        return rc;
    printf("In the last %lld s\n", (long long)in_int(json, "window_s"));
    printf("  users      %lld, %lld of them with several devices, %lld over their limit\n",
           (long long)in_int(json, "users"), (long long)in_int(json, "several"),
           (long long)in_int(json, "over_limit"));
    printf("  devices    %lld, by %lld addresses\n", (long long)in_int(json, "devices"),
           (long long)in_int(json, "addresses"));
    printf("  through    %lld nodes, %lld inbounds, %.1f lines/s\n",
           (long long)in_int(json, "nodes"), (long long)in_int(json, "inbounds"),
           in_real(json, "lines_per_s"));
    printf("  monitored  %lld, disabled by us %lld\n", (long long)in_int(json, "monitoring"),
           (long long)in_int(json, "disabled"));
    json_decref(json);
    return CLI_OK;
}

int cmd_report_nodes(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"Node", "name", LIST_TEXT, TERM_BOLD, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {">Users", "users", LIST_TEXT, TERM_PLAIN, NULL},
        {">Addresses", "addresses", LIST_TEXT, TERM_PLAIN, NULL},
        {">Inbounds", "inbounds", LIST_TEXT, TERM_PLAIN, NULL},
        {">Lines/s", "lines_per_s", LIST_TEXT, TERM_PLAIN, NULL},
        {"Connected", "connected", LIST_TEXT, TERM_DIM, NULL},
        {"Stream", "stream_open", LIST_TEXT, TERM_DIM, NULL},
        {"", "quiet", LIST_FLAG, TERM_YELLOW, "quiet"},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "The panel lists no nodes.",
                                     false};

    return list_show(cli, "/reports/nodes", &list);
}

int cmd_report_inbounds(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"Inbound", "inbound", LIST_TEXT, TERM_BOLD, NULL},
        {">Users", "users", LIST_TEXT, TERM_PLAIN, NULL},
        {">Addresses", "addresses", LIST_TEXT, TERM_PLAIN, NULL},
        {">Nodes", "nodes", LIST_TEXT, TERM_PLAIN, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "Nobody is connected.", false};

    return list_show(cli, "/reports/inbounds", &list);
}

int cmd_report_users(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_BOLD, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {">Devices", "devices", LIST_TEXT, TERM_PLAIN, NULL},
        {">Limit", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
        {"State", "state", LIST_TEXT, TERM_PLAIN, NULL},
        {">Trust", "trust", LIST_TEXT, TERM_DIM, NULL},
        {"Nodes", "nodes", LIST_VALUES, TERM_DIM, NULL},
        {"Seen", "last_seen", LIST_SPAN, TERM_DIM, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "Nobody like that is active now.",
                                     false};
    struct buf path;
    int rc;

    cli_user_path(&path, "/users/active", "", "");
    if (!cli->opt[OPT_NODE] && !cli->opt[OPT_INBOUND] && !cli->opt[OPT_DEVICES])
        add_query(&path, "devices", "2");
    add_query(&path, "node", cli->opt[OPT_NODE]);
    add_query(&path, "inbound", cli->opt[OPT_INBOUND]);
    add_query(&path, "devices", cli->opt[OPT_DEVICES]);
    rc = list_show(cli, buf_str(&path), &list);
    buf_release(&path);
    return rc;
}

int cmd_report_addresses(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_BOLD, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {">Addresses", "addresses", LIST_TEXT, TERM_PLAIN, NULL},
        {">Nodes", "nodes", LIST_TEXT, TERM_DIM, NULL},
        {">Inbounds", "inbounds", LIST_TEXT, TERM_DIM, NULL},
        {"First seen", "first_seen", LIST_TIME, TERM_DIM, NULL},
        {"Last seen", "last_seen", LIST_TIME, TERM_DIM, NULL},
        {">Special limit", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
        {"", "excepted", LIST_FLAG, TERM_GREEN, "excepted"},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "Nobody was seen.", false};
    struct buf path;
    int rc;

    cli_user_path(&path, "/reports/addresses", "", "");
    add_query(&path, "hours", cli->n_args ? cli->args[0] : NULL);
    rc = list_show(cli, buf_str(&path), &list);
    buf_release(&path);
    return rc;
}
