/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/backup/backup.h"
#include "service/doctor/doctor.h"
#include "service/jout.h"
#include "store/db_events.h"
#include "store/db_users.h"
#include "base/banned.h"

static void op_free(struct op *op)
{
    json_decref(op->body);
    json_decref(op->args);
    json_decref(op->edits);
    if (op->facts)
        doctor_facts_release(op->facts);
    free(op->facts);
    if (op->settings)
        settings_release(op->settings);
    free(op->settings);
    free(op->ids);
    free(op->extra);
    db_scope_release(&op->scope);
    backup_free(op->backup);
    buf_release(&op->raw);
    buf_release(&op->out);
    free(op);
}

void op_error_json(struct buf *out, const char *code, const char *detail)
{
    buf_clear(out);
    jout_open(out, NULL, '{');
    jout_text(out, "detail", detail);
    jout_text(out, "code", code);
    jout_close(out, '}');
}

static void deliver(struct op *op)
{
    op->reply(op->reply_arg, op->status, buf_slice(&op->out));
    op_free(op);
}

static int nothing(struct db *db, void *arg, struct err *err)
{
    (void)db;
    (void)arg;
    (void)err;
    return ERR_OK;
}

static void read_anew(void *arg, int rc, const struct err *err)
{
    (void)rc;
    (void)err;
    deliver(arg);
}

void op_reply(struct op *op, int rc)
{
    if (!op->status)
        op->status = 200;
    if (!rc && op->out.failed)
        rc = err_set(&op->err, ERR_TOO_BIG, "the answer is larger than it may be");
    if (rc) {
        if (op->status < 400)
            op->status = op_status_of(rc);
        op_error_json(&op->out, op->status == 405 ? "method_not_allowed" : op_code_word(rc),
                      op->err.text[0] ? op->err.text : err_name(rc));
    }
    if (!rc && op->row->changes && !op->tried && op->port->changed) {
        op->port->changed(op->port->app, op->row->changes);
        /* What reads it anew is a job as well: after another one who is answered finds it in force. */
        if (!op->port->submit(op->port->store, OWNER_READ, nothing, read_anew, op))
            return;
    }
    deliver(op);
}

/* ---- the job ---- */

static int learn(struct db *db, struct op *op, struct err *err)
{
    struct db_user u = {op->id, slice_of(op->name), op->created_us};

    return op->learned ? db_users_put(db, &u, 1, op->now_us, err) : ERR_OK;
}

static int run_job(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;
    int rc = op->row->kind == OWNER_READ ? ERR_OK : learn(db, op, err);

    return rc ? rc : op->row->job(db, op, err);
}

static void job_done(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
    } else if (op->row->finish) {
        op->row->finish(op);
    } else {
        op_reply(op, ERR_OK);
    }
}

void op_run_job(struct op *op)
{
    int rc = op->port->submit(op->port->store, op->row->kind, run_job, job_done, op);

    if (rc)
        op_reply(op, err_set(&op->err, rc, "the database cannot take the job: %s", err_name(rc)));
}

static void go_on(struct op *op)
{
    if (op->row->before)
        op->row->before(op);
    else if (op->row->job)
        op_run_job(op);
    else
        op->row->finish(op);
}

/* ---- the user ---- */

static void found(struct op *op)
{
    int rc = op_must_see(op);

    if (rc)
        op_reply(op, rc);
    else
        go_on(op);
}

static void told_by_panel(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct op *op = arg;

    (void)err;
    if (!rc && user->name.n <= LIMIT_USER_NAME) {
        op->id = user->id;
        memcpy(op->name, user->name.p, user->name.n);
        op->name[user->name.n] = '\0';
        op->created_us = user->created_at_us;
        op->known = op->learned = true;
    }
    op->asked = rc == ERR_NOT_FOUND;
    op->his = !rc && user->admin_told && op->panel_admin_id && user->admin_id == op->panel_admin_id;
    found(op);
}

static int look_up(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;
    struct db_user_found found;
    int rc = op->ref.id ? db_users_by_id(db, op->ref.id, &found, err)
                        : db_users_by_name(db, op->ref.name, &found, err);

    op->known = false;
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc)
        return rc;
    op->id = found.id;
    memcpy(op->name, found.name, sizeof(op->name));
    op->created_us = found.created_us;
    op->known = true;
    return ERR_OK;
}

static void looked_up(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    if (!op->known) {
        op->id = op->ref.id;
        if (op->ref.name.n)
            memcpy(op->name, op->ref.name.p, op->ref.name.n);
        op->name[op->ref.name.n] = '\0';
        op->created_us = STAMP_NONE;
    }
    if (!op->known && (op->row->flags & ROW_ASK) && op->port->find_user)
        op->port->find_user(op->port->app, op->ref.id, op->ref.name, told_by_panel, op);
    else
        found(op);
}

static void find_user(struct op *op)
{
    const char *in_body = op->ref_text[0] ? NULL : op_arg_text(op, "username");
    int rc;

    if (in_body)
        snprintf(op->ref_text, sizeof(op->ref_text), "%s", in_body);
    rc = user_ref_parse(slice_of(op->ref_text), &op->ref, &op->err);
    if (!rc)
        rc = op->port->submit(op->port->store, OWNER_READ, look_up, looked_up, op);
    if (rc)
        op_reply(op,
                 op->err.text[0] ? rc : err_set(&op->err, rc, "the database cannot take the job"));
}

const char *op_user_text(const struct op *op)
{
    return op->name[0] ? op->name : op->ref_text;
}

void op_user_json(const struct op *op, struct buf *b)
{
    if (op->id)
        jout_int(b, "id", op->id);
    else
        jout_str(b, "id", (struct slice){NULL, 0});
    jout_text(b, "username", op->name[0] ? op->name : NULL);
}

int op_event(struct db *db, const struct op *op, const char *kind, bool user, const char *what,
             struct err *err)
{
    struct db_event ev = {
        .at_us = op->now_us,
        .kind = slice_of(kind),
        .user_id = user ? op->id : 0,
        .name = user ? slice_of(op_user_text(op)) : (struct slice){NULL, 0},
        .who = slice_of(op->who),
        .what = slice_of(what),
    };

    return db_events_add(db, &ev, NULL, err);
}

/* ---- the request ---- */

static int read_request(struct op *op, const struct op_request *req)
{
    json_error_t je;
    int rc = op_path_find(op, req->method, req->path);

    if (!rc)
        rc = op_scope_begin(op, req);
    if (rc)
        return rc;
    if (op->row->def.may & OP_RAW_BODY) {
        if (buf_add_slice(&op->raw, req->body))
            return err_set(&op->err, ERR_TOO_BIG, "the body is larger than %d MiB",
                           LIMIT_BACKUP >> 20);
    } else if (req->body.n) {
        op->body = json_loadb(req->body.p, req->body.n, JSON_REJECT_DUPLICATES, &je);
        if (!op->body)
            return err_set(&op->err, ERR_PROTOCOL, "the body is no JSON: %s (line %d)", je.text,
                           je.line);
        if (!json_is_object(op->body))
            return err_set(&op->err, ERR_PROTOCOL, "the body must be a JSON object");
    }
    if ((op->row->flags & ROW_LIVE) && !op->port->status_json)
        return err_set(
            &op->err, ERR_UNREACHABLE,
            "the daemon is not running, and this needs it: start it with `pg-limiter run`");
    rc = op_args_read(op, req->query);
    return rc || !op->row->args ? rc : op->row->args(op);
}

void op_call(const struct op_port *port, const struct op_request *req, op_reply_fn fn, void *arg)
{
    struct op *op = calloc(1, sizeof(*op));
    int rc;

    if (!op) {
        fn(arg, 503, SLICE("{\"detail\":\"out of memory\",\"code\":\"no_memory\"}"));
        return;
    }
    op->port = port;
    op->reply = fn;
    op->reply_arg = arg;
    op->now_us = port->now_us(port->app);
    buf_init(&op->out, LIMIT_OP_ANSWER);
    buf_init(&op->raw, LIMIT_BACKUP);
    snprintf(op->who, sizeof(op->who), "%.*s", (int)req->who.n, req->who.n ? req->who.p : "");
    rc = read_request(op, req);
    if (rc)
        op_reply(op, rc);
    else if ((op->row->flags & ROW_USER) && (op->ref_text[0] || op_arg(op, "username")))
        find_user(op);
    else if (op->panel_admin_id && op->row->def.scope == OP_SCOPE_REFUSED)
        op_reply(op, err_set(&op->err, ERR_FORBIDDEN, "without a user, this concerns everyone"));
    else
        go_on(op);
}
