/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/jout.h"
#include "service/ops/op_int.h"
#include "base/banned.h"

/* The webhook: how it stands, and a try. The sending is another layer's: here it comes through the port. */

static void show(struct op *op)
{
    jout_open(&op->out, NULL, '{');
    op->port->webhook_json(op->port->app, &op->out);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void tested(void *arg, int rc, const struct err *err, struct slice json)
{
    struct op *op = arg;

    buf_clear(&op->out);
    if (rc)
        err_set(&op->err, rc, "%s", err->text);
    else
        buf_add_slice(&op->out, json);
    op_reply(op, rc);
}

static void begin_test(struct op *op)
{
    op->port->webhook_test(op->port->app, slice_of(op->who), tested, op);
}

const struct op_row op_rows_webhook[] = {
    {.def = {OP_GET, "/webhook", "Where events go, how many wait, and what the receiver answers.",
             .answer = "{state:text,url:text~,waiting:int,oldest:time~,last_delivered:time~,"
                       "delivered:int,failed:int,lost:int,failing_since:time~,next_try:time~,"
                       "error:text~,cure:text~}"},
     .flags = ROW_LIVE,
     .before = show},
    {.def = {OP_POST, "/webhook/test",
             "Sends an event of type test to webhook_url at once, and tells what came back.",
             .answer = "{ok:bool,url:text,id:text,status:int~,took_ms:int,error:text~,cure:text~}",
             .may = OP_MAY_409},
     .flags = ROW_LIVE,
     .before = begin_test},
    {.def = {.pattern = NULL}},
};
