/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "base/attr.h"
#include "base/num.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/list.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* user …, except … */

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
        list_user(answer, name, sizeof(name));
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
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {">Devices", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
        {"Set", "updated_at", LIST_TIME, TERM_DIM, NULL},
        {"By", "updated_by", LIST_TEXT, TERM_DIM, NULL},
        {"", "pending", LIST_FLAG, TERM_YELLOW, "not known to the panel so far"},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "There are no special limits."};
    static const struct list fit = {columns, ARRAY_LEN(columns), "No special limit fits.", true};

    return list_show(cli, "/users/limits", cli->n_args ? &fit : &list);
}

static int user_path(struct cli *cli, const char *base, enum op_method method, json_t *body,
                     json_t **ret_json)
{
    struct buf path;
    int rc;

    buf_init(&path, 2048);
    buf_add_str(&path, base);
    cli_add_user(&path, cli->args[0]);
    if (cli->opt[OPT_ENABLE])
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
    term_put(list_user(json, name, sizeof(name)));
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
        rc = cli_ask(cli, OP_POST,
                     cli->opt[OPT_ENABLE] ? "/users/limits?enable=true" : "/users/limits", body,
                     &json, NULL);
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

int cmd_user_recreated(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {">Id before", "gone_id", LIST_TEXT, TERM_DIM, NULL},
        {"Gone since", "gone_since", LIST_TIME, TERM_DIM, NULL},
        {">Limit", "limit", LIST_TEXT, TERM_PLAIN, NULL},
        {"", "excepted", LIST_FLAG, TERM_PLAIN, "excepted"},
        {"Reason", "reason", LIST_TEXT, TERM_PLAIN, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns),
                                     "Nobody bears the name of one who is gone and had a limit."};

    return list_show(cli, "/users/recreated", &list);
}

int cmd_user_take(struct cli *cli)
{
    json_t *json;
    struct buf path;
    int rc;

    cli_user_path(&path, "/users/recreated/", cli->args[0],
                  cli->opt[OPT_ENABLE] ? "/take?enable=true" : "/take");
    rc = cli_ask(cli, OP_POST, buf_str(&path), NULL, &json, NULL);
    buf_release(&path);
    return rc ? rc : changed(cli, json);
}

int cmd_user_drop(struct cli *cli)
{
    json_t *json;
    int rc = user_path(cli, "/users/recreated/", OP_DELETE, NULL, &json);

    return rc ? rc : changed(cli, json);
}

/* ---- except ---- */

int cmd_except_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"Reason", "reason", LIST_TEXT, TERM_PLAIN, NULL},
        {"Since", "updated_at", LIST_TIME, TERM_DIM, NULL},
        {"By", "updated_by", LIST_TEXT, TERM_DIM, NULL},
        {"", "pending", LIST_FLAG, TERM_YELLOW, "not known to the panel so far"},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "There are no exceptions."};
    static const struct list fit = {columns, ARRAY_LEN(columns), "No exception fits.", true};

    return list_show(cli, "/users/except", cli->n_args ? &fit : &list);
}

int cmd_except_add(struct cli *cli)
{
    json_t *body = json_object(), *json;
    int rc;

    if (!body)
        return cli_fail(CLI_FAILED, "out of memory");
    if (json_object_set_new(body, "username", json_string(cli->args[0])) ||
        (cli->opt[OPT_REASON] &&
         json_object_set_new(body, "reason", json_string(cli->opt[OPT_REASON])))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the user's name or the reason is no UTF-8 text");
    }
    rc = cli_ask(cli, OP_POST, cli->opt[OPT_ENABLE] ? "/users/except?enable=true" : "/users/except",
                 body, &json, NULL);
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
    term_put(list_user(json, name, sizeof(name)));
    fputs(in_bool(json, "excepted") ? " is excepted" : " is not excepted", stdout);
    if (in_text(json, "reason")) {
        fputs(": ", stdout);
        term_put(in_text(json, "reason"));
    }
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}
