/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>

#include "service/jout.h"
#include "store/db_heirs.h"
#include "store/db_limits.h"
#include "base/banned.h"

/* Users under the name of one who is gone: his limit and exception are offered, given, or forgotten. */

struct listing {
    struct buf *out;
    int64_t total;
};

static int add_heir(void *arg, const struct db_heir *row)
{
    struct listing *l = arg;
    struct buf *b = l->out;

    jout_open(b, NULL, '{');
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name);
    jout_int(b, "gone_id", row->old_id);
    jout_time(b, "gone_since", row->gone_us);
    if (row->max_devices >= 0)
        jout_int(b, "limit", row->max_devices);
    else
        jout_raw(b, "limit", (struct slice){NULL, 0});
    jout_bool(b, "excepted", row->excepted);
    jout_str(b, "reason", row->excepted && row->reason.n ? row->reason : (struct slice){NULL, 0});
    jout_close(b, '}');
    l->total++;
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int list(struct db *db, struct op *op, struct err *err)
{
    struct listing l = {&op->out, 0};
    int rc;

    jout_list(&op->out);
    rc = db_heirs_each(db, 0, add_heir, &l, err);
    jout_list_end(&op->out, l.total);
    return rc;
}

/* ---- taking over ---- */

struct heritage {
    bool found, excepted;
    int max_devices;
    char reason[256];
};

static int see_heir(void *arg, const struct db_heir *row)
{
    struct heritage *h = arg;

    h->found = true;
    h->max_devices = row->max_devices;
    h->excepted = row->excepted;
    snprintf(h->reason, sizeof(h->reason), "%.*s", (int)row->reason.n,
             row->reason.n ? row->reason.p : "");
    return ERR_OK;
}

static int find(struct db *db, const struct op *op, struct heritage *ret, struct err *err)
{
    int rc = op->id ? db_heirs_each(db, op->id, see_heir, ret, err) : ERR_OK;

    if (!rc && !ret->found)
        rc = err_set(err, ERR_NOT_FOUND, "nothing is offered to %s", op_user_text(op));
    return rc;
}

static void say_taken(const struct op *op, const struct heritage *h, char *out, size_t max)
{
    char limit[48] = "";

    if (h->max_devices >= 0)
        snprintf(limit, sizeof(limit), "a special limit of %d", h->max_devices);
    snprintf(out, max, "%s has %s%s%s, as the user of before had", op_user_text(op), limit,
             limit[0] && h->excepted ? " and " : "", h->excepted ? "an exception" : "");
}

static int take(struct db *db, struct op *op, struct err *err)
{
    struct heritage h = {.max_devices = -1};
    struct db_limit row = {.user_id = op->id,
                           .name = slice_of(op->name),
                           .updated_us = op->now_us,
                           .updated_by = slice_of(op->who)};
    char text[512];
    int rc = find(db, op, &h, err);

    row.max_devices = h.max_devices;
    row.reason = slice_of(h.reason);
    if (!rc && h.max_devices >= 0)
        rc = db_limits_put(db, &row, NULL, err);
    if (!rc && h.excepted)
        rc = db_exceptions_put(db, &row, NULL, err);
    /* After it: who dies in between has both, and the offer again. */
    if (!rc)
        rc = db_heirs_forget(db, op->id, err);
    if (!rc)
        rc = op_find_disabled(db, op, err);
    if (rc)
        return rc;
    say_taken(op, &h, text, sizeof(text));
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    if (h.max_devices >= 0)
        jout_int(&op->out, "limit", h.max_devices);
    else
        jout_raw(&op->out, "limit", (struct slice){NULL, 0});
    jout_bool(&op->out, "excepted", h.excepted);
    jout_bool(&op->out, "disabled", op->disabled);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return op_event(db, op, h.max_devices >= 0 ? "limit" : "except", true, text, err);
}

static int drop(struct db *db, struct op *op, struct err *err)
{
    struct heritage h = {0};
    char text[512];
    int rc = find(db, op, &h, err);

    if (!rc)
        rc = db_heirs_forget(db, op->id, err);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), "what stood for another user of the name %s is forgotten",
             op_user_text(op));
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    jout_bool(&op->out, "deleted", true);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return op_event(db, op, "limit", true, text, err);
}

static int take_args(struct op *op)
{
    op->enable = op_arg_bool(op, "enable");
    return ERR_OK;
}

static const struct op_param take_params[] = {
    {"enable", OP_IN_QUERY, OP_BOOL, .example = "false",
     .help = "enable the user as well when we have disabled him"},
    {0}};

#define USER "id:int~,username:text~"

const struct op_row op_rows_recreated[] = {
    {.def = {OP_GET, "/users/recreated",
             "Users under the name of one who is gone and had a special limit or an exception.",
             .answer = "{data:[{id:int,username:text,gone_id:int,gone_since:time,limit:int~,"
                       "excepted:bool,reason:text~}],total:int}"},
     .kind = OWNER_READ,
     .job = list},
    {.def = {OP_POST, "/users/recreated/{user}/take",
             "Gives such a user what the one of before had.", take_params,
             "{" USER ",limit:int~,excepted:bool,disabled:bool,detail:text,"
             "enabled?:[#enabled],enable_error?:text}",
             .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER,
     .args = take_args,
     .kind = OWNER_WRITE,
     .job = take,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_DELETE, "/users/recreated/{user}",
             "Forgets what the one of before had: the user has nothing to do with him.",
             .answer = "{" USER ",deleted:bool,detail:text}", .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER,
     .kind = OWNER_WRITE,
     .job = drop,
     .changes = OP_CHANGED_LIMITS},
    {.def = {.pattern = NULL}},
};
