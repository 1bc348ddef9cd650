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

/* violations …, breaker …, config cleanup: what was decided, and taking it back. */

/* ---- violations ---- */

static void add_query(struct buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    buf_addf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', name);
    cli_add_user(path, value);
}

int cmd_violations_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {">No", "violation", LIST_TEXT, TERM_DIM, NULL},
        {"When", "at", LIST_TIME, TERM_PLAIN, NULL},
        {"User", NULL, LIST_USER, TERM_BOLD, NULL},
        {">Devices", "devices", LIST_TEXT, TERM_PLAIN, NULL},
        {">Limit", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
        {"Action", "action", LIST_TEXT, TERM_PLAIN, NULL},
        {">Step", "step", LIST_TEXT, TERM_DIM, NULL},
        {"Outcome", "outcome", LIST_TEXT, TERM_PLAIN, NULL},
        {"", "shadow", LIST_FLAG, TERM_YELLOW, "shadow"},
        {"Forgiven", "forgiven_at", LIST_TIME, TERM_GREEN, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "There are no violations.",
                                     false};
    struct buf path;
    int rc;

    cli_user_path(&path, "/violations", "", "");
    add_query(&path, "username", cli->n_args ? cli->args[0] : NULL);
    add_query(&path, "since", cli->opt[OPT_SINCE]);
    rc = list_show(cli, buf_str(&path), &list);
    buf_release(&path);
    return rc;
}

/* USER, or #17: one of them by its number. */
int cmd_violations_clear(struct cli *cli)
{
    const char *what = cli->args[0];
    struct buf path;
    int rc;

    if (what[0] == '#') {
        cli_user_path(&path, "/violations/", what + 1, "");
    } else {
        cli_user_path(&path, "/violations", "", "");
        add_query(&path, "username", what);
        add_query(&path, "since", cli->opt[OPT_SINCE]);
    }
    rc = cli_do(cli, OP_DELETE, buf_str(&path), NULL);
    buf_release(&path);
    return rc;
}

/* ---- breaker ---- */

static void print_count(json_t *json, const char *window, const char *now, const char *bound)
{
    printf("  %-9s %lld new user%s convicted, the bound is %lld\n", window,
           (long long)in_int(json, now), in_int(json, now) == 1 ? "" : "s",
           (long long)in_int(json, bound));
}

int cmd_breaker_status(struct cli *cli)
{
    char when[64], name[192];
    json_t *json, *row;
    size_t i;
    int rc = cli_read(cli, "/breaker", &json);

    if (rc || !json)
        return rc;
    if (in_bool(json, "paused"))
        printf("%sThe breaker has paused enforcement%s since %s: verdicts go on in shadow.\n",
               term_colour(TERM_RED), term_colour(TERM_PLAIN),
               term_time(in_text(json, "paused_at"), when, sizeof(when)));
    else
        printf("The breaker is %s.\n", in_bool(json, "on") ? "on, and has not acted" : "off");
    print_count(json, "5 minutes", "counted_5m", "bound_5m");
    print_count(json, "1 hour", "counted_1h", "bound_1h");
    if (in_text(json, "raised_until"))
        printf("  The bounds are raised until %s.\n",
               term_time(in_text(json, "raised_until"), when, sizeof(when)));
    json_array_foreach(json_object_get(json, "users"), i, row)
    {
        fputs(i ? ", " : "Counted when it acted: ", stdout);
        term_put(list_user(row, name, sizeof(name)));
    }
    if (i)
        putchar('\n');
    if (in_bool(json, "paused"))
        puts(
            "`pg-limiter breaker resume` goes on; `pg-limiter breaker undo` enables them and forgets "
            "their violations.");
    json_decref(json);
    return CLI_OK;
}

int cmd_breaker_resume(struct cli *cli)
{
    return cli_do(cli, OP_POST, "/breaker/resume", NULL);
}

int cmd_breaker_undo(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {"Result", "result", LIST_TEXT, TERM_GREEN, NULL},
        {"", "detail", LIST_NOTE, TERM_PLAIN, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "There was nobody to enable.",
                                     false};
    json_t *json;
    int rc = cli_ask_sure(cli, OP_POST, "/breaker/undo", NULL, &json);

    if (rc || cli_json(cli, json))
        return rc;
    list_print(json_object_get(json, "data"), &list);
    json_decref(json);
    return CLI_OK;
}

/* ---- cleanup ---- */

static int print_cleanup(struct cli *cli, json_t *json)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"Gone since", "gone_since", LIST_TIME, TERM_PLAIN, NULL},
        {">Limit", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
        {"", "excepted", LIST_FLAG, TERM_PLAIN, "excepted"},
        {"", "result", LIST_NOTE, TERM_PLAIN, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "", false};

    if (cli_json(cli, json))
        return CLI_OK;
    if (json_array_size(json_object_get(json, "data")))
        list_print(json_object_get(json, "data"), &list);
    term_put(in_text(json, "detail") ? in_text(json, "detail") : "Done.");
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}

int cmd_config_cleanup(struct cli *cli)
{
    bool undo = cli->opt[OPT_UNDO] != NULL, dry = cli->opt[OPT_DRY_RUN] != NULL;
    json_t *json;
    int rc;

    if (undo && dry)
        return cli_fail(CLI_USAGE, "--undo and --dry-run exclude each other");
    if (undo)
        rc = cli_ask(cli, OP_POST, "/cleanup/undo", NULL, &json, NULL);
    else if (dry)
        rc = cli_ask(cli, OP_POST, "/cleanup?dry_run=true", NULL, &json, NULL);
    else
        rc = cli_ask_sure(cli, OP_POST, "/cleanup", NULL, &json);
    return rc ? rc : print_cleanup(cli, json);
}
