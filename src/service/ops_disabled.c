/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/op_int.h"

#include "base/num.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

void op_row_json(struct buf *b, const char *key, const struct db_row *row)
{
    jout_open(b, key, '{');
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name);
    jout_text(b, "state", db_state_name(row->state));
    jout_str(b, "action", row->action);
    jout_text(b, "method", row->by_group ? "group" : "status");
    jout_time(b, "verdict_at", row->verdict_us);
    jout_time(b, "disabled_at", row->applied_us);
    jout_time(b, "due_at", row->due_us);
    jout_time(b, "closed_at", row->closed_us);
    jout_int(b, "failed_attempts", row->attempts);
    jout_str(b, "last_error", row->last_error);
    jout_str(b, "why", row->why);
    jout_str(b, "closed_by", row->closed_by);
    jout_close(b, '}');
}

struct listing {
    struct buf *out;
    int64_t total;
};

static int add_row(void *arg, const struct db_row *row)
{
    struct listing *l = arg;

    op_row_json(l->out, NULL, row);
    l->total++;
    return l->out->failed ? ERR_TOO_BIG : ERR_OK;
}

int op_disabled_list(struct db *db, struct op *op, struct err *err)
{
    struct db_row_filter f = {.open_only = true};
    struct listing l = {&op->out, 0};
    int rc;

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    rc = db_journal_each(db, &f, add_row, &l, err);
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", l.total);
    jout_close(&op->out, '}');
    return rc;
}

/* "30m", "2h", "90s", "1d", or plain seconds. */
static int parse_span(struct slice s, int64_t *ret_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    int64_t unit = 1, n;
    size_t i;

    for (i = 0; i < ARRAY_LEN(units) && s.n; i++) {
        if (s.p[s.n - 1] == units[i].letter) {
            unit = units[i].seconds;
            s.n--;
            break;
        }
    }
    if (num_int(s, 1, 366 * INT64_C(86400), &n) || n * unit > 366 * INT64_C(86400))
        return ERR_INVALID;
    *ret_s = n * unit;
    return ERR_OK;
}

int op_enable_args(struct op *op)
{
    json_t *since = json_object_get(op->body, "since"),
           *forgive = json_object_get(op->body, "forgive");
    int64_t seconds = 0;

    if (forgive && !json_is_boolean(forgive))
        return err_set(&op->err, ERR_INVALID, "forgive takes true or false");
    op->forgive = json_is_true(forgive);
    if (json_is_integer(since) && json_integer_value(since) > 0)
        seconds = json_integer_value(since);
    else if (json_is_string(since) && parse_span(slice_of(json_string_value(since)), &seconds))
        seconds = -1;
    else if (since && !json_is_string(since))
        seconds = -1;
    if (seconds < 0 || seconds > 366 * INT64_C(86400))
        return err_set(&op->err, ERR_INVALID,
                       "since takes a time back from now such as 30m, 2h or 1d, up to 366d");
    op->since_us = seconds ? op->now_us - seconds * STAMP_SECOND : 0;
    return ERR_OK;
}

static void enabled(void *arg, int rc, const struct err *err, struct slice json)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_raw(&op->out, "data", json);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

void op_enable_one(struct op *op)
{
    struct op_enable what = {.ids = &op->id,
                             .n = 1,
                             .forgive = op->forgive,
                             .who = slice_of(op->who)};

    if (!op->id)
        op_reply(op, err_set(&op->err, ERR_NOT_FOUND, "no user %s is known", op_user_text(op)));
    else
        op->port->enable(op->port->app, &what, enabled, op);
}

void op_enable_all(struct op *op)
{
    struct op_enable what = {.all = true,
                             .since_us = op->since_us,
                             .forgive = op->forgive,
                             .who = slice_of(op->who)};

    op->port->enable(op->port->app, &what, enabled, op);
}
