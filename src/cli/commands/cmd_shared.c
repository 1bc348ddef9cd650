/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/attr.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/list.h"
#include "base/banned.h"

/* shared … */

int cmd_shared_list(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"Address", "address", LIST_TEXT, TERM_PLAIN, NULL},
        {"Shared", "shared", LIST_FLAG, TERM_YELLOW, "yes"},
        {"Since", "since", LIST_TIME, TERM_DIM, NULL},
        {"Until", "until", LIST_TIME, TERM_PLAIN, NULL},
        {"", "until", LIST_SPAN, TERM_DIM, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns),
                                     "No address is known as a shared source."};

    return list_show(cli, "/shared", &list);
}

int cmd_shared_remove(struct cli *cli)
{
    struct buf path;
    int rc;

    cli_user_path(&path, "/shared/", cli->args[0], "");
    rc = cli_do(cli, OP_DELETE, buf_str(&path), NULL);
    buf_release(&path);
    return rc;
}
