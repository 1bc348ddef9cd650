/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "store/db_cleanup.h"
#include "base/banned.h"

/*
 * Removes what operators entered for users whom the panel has no longer. Only after a complete listing
 * that was made for it, and after the panel has said of each one by himself that there is no such user:
 * a listing by pages can miss one while others are being deleted.
 */

enum { MANY_USERS = 20, MANY_PERCENT = 2, UNDO_DAYS = 30 };
static const int64_t day_us = 86400 * STAMP_SECOND;

struct cleanup {
    int64_t ids[LIMIT_CLEANUP];
    size_t n, asked; /* asked: how many of them the panel was asked about */
    size_t kept;     /* confirmed to be gone, at the front of ids */
    int64_t before_us, present;
};

static struct cleanup *cleanup_of(struct op *op)
{
    return op->extra;
}

static int cleanup_args(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);
    struct cleanup *c = calloc(1, sizeof(*c));

    op->extra = c;
    if (!c)
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    c->before_us = op->now_us - op_arg_int(op, "days", settings_int(s, SET_CLEANUP_DAYS)) * day_us;
    /* Who is found missing now counts for days=0. */
    if (op_arg_int(op, "days", 1) == 0)
        c->before_us = INT64_MAX;
    return ERR_OK;
}

static bool is_dry(const struct op *op)
{
    return op_arg_bool(op, "dry_run");
}

/* ---- who is gone ---- */

static int add_id(void *arg, const struct db_gone *row)
{
    struct cleanup *c = arg;

    c->ids[c->n++] = row->user_id;
    return ERR_OK;
}

static int find_gone(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;
    struct cleanup *c = cleanup_of(op);
    int rc = db_gone_present(db, &c->present, err);

    c->n = 0;
    return rc ? rc : db_gone_each(db, c->before_us, LIMIT_CLEANUP, add_id, c, err);
}

static void ask_next(struct op *op);

static void confirmed(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct op *op = arg;
    struct cleanup *c = cleanup_of(op);

    (void)user;
    if (rc && rc != ERR_NOT_FOUND) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    if (rc == ERR_NOT_FOUND)
        c->ids[c->kept++] = c->ids[c->asked];
    c->asked++;
    ask_next(op);
}

static bool too_many(struct op *op)
{
    struct cleanup *c = cleanup_of(op);
    size_t bound = (size_t)c->present * MANY_PERCENT / 100;

    if (bound < MANY_USERS)
        bound = MANY_USERS;
    if (is_dry(op) || op_arg_bool(op, "confirm") || c->kept <= bound)
        return false;
    err_set(&op->err, ERR_CONFIRM,
            "%zu users with entries are gone from the panel, more than the %zu that are removed "
            "unasked: look at them with ?dry_run=true, then say ?confirm=true",
            c->kept, bound);
    return true;
}

static void ask_next(struct op *op)
{
    struct cleanup *c = cleanup_of(op);

    if (c->asked < c->n)
        op->port->find_user(op->port->app, c->ids[c->asked], (struct slice){NULL, 0}, confirmed,
                            op);
    else if (too_many(op))
        op_reply(op, ERR_CONFIRM);
    else
        op_run_job(op);
}

static void found_gone(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
    } else {
        ask_next(op);
    }
}

static void listed(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
    } else {
        rc = op->port->submit(op->port->store, OWNER_READ, find_gone, found_gone, op);
        if (!rc)
            return;
        err_set(&op->err, rc, "the database cannot take the job: %s", err_name(rc));
    }
    op_reply(op, rc);
}

static void begin(struct op *op)
{
    op->port->list_users(op->port->app, listed, op);
}

/* ---- what is done ---- */

static void add_gone(struct buf *b, const struct db_gone *row)
{
    jout_open(b, NULL, '{');
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name);
    jout_time(b, "gone_since", row->gone_us);
    if (row->max_devices >= 0)
        jout_int(b, "limit", row->max_devices);
    else
        jout_raw(b, "limit", (struct slice){NULL, 0});
    jout_bool(b, "excepted", row->excepted);
    jout_str(b, "reason", row->reason.n ? row->reason : (struct slice){NULL, 0});
    if (row->result)
        jout_text(b, "result", row->result);
    jout_close(b, '}');
}

/* Three lists in one pass: everyone, and the names as the old server's answer has them. */
struct telling {
    struct cleanup *c;
    struct buf all, limits, exceptions;
    size_t total;
};

static int tell_one(void *arg, const struct db_gone *row)
{
    struct telling *t = arg;
    size_t i;

    for (i = 0; i < t->c->kept && t->c->ids[i] != row->user_id; i++)
        ;
    if (i == t->c->kept)
        return ERR_OK;
    t->total++;
    add_gone(&t->all, row);
    if (row->max_devices >= 0)
        jout_str(&t->limits, NULL, row->name);
    if (row->excepted)
        jout_str(&t->exceptions, NULL, row->name);
    return t->all.failed ? ERR_TOO_BIG : ERR_OK;
}

static void answer(struct op *op, struct telling *t, int64_t id)
{
    char text[128];

    snprintf(text, sizeof(text), "%zu user%s gone from the panel %s", t->total,
             t->total == 1 ? "" : "s", is_dry(op) ? "would be removed" : "removed");
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_bool(&op->out, "dry_run", is_dry(op));
    jout_open(&op->out, "data", '[');
    buf_add_slice(&op->out, buf_slice(&t->all));
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", (int64_t)t->total);
    jout_open(&op->out, "special_limits_removed", '[');
    buf_add_slice(&op->out, buf_slice(&t->limits));
    jout_close(&op->out, ']');
    jout_open(&op->out, "except_users_removed", '[');
    buf_add_slice(&op->out, buf_slice(&t->exceptions));
    jout_close(&op->out, ']');
    jout_int(&op->out, "total_removed", is_dry(op) ? 0 : (int64_t)t->total);
    if (id)
        jout_int(&op->out, "cleanup", id);
    else
        jout_raw(&op->out, "cleanup", (struct slice){NULL, 0});
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
}

static int remove_gone(struct db *db, struct op *op, struct err *err)
{
    struct cleanup *c = cleanup_of(op);
    struct telling t = {.c = c};
    char text[128];
    int64_t id = 0;
    int rc;

    buf_init(&t.all, LIMIT_OP_ANSWER);
    buf_init(&t.limits, LIMIT_OP_ANSWER);
    buf_init(&t.exceptions, LIMIT_OP_ANSWER);
    rc = db_gone_each(db, c->before_us, LIMIT_CLEANUP, tell_one, &t, err);
    if (!rc && !is_dry(op))
        rc = db_cleanup_expire(db, op->now_us - UNDO_DAYS * day_us, err);
    if (!rc && !is_dry(op))
        rc = db_cleanup_run(db, c->ids, c->kept, c->before_us, op->now_us, slice_of(op->who), &id,
                            err);
    if (!rc && !is_dry(op) && t.total) {
        snprintf(text, sizeof(text), "%zu user%s gone from the panel removed (cleanup %lld)",
                 t.total, t.total == 1 ? "" : "s", (long long)id);
        rc = op_event(db, op, "cleanup", false, text, err);
    }
    if (!rc)
        answer(op, &t, t.total ? id : 0);
    buf_release(&t.all);
    buf_release(&t.limits);
    buf_release(&t.exceptions);
    return rc;
}

/* ---- undo ---- */

static int add_given(void *arg, const struct db_gone *row)
{
    struct op *op = arg;

    add_gone(&op->out, row);
    op->limit++;
    return op->out.failed ? ERR_TOO_BIG : ERR_OK;
}

static int undo(struct db *db, struct op *op, struct err *err)
{
    char text[128];
    int64_t id = 0;
    int rc;

    op->limit = 0;
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    rc = db_cleanup_undo(db, op_arg_int(op, "cleanup", 0), op->now_us, slice_of(op->who), &id,
                         add_given, op, err);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), "cleanup %lld of %lld user%s undone", (long long)id,
             (long long)op->limit, op->limit == 1 ? "" : "s");
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", op->limit);
    jout_int(&op->out, "cleanup", id);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return op_event(db, op, "cleanup", false, text, err);
}

static const struct op_param run_params[] = {
    {"dry_run", OP_IN_QUERY, OP_BOOL, .example = "true", .help = "only say who would be removed"},
    {"confirm", OP_IN_QUERY, OP_BOOL, .example = "false",
     .help = "yes to what answered 409 confirm_needed"},
    {"days", OP_IN_QUERY, OP_INT, 0, 365, .example = "7",
     .help = "gone for at least so many days; setting cleanup_days when left out"},
    {0}};
static const struct op_param undo_params[] = {{"cleanup", OP_IN_BODY, OP_INT, 1, INT64_C(1) << 53,
                                               .example = "3",
                                               .help = "which cleanup; the last one when left out"},
                                              {0}};

const struct op_row op_rows_cleanup[] = {
    {.def = {OP_POST, "/cleanup",
             "Removes limits and exceptions of users whom the panel confirms are gone.", run_params,
             "{dry_run:bool,data:[#gone_user],total:int,special_limits_removed:[text],"
             "except_users_removed:[text],total_removed:int,cleanup:int~,detail:text}",
             OP_MAY_409},
     .flags = ROW_LIVE,
     .args = cleanup_args,
     .before = begin,
     .kind = OWNER_WRITE,
     .job = remove_gone,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_POST, "/cleanup/undo", "Gives back what a cleanup of the last 30 days removed.",
             undo_params, "{data:[#gone_user],total:int,cleanup:int,detail:text}", OP_MAY_404},
     .kind = OWNER_WRITE,
     .job = undo,
     .changes = OP_CHANGED_LIMITS},
    {.def = {.pattern = NULL}},
};
