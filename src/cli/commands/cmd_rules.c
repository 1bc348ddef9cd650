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

/* pattern …, filter …: rules that hold for many users at once. */

/* ---- patterns ---- */

static int print_detail(struct cli *cli, json_t *json)
{
    int rc;

    if (cli_json(cli, json))
        return CLI_OK;
    term_put(in_text(json, "detail") ? in_text(json, "detail") : "Done.");
    putchar('\n');
    rc = cli_offer_freed(cli, json);
    json_decref(json);
    return rc;
}

static int add_pattern(struct cli *cli, const char *path, const char *member, json_t *value)
{
    json_t *body = json_object(), *json;
    int rc;

    if (!body || !value || json_object_set_new(body, member, value) ||
        json_object_set_new(body, "kind", json_string(cli->args[0])) ||
        json_object_set_new(body, "pattern", json_string(cli->args[1]))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the pattern is no UTF-8 text");
    }
    rc = cli_ask_sure(cli, OP_POST, path, body, &json);
    return rc ? rc : print_detail(cli, json);
}

static int delete_pattern(struct cli *cli, const char *base)
{
    struct buf path;
    json_t *json;
    int rc;

    cli_user_path(&path, base, cli->args[0], "");
    rc = cli_ask_sure(cli, OP_DELETE, buf_str(&path), NULL, &json);
    buf_release(&path);
    return rc ? rc : print_detail(cli, json);
}

int cmd_pattern_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"Where", "kind", LIST_TEXT, TERM_PLAIN, NULL},
        {"Text", "pattern", LIST_TEXT, TERM_BOLD, NULL},
        {">Devices", "limit", LIST_LIMIT, TERM_PLAIN, NULL},
        {"Set", "updated_at", LIST_TIME, TERM_DIM, NULL},
        {"By", "updated_by", LIST_TEXT, TERM_DIM, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "There are no limit patterns.",
                                     false};

    return list_show(cli, "/patterns", &list);
}

int cmd_pattern_add(struct cli *cli)
{
    int64_t limit;

    if (num_int(slice_of(cli->args[2]), 0, 10000, &limit))
        return cli_fail(CLI_USAGE, "limit \"%s\": allowed are 0 (unlimited) to 10000 devices",
                        cli->args[2]);
    return add_pattern(cli, "/patterns", "limit", json_integer(limit));
}

int cmd_pattern_delete(struct cli *cli)
{
    return delete_pattern(cli, "/patterns/");
}

int cmd_owner_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"Where", "kind", LIST_TEXT, TERM_PLAIN, NULL},
        {"Text", "pattern", LIST_TEXT, TERM_BOLD, NULL},
        {"Admin", "admin", LIST_TEXT, TERM_PLAIN, NULL},
        {"Set", "updated_at", LIST_TIME, TERM_DIM, NULL},
        {"By", "updated_by", LIST_TEXT, TERM_DIM, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "There are no owner patterns.",
                                     false};

    return list_show(cli, "/filters/admins/patterns", &list);
}

int cmd_owner_add(struct cli *cli)
{
    return add_pattern(cli, "/filters/admins/patterns", "admin", json_string(cli->args[2]));
}

int cmd_owner_delete(struct cli *cli)
{
    return delete_pattern(cli, "/filters/admins/patterns/");
}

/* ---- filters ---- */

static int show_filter(struct cli *cli, const char *path, const char *what)
{
    bool include, checked;
    json_t *json, *row;
    size_t i;
    int rc = cli_read(cli, path, &json);

    if (rc || !json)
        return rc;
    include = in_text(json, "mode") && strcmp(in_text(json, "mode"), "include") == 0;
    checked = in_bool(json, "checked");
    if (!in_bool(json, "on"))
        printf("No filter: users of every %s are judged.\n", what);
    else
        printf("%s:\n", include ? "Judged are only users of" : "Left alone are users of");
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        const char *entry = in_text(row, "entry"), *name = in_text(row, "name");

        fputs("  ", stdout);
        term_put(entry ? entry : "");
        if (name && entry && strcmp(name, entry) != 0) {
            fputs("  ", stdout);
            term_put(name);
        }
        if (checked && !in_bool(row, "in_panel"))
            printf("  %snot in the panel%s", term_colour(TERM_YELLOW), term_colour(TERM_PLAIN));
        putchar('\n');
    }
    json_decref(json);
    return CLI_OK;
}

static int set_filter(struct cli *cli, const char *path, const char *member)
{
    const char *mode = cli->args[0];
    bool off = strcmp(mode, "off") == 0,
         edit = strcmp(mode, "add") == 0 || strcmp(mode, "remove") == 0;
    json_t *body, *list, *json;
    int rc;

    if (!off && !edit && strcmp(mode, "include") != 0 && strcmp(mode, "exclude") != 0)
        return cli_fail(CLI_USAGE, "\"%s\": allowed are include, exclude, add, remove and off",
                        mode);
    if (off && cli->n_args > 1)
        return cli_fail(CLI_USAGE, "off takes nothing behind it");
    if (!off && cli->n_args < 2)
        return cli_fail(CLI_USAGE, "%s what? Name at least one", mode);
    body = json_object();
    list = cli_entries(cli, 1);
    if (!body || !list || json_object_set_new(body, edit ? mode : member, list) ||
        (!off && !edit && json_object_set_new(body, "mode", json_string(mode)))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the list is no UTF-8 text");
    }
    rc = cli_ask_sure(cli, OP_PUT, path, body, &json);
    if (rc || cli_json(cli, json))
        return rc;
    rc = cli_print_changes(cli, json);
    if (!rc)
        rc = cli_offer_freed(cli, json);
    json_decref(json);
    return rc;
}

int cmd_filter_group(struct cli *cli)
{
    return cli->n_args ? set_filter(cli, "/filters/groups", "groups")
                       : show_filter(cli, "/filters/groups", "group");
}

int cmd_filter_admin(struct cli *cli)
{
    return cli->n_args ? set_filter(cli, "/filters/admins", "admins")
                       : show_filter(cli, "/filters/admins", "admin");
}
