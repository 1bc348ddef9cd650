/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

/* What a person does to a user himself: disable, revoke, pardon, and taking over who is disabled already. */

enum { MINUTES_MAX = 366 * 1440, REASON_MAX = 200 };

/* minutes or hand, else the setting; op->limit in minutes, 0 = until enabled by hand. */
static int term_args(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);
    bool hand = op_arg_bool(op, "hand");
    const char *reason = op_arg_text(op, "reason");

    op->confirm = op_arg_bool(op, "confirm");
    snprintf(op->reason, sizeof(op->reason), "%s", reason ? reason : "");
    if (hand && op_arg(op, "minutes"))
        return err_set(&op->err, ERR_INVALID, "minutes and hand exclude each other");
    op->term_us = op_arg(op, "minutes") ? op_arg_int(op, "minutes", 0) * 60 * STAMP_SECOND
                                        : settings_int(s, SET_TIME_TO_ACTIVE_USERS) * STAMP_SECOND;
    if (hand)
        op->term_us = 0;
    return ERR_OK;
}

static int known(struct op *op, struct err *err)
{
    int rc = op_must_exist(op, err);

    return rc || op->id ? rc : err_set(err, ERR_NOT_FOUND, "no user %s is known", op_user_text(op));
}

/* Excepted users are never limited: a person may disable them all the same, and says so twice. */
static int look_at_exception(struct db *db, struct op *op, struct err *err)
{
    struct op_rule rule = {0};
    int rc = known(op, err);

    if (!rc)
        rc = op_find_rule(db, op, &rule, err);
    if (!rc && rule.excepted && !op->confirm)
        rc = err_set(err, ERR_CONFIRM, "%s is excepted from all limits%s%s: say yes to go on",
                     op_user_text(op), rule.reason[0] ? ": " : "", rule.reason);
    return rc;
}

static int look_at_revoke(struct db *db, struct op *op, struct err *err)
{
    int rc = known(op, err);

    if (rc)
        return rc;
    if (!op->confirm)
        return err_set(
            err, ERR_CONFIRM,
            "%s gets a new subscription and new credentials, which cannot be undone, and "
            "stays disabled until enabled by hand: say yes to go on",
            op_user_text(op));
    return look_at_exception(db, op, err);
}

static int look_at_user(struct db *db, struct op *op, struct err *err)
{
    (void)db;
    return known(op, err);
}

static void ended(void *arg, int rc, const struct err *err, struct slice json)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    buf_clear(&op->out);
    jout_raw(&op->out, NULL, json);
    op_reply(op, ERR_OK);
}

static void order(struct op *op, struct op_order what)
{
    what.id = op->id;
    what.name = slice_of(op->name);
    what.who = slice_of(op->who);
    what.reason = slice_of(op->reason);
    op->port->order(op->port->app, &what, ended, op);
}

static void do_disable(struct op *op)
{
    order(op, (struct op_order){.duration_us = op->term_us});
}

static void do_revoke(struct op *op)
{
    order(op, (struct op_order){.revoke = true});
}

static void do_adopt(struct op *op)
{
    const json_t *list = op_arg(op, "groups");
    int64_t groups[LIMIT_GROUPS];
    size_t i, n = json_array_size(list);

    for (i = 0; i < n && i < LIMIT_GROUPS; i++)
        groups[i] = json_integer_value(json_array_get(list, i));
    order(op, (struct op_order){
                  .duration_us = op->term_us, .adopt = true, .groups = groups, .n_groups = n});
}

static int pardon_args(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);

    op->term_us =
        op_arg_int(op, "minutes", settings_int(s, SET_PARDON_MINUTES)) * 60 * STAMP_SECOND;
    return ERR_OK;
}

static int write_pardon(struct db *db, struct op *op, struct err *err)
{
    char text[80];
    int rc = known(op, err);

    if (!rc)
        rc = op_find_disabled(db, op, err);
    if (!rc && op->disabled)
        rc = err_set(err, ERR_REFUSED, "%s is disabled by us: enabling pardons the user as well",
                     op_user_text(op));
    if (!rc)
        rc = db_pardon_put(db, op->id, op->now_us + op->term_us, err);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), "not judged for %lld min",
             (long long)(op->term_us / STAMP_SECOND / 60));
    return op_event(db, op, "pardoned", true, text, err);
}

static void do_pardon(struct op *op)
{
    int64_t until_us = op->now_us + op->term_us;
    int rc = op->port->pardon(op->port->app, op->id, until_us);

    if (rc) {
        op_reply(op,
                 err_set(&op->err, rc, "the pardon is kept, but not in force: %s", err_name(rc)));
        return;
    }
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    jout_time(&op->out, "pardoned_until", until_us);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void list_stuck(struct op *op)
{
    struct op_page page = op_arg_page(op);

    op->port->stuck(op->port->app, page.offset, page.limit, op_sees_only(op), ended, op);
}

/* ---- the rows ---- */

#define TERM \
    {"minutes", \
     OP_IN_BODY, \
     OP_INT, \
     1, \
     MINUTES_MAX, \
     .example = "30", \
     .help = "how long; time_to_active_users when left out"}, \
    { \
        "hand", OP_IN_BODY, OP_BOOL, .example = "false", .help = "until enabled by hand" \
    }
#define REASON \
    { \
        "reason", OP_IN_BODY, OP_TEXT, 0, REASON_MAX, .example = "\"asked for it\"", \
                                                      .help = "kept with the order" \
    }
#define CONFIRM \
    { \
        "confirm", OP_IN_QUERY, OP_BOOL, .example = "true", \
                                         .help = "yes to what answered 409 confirm_needed" \
    }

static const struct op_param disable_params[] = {TERM, REASON, CONFIRM, {0}};
static const struct op_param revoke_params[] = {REASON, CONFIRM, {0}};
static const struct op_param adopt_params[] = {
    TERM,
    REASON,
    {"groups", OP_IN_BODY, OP_INTS, 1, LIMIT_GROUPS, .example = "[1]",
     .help =
         "what to give back to one who is in disabled_group_id; fallback_group_id when left out"},
    {0}};
static const struct op_param pardon_params[] = {
    {"minutes", OP_IN_BODY, OP_INT, 1, 7 * 1440, .example = "60",
     .help = "how long the user is not judged; pardon_minutes when left out"},
    {0}};
static const struct op_param stuck_params[] = {OP_PAGE, {0}};

const struct op_row op_rows_punish[] = {
    {.def = {OP_POST, "/users/{user}/disable",
             "Disables a user in the panel by your own order, journalled as every other.",
             disable_params, "#order", OP_MAY_409, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK | ROW_LIVE,
     .args = term_args,
     .kind = OWNER_WRITE,
     .job = look_at_exception,
     .finish = do_disable},
    {.def = {OP_POST, "/users/{user}/revoke",
             "Gives a user a new subscription and new credentials, and disables the user until "
             "enabled by hand.",
             revoke_params, "#order", OP_MAY_409, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK | ROW_LIVE,
     .args = term_args,
     .kind = OWNER_WRITE,
     .job = look_at_revoke,
     .finish = do_revoke},
    {.def = {OP_POST, "/users/{user}/pardon", "Does not judge a user for some time.", pardon_params,
             "{id:int,username:text~,pardoned_until:time}", OP_MAY_409, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK | ROW_LIVE,
     .args = pardon_args,
     .kind = OWNER_WRITE,
     .job = write_pardon,
     .finish = do_pardon},
    {.def = {OP_GET, "/users/disabled/stuck",
             "Users disabled in the panel, or in disabled_group_id, whom nobody of us will enable.",
             stuck_params,
             "{data:[{id:int,username:text,how:text,note:text~,edited_at:time~}],total:int}",
             .scope = OP_SCOPE_NARROW},
     .flags = ROW_LIVE,
     .finish = list_stuck},
    {.def = {OP_POST, "/users/disabled/{user}/adopt",
             "Takes a user over who is disabled without us: enabled when the time is over.",
             adopt_params, "#order", OP_MAY_409, .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_ASK | ROW_LIVE,
     .args = term_args,
     .kind = OWNER_WRITE,
     .job = look_at_user,
     .finish = do_adopt},
    {.def = {.pattern = NULL}},
};
