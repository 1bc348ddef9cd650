/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/attr.h"
#include "base/num.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/list.h"
#include "base/banned.h"

/* admin …: who is served by the bot. panel …: what the panel has to choose from. */

int cmd_admin_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {">Id", "id", LIST_TEXT, TERM_BOLD, NULL},
        {"Name", "name", LIST_TEXT, TERM_PLAIN, NULL},
        {"Role", "role", LIST_TEXT, TERM_PLAIN, NULL},
        {"Panel admin", "panel_admin_id", LIST_TEXT, TERM_PLAIN, NULL},
        {"Language", "language", LIST_TEXT, TERM_PLAIN, NULL},
        {"Added", "added_at", LIST_TIME, TERM_DIM, NULL},
        {"By", "added_by", LIST_TEXT, TERM_DIM, NULL},
    };
    static const struct list list = {
        columns, ARRAY_LEN(columns),
        "Nobody is served by the bot: set ADMIN_IDS in .env, or say `admin add ID owner`.", false};

    return list_show(cli, "/admins", &list);
}

static int add_text(struct cli *cli, json_t *body, const char *member, enum cli_option o)
{
    if (!cli->opt[o])
        return CLI_OK;
    return json_object_set_new(body, member, json_string(cli->opt[o]))
               ? cli_fail(CLI_USAGE, "%s is no UTF-8 text", option_def(o)->name)
               : CLI_OK;
}

/* What the options say, and the role, which may be NULL. */
static int fill(struct cli *cli, json_t *body, const char *role)
{
    int64_t admin;
    int rc = body ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");

    if (!rc && role && json_object_set_new(body, "role", json_string(role)))
        rc = cli_fail(CLI_USAGE, "the role is no UTF-8 text");
    if (!rc)
        rc = add_text(cli, body, "name", OPT_NAME);
    if (!rc)
        rc = add_text(cli, body, "language", OPT_LANGUAGE);
    if (!rc && cli->opt[OPT_PANEL_ADMIN]) {
        rc = cli_number(cli, OPT_PANEL_ADMIN, 0, INT64_C(1) << 53, 0, &admin);
        if (!rc && json_object_set_new(body, "panel_admin_id", json_integer(admin)))
            rc = cli_fail(CLI_FAILED, "out of memory");
    }
    return rc;
}

int cmd_admin_add(struct cli *cli)
{
    json_t *body;
    int64_t id;
    int rc;

    if (num_int(slice_of(cli->args[0]), 1, INT64_C(1) << 53, &id))
        return cli_fail(CLI_USAGE, "\"%s\" is no id of a Telegram account: a number, without @",
                        cli->args[0]);
    body = json_pack("{s:I}", "id", (json_int_t)id);
    rc = fill(cli, body, cli->args[1]);
    if (rc)
        json_decref(body);
    return rc ? rc : cli_do(cli, OP_POST, "/admins", body);
}

int cmd_admin_set(struct cli *cli)
{
    json_t *body = json_object();
    struct buf path;
    int rc = fill(cli, body, cli->n_args > 1 ? cli->args[1] : NULL);

    if (!rc && json_object_size(body) == 0)
        rc = cli_fail(CLI_USAGE, "nothing is to be changed: give a role, --name, --panel-admin or "
                                 "--language");
    if (rc) {
        json_decref(body);
        return rc;
    }
    cli_user_path(&path, "/admins/", cli->args[0], "");
    rc = cli_do(cli, OP_PATCH, buf_str(&path), body);
    buf_release(&path);
    return rc;
}

int cmd_admin_remove(struct cli *cli)
{
    struct buf path;
    int code, rc;

    if (!cli_sure(cli, &code, "Remove admin %s?", cli->args[0]))
        return code;
    cli_user_path(&path, "/admins/", cli->args[0], "");
    rc = cli_do(cli, OP_DELETE, buf_str(&path), NULL);
    buf_release(&path);
    return rc;
}

static int names(struct cli *cli, const char *path)
{
    static const struct list_column columns[] = {
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"Name", "name", LIST_TEXT, TERM_BOLD, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns), "The panel has none.", false};

    return list_show(cli, path, &list);
}

int cmd_panel_groups(struct cli *cli)
{
    return names(cli, "/panel/groups");
}

int cmd_panel_admins(struct cli *cli)
{
    return names(cli, "/panel/admins");
}
