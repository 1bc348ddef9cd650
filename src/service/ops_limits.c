/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/op_int.h"

#include <stdio.h>

#include "base/num.h"
#include "service/jout.h"
#include "store/db_limits.h"
#include "base/banned.h"

/* ---- arguments ---- */

static int take_flag(struct op *op, const char *name, bool *ret)
{
    struct buf text;
    int rc = ERR_OK;

    buf_init(&text, 64);
    if (op_query(op, name, &text))
        rc = text.n ? num_bool(buf_slice(&text), ret) : (*ret = true, ERR_OK);
    buf_release(&text);
    if (rc)
        return err_set(&op->err, ERR_INVALID, "?%s= takes true or false", name);
    return ERR_OK;
}

int op_limit_args(struct op *op)
{
    json_t *limit = json_object_get(op->body, "limit");

    if (!json_is_integer(limit))
        return err_set(&op->err, ERR_INVALID, "limit is missing or no whole number");
    op->limit = json_integer_value(limit);
    if (op->limit < 0 || op->limit > 10000)
        return err_set(&op->err, ERR_INVALID,
                       "limit %lld is out of range; allowed: 0 (unlimited) to 10000 devices",
                       (long long)op->limit);
    return take_flag(op, "enable", &op->enable);
}

int op_except_args(struct op *op)
{
    json_t *reason = json_object_get(op->body, "reason");

    if (reason && !json_is_null(reason) && !json_is_string(reason))
        return err_set(&op->err, ERR_INVALID, "reason must be a text");
    if (json_is_string(reason)) {
        if (json_string_length(reason) >= sizeof(op->reason))
            return err_set(&op->err, ERR_INVALID, "reason is longer than %zu bytes",
                           sizeof(op->reason) - 1);
        memcpy(op->reason, json_string_value(reason), json_string_length(reason) + 1);
    }
    return take_flag(op, "enable", &op->enable);
}

/* ---- what holds ---- */

struct rule_search {
    const struct op *op;
    struct op_rule *rule;
};

static bool is_his(const struct op *op, const struct db_limit *row)
{
    if (row->user_id)
        return row->user_id == op->id;
    return slice_eq(row->name, slice_of(op->name));
}

static int see_limit(void *arg, const struct db_limit *row)
{
    struct rule_search *s = arg;

    if (is_his(s->op, row)) {
        s->rule->special_found = true;
        s->rule->special = row->max_devices;
    }
    return ERR_OK;
}

static int see_exception(void *arg, const struct db_limit *row)
{
    struct rule_search *s = arg;

    if (is_his(s->op, row)) {
        s->rule->excepted = true;
        snprintf(s->rule->reason, sizeof(s->rule->reason), "%.*s", (int)row->reason.n,
                 row->reason.n ? row->reason.p : "");
    }
    return ERR_OK;
}

int op_find_rule(struct db *db, const struct op *op, struct op_rule *ret, struct err *err)
{
    struct rule_search s = {op, ret};
    int rc;

    *ret = (struct op_rule){.special = 0};
    rc = db_limits_each(db, see_limit, &s, err);
    return rc ? rc : db_exceptions_each(db, see_exception, &s, err);
}

static int see_row(void *arg, const struct db_row *row)
{
    struct op *op = arg;

    if (db_state_open(row->state))
        op->disabled = true;
    return ERR_OK;
}

int op_find_disabled(struct db *db, struct op *op, struct err *err)
{
    struct db_row_filter f = {.open_only = true, .user_id = op->id, .limit = 1};

    op->disabled = false;
    return op->id ? db_journal_each(db, &f, see_row, op, err) : ERR_OK;
}

int op_must_exist(struct op *op, struct err *err)
{
    if (op->asked)
        return err_set(err, ERR_NOT_FOUND, "the panel has no user %s", op_user_text(op));
    return ERR_OK;
}

/* ---- lists ---- */

struct listing {
    struct buf *out;
    bool exceptions;
    int64_t total;
};

static int add_listed(void *arg, const struct db_limit *row)
{
    struct listing *l = arg;
    struct buf *b = l->out;

    jout_open(b, NULL, '{');
    if (row->user_id)
        jout_int(b, "id", row->user_id);
    else
        jout_str(b, "id", (struct slice){NULL, 0});
    jout_str(b, "username", row->name.n ? row->name : (struct slice){NULL, 0});
    if (l->exceptions)
        jout_str(b, "reason", row->reason.n ? row->reason : (struct slice){NULL, 0});
    else
        jout_int(b, "limit", row->max_devices);
    jout_bool(b, "pending", row->user_id == 0);
    jout_time(b, "updated_at", row->updated_us);
    jout_str(b, "updated_by", row->updated_by);
    jout_close(b, '}');
    l->total++;
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int list(struct db *db, struct op *op, bool exceptions, struct err *err)
{
    struct listing l = {&op->out, exceptions, 0};
    int rc;

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    rc = exceptions ? db_exceptions_each(db, add_listed, &l, err)
                    : db_limits_each(db, add_listed, &l, err);
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", l.total);
    jout_close(&op->out, '}');
    return rc;
}

int op_limit_list(struct db *db, struct op *op, struct err *err)
{
    return list(db, op, false, err);
}

int op_except_list(struct db *db, struct op *op, struct err *err)
{
    return list(db, op, true, err);
}

/* ---- changes ---- */

/* The answer to a change: what is now, and whether the panel knows the user. */
static void begin_result(struct op *op)
{
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
}

static void end_result(struct op *op, const char *detail)
{
    struct buf text;

    buf_init(&text, 1024);
    buf_add_str(&text, detail);
    jout_bool(&op->out, "pending", !op->known);
    if (!op->known)
        buf_addf(&text,
                 "; the panel %s, so it is kept and holds as soon as the panel shows this user",
                 op->port->find_user ? "does not answer" : "was not asked (no daemon is running)");
    jout_bool(&op->out, "disabled", op->disabled);
    jout_text(&op->out, "detail", buf_str(&text));
    jout_close(&op->out, '}');
    buf_release(&text);
}

static int put_limit(struct db *db, struct op *op, struct err *err)
{
    struct db_limit row = {op->id,    slice_of(op->name), (int)op->limit,
                           SLICE(""), op->now_us,         slice_of(op->who)};
    char limit[48], text[512];
    bool fresh;
    int rc = op_must_exist(op, err);

    if (!rc)
        rc = db_limits_put(db, &row, &fresh, err);
    if (!rc)
        rc = op_find_disabled(db, op, err);
    if (rc)
        return rc;
    if (op->limit)
        snprintf(limit, sizeof(limit), "%lld device%s", (long long)op->limit,
                 op->limit == 1 ? "" : "s");
    else
        snprintf(limit, sizeof(limit), "unlimited");
    snprintf(text, sizeof(text), "special limit of %s %s: %s", op_user_text(op),
             fresh ? "set" : "updated", limit);
    begin_result(op);
    jout_int(&op->out, "limit", op->limit);
    jout_bool(&op->out, "created", fresh);
    end_result(op, text);
    return op_event(db, op, "limit", true, text, err);
}

int op_limit_put(struct db *db, struct op *op, struct err *err)
{
    return put_limit(db, op, err);
}

int op_limit_update(struct db *db, struct op *op, struct err *err)
{
    struct op_rule rule = {0};
    int rc = op_find_rule(db, op, &rule, err);

    if (!rc && !rule.special_found)
        rc = err_set(err, ERR_NOT_FOUND, "%s has no special limit to change; add one",
                     op_user_text(op));
    return rc ? rc : put_limit(db, op, err);
}

int op_limit_show(struct db *db, struct op *op, struct err *err)
{
    struct op_rule rule = {0};
    int rc = op_find_rule(db, op, &rule, err);
    int64_t limit = rule.excepted ? 0 : rule.special_found ? rule.special : op->limit;

    if (rc)
        return rc;
    begin_result(op);
    jout_int(&op->out, "limit", limit);
    jout_text(&op->out, "limit_from",
              rule.excepted        ? "except"
              : rule.special_found ? "special"
                                   : "general");
    jout_bool(&op->out, "known", op->known);
    jout_close(&op->out, '}');
    return ERR_OK;
}

/* By id, and when that finds nothing by the name it may still stand under. */
static int delete_rule(struct db *db, struct op *op, bool exception, struct err *err)
{
    int (*fn)(struct db *, int64_t, struct slice, struct err *) =
        exception ? db_exceptions_delete : db_limits_delete;
    struct slice name = slice_of(op->name);
    int rc = op->id ? fn(db, op->id, name, err) : ERR_NOT_FOUND;

    if (rc == ERR_NOT_FOUND && name.n)
        rc = fn(db, 0, name, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "%s has no %s", op_user_text(op),
                       exception ? "exception" : "special limit");
    return rc;
}

static int removed(struct db *db, struct op *op, const char *kind, const char *what,
                   struct err *err)
{
    char text[512];

    snprintf(text, sizeof(text), "%s of %s removed", what, op_user_text(op));
    begin_result(op);
    jout_bool(&op->out, "deleted", true);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return op_event(db, op, kind, true, text, err);
}

int op_limit_delete(struct db *db, struct op *op, struct err *err)
{
    int rc = delete_rule(db, op, false, err);

    return rc ? rc : removed(db, op, "limit", "special limit", err);
}

int op_except_delete(struct db *db, struct op *op, struct err *err)
{
    int rc = delete_rule(db, op, true, err);

    return rc ? rc : removed(db, op, "except", "exception", err);
}

int op_except_show(struct db *db, struct op *op, struct err *err)
{
    struct op_rule rule = {0};
    int rc = op_find_rule(db, op, &rule, err);

    if (rc)
        return rc;
    begin_result(op);
    jout_bool(&op->out, "excepted", rule.excepted);
    jout_text(&op->out, "reason", rule.reason[0] ? rule.reason : NULL);
    jout_bool(&op->out, "known", op->known);
    jout_close(&op->out, '}');
    return ERR_OK;
}

int op_except_put(struct db *db, struct op *op, struct err *err)
{
    struct db_limit row = {op->id,     slice_of(op->name), 0, slice_of(op->reason),
                           op->now_us, slice_of(op->who)};
    char text[512];
    bool fresh;
    int rc = op_must_exist(op, err);

    if (!rc)
        rc = db_exceptions_put(db, &row, &fresh, err);
    if (!rc)
        rc = op_find_disabled(db, op, err);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), fresh ? "%s is excepted from now on" : "%s was excepted already",
             op_user_text(op));
    begin_result(op);
    jout_text(&op->out, "reason", op->reason[0] ? op->reason : NULL);
    jout_bool(&op->out, "created", fresh);
    end_result(op, text);
    return op_event(db, op, "except", true, text, err);
}

/* ---- enabling along with it ---- */

static void enabled_after(void *arg, int rc, const struct err *err, struct slice json)
{
    struct op *op = arg;

    op->out.n--; /* the closing brace, which comes again below */
    if (rc)
        jout_text(&op->out, "enable_error", err->text);
    else
        jout_raw(&op->out, "enabled", json);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

void op_enable_after(struct op *op)
{
    struct op_enable what = {.ids = &op->id, .n = 1, .who = slice_of(op->who)};

    if (op->enable && op->disabled && op->port->enable)
        op->port->enable(op->port->app, &what, enabled_after, op);
    else
        op_reply(op, ERR_OK);
}
