/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>

#include "service/jout.h"
#include "store/db_limits.h"
#include "base/banned.h"

/* ---- arguments ---- */

static int limit_args(struct op *op)
{
    op->limit = op_arg_int(op, "limit", 0);
    op->enable = op_arg_bool(op, "enable");
    return ERR_OK;
}

static int except_args(struct op *op)
{
    const char *reason = op_arg_text(op, "reason");

    snprintf(op->reason, sizeof(op->reason), "%s", reason ? reason : "");
    op->enable = op_arg_bool(op, "enable");
    return ERR_OK;
}

/* The general limit is read on the loop's thread, where the settings live. */
static int show_args(struct op *op)
{
    op->limit = settings_int(op->port->settings(op->port->app), SET_GENERAL_LIMIT);
    return ERR_OK;
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
    const struct op *op;
    struct buf *out;
    bool exceptions;
    int64_t total;
};

static int add_listed(void *arg, const struct db_limit *row)
{
    struct listing *l = arg;
    struct buf *b = l->out;

    if (!op_sees(l->op, row->user_id))
        return ERR_OK;
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
    struct listing l = {op, &op->out, exceptions, 0};
    int rc;

    jout_list(&op->out);
    rc = exceptions ? db_exceptions_each(db, add_listed, &l, err)
                    : db_limits_each(db, add_listed, &l, err);
    jout_list_end(&op->out, l.total);
    return rc;
}

static int limit_list(struct db *db, struct op *op, struct err *err)
{
    return list(db, op, false, err);
}

static int except_list(struct db *db, struct op *op, struct err *err)
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

static int limit_put(struct db *db, struct op *op, struct err *err)
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

static int limit_update(struct db *db, struct op *op, struct err *err)
{
    struct op_rule rule = {0};
    int rc = op_find_rule(db, op, &rule, err);

    if (!rc && !rule.special_found)
        rc = err_set(err, ERR_NOT_FOUND, "%s has no special limit to change; add one",
                     op_user_text(op));
    return rc ? rc : limit_put(db, op, err);
}

static int limit_show(struct db *db, struct op *op, struct err *err)
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

static int limit_delete(struct db *db, struct op *op, struct err *err)
{
    int rc = delete_rule(db, op, false, err);

    return rc ? rc : removed(db, op, "limit", "special limit", err);
}

static int except_delete(struct db *db, struct op *op, struct err *err)
{
    int rc = delete_rule(db, op, true, err);

    return rc ? rc : removed(db, op, "except", "exception", err);
}

static int except_show(struct db *db, struct op *op, struct err *err)
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

static int except_put(struct db *db, struct op *op, struct err *err)
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

void op_enable_these(struct op *op, const int64_t *ids, size_t n)
{
    struct op_enable what = {.ids = ids, .n = n, .who = slice_of(op->who)};

    op->port->enable(op->port->app, &what, enabled_after, op);
}

void op_enable_after(struct op *op)
{
    if (op->enable && op->disabled && op->port->enable)
        op_enable_these(op, &op->id, 1);
    else
        op_reply(op, ERR_OK);
}

/* ---- the rows ---- */

#define WHO \
    { \
        "username", OP_IN_BODY | OP_NEEDED, OP_USER, .example = "\"vip_user\"", \
                                                     .help = "the user: a name, or id:12" \
    }
#define LIMIT \
    { \
        "limit", OP_IN_BODY | OP_NEEDED, OP_INT, 0, 10000, \
            .example = "5", .help = "devices at once; 0 = unlimited" \
    }
#define ENABLE \
    { \
        "enable", OP_IN_QUERY, OP_BOOL, \
            .example = "false", .help = "enable the user as well when we have disabled him" \
    }

static const struct op_param post_limit[] = {WHO, LIMIT, ENABLE, {0}};
static const struct op_param put_limit[] = {LIMIT, ENABLE, {0}};
static const struct op_param post_except[] = {WHO,
                                              {"reason", OP_IN_BODY, OP_TEXT, 0, 255,
                                               .example = "\"the owner\"",
                                               .help = "why, for people"},
                                              ENABLE,
                                              {0}};

#define USER "id:int~,username:text~"
#define ENABLED "disabled:bool,detail:text,enabled?:[#enabled],enable_error?:text}"
#define LIMIT_SET "{" USER ",limit:int,created:bool,pending:bool," ENABLED

const struct op_row op_rows_limits[] = {
    {.def = {OP_GET, "/users/limits", "Special limits of single users.",
             .answer = "{data:[#limit_row],total:int}", .scope = OP_SCOPE_NARROW},
     .kind = OWNER_READ,
     .job = limit_list},
    {.def = {OP_POST, "/users/limits", "Sets the special limit of a user.", post_limit, LIMIT_SET,
             OP_MAY_404, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK,
     .args = limit_args,
     .kind = OWNER_WRITE,
     .job = limit_put,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_GET, "/users/limits/{user}", "The limit of a user and where it comes from.",
             .answer = "{" USER ",limit:int,limit_from:text,known:bool}"},
     .flags = ROW_USER,
     .args = show_args,
     .kind = OWNER_READ,
     .job = limit_show},
    {.def = {OP_PUT, "/users/limits/{user}", "Changes a special limit that is there.", put_limit,
             LIMIT_SET, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK,
     .args = limit_args,
     .kind = OWNER_WRITE,
     .job = limit_update,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_DELETE, "/users/limits/{user}", "Removes a special limit.",
             .answer = "{" USER ",deleted:bool,detail:text}", .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER,
     .kind = OWNER_WRITE,
     .job = limit_delete,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_GET, "/users/except", "Users who are never limited.",
             .answer = "{data:[#except_row],total:int}", .scope = OP_SCOPE_NARROW},
     .kind = OWNER_READ,
     .job = except_list},
    {.def = {OP_POST, "/users/except", "Excepts a user from every limit.", post_except,
             "{" USER ",reason:text~,created:bool,pending:bool," ENABLED, OP_MAY_404,
             .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK,
     .args = except_args,
     .kind = OWNER_WRITE,
     .job = except_put,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_GET, "/users/except/{user}", "Whether a user is excepted.",
             .answer = "{" USER ",excepted:bool,reason:text~,known:bool}"},
     .flags = ROW_USER,
     .kind = OWNER_READ,
     .job = except_show},
    {.def = {OP_DELETE, "/users/except/{user}", "Ends an exception.",
             .answer = "{" USER ",deleted:bool,detail:text}", .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER,
     .kind = OWNER_WRITE,
     .job = except_delete,
     .changes = OP_CHANGED_LIMITS},
    {.def = {.pattern = NULL}},
};
