/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "base/attr.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/list.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* disabled … */

int cmd_disabled_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"Since", "disabled_at", LIST_TIME, TERM_PLAIN, NULL},
        {"Until", "due_at", LIST_UNTIL, TERM_PLAIN, NULL},
        {"", "due_at", LIST_SPAN, TERM_DIM, NULL},
        {"Method", "method", LIST_TEXT, TERM_DIM, NULL},
        {"State", "state", LIST_TEXT, TERM_PLAIN, NULL},
        {">Failed", "failed_attempts", LIST_TEXT, TERM_DIM, NULL},
        {"", "last_error", LIST_NOTE, TERM_RED, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "Nobody is disabled by us."};
    static const struct list fit = {columns, ARRAY_LEN(columns),
                                    "Nobody of that name is disabled by us.", true};

    return list_show(cli, "/users/disabled", cli->n_args ? &fit : &list);
}

int cmd_disabled_info(struct cli *cli)
{
    char when[64], span[64], name[192];
    json_t *json, *row;
    struct buf path;
    int rc;

    cli_user_path(&path, "/users/", cli->args[0], "");
    rc = cli_ask(cli, OP_GET, buf_str(&path), NULL, &json, NULL);
    buf_release(&path);
    if (rc)
        return rc;
    row = json_object_get(json, "disabled");
    if (cli->json) {
        json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
        putchar('\n');
        json_decref(json);
        return CLI_OK;
    }
    term_put(list_user(json, name, sizeof(name)));
    if (!json_is_object(row)) {
        puts(" is not disabled by us.");
        json_decref(json);
        return CLI_OK;
    }
    printf(" is disabled by us since %s (%s), ",
           term_time(in_text(row, "disabled_at"), when, sizeof(when)),
           term_span(in_text(row, "disabled_at"), span, sizeof(span)));
    if (in_text(row, "due_at"))
        printf("until %s (%s)", term_time(in_text(row, "due_at"), when, sizeof(when)),
               term_span(in_text(row, "due_at"), span, sizeof(span)));
    else
        fputs("until enabled by hand", stdout);
    printf("; method %s, %s\n", in_text(row, "method"), in_text(row, "state"));
    if (in_text(row, "last_error")) {
        printf("%lld failed attempts to enable him: ", (long long)in_int(row, "failed_attempts"));
        term_put(in_text(row, "last_error"));
        putchar('\n');
    }
    json_decref(json);
    return CLI_OK;
}

/* Prints what became of each, and answers the exit code. */
static int enabled(struct cli *cli, json_t *json)
{
    static const char *const heads[] = {"User", "Result", ""};
    static const struct list_column user = {"", NULL, LIST_USER, TERM_PLAIN, NULL};
    json_t *row, *data = json_object_get(json, "data");
    struct term_table t;
    int rc = CLI_OK;
    size_t i;

    json_array_foreach(data, i, row) if (in_text(row, "result") &&
                                         strcmp(in_text(row, "result"), "failed") == 0) rc =
        CLI_FAILED;
    if (cli_json(cli, json))
        return rc;
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(data, i, row)
    {
        const char *result = in_text(row, "result");
        bool good = result && strcmp(result, "enabled") == 0;

        list_cell(&t, row, &user);
        term_cell(&t, good ? TERM_GREEN : rc ? TERM_RED : TERM_YELLOW, result);
        term_cell(&t, TERM_PLAIN, in_text(row, "detail") ? in_text(row, "detail") : " ");
    }
    if (t.n)
        term_table_print(&t);
    else
        puts("Nobody was disabled by us.");
    json_decref(json);
    return rc;
}

int cmd_disabled_enable(struct cli *cli)
{
    json_t *json;
    struct buf path;
    int rc;

    cli_user_path(&path, "/users/disabled/", cli->args[0], "/enable");
    rc = cli_ask(cli, OP_POST, buf_str(&path),
                 json_pack("{s:b}", "forgive", cli->opt[OPT_FORGIVE] != NULL), &json, NULL);
    buf_release(&path);
    return rc ? rc : enabled(cli, json);
}

int cmd_disabled_enable_freed(struct cli *cli)
{
    bool dry = cli->opt[OPT_DRY_RUN] != NULL;
    json_t *json;
    int rc =
        cli_ask(cli, OP_POST,
                dry ? "/users/disabled/enable-freed?dry_run=true" : "/users/disabled/enable-freed",
                NULL, &json, NULL);

    if (rc || !dry)
        return rc ? rc : enabled(cli, json);
    if (!cli_json(cli, json)) {
        printf("%lld users would be enabled.\n", (long long)in_int(json, "freed"));
        json_decref(json);
    }
    return CLI_OK;
}

int cli_offer_freed(struct cli *cli, json_t *answer)
{
    json_t *json, *done = json_object_get(answer, "enabled");
    long long n = (long long)in_int(answer, "freed");
    int rc;

    if (!n || cli->json)
        return CLI_OK;
    if (in_text(answer, "enable_error"))
        return cli_fail(CLI_UNREACHABLE, "they could not be enabled: %s",
                        in_text(answer, "enable_error"));
    if (done) {
        printf("%zu users who were disabled are enabled.\n", json_array_size(done));
        return CLI_OK;
    }
    if (!term_ask("%lld user%s disabled now who would not be under this. Enable %s now?", n,
                  n == 1 ? " is" : "s are", n == 1 ? "him" : "them")) {
        printf("%lld user%s disabled now who would not be under this: `pg-limiter disabled "
               "enable-freed` enables %s, else %s time does.\n",
               n, n == 1 ? " is" : "s are", n == 1 ? "him" : "them", n == 1 ? "his" : "their");
        return CLI_OK;
    }
    rc = cli_ask(cli, OP_POST, "/users/disabled/enable-freed", NULL, &json, NULL);
    return rc ? rc : enabled(cli, json);
}

int cmd_disabled_enable_all(struct cli *cli)
{
    const char *since = cli->opt[OPT_SINCE];
    bool forgive = cli->opt[OPT_FORGIVE] != NULL;
    json_t *body, *json;
    int rc = CLI_OK;

    /* The README's example, pasted into a script, is answered: without a terminal there is no question. */
    if (term_can_ask() &&
        !cli_sure(cli, &rc, "Enable everyone whom we disabled%s%s%s?", since ? " in the last " : "",
                  since ? since : "", forgive ? ", and forgive them" : ""))
        return rc;
    body = json_pack("{s:b}", "forgive", forgive);
    if (!body || (since && json_object_set_new(body, "since", json_string(since)))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "--since is no text");
    }
    rc = cli_ask(cli, OP_POST, "/users/disabled/enable-all", body, &json, NULL);
    return rc ? rc : enabled(cli, json);
}
