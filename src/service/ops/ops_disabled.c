/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

void op_row_json(struct buf *b, const char *key, const struct db_row *row)
{
    jout_open(b, key, '{');
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name);
    jout_text(b, "state", db_state_name(row->state));
    jout_str(b, "action", row->action);
    jout_text(b, "method", row->by_group ? "group" : "status");
    jout_time(b, "verdict_at", row->verdict_us);
    jout_time(b, "disabled_at", row->applied_us);
    jout_time(b, "due_at", row->due_us);
    jout_time(b, "closed_at", row->closed_us);
    jout_int(b, "failed_attempts", row->attempts);
    jout_str(b, "last_error", row->last_error);
    jout_str(b, "why", row->why);
    jout_str(b, "closed_by", row->closed_by);
    jout_str(b, "ordered_by", row->ordered_by);
    jout_text(b, "revoke", db_revoke_name(row->revoke));
    jout_str(b, "note", row->note);
    jout_close(b, '}');
}

struct listing {
    const struct op *op;
    struct buf *out;
    int64_t total;
};

static int add_row(void *arg, const struct db_row *row)
{
    struct listing *l = arg;

    if (!op_sees(l->op, row->user_id))
        return ERR_OK;
    op_row_json(l->out, NULL, row);
    l->total++;
    return l->out->failed ? ERR_TOO_BIG : ERR_OK;
}

static int disabled_list(struct db *db, struct op *op, struct err *err)
{
    struct db_row_filter f = {.open_only = true};
    struct listing l = {op, &op->out, 0};
    int rc;

    jout_list(&op->out);
    rc = db_journal_each(db, &f, add_row, &l, err);
    jout_list_end(&op->out, l.total);
    return rc;
}

static int enable_args(struct op *op)
{
    int64_t seconds = op_arg_int(op, "since", 0);

    op->forgive = op_arg_bool(op, "forgive");
    op->since_us = seconds ? op->now_us - seconds * STAMP_SECOND : 0;
    return ERR_OK;
}

static void enabled(void *arg, int rc, const struct err *err, struct slice json)
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
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void enable_one(struct op *op)
{
    struct op_enable what = {.ids = &op->id,
                             .n = 1,
                             .forgive = op->forgive,
                             .who = slice_of(op->who)};

    if (!op->id)
        op_reply(op, err_set(&op->err, ERR_NOT_FOUND, "no user %s is known", op_user_text(op)));
    else
        op->port->enable(op->port->app, &what, enabled, op);
}

static void enable_all(struct op *op)
{
    struct op_enable what = {.all = true,
                             .only = op_sees_only(op),
                             .since_us = op->since_us,
                             .forgive = op->forgive,
                             .who = slice_of(op->who)};

    op->port->enable(op->port->app, &what, enabled, op);
}

#define FORGIVE \
    { \
        "forgive", OP_IN_BODY, OP_BOOL, \
            .example = "false", \
            .help = "his violations of that time no longer count for the next step" \
    }

static const struct op_param one_params[] = {FORGIVE, {0}};
static const struct op_param all_params[] = {
    {"since", OP_IN_BODY, OP_SPAN, 1, 366 * 86400, .example = "\"30m\"",
     .help = "only those disabled in the last …; everyone when left out"},
    FORGIVE,
    {0}};

const struct op_row op_rows_disabled[] = {
    {.def = {OP_GET, "/users/disabled", "Users disabled by us at the moment.",
             .answer = "{data:[#disabled_row],total:int}", .scope = OP_SCOPE_NARROW},
     .kind = OWNER_READ,
     .job = disabled_list},
    {.def = {OP_POST, "/users/disabled/{user}/enable",
             "Enables a user whom we disabled, in the panel.", one_params, "{data:[#enabled]}",
             .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_LIVE,
     .args = enable_args,
     .before = enable_one},
    {.def = {OP_POST, "/users/disabled/enable-all",
             "Enables everyone whom we disabled, in the panel.", all_params, "{data:[#enabled]}",
             .role = OP_ROLE_OPERATOR, .scope = OP_SCOPE_NARROW},
     .flags = ROW_LIVE,
     .args = enable_args,
     .finish = enable_all},
    {.def = {.pattern = NULL}},
};
