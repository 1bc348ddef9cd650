/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "store/db_violations.h"
#include "base/banned.h"

/* Verdicts of the past: shown, and forgiven. */

int op_violation_json(struct buf *b, const struct db_violation *row)
{
    jout_open(b, NULL, '{');
    jout_int(b, "violation", row->id);
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name);
    jout_time(b, "at", row->at_us);
    jout_int(b, "step", row->step);
    jout_str(b, "action", row->action);
    jout_text(b, "outcome", db_outcome_name(row->outcome));
    jout_bool(b, "shadow", row->shadow);
    jout_int(b, "limit", row->max_devices);
    jout_int(b, "devices", row->devices);
    jout_time(b, "forgiven_at", row->forgiven_us);
    jout_str(b, "forgiven_by", row->forgiven_by.n ? row->forgiven_by : (struct slice){NULL, 0});
    jout_raw(b, "evidence", row->evidence);
    jout_close(b, '}');
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int add_violation(void *arg, const struct db_violation *row)
{
    return op_violation_json(arg, row);
}

/* A user was named, and is known to nobody. */
static int must_be_known(const struct op *op, struct err *err)
{
    if (!op->id && op_arg(op, "username"))
        return err_set(err, ERR_NOT_FOUND, "no user %s is known", op_user_text(op));
    return ERR_OK;
}

static int64_t since_of(const struct op *op)
{
    int64_t seconds = op_arg_int(op, "since", 0);

    return seconds ? op->now_us - seconds * STAMP_SECOND : 0;
}

static int list(struct db *db, struct op *op, struct err *err)
{
    struct op_page page = op_arg_page(op);
    struct db_violation_filter f = {.user_id = op->id,
                                    .since_us = since_of(op),
                                    .counting = op_arg_bool(op, "counting"),
                                    .offset = page.offset,
                                    .only = op_sees_only(op),
                                    .limit = page.limit};
    int64_t total = 0;
    int rc = must_be_known(op, err);

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    if (!rc)
        rc = db_violations_each(db, &f, add_violation, &op->out, err);
    jout_close(&op->out, ']');
    if (!rc)
        rc = db_violations_total(db, &f, &total, err);
    jout_int(&op->out, "total", total);
    jout_close(&op->out, '}');
    return rc;
}

static int add_time(void *arg, const struct db_violation *row)
{
    struct op *op = arg;

    op->times[op->n_times++] = row->at_us;
    return ERR_OK;
}

static int forgiven(struct db *db, struct op *op, int64_t n, struct err *err)
{
    struct db_violation_filter f = {.user_id = op->id, .counting = true, .limit = LIMIT_STEPS};
    char text[256];
    int rc;

    snprintf(text, sizeof(text), "%lld violation%s of %s forgiven", (long long)n, n == 1 ? "" : "s",
             op_user_text(op));
    op->n_times = 0;
    rc = db_violations_each(db, &f, add_time, op, err);
    if (rc)
        return rc;
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    jout_int(&op->out, "forgiven", n);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return n ? op_event(db, op, "forgiven", true, text, err) : ERR_OK;
}

/* ---- everyone's ---- */

static int add_holder(void *arg, int64_t user_id)
{
    struct op *op = arg;
    int64_t *ids;

    if ((op->n_ids & (op->n_ids - 1)) == 0) {
        ids = realloc(op->ids, (op->n_ids ? op->n_ids * 2 : 1) * sizeof(*ids));
        if (!ids)
            return ERR_NOMEM;
        op->ids = ids;
    }
    op->ids[op->n_ids++] = user_id;
    return ERR_OK;
}

static int clear_everyone(struct db *db, struct op *op, struct err *err)
{
    struct db_violation_filter f = {.counting = true, .limit = 1};
    char text[128];
    int64_t n = 0;
    int rc = db_violations_total(db, &f, &n, err);

    op->n_ids = 0;
    if (!rc)
        rc = db_violations_holders(db, add_holder, op, err);
    if (!rc && n && !op_arg_bool(op, "confirm"))
        return err_set(err, ERR_CONFIRM,
                       "%lld violation%s of %zu user%s would no longer count: say yes to go on",
                       (long long)n, n == 1 ? "" : "s", op->n_ids, op->n_ids == 1 ? "" : "s");
    if (!rc)
        rc = db_violations_forgive_all(db, op->now_us, slice_of(op->who), &n, err);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), "%lld violation%s of %zu user%s forgiven", (long long)n,
             n == 1 ? "" : "s", op->n_ids, op->n_ids == 1 ? "" : "s");
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_raw(&op->out, "id", (struct slice){NULL, 0});
    jout_raw(&op->out, "username", (struct slice){NULL, 0});
    jout_int(&op->out, "forgiven", n);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return n ? op_event(db, op, "forgiven", false, text, err) : ERR_OK;
}

static int clear_args(struct op *op)
{
    bool all = op_arg_bool(op, "all");

    if (all == (op_arg(op, "username") != NULL))
        return err_set(&op->err, ERR_INVALID,
                       all ? "all and username exclude each other"
                           : "username is missing: whose, or all=true");
    if (all && op->role < OP_ROLE_OWNER)
        return err_set(&op->err, ERR_FORBIDDEN, "to forgive everyone takes the role owner");
    if (all && op_arg(op, "since"))
        return err_set(&op->err, ERR_INVALID, "all and since exclude each other");
    return ERR_OK;
}

static int clear_user(struct db *db, struct op *op, struct err *err)
{
    int64_t n = 0;
    int rc;

    if (op_arg_bool(op, "all"))
        return clear_everyone(db, op, err);
    rc = must_be_known(op, err);

    if (!rc)
        rc =
            db_violations_forgive(db, op->id, since_of(op), op->now_us, slice_of(op->who), &n, err);
    return rc ? rc : forgiven(db, op, n, err);
}

static int take_owner(void *arg, const struct db_violation *row)
{
    struct op *op = arg;

    op->id = row->user_id;
    snprintf(op->name, sizeof(op->name), "%.*s", (int)row->name.n, row->name.n ? row->name.p : "");
    return ERR_OK;
}

static int clear_one(struct db *db, struct op *op, struct err *err)
{
    int64_t id = op_arg_int(op, "violation", 0), n = 0;
    int rc = db_violations_one(db, id, take_owner, op, err);

    if (!rc && !op_sees(op, op->id))
        rc = err_set(err, ERR_NOT_FOUND, "there is no violation %lld", (long long)id);
    if (!rc)
        rc = db_violations_forgive_one(db, id, op->now_us, slice_of(op->who), &n, err);
    return rc ? rc : forgiven(db, op, n, err);
}

static void tell_engine(struct op *op)
{
    size_t i;

    if (op->port->remember && op->id)
        op->port->remember(op->port->app, op->id, op->times, op->n_times);
    for (i = 0; op->port->remember && i < op->n_ids; i++)
        op->port->remember(op->port->app, op->ids[i], NULL, 0);
    op_reply(op, ERR_OK);
}

#define USER_PARAM(needed, where) \
    { \
        "username", OP_IN_QUERY | (needed), OP_USER, .example = "\"vip_user\"", .help = where \
    }
#define SINCE \
    { \
        "since", OP_IN_QUERY, OP_SPAN, 1, 366 * 86400, .example = "\"2h\"", \
                                                       .help = "only those of the last …" \
    }

static const struct op_param list_params[] = {USER_PARAM(0, "only this user's"),
                                              SINCE,
                                              {"counting", OP_IN_QUERY, OP_BOOL, .example = "false",
                                               .help = "only those that count for the next step"},
                                              OP_PAGE,
                                              {0}};
static const struct op_param clear_params[] = {USER_PARAM(0, "whose"),
                                               SINCE,
                                               {"all", OP_IN_QUERY, OP_BOOL, .example = "false",
                                                .help = "everyone's, instead of one user's"},
                                               {"confirm", OP_IN_QUERY, OP_BOOL, .example = "false",
                                                .help = "yes to what answered 409 confirm_needed"},
                                               {0}};
static const struct op_param one_params[] = {{"violation", OP_IN_PATH, OP_INT, 1, INT64_C(1) << 53,
                                              .example = "17", .help = "number of the violation"},
                                             {0}};

#define FORGIVEN "{id:int~,username:text~,forgiven:int,detail:text}"

const struct op_row op_rows_violations[] = {
    {.def = {OP_GET, "/violations", "Verdicts with their evidence, the newest first.", list_params,
             "{data:[#violation],total:int}", OP_MAY_404, .scope = OP_SCOPE_NARROW},
     .flags = ROW_USER,
     .kind = OWNER_READ,
     .job = list},
    {.def = {OP_DELETE, "/violations",
             "Forgives a user's violations, or all: they no longer count for the next step.",
             clear_params, FORGIVEN, OP_MAY_404 | OP_MAY_409, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER,
     .args = clear_args,
     .kind = OWNER_WRITE,
     .job = clear_user,
     .finish = tell_engine},
    {.def = {OP_DELETE, "/violations/{violation}", "Forgives one violation.", one_params, FORGIVEN,
             .role = OP_ROLE_OPERATOR, .scope = OP_SCOPE_NARROW},
     .kind = OWNER_WRITE,
     .job = clear_one,
     .finish = tell_engine},
    {.def = {.pattern = NULL}},
};
