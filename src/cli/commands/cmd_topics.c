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

/* topics …: where notifications go; summary: what a day brought. */

static const struct list_column columns[] = {
    {"Kind", "kind", LIST_TEXT, TERM_BOLD, NULL},
    {"Sent", "on", LIST_FLAG, TERM_PLAIN, "yes"},
    {"To", "place", LIST_TEXT, TERM_PLAIN, NULL},
    {">Topic", "thread_id", LIST_NOTE, TERM_PLAIN, NULL},
};
static const struct list list = {columns, ARRAY_LEN(columns), "There are no kinds.", false};

static int show(struct cli *cli, json_t *json)
{
    json_t *group = json_object_get(json, "group");

    if (cli_json(cli, json))
        return CLI_OK;
    if (json_is_integer(group))
        printf("Notifications go to the group %lld", (long long)json_integer_value(group));
    else
        printf("Notifications go to private chats; `pg-limiter topics set ID` sets a group");
    if (in_text(json, "title")) {
        fputs(" (", stdout);
        term_put(in_text(json, "title"));
        putchar(')');
    }
    puts(".");
    if (in_text(json, "problem")) {
        fputs("It does not take messages, they go to private chats: ", stdout);
        term_put(in_text(json, "problem"));
        putchar('\n');
    }
    list_print(json_object_get(json, "data"), &list);
    json_decref(json);
    return CLI_OK;
}

int cmd_topics_show(struct cli *cli)
{
    json_t *json;
    int rc = cli_ask(cli, OP_GET, "/topics", NULL, &json, NULL);

    return rc ? rc : show(cli, json);
}

/* As Telegram's own apps show it, a group's id stands without -100 before it. */
static int read_group(const char *text, int64_t *ret)
{
    if (num_int(slice_of(text), -(INT64_C(1) << 53), INT64_C(1) << 53, ret) || *ret == 0)
        return cli_fail(CLI_USAGE, "\"%s\" is no id of a group, e.g. -1001234567890", text);
    if (*ret > 0)
        *ret = -*ret;
    return CLI_OK;
}

int cmd_topics_set(struct cli *cli)
{
    int64_t group;
    json_t *json;
    int rc = read_group(cli->args[0], &group);

    if (!rc)
        rc = cli_ask(cli, OP_PUT, "/topics", json_pack("{s:I}", "group", (json_int_t)group), &json,
                     NULL);
    return rc ? rc : show(cli, json);
}

int cmd_topics_route(struct cli *cli)
{
    const char *to = cli->args[1];
    int64_t thread;
    json_t *json, *value;
    int rc;

    value = num_int(slice_of(to), 1, INT32_MAX, &thread) ? json_string(to) : json_integer(thread);
    rc = cli_ask(cli, OP_PUT, "/topics", json_pack("{s:{s:o}}", "kinds", cli->args[0], value),
                 &json, NULL);
    return rc ? rc : show(cli, json);
}

int cmd_topics_clear(struct cli *cli)
{
    json_t *json;
    int rc = cli_ask(cli, OP_DELETE, "/topics", NULL, &json, NULL);

    return rc ? rc : show(cli, json);
}

int cmd_topics_check(struct cli *cli)
{
    int64_t group = 0;
    json_t *json;
    int rc = cli->n_args ? read_group(cli->args[0], &group) : CLI_OK;

    if (!rc)
        rc = cli_ask(cli, OP_POST, "/topics/check",
                     group ? json_pack("{s:I}", "group", (json_int_t)group) : json_object(), &json,
                     NULL);
    if (rc)
        return rc;
    rc = in_bool(json, "ok") ? CLI_OK : CLI_FAILED;
    if (cli_json(cli, json))
        return rc;
    term_put(in_text(json, "detail") ? in_text(json, "detail") : "-");
    putchar('\n');
    json_decref(json);
    return rc;
}

int cmd_topics_create(struct cli *cli)
{
    json_t *body = json_object(), *kinds = json_array();
    int i;

    for (i = 0; i < cli->n_args; i++)
        json_array_append_new(kinds, json_string(cli->args[i]));
    if (cli->n_args)
        json_object_set(body, "kinds", kinds);
    json_decref(kinds);
    return cli_do(cli, OP_POST, "/topics/create", body);
}

static void print_counts(json_t *json)
{
    printf("  warned       %lld\n", (long long)in_int(json, "warned"));
    printf("  disabled     %lld, by hand %lld\n", (long long)in_int(json, "disabled"),
           (long long)in_int(json, "ordered"));
    printf("  enabled      %lld, by hand %lld\n", (long long)in_int(json, "enabled"),
           (long long)in_int(json, "by_hand"));
    printf("  now disabled %lld\n", (long long)in_int(json, "disabled_now"));
    if (in_int(json, "shadow"))
        printf("  shadow       %lld would have been disabled\n", (long long)in_int(json, "shadow"));
}

int cmd_summary(struct cli *cli)
{
    char path[64] = "/summary", name[160];
    json_t *json, *row;
    size_t i;
    int rc;

    if (cli->n_args && strlen(cli->args[0]) != 10)
        return cli_fail(CLI_USAGE, "\"%s\" is no day as in 2026-11-25", cli->args[0]);
    if (cli->n_args)
        snprintf(path, sizeof(path), "/summary?day=%s", cli->args[0]);
    rc = cli_read(cli, path, &json);
    if (rc || !json)
        return rc;
    printf("%s%s%s\n", term_colour(TERM_BOLD), in_text(json, "day"), term_colour(TERM_PLAIN));
    print_counts(json);
    json_array_foreach(json_object_get(json, "sharers"), i, row)
    {
        fputs(i ? "               " : "  most often   ", stdout);
        term_put(list_user(row, name, sizeof(name)));
        printf(": %lld verdicts, up to %lld devices\n", (long long)in_int(row, "verdicts"),
               (long long)in_int(row, "devices"));
    }
    json_array_foreach(json_object_get(json, "nodes"), i, row)
    {
        fputs("  node         ", stdout);
        term_put(in_text(row, "name") ? in_text(row, "name") : "-");
        printf(": away %lld times, %lld min in all\n", (long long)in_int(row, "times"),
               (long long)(in_int(row, "seconds") / 60));
    }
    json_decref(json);
    return CLI_OK;
}
