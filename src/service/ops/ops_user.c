/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include "base/stamp.h"
#include "service/texts/customer.h"
#include "service/texts/explain_text.h"
#include "service/jout.h"
#include "service/ops/op_event.h"
#include "store/db_events.h"
#include "store/db_history.h"
#include "store/db_violations.h"
#include "base/banned.h"

enum { SHOWN_VIOLATIONS = 10, SHOWN_EVENTS = 30, SHOWN_ADDRESSES = 50, SHOWN_HOURS = 48 };

/* The general limit is read on the loop's thread, where the settings live. */
static int user_args(struct op *op)
{
    op->limit = settings_int(op->port->settings(op->port->app), SET_GENERAL_LIMIT);
    return ERR_OK;
}

static int add_violation(void *arg, const struct db_violation *row)
{
    return op_violation_json(arg, row);
}

static int add_event(void *arg, const struct db_event *row)
{
    struct buf *b = arg;

    jout_key(b, NULL);
    op_event_json(b, row);
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int add_seen(void *arg, const struct db_seen *row)
{
    struct buf *b = arg;

    jout_open(b, NULL, '{');
    jout_str(b, "address", row->address);
    jout_int(b, "node_id", row->node_id);
    jout_str(b, "inbound", row->inbound.n ? row->inbound : (struct slice){NULL, 0});
    jout_str(b, "isp", row->isp.n ? row->isp : (struct slice){NULL, 0});
    jout_time(b, "first_seen", row->first_us);
    jout_time(b, "last_seen", row->last_us);
    jout_int(b, "lines", row->count);
    jout_close(b, '}');
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int add_row(void *arg, const struct db_row *row)
{
    struct op *op = arg;

    if (!db_state_open(row->state))
        return ERR_OK;
    op->disabled = true;
    op_row_json(&op->out, "disabled", row);
    return ERR_OK;
}

static int add_lists(struct db *db, struct op *op, struct err *err)
{
    struct db_violation_filter violations = {.user_id = op->id, .limit = SHOWN_VIOLATIONS};
    struct db_event_filter events = {.user_id = op->id, .limit = SHOWN_EVENTS};
    int64_t since = op->now_us - SHOWN_HOURS * 3600 * STAMP_SECOND;
    struct buf *b = &op->out;
    int rc;

    jout_open(b, "violations", '[');
    rc = db_violations_each(db, &violations, add_violation, b, err);
    jout_close(b, ']');
    jout_open(b, "events", '[');
    if (!rc)
        rc = db_events_each(db, &events, add_event, b, err);
    jout_close(b, ']');
    jout_open(b, "addresses", '[');
    if (!rc)
        rc = db_history_each(db, op->id, since, SHOWN_ADDRESSES, add_seen, b, err);
    jout_close(b, ']');
    return rc;
}

static int user_show(struct db *db, struct op *op, struct err *err)
{
    struct db_row_filter rows = {.open_only = true, .user_id = op->id, .limit = 1};
    struct op_rule rule = {0};
    int rc = op_find_rule(db, op, &rule, err);

    if (rc)
        return rc;
    if (!op->known && !rule.excepted && !rule.special_found && (op->asked || !op->id))
        return err_set(err, ERR_NOT_FOUND,
                       op->asked ? "the panel has no user %s" : "no user %s is known",
                       op_user_text(op));
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    jout_bool(&op->out, "known", op->known);
    jout_int(&op->out, "limit", rule.excepted ? 0 : rule.special_found ? rule.special : op->limit);
    jout_text(&op->out, "limit_from",
              rule.excepted        ? "except"
              : rule.special_found ? "special"
                                   : "general");
    jout_bool(&op->out, "special", rule.special_found);
    jout_bool(&op->out, "excepted", rule.excepted);
    jout_text(&op->out, "reason", rule.reason[0] ? rule.reason : NULL);
    op->disabled = false;
    if (op->id)
        rc = db_journal_each(db, &rows, add_row, op, err);
    if (!rc && !op->disabled)
        jout_raw(&op->out, "disabled", (struct slice){NULL, 0});
    if (!rc && op->id)
        rc = add_lists(db, op, err);
    return rc;
}

/* The part of the answer that only the engine knows, and the closing brace. */
static void add_live(struct op *op)
{
    if (op->port->live_json && op->id) {
        jout_key(&op->out, "live");
        op->port->live_json(op->port->app, op->id, &op->out);
    } else {
        jout_raw(&op->out, "live", (struct slice){NULL, 0});
    }
    jout_bool(&op->out, "daemon", op->port->live_json != NULL);
    jout_close(&op->out, '}');
}

static void user_live(struct op *op)
{
    add_live(op);
    op_reply(op, ERR_OK);
}

/* ---- in words ---- */

static enum text_lang language_of(const struct op *op)
{
    const char *word = op_arg_text(op, "language");

    if (!word)
        word = settings_text(op->port->settings(op->port->app), SET_BOT_LANGUAGE);
    return text_lang_of(word);
}

static void user_explain(struct op *op)
{
    enum text_lang lang = language_of(op);
    struct buf text;
    json_t *user;

    add_live(op);
    user = op->out.failed ? NULL : json_loadb(op->out.p, op->out.n, 0, NULL);
    if (!user) {
        op_reply(op, err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM)));
        return;
    }
    buf_init(&text, LIMIT_EXPLAIN);
    if (op_arg_bool(op, "customer"))
        customer_text(user, lang, &text);
    else
        explain_text(user, lang, op->now_us, &text);
    json_decref(user);
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    jout_text(&op->out, "language", text_lang_word(lang));
    jout_str(&op->out, "text", buf_slice(&text));
    jout_close(&op->out, '}');
    op->out.failed = op->out.failed || text.failed;
    buf_release(&text);
    op_reply(op, ERR_OK);
}

/* ---- history ---- */

static int add_any_row(void *arg, const struct db_row *row)
{
    struct op *op = arg;

    op_row_json(&op->out, NULL, row);
    return op->out.failed ? ERR_TOO_BIG : ERR_OK;
}

/* What was done to him, by whom, and why: everything the database still has. */
static int user_history(struct db *db, struct op *op, struct err *err)
{
    struct op_page page = op_arg_page(op);
    struct db_event_filter events = {.user_id = op->id, .offset = page.offset, .limit = page.limit};
    struct db_violation_filter violations = {.user_id = op->id, .limit = page.limit};
    struct db_row_filter rows = {.user_id = op->id, .limit = page.limit};
    int64_t since = op->now_us - op_arg_int(op, "hours", SHOWN_HOURS) * 3600 * STAMP_SECOND, total;
    struct buf *b = &op->out;
    int rc;

    if (!op->id)
        return err_set(err, ERR_NOT_FOUND,
                       op->asked ? "the panel has no user %s" : "no user %s is known",
                       op_user_text(op));
    rc = db_events_total(db, &events, &total, err);
    buf_clear(b);
    jout_open(b, NULL, '{');
    op_user_json(op, b);
    jout_open(b, "data", '[');
    if (!rc)
        rc = db_events_each(db, &events, add_event, b, err);
    jout_close(b, ']');
    if (!rc)
        jout_int(b, "total", total);
    jout_open(b, "violations", '[');
    if (!rc)
        rc = db_violations_each(db, &violations, add_violation, b, err);
    jout_close(b, ']');
    jout_open(b, "actions", '[');
    if (!rc)
        rc = db_journal_each(db, &rows, add_any_row, op, err);
    jout_close(b, ']');
    jout_open(b, "addresses", '[');
    if (!rc)
        rc = db_history_each(db, op->id, since, LIMIT_PAGE, add_seen, b, err);
    jout_close(b, ']');
    jout_close(b, '}');
    return rc;
}

/* ---- the rows ---- */

static const struct op_param history_params[] = {
    {"hours", OP_IN_QUERY, OP_INT, 1, 8784, .example = "12",
     .help = "how far back addresses are shown, 48 when left out"},
    OP_PAGE,
    {0}};
static const struct op_param active_params[] = {
    {"state", OP_IN_QUERY, OP_TEXT, .choices = "clear|monitoring|punished",
     .example = "\"monitoring\"", .help = "only users in this state"},
    {"single", OP_IN_QUERY, OP_BOOL, .example = "true",
     .help = "users with one device too; setting single_ip_users when left out"},
    {"devices", OP_IN_QUERY, OP_INT, 1, 10000, .example = "2",
     .help = "only users with so many devices at least"},
    {"node", OP_IN_QUERY, OP_INT, 1, INT64_C(1) << 53, .example = "3",
     .help = "only users with a device on this node (its id)"},
    {"inbound", OP_IN_QUERY, OP_TEXT, 0, 256, .example = "\"VLESS TCP\"",
     .help = "only users with a device through this inbound; empty: one that is not known"},
    OP_PAGE,
    {0}};

static const struct op_param explain_params[] = {
    {"language", OP_IN_QUERY, OP_TEXT, .choices = "en|fa|ru|zh", .example = "\"fa\"",
     .help = "of the text; bot_language when left out"},
    {"customer", OP_IN_QUERY, OP_BOOL, .example = "true",
     .help = "a text to forward to the customer instead, without addresses in full"},
    {0}};

static void show_active(struct op *op)
{
    struct op_page page = op_arg_page(op);
    struct op_active what = {.offset = page.offset,
                             .limit = page.limit,
                             .state = op_arg_text(op, "state"),
                             .only = op_sees_only(op),
                             .least = (int)op_arg_int(op, "devices", 0),
                             .node = op_arg_int(op, "node", 0),
                             .inbound = op_arg_text(op, "inbound"),
                             .single = op_arg(op, "single") ? op_arg_bool(op, "single") : -1};

    op->port->active_json(op->port->app, &what, &op->out);
    op_reply(op, ERR_OK);
}

const struct op_row op_rows_user[] = {
    {.def = {OP_GET, "/users/active",
             "Who is active now, with devices and limit; those most over it first.", active_params,
             "{data:[#active_user],total:int}", .scope = OP_SCOPE_NARROW},
     .flags = ROW_LIVE,
     .finish = show_active},
    {.def = {OP_GET, "/users/{user}/history",
             "What happened to a user: events, verdicts with evidence, actions, addresses.",
             history_params,
             "{id:int~,username:text~,data:[#event],total:int,violations:[#violation],"
             "actions:[#disabled_row],addresses:[#seen]}"},
     .flags = ROW_USER | ROW_ASK,
     .kind = OWNER_READ,
     .job = user_history},
    {.def = {OP_GET, "/users/{user}/explain", "How a user stands and why, in words.",
             explain_params, "{id:int~,username:text~,language:text,text:text}"},
     .flags = ROW_USER | ROW_ASK,
     .args = user_args,
     .kind = OWNER_READ,
     .job = user_show,
     .finish = user_explain},
    {.def =
         {OP_GET, "/users/{user}", "A user: limit, state, devices, evidence, what happened.",
          .answer =
              "{id:int~,username:text~,known:bool,limit:int,limit_from:text,special:bool,excepted:bool,"
              "reason:text~,disabled:any,violations?:[#violation],events?:[#event],"
              "addresses?:[#seen],live:any,daemon:bool}"},
     .flags = ROW_USER | ROW_ASK,
     .args = user_args,
     .kind = OWNER_READ,
     .job = user_show,
     .finish = user_live},
    {.def = {.pattern = NULL}},
};
