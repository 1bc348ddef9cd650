/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "service/jout.h"
#include "service/ops/op_int.h"
#include "base/banned.h"

/* What the panel has to choose from: its groups, its admins. */

static void show(void *arg, int rc, const struct err *err, const struct op_name *names, size_t n)
{
    struct op *op = arg;
    size_t i;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    for (i = 0; i < n; i++) {
        jout_open(&op->out, NULL, '{');
        jout_int(&op->out, "id", names[i].id);
        jout_str(&op->out, "name", names[i].name);
        jout_close(&op->out, '}');
    }
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", (int64_t)n);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void ask(struct op *op)
{
    bool admins = strstr(op->row->def.pattern, "admins") != NULL;

    if (op->port->names)
        op->port->names(op->port->app, admins, show, op);
    else
        op_reply(op, err_set(&op->err, ERR_UNREACHABLE, "only the daemon asks the panel"));
}

#define NAMES "{data:[{id:int,name:text}],total:int}"

const struct op_row op_rows_panel[] = {
    {.def = {OP_GET, "/panel/groups", "The groups of the panel.", .answer = NAMES},
     .flags = ROW_LIVE,
     .finish = ask},
    {.def = {OP_GET, "/panel/admins", "The admins of the panel.", .answer = NAMES},
     .flags = ROW_LIVE,
     .finish = ask},
    {.def = {.pattern = NULL}},
};
