/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <strings.h>

#include "base/num.h"
#include "cli/cli_int.h"
#include "cli/json_in.h"
#include "cli/term.h"
#include "base/banned.h"

/* user …, except …, disabled … */

static void add_user_cell(struct term_table *t, json_t *row)
{
    const char *name = in_text(row, "username");

    if (name)
        term_cell(t, TERM_PLAIN, name);
    else
        term_cellf(t, TERM_PLAIN, "id:%lld", (long long)in_int(row, "id"));
}

static const char *user_words(json_t *row, char *out, size_t max)
{
    const char *name = in_text(row, "username");

    if (name)
        snprintf(out, max, "%s", name);
    else
        snprintf(out, max, "id:%lld", (long long)in_int(row, "id"));
    return out;
}

static bool wanted(struct cli *cli, json_t *row)
{
    const char *name = in_text(row, "username");

    return cli->n_args == 0 || (name && strcasestr(name, cli->args[0]));
}

static void limit_words(int64_t limit, char *out, size_t max)
{
    if (limit == 0)
        snprintf(out, max, "unlimited");
    else
        snprintf(out, max, "%lld device%s", (long long)limit, limit == 1 ? "" : "s");
}

/* Prints "detail" and offers to enable a user who is disabled now. */
static int changed(struct cli *cli, json_t *answer)
{
    char name[160];
    struct buf path;
    json_t *again;
    int rc = CLI_OK;

    if (cli_json(cli, answer))
        return CLI_OK;
    term_put(in_text(answer, "detail") ? in_text(answer, "detail") : "done");
    putchar('\n');
    if (in_text(answer, "enable_error")) {
        rc = cli_fail(CLI_UNREACHABLE, "he could not be enabled: %s",
                      in_text(answer, "enable_error"));
    } else if (in_bool(answer, "disabled") && !json_object_get(answer, "enabled")) {
        user_words(answer, name, sizeof(name));
        if (!term_ask("%s is disabled by us at the moment. Enable him now?", name)) {
            printf(
                "He stays disabled until his time is up; `pg-limiter disabled enable %s` ends it now.\n",
                name);
        } else {
            buf_init(&path, 2048);
            buf_add_str(&path, "/users/disabled/");
            cli_add_user(&path, cli->args[0]);
            buf_add_str(&path, "/enable");
            rc = cli_ask(cli, OP_POST, buf_str(&path), NULL, &again, NULL);
            buf_release(&path);
            if (!rc) {
                puts("He is enabled.");
                json_decref(again);
            }
        }
    }
    json_decref(answer);
    return rc;
}

/* ---- user ---- */

int cmd_user_list(struct cli *cli)
{
    static const char *const heads[] = {"User", ">Id", ">Limit", "Set", "By", ""};
    struct term_table t;
    json_t *json, *row;
    char limit[48], when[64];
    size_t i;
    int rc = cli_read(cli, "/users/limits", &json);

    if (rc || !json)
        return rc;
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        if (!wanted(cli, row))
            continue;
        add_user_cell(&t, row);
        if (in_int(row, "id"))
            term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "id"));
        else
            term_cell(&t, TERM_DIM, NULL);
        limit_words(in_int(row, "limit"), limit, sizeof(limit));
        term_cell(&t, TERM_PLAIN, limit);
        term_cell(&t, TERM_DIM, term_time(in_text(row, "updated_at"), when, sizeof(when)));
        term_cell(&t, TERM_DIM, in_text(row, "updated_by"));
        term_cell(&t, TERM_YELLOW, in_bool(row, "pending") ? "not known to the panel so far" : " ");
    }
    if (t.n)
        term_table_print(&t);
    else
        puts(cli->n_args ? "No special limit fits." : "There are no special limits.");
    json_decref(json);
    return CLI_OK;
}

static int user_path(struct cli *cli, const char *base, enum op_method method, json_t *body,
                     json_t **ret_json)
{
    struct buf path;
    int rc;

    buf_init(&path, 2048);
    buf_add_str(&path, base);
    cli_add_user(&path, cli->args[0]);
    if (cli->enable)
        buf_add_str(&path, "?enable=true");
    rc = cli_ask(cli, method, buf_str(&path), body, ret_json, NULL);
    buf_release(&path);
    return rc;
}

int cmd_user_show(struct cli *cli)
{
    char name[160], limit[48];
    json_t *json;
    int rc = user_path(cli, "/users/limits/", OP_GET, NULL, &json);

    if (rc)
        return rc;
    if (cli_json(cli, json))
        return CLI_OK;
    limit_words(in_int(json, "limit"), limit, sizeof(limit));
    term_put(user_words(json, name, sizeof(name)));
    printf(": %s (%s)%s\n", limit, in_text(json, "limit_from"),
           in_bool(json, "known") ? "" : ", not known to the panel so far");
    json_decref(json);
    return CLI_OK;
}

static int put_limit(struct cli *cli, bool update)
{
    json_t *body, *json;
    int64_t limit;
    int rc;

    if (num_int(slice_of(cli->args[1]), 0, 10000, &limit))
        return cli_fail(CLI_USAGE, "limit \"%s\": allowed are 0 (unlimited) to 10000 devices",
                        cli->args[1]);
    body = json_object();
    if (!body || json_object_set_new(body, "limit", json_integer(limit)))
        return cli_fail(CLI_FAILED, "out of memory");
    if (!update && json_object_set_new(body, "username", json_string(cli->args[0]))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the user's name is no UTF-8 text");
    }
    if (update)
        rc = user_path(cli, "/users/limits/", OP_PUT, body, &json);
    else
        rc = cli_ask(cli, OP_POST, cli->enable ? "/users/limits?enable=true" : "/users/limits",
                     body, &json, NULL);
    return rc ? rc : changed(cli, json);
}

int cmd_user_add(struct cli *cli)
{
    return put_limit(cli, false);
}

int cmd_user_update(struct cli *cli)
{
    return put_limit(cli, true);
}

int cmd_user_delete(struct cli *cli)
{
    json_t *json;
    int rc = user_path(cli, "/users/limits/", OP_DELETE, NULL, &json);

    return rc ? rc : changed(cli, json);
}

/* ---- except ---- */

int cmd_except_list(struct cli *cli)
{
    static const char *const heads[] = {"User", ">Id", "Reason", "Since", "By", ""};
    struct term_table t;
    json_t *json, *row;
    char when[64];
    size_t i;
    int rc = cli_read(cli, "/users/except", &json);

    if (rc || !json)
        return rc;
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        if (!wanted(cli, row))
            continue;
        add_user_cell(&t, row);
        if (in_int(row, "id"))
            term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "id"));
        else
            term_cell(&t, TERM_DIM, NULL);
        term_cell(&t, TERM_PLAIN, in_text(row, "reason"));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "updated_at"), when, sizeof(when)));
        term_cell(&t, TERM_DIM, in_text(row, "updated_by"));
        term_cell(&t, TERM_YELLOW, in_bool(row, "pending") ? "not known to the panel so far" : " ");
    }
    if (t.n)
        term_table_print(&t);
    else
        puts(cli->n_args ? "No exception fits." : "There are no exceptions.");
    json_decref(json);
    return CLI_OK;
}

int cmd_except_add(struct cli *cli)
{
    json_t *body = json_object(), *json;
    int rc;

    if (!body)
        return cli_fail(CLI_FAILED, "out of memory");
    if (json_object_set_new(body, "username", json_string(cli->args[0])) ||
        (cli->reason && json_object_set_new(body, "reason", json_string(cli->reason)))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the user's name or the reason is no UTF-8 text");
    }
    rc = cli_ask(cli, OP_POST, cli->enable ? "/users/except?enable=true" : "/users/except", body,
                 &json, NULL);
    return rc ? rc : changed(cli, json);
}

int cmd_except_delete(struct cli *cli)
{
    json_t *json;
    int rc = user_path(cli, "/users/except/", OP_DELETE, NULL, &json);

    return rc ? rc : changed(cli, json);
}

int cmd_except_check(struct cli *cli)
{
    char name[160];
    json_t *json;
    int rc = user_path(cli, "/users/except/", OP_GET, NULL, &json);

    if (rc)
        return rc;
    if (cli_json(cli, json))
        return CLI_OK;
    term_put(user_words(json, name, sizeof(name)));
    fputs(in_bool(json, "excepted") ? " is excepted" : " is not excepted", stdout);
    if (in_text(json, "reason")) {
        fputs(": ", stdout);
        term_put(in_text(json, "reason"));
    }
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}

/* ---- disabled ---- */

int cmd_disabled_list(struct cli *cli)
{
    static const char *const heads[] = {"User", ">Id", "Since", "Until", "", "Method", "State"};
    struct term_table t;
    json_t *json, *row;
    char when[64];
    size_t i;
    int rc = cli_read(cli, "/users/disabled", &json);

    if (rc || !json)
        return rc;
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        const char *due = in_text(row, "due_at"), *error = in_text(row, "last_error");

        add_user_cell(&t, row);
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "id"));
        term_cell(&t, TERM_PLAIN, term_time(in_text(row, "disabled_at"), when, sizeof(when)));
        term_cell(&t, TERM_PLAIN, due ? term_time(due, when, sizeof(when)) : "enabled by hand");
        term_cell(&t, TERM_DIM, due ? term_span(due, when, sizeof(when)) : " ");
        term_cell(&t, TERM_DIM, in_text(row, "method"));
        if (error)
            term_cellf(&t, TERM_RED, "%s, failed %lld times: %s", in_text(row, "state"),
                       (long long)in_int(row, "failed_attempts"), error);
        else
            term_cell(&t, TERM_PLAIN, in_text(row, "state"));
    }
    if (t.n)
        term_table_print(&t);
    else
        puts("Nobody is disabled by us.");
    json_decref(json);
    return CLI_OK;
}

/* Prints what became of each, and answers the exit code. */
static int enabled(struct cli *cli, json_t *json)
{
    static const char *const heads[] = {"User", "Result", ""};
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

        add_user_cell(&t, row);
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

    buf_init(&path, 2048);
    buf_add_str(&path, "/users/disabled/");
    cli_add_user(&path, cli->args[0]);
    buf_add_str(&path, "/enable");
    rc = cli_ask(cli, OP_POST, buf_str(&path), json_pack("{s:b}", "forgive", cli->forgive), &json,
                 NULL);
    buf_release(&path);
    return rc ? rc : enabled(cli, json);
}

int cmd_disabled_enable_all(struct cli *cli)
{
    json_t *body = json_pack("{s:b}", "forgive", cli->forgive), *json;
    int rc;

    if (!body || (cli->since && json_object_set_new(body, "since", json_string(cli->since)))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "--since is no text");
    }
    if (!cli->yes && !term_can_ask()) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "this enables many users at once: say --yes");
    }
    if (!cli->yes &&
        !term_ask("Enable everyone whom we disabled%s%s%s?", cli->since ? " in the last " : "",
                  cli->since ? cli->since : "", cli->forgive ? ", and forgive them" : "")) {
        json_decref(body);
        return cli_fail(CLI_FAILED, "nothing was done");
    }
    rc = cli_ask(cli, OP_POST, "/users/disabled/enable-all", body, &json, NULL);
    return rc ? rc : enabled(cli, json);
}
