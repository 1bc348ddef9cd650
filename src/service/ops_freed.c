/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/op_int.h"

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
             "%zu user%s disabled now and would not be under this: the "
             "same request with ?enable=true enables %s",
             op->n_ids, op->n_ids == 1 ? " is" : "s are", op->n_ids == 1 ? "him" : "them");
    if (!op->enable)
        jout_text(&op->out, "hint", hint);
    jout_close(&op->out, '}');
    if (op->enable && op->port->enable)
        op_enable_these(op, op->ids, op->n_ids);
    else
        op_reply(op, ERR_OK);
}
