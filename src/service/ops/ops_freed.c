/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "service/jout.h"
#include "base/banned.h"

/* Users disabled by a verdict who would not be under a change of limits or filters: told, or enabled. */

int op_freed_find(struct op *op, const struct settings *next, const struct op_rule_change *change)
{
    free(op->ids);
    op->ids = NULL;
    op->n_ids = 0;
    if (!op->port->freed)
        return ERR_OK;
    if (op->port->freed(op->port->app, next, change, &op->ids, &op->n_ids))
        return err_set(&op->err, ERR_NOMEM, "out of memory");
    return ERR_OK;
}

void op_freed_after(struct op *op)
{
    char hint[200];

    if (!op->n_ids || !op->out.n) {
        op_reply(op, ERR_OK);
        return;
    }
    op->out.n--; /* the closing brace, which comes again below */
    jout_int(&op->out, "freed", (int64_t)op->n_ids);
    snprintf(hint, sizeof(hint),
             "%zu user%s disabled now and would not be under this: ?enable=true, or "
             "`disabled enable-freed` after it, enables %s",
             op->n_ids, op->n_ids == 1 ? " is" : "s are", op->n_ids == 1 ? "him" : "them");
    if (!op->enable)
        jout_text(&op->out, "hint", hint);
    jout_close(&op->out, '}');
    if (op->enable && op->port->enable)
        op_enable_these(op, op->ids, op->n_ids);
    else
        op_reply(op, ERR_OK);
}

/* ---- by itself ---- */

static int after_all(struct db *db, struct op *op, struct err *err)
{
    (void)db;
    (void)op;
    (void)err;
    return ERR_OK;
}

static void freed_enabled(void *arg, int rc, const struct err *err, struct slice json)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    jout_open(&op->out, NULL, '{');
    jout_raw(&op->out, "data", json);
    jout_int(&op->out, "freed", (int64_t)op->n_ids);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void enable_freed(struct op *op)
{
    struct op_enable what = {.who = slice_of(op->who)};
    int rc = op_freed_find(op, NULL, NULL);

    what.ids = op->ids;
    what.n = op->n_ids;
    if (rc)
        op_reply(op, rc);
    else if (op_arg_bool(op, "dry_run") || !op->n_ids)
        freed_enabled(op, ERR_OK, NULL, SLICE("[]"));
    else
        op->port->enable(op->port->app, &what, freed_enabled, op);
}

static const struct op_param freed_params[] = {{"dry_run", OP_IN_QUERY, OP_BOOL, .example = "true",
                                                .help = "only say how many"},
                                               {0}};

const struct op_row op_rows_freed[] = {
    /* The job does nothing: the answer comes after whatever was changed before is in force. */
    {.def = {OP_POST, "/users/disabled/enable-freed",
             "Enables who is disabled by a verdict that limits and filters of now would not bring.",
             freed_params, "{data:[#enabled],freed:int}", .role = OP_ROLE_OPERATOR},
     .flags = ROW_LIVE,
     .kind = OWNER_READ,
     .job = after_all,
     .finish = enable_freed},
    {.def = {.pattern = NULL}},
};
