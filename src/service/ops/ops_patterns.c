/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>

#include "base/num.h"
#include "service/jout.h"
#include "store/db_patterns.h"
#include "base/banned.h"

/*
 * Patterns of user names: limit patterns (names that begin or end so have that limit) and owner patterns
 * (… belong to that panel admin, where the panel names none).
 */

/* ---- lists ---- */

struct listing {
    struct buf *out;
    bool owners;
    int64_t total;
};

static int add_listed(void *arg, const struct db_pattern *row)
{
    struct listing *l = arg;
    struct buf *b = l->out;

    jout_open(b, NULL, '{');
    jout_int(b, "id", row->id);
    jout_text(b, "kind", row->suffix ? "suffix" : "prefix");
    jout_str(b, "pattern", row->text);
    if (l->owners)
        jout_str(b, "admin", row->admin);
    else
        jout_int(b, "limit", row->max_devices);
    jout_time(b, "updated_at", row->updated_us);
    jout_str(b, "updated_by", row->updated_by);
    jout_close(b, '}');
    l->total++;
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int list(struct db *db, struct op *op, bool owners, struct err *err)
{
    struct listing l = {&op->out, owners, 0};
    int rc;

    jout_list(&op->out);
    rc = owners ? db_admin_patterns_each(db, add_listed, &l, err)
                : db_limit_patterns_each(db, add_listed, &l, err);
    jout_list_end(&op->out, l.total);
    return rc;
}

static int limit_list(struct db *db, struct op *op, struct err *err)
{
    return list(db, op, false, err);
}

static int owner_list(struct db *db, struct op *op, struct err *err)
{
    return list(db, op, true, err);
}

/* ---- what a change would bring ---- */

static bool is_owner(const struct op *op)
{
    return strstr(op->row->def.pattern, "admins") != NULL;
}

static bool is_suffix(const struct op *op)
{
    const char *kind = op_arg_text(op, "kind");

    return kind && strcmp(kind, "suffix") == 0;
}

/* Goes on with the job, or asks; the daemon alone knows what users do. */
static void reckon(struct op *op, const struct op_rule_change *c)
{
    int rc = ERR_OK;

    if (op->port->estimate)
        rc = op->port->estimate(op->port->app, c, &op->estimate);
    if (!rc)
        rc = op_freed_find(op, NULL, c);
    if (rc) {
        op->err = op->estimate.err;
        if (!op->err.text[0])
            err_set(&op->err, rc, "%s", err_name(rc));
        op_reply(op, rc);
    } else {
        op_run_job(op);
    }
}

/* ---- adding ---- */

/* What a panel user's name may hold: another pattern could never match. */
static int put_args(struct op *op)
{
    const char *text = op_arg_text(op, "pattern"), *p;

    for (p = text; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("-_@.", *p)))
            return err_set(&op->err, ERR_INVALID,
                           "pattern \"%s\" can match no user name: these hold letters, digits and "
                           "- _ @ . only; give the beginning or the end itself, without * or ?",
                           text);
    op->confirm = op_arg_bool(op, "confirm");
    op->enable = op_arg_bool(op, "enable");
    op->limit = op_arg_int(op, "limit", 0);
    return ERR_OK;
}

static void reckon_put(struct op *op)
{
    const char *admin = op_arg_text(op, "admin");
    struct op_rule_change c = {.kind = is_owner(op) ? OP_OWNER_PUT : OP_PATTERN_PUT,
                               .suffix = is_suffix(op),
                               .text = slice_of(op_arg_text(op, "pattern")),
                               .limit = (int)op->limit,
                               .admin = slice_of(admin ? admin : ""),
                               .confirmed = op->confirm};

    reckon(op, &c);
}

static void add_matches(struct op *op, struct buf *text)
{
    if (!op->port->estimate)
        return;
    jout_int(&op->out, "matches", op->estimate.matches);
    jout_int(&op->out, "known_users", op->estimate.known);
    buf_addf(text, "; it matches %u of %u users", op->estimate.matches, op->estimate.known);
}

static int put(struct db *db, struct op *op, struct err *err)
{
    const char *pattern = op_arg_text(op, "pattern"), *admin = op_arg_text(op, "admin");
    struct db_pattern row = {.suffix = is_suffix(op),
                             .text = slice_of(pattern),
                             .max_devices = (int)op->limit,
                             .admin = slice_of(admin ? admin : ""),
                             .updated_us = op->now_us,
                             .updated_by = slice_of(op->who)};
    const char *kind = row.suffix ? "suffix" : "prefix";
    struct buf text;
    int64_t id;
    int rc = is_owner(op) ? db_admin_patterns_put(db, &row, &id, err)
                          : db_limit_patterns_put(db, &row, &id, err);

    if (rc)
        return rc;
    buf_init(&text, 1024);
    if (is_owner(op))
        buf_addf(&text, "users with the %s %s belong to %s", kind, pattern, admin);
    else if (op->limit)
        buf_addf(&text, "users with the %s %s may use %lld device%s", kind, pattern,
                 (long long)op->limit, op->limit == 1 ? "" : "s");
    else
        buf_addf(&text, "users with the %s %s are not limited", kind, pattern);
    rc = op_event(db, op, is_owner(op) ? "owner_pattern" : "pattern", false, buf_str(&text), err);
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_int(&op->out, "id", id);
    jout_text(&op->out, "kind", kind);
    jout_text(&op->out, "pattern", pattern);
    if (is_owner(op))
        jout_text(&op->out, "admin", admin);
    else
        jout_int(&op->out, "limit", op->limit);
    add_matches(op, &text);
    jout_text(&op->out, "detail", buf_str(&text));
    jout_close(&op->out, '}');
    buf_release(&text);
    return rc;
}

/* An owner must be an admin of the panel while it answers. */
static void owner_told(void *arg, int rc, const struct err *err, const struct op_name *names,
                       size_t n)
{
    struct op *op = arg;
    struct slice admin = slice_of(op_arg_text(op, "admin"));
    size_t i;

    (void)err;
    for (i = 0; !rc && i < n && !slice_eq(names[i].name, admin); i++)
        ;
    if (!rc && i == n)
        op_reply(op, err_set(&op->err, ERR_INVALID, "admin: the panel has no admin %.*s",
                             (int)admin.n, admin.p));
    else
        reckon_put(op);
}

static void check_owner(struct op *op)
{
    if (op->port->names)
        op->port->names(op->port->app, true, owner_told, op);
    else
        reckon_put(op);
}

/* ---- removing ---- */

static int delete_args(struct op *op)
{
    op->confirm = op_arg_bool(op, "confirm");
    op->enable = op_arg_bool(op, "enable");
    if (num_int(slice_of(op->ref_text), 1, INT64_MAX, &op->id))
        return err_set(&op->err, ERR_NOT_FOUND, "there is no pattern %s", op->ref_text);
    return ERR_OK;
}

static int see_pattern(void *arg, const struct db_pattern *row)
{
    struct op *op = arg;

    if (row->id == op->id) {
        snprintf(op->name, sizeof(op->name), "%.*s", (int)row->text.n, row->text.p);
        snprintf(op->reason, sizeof(op->reason), "%s", row->suffix ? "suffix" : "prefix");
    }
    return ERR_OK;
}

static int find(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;
    int rc;

    op->name[0] = '\0';
    rc = is_owner(op) ? db_admin_patterns_each(db, see_pattern, op, err)
                      : db_limit_patterns_each(db, see_pattern, op, err);
    if (!rc && !op->name[0])
        rc = err_set(err, ERR_NOT_FOUND, "there is no pattern %lld", (long long)op->id);
    return rc;
}

static void found(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;
    struct op_rule_change c = {.kind = is_owner(op) ? OP_OWNER_DROP : OP_PATTERN_DROP,
                               .suffix = strcmp(op->reason, "suffix") == 0,
                               .text = slice_of(op->name),
                               .confirmed = op->confirm};

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
    } else {
        reckon(op, &c);
    }
}

static void reckon_delete(struct op *op)
{
    int rc = op->port->submit(op->port->store, OWNER_READ, find, found, op);

    if (rc)
        op_reply(op, err_set(&op->err, rc, "the database cannot take the job"));
}

static int delete (struct db *db, struct op *op, struct err *err)
{
    struct buf text;
    int rc = is_owner(op) ? db_admin_patterns_delete(db, op->id, err)
                          : db_limit_patterns_delete(db, op->id, err);

    if (rc)
        return rc;
    buf_init(&text, 1024);
    buf_addf(&text, "%s pattern %s %s removed", is_owner(op) ? "owner" : "limit", op->reason,
             op->name);
    rc = op_event(db, op, is_owner(op) ? "owner_pattern" : "pattern", false, buf_str(&text), err);
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_int(&op->out, "id", op->id);
    jout_bool(&op->out, "deleted", true);
    add_matches(op, &text);
    jout_text(&op->out, "detail", buf_str(&text));
    jout_close(&op->out, '}');
    buf_release(&text);
    return rc;
}

/* ---- the rows ---- */

#define KIND \
    { \
        "kind", OP_IN_BODY | OP_NEEDED, OP_TEXT, .choices = "prefix|suffix", \
                                                 .example = "\"prefix\"", \
                                                 .help = "where the name has the text" \
    }
#define PATTERN \
    { \
        "pattern", OP_IN_BODY | OP_NEEDED, OP_TEXT, 1, LIMIT_USER_NAME, \
            .example = "\"vip_\"", .help = "the beginning or end itself; case counts" \
    }
#define CONFIRM \
    { \
        "confirm", OP_IN_QUERY, OP_BOOL, .example = "false", \
                                         .help = "yes to what answered 409 confirm_needed" \
    }
#define ID \
    { \
        "id", OP_IN_PATH | OP_NEEDED, OP_INT, 1, INT64_MAX, .example = "1", \
                                                            .help = "the pattern's number" \
    }

static const struct op_param limit_params[] = {KIND,
                                               PATTERN,
                                               {"limit", OP_IN_BODY | OP_NEEDED, OP_INT, 0, 10000,
                                                .example = "5",
                                                .help = "devices at once; 0 = unlimited"},
                                               CONFIRM,
                                               OP_ENABLE_FREED,
                                               {0}};
static const struct op_param owner_params[] = {KIND,
                                               PATTERN,
                                               {"admin", OP_IN_BODY | OP_NEEDED, OP_TEXT, 1,
                                                LIMIT_USER_NAME, .example = "\"reza\"",
                                                .help = "a panel admin's name"},
                                               CONFIRM,
                                               OP_ENABLE_FREED,
                                               {0}};
static const struct op_param id_params[] = {ID, CONFIRM, OP_ENABLE_FREED, {0}};

#define ROW_SHAPE "id:int,kind:text,pattern:text,"
#define MATCHES "matches?:int,known_users?:int,detail:text," OP_FREED "}"

const struct op_row op_rows_patterns[] = {
    {.def = {OP_GET, "/patterns", "Limits by the beginning or end of a user's name.",
             .answer =
                 "{data:[{" ROW_SHAPE "limit:int,updated_at:time,updated_by:text}],total:int}"},
     .kind = OWNER_READ,
     .job = limit_list},
    {.def = {OP_POST, "/patterns",
             "Gives names that begin or end so a limit; the longest that fits holds.", limit_params,
             "{" ROW_SHAPE "limit:int," MATCHES, OP_MAY_409},
     .args = put_args,
     .before = reckon_put,
     .kind = OWNER_WRITE,
     .job = put,
     .finish = op_freed_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_DELETE, "/patterns/{id}", "Removes a limit pattern.", id_params,
             "{id:int,deleted:bool," MATCHES, OP_MAY_409},
     .args = delete_args,
     .before = reckon_delete,
     .kind = OWNER_WRITE,
     .job = delete,
     .finish = op_freed_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_GET, "/filters/admins/patterns", "Owners by the beginning or end of a user's name.",
             .answer =
                 "{data:[{" ROW_SHAPE "admin:text,updated_at:time,updated_by:text}],total:int}"},
     .kind = OWNER_READ,
     .job = owner_list},
    {.def = {OP_POST, "/filters/admins/patterns",
             "Gives names that begin or end so an owner, where the panel names none.", owner_params,
             "{" ROW_SHAPE "admin:text," MATCHES, OP_MAY_409},
     .args = put_args,
     .before = check_owner,
     .kind = OWNER_WRITE,
     .job = put,
     .finish = op_freed_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {OP_DELETE, "/filters/admins/patterns/{id}", "Removes an owner pattern.", id_params,
             "{id:int,deleted:bool," MATCHES, OP_MAY_409},
     .args = delete_args,
     .before = reckon_delete,
     .kind = OWNER_WRITE,
     .job = delete,
     .finish = op_freed_after,
     .changes = OP_CHANGED_LIMITS},
    {.def = {.pattern = NULL}},
};
