/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "store/db_events.h"
#include "store/db_users.h"
#include "base/banned.h"

static void op_free(struct op *op)
{
    json_decref(op->body);
    free(op->query);
    if (op->settings)
        settings_release(op->settings);
    free(op->settings);
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

void op_reply(struct op *op, int rc)
{
    int status = op->status ? op->status : 200;

    if (!rc && op->out.failed)
        rc = err_set(&op->err, ERR_TOO_BIG, "the answer is larger than it may be");
    if (rc) {
        if (status < 400)
            status = op_status_of(rc);
        op_error_json(&op->out, status == 405 ? "method_not_allowed" : op_code_word(rc),
                      op->err.text[0] ? op->err.text : err_name(rc));
    }
    if (!rc && op->row->changes && op->port->changed)
        op->port->changed(op->port->app, op->row->changes);
    op->reply(op->reply_arg, status, buf_slice(&op->out));
    op_free(op);
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
    go_on(op);
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
        go_on(op);
}

static void find_user(struct op *op)
{
    json_t *in_body = op->ref_text[0] ? NULL : json_object_get(op->body, "username");
    struct slice text = slice_of(op->ref_text);
    int rc;

    if (json_is_string(in_body))
        text = (struct slice){json_string_value(in_body), json_string_length(in_body)};
    if (text.n >= sizeof(op->ref_text)) {
        op_reply(op, err_set(&op->err, ERR_INVALID, "the user's name is too long"));
        return;
    }
    if (in_body) {
        memcpy(op->ref_text, text.p, text.n);
        op->ref_text[text.n] = '\0';
        text.p = op->ref_text;
    }
    rc = user_ref_parse(text, &op->ref, &op->err);
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

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes s; '+' stays unless plus. ERR_INVALID on a broken escape or a NUL. */
static int decode(struct slice s, bool plus, struct buf *out)
{
    size_t i;

    for (i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            int hi = i + 2 < s.n ? hex(s.p[i + 1]) : -1, lo = i + 2 < s.n ? hex(s.p[i + 2]) : -1;

            if (hi < 0 || lo < 0)
                return ERR_INVALID;
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return ERR_INVALID;
        buf_add_char(out, c);
    }
    return out->failed ? ERR_TOO_BIG : ERR_OK;
}

bool op_query(const struct op *op, const char *name, struct buf *out)
{
    struct slice rest = slice_of(op->query), value, key;

    while (rest.p && rest.n) {
        value = slice_cut(&rest, '&');
        key = slice_cut(&value, '=');
        if (!slice_eq(key, slice_of(name)))
            continue;
        buf_clear(out);
        return value.p ? decode(value, true, out) == ERR_OK : true;
    }
    return false;
}

/* Whether path fits pattern; the segment that stands for {user} goes into op->ref_text. */
static int match(struct op *op, const char *pattern, struct slice path)
{
    struct slice want = slice_skip(slice_of(pattern), 1), have = slice_skip(path, 1), a, b;
    struct buf decoded;
    int rc = ERR_OK;

    while (want.p && have.p) {
        a = slice_cut(&want, '/');
        b = slice_cut(&have, '/');
        if (a.n && a.p[0] == '{') {
            buf_init(&decoded, sizeof(op->ref_text) - 1);
            rc = decode(b, false, &decoded);
            if (!rc)
                memcpy(op->ref_text, buf_str(&decoded), decoded.n + 1);
            buf_release(&decoded);
            if (rc || !op->ref_text[0])
                return ERR_INVALID;
        } else if (!slice_eq(a, b)) {
            return ERR_NOT_FOUND;
        }
    }
    return want.p || have.p ? ERR_NOT_FOUND : ERR_OK;
}

/* Fixed paths win over {user}: the table lists them first. */
static int find_row(struct op *op, const struct op_request *req)
{
    bool other_method = false;
    size_t i;

    for (i = 0; op_row_at(i); i++) {
        const struct op_row *row = op_row_at(i);
        int rc;

        op->ref_text[0] = '\0';
        rc = req->path.n && req->path.p[0] == '/' ? match(op, row->def.pattern, req->path)
                                                  : ERR_NOT_FOUND;
        if (rc == ERR_NOT_FOUND)
            continue;
        if (rc)
            return err_set(&op->err, ERR_PROTOCOL,
                           "the path holds a broken %%-escape or a name too long");
        if (row->def.method == req->method) {
            op->row = row;
            return ERR_OK;
        }
        other_method = true;
    }
    if (other_method) {
        op->status = 405;
        return err_set(&op->err, ERR_REFUSED, "this path does not know %s",
                       op_method_name(req->method));
    }
    return err_set(&op->err, ERR_NOT_FOUND, "no such path");
}

static int read_request(struct op *op, const struct op_request *req)
{
    json_error_t je;
    int rc = find_row(op, req);

    if (rc)
        return rc;
    op->query = strndup(req->query.n ? req->query.p : "", req->query.n);
    if (!op->query)
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    if (req->body.n) {
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
    return op->row->args ? op->row->args(op) : ERR_OK;
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
    snprintf(op->who, sizeof(op->who), "%.*s", (int)req->who.n, req->who.n ? req->who.p : "");
    rc = read_request(op, req);
    if (rc)
        op_reply(op, rc);
    else if (op->row->flags & ROW_USER)
        find_user(op);
    else
        go_on(op);
}
