/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "service/jout.h"
#include "service/ops/op_int.h"
#include "store/db_violations.h"
#include "base/banned.h"

/* The breaker: how it stands, and the two ways on when it has paused enforcement. */

static void breaker_show(struct op *op)
{
    op->port->breaker_json(op->port->app, &op->out);
    op_reply(op, ERR_OK);
}

static void breaker_resume(struct op *op)
{
    bool done = op->port->breaker_resume(op->port->app, slice_of(op->who));

    jout_open(&op->out, NULL, '{');
    jout_bool(&op->out, "resumed", done);
    jout_text(&op->out, "detail",
              done ? "enforcement goes on; the bounds are at twice the number shown for 24 hours"
                   : "enforcement was not paused by the breaker");
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

/* Copies whom it counted for the job, once the number is confirmed. */
static void undo_ask(struct op *op)
{
    const int64_t *ids;
    size_t n = op->port->breaker_users(op->port->app, &ids, &op->since_us);

    if (n && !op_arg_bool(op, "confirm")) {
        op_reply(op,
                 err_set(&op->err, ERR_CONFIRM,
                         "%zu users would be enabled and their violations of that time forgotten",
                         n));
        return;
    }
    op->ids = n ? malloc(n * sizeof(*ids)) : NULL;
    if (n && !op->ids) {
        op_reply(op, err_set(&op->err, ERR_NOMEM, "out of memory"));
        return;
    }
    if (n)
        memcpy(op->ids, ids, n * sizeof(*ids));
    op->n_ids = n;
    op_run_job(op);
}

static int undo_forgive(struct db *db, struct op *op, struct err *err)
{
    char what[96];
    int64_t n;
    size_t i;
    int rc = ERR_OK;

    for (i = 0; i < op->n_ids && !rc; i++)
        rc = db_violations_forgive(db, op->ids[i], op->since_us, op->now_us, slice_of(op->who), &n,
                                   err);
    if (rc || op->n_ids == 0)
        return rc;
    snprintf(what, sizeof(what), "undone: %zu users let off, their violations forgiven", op->n_ids);
    return op_event(db, op, "breaker", false, what, err);
}

static void undone(void *arg, int rc, const struct err *err, struct slice json)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_raw(&op->out, "data", json);
    jout_int(&op->out, "total", (int64_t)op->n_ids);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void undo_enable(struct op *op)
{
    struct op_enable what = {.ids = op->ids, .n = op->n_ids, .who = slice_of(op->who)};

    op->port->breaker_undone(op->port->app);
    op->port->enable(op->port->app, &what, undone, op);
}

static const struct op_param undo_params[] = {{"confirm", OP_IN_QUERY | OP_IN_BODY, OP_BOOL,
                                               .example = "true",
                                               .help =
                                                   "do it; without it the number of users is told"},
                                              {0}};

const struct op_row op_rows_breaker[] = {
    {.def =
         {OP_GET, "/breaker",
          "The breaker: what it counts, when it pauses enforcement, whom it counted when it did.",
          .answer = "{on:bool,paused:bool,paused_at:time~,counted_5m:int,bound_5m:int,"
                    "counted_1h:int,bound_1h:int,shown_5m:int,shown_1h:int,raised_until:time~,"
                    "users:[{id:int,username:text~}],resume_with:text~,undo_with:text~}"},
     .flags = ROW_LIVE,
     .finish = breaker_show},
    {.def =
         {OP_POST, "/breaker/resume",
          "Goes on after the breaker: counters cleared, bounds at twice the number shown for 24 h.",
          .answer = "{resumed:bool,detail:text}", .role = OP_ROLE_OPERATOR},
     .flags = ROW_LIVE,
     .finish = breaker_resume},
    {.def = {OP_POST, "/breaker/undo",
             "Enables those whom the breaker counted when it paused, and forgets their violations.",
             undo_params, "{data:[#enabled],total:int}", OP_MAY_409, .role = OP_ROLE_OPERATOR},
     .flags = ROW_LIVE,
     .before = undo_ask,
     .kind = OWNER_WRITE,
     .job = undo_forgive,
     .finish = undo_enable},
    {.def = {.pattern = NULL}},
};
