/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "service/suggest.h"
#include "store/db_find.h"
#include "store/db_users.h"
#include "base/banned.h"

/* Users found by a part of their name; when none is, those whose names are near to it. */

enum { NEAR = 5 };

struct find_row {
    int64_t id, gone_us;
    char name[LIMIT_USER_NAME + 1];
};

struct find_near {
    struct find_row row;
    size_t distance;
};

struct find {
    const struct op *op;
    struct user_ref ref;   /* asked for by id */
    struct find_row *rows; /* room for a page */
    size_t n;
    int64_t total;
    char part[LIMIT_USER_NAME + 1];
    struct find_near near[NEAR];
    size_t n_near;
};

static int find_args(struct op *op)
{
    struct op_page page = op_arg_page(op);
    const char *part = op_arg_text(op, "search");
    struct find *f = calloc(1, sizeof(*f) + (size_t)page.limit * sizeof(*f->rows));

    op->extra = f;
    if (!f)
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    f->rows = (struct find_row *)(void *)(f + 1);
    /* id:12 finds by id, as everywhere; a bare number is looked for in names, too. */
    if (part && strncmp(part, "id:", 3) == 0) {
        if (user_ref_parse(slice_of(part), &f->ref, &op->err))
            return ERR_INVALID;
        return ERR_OK;
    }
    snprintf(f->part, sizeof(f->part), "%s", part ? part : "");
    return ERR_OK;
}

static void take(struct find_row *to, int64_t id, struct slice name, int64_t gone_us)
{
    size_t n = name.n < LIMIT_USER_NAME ? name.n : LIMIT_USER_NAME;

    to->id = id;
    to->gone_us = gone_us;
    if (n)
        memcpy(to->name, name.p, n);
    to->name[n] = '\0';
}

static int add_found(void *arg, const struct db_found *row)
{
    struct find *f = arg;

    take(&f->rows[f->n++], row->id, row->name, row->gone_us);
    return ERR_OK;
}

/* Keeps the nearest few, the nearest first. */
static int weigh(void *arg, const struct db_user *row)
{
    struct find *f = arg;
    size_t word = strlen(f->part), distance = SIZE_MAX, i;

    if (!op_sees(f->op, row->id))
        return ERR_OK;
    if (row->name.n + 5 > word && word + 5 > row->name.n)
        distance = suggest_distance(slice_of(f->part), row->name);
    if (distance == SIZE_MAX || !suggest_is_near(distance, word))
        return ERR_OK;
    for (i = f->n_near; i > 0 && f->near[i - 1].distance > distance; i--)
        if (i < NEAR)
            f->near[i] = f->near[i - 1];
    if (i == NEAR)
        return ERR_OK;
    f->near[i].distance = distance;
    take(&f->near[i].row, row->id, row->name, STAMP_NONE);
    if (f->n_near < NEAR)
        f->n_near++;
    return ERR_OK;
}

static int find_users(struct db *db, struct op *op, struct err *err)
{
    struct op_page page = op_arg_page(op);
    struct find *f = op->extra;
    struct db_find what = {.part = slice_of(f->part),
                           .id = f->ref.id,
                           .only = op_sees_only(op),
                           .offset = page.offset,
                           .limit = page.limit};
    int rc;

    f->op = op;
    f->n = f->n_near = 0;
    rc = db_find_users(db, &what, add_found, f, &f->total, err);
    if (!rc && !f->total && f->part[0])
        rc = db_users_each(db, weigh, f, err);
    return rc;
}

/* The rest of a row that only the engine knows; nulls without a daemon. */
static void add_brief(struct op *op, int64_t id)
{
    struct slice none = {NULL, 0};
    struct op_brief b;

    if (op->port->brief) {
        op->port->brief(op->port->app, id, &b);
        jout_text(&op->out, "state", b.state);
        jout_int(&op->out, "limit", b.limit);
        jout_text(&op->out, "limit_from", b.limit_from);
        jout_int(&op->out, "devices", b.devices);
        jout_bool(&op->out, "disabled", b.disabled);
    } else {
        jout_raw(&op->out, "state", none);
        jout_raw(&op->out, "limit", none);
        jout_raw(&op->out, "limit_from", none);
        jout_raw(&op->out, "devices", none);
        jout_raw(&op->out, "disabled", none);
    }
}

static void add_row(struct op *op, const struct find_row *row)
{
    jout_open(&op->out, NULL, '{');
    jout_int(&op->out, "id", row->id);
    jout_text(&op->out, "username", row->name[0] ? row->name : NULL);
    jout_time(&op->out, "gone_since", row->gone_us);
    add_brief(op, row->id);
    jout_close(&op->out, '}');
}

static void show_found(struct op *op)
{
    struct find *f = op->extra;
    size_t i;

    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    for (i = 0; i < f->n; i++)
        add_row(op, &f->rows[i]);
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", f->total);
    jout_open(&op->out, "near", '[');
    for (i = 0; i < f->n_near; i++)
        add_row(op, &f->near[i].row);
    jout_close(&op->out, ']');
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

/* ---- clearing ---- */

/* Asked before it stands in the log that it was done. */
static void clear_begin(struct op *op)
{
    int rc = op->id ? op->port->clear(op->port->app, op->id, false) : ERR_NOT_FOUND;

    if (rc == ERR_NOT_FOUND)
        rc = err_set(&op->err, rc, "%s is not monitored: there is nothing to clear",
                     op_user_text(op));
    else if (rc == ERR_REFUSED)
        rc = err_set(&op->err, rc,
                     "%s is convicted already: enable the user, who is then not judged for a while",
                     op_user_text(op));
    if (rc)
        op_reply(op, rc);
    else
        op_run_job(op);
}

static int clear_write(struct db *db, struct op *op, struct err *err)
{
    return op_event(db, op, "cleared", true, "monitoring ended, its evidence forgotten", err);
}

static void clear_do(struct op *op)
{
    char text[LIMIT_USER_NAME + 96];
    int rc = op->port->clear(op->port->app, op->id, true);

    /* Convicted or acquitted in the meantime. */
    if (rc) {
        op_reply(op, err_set(&op->err, rc == ERR_NOT_FOUND ? ERR_NOT_FOUND : ERR_REFUSED,
                             "%s is not monitored any more", op_user_text(op)));
        return;
    }
    snprintf(text, sizeof(text), "%s is not monitored any more; evidence is gathered anew",
             op_user_text(op));
    jout_open(&op->out, NULL, '{');
    op_user_json(op, &op->out);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static const struct op_param find_params[] = {
    {"search", OP_IN_QUERY, OP_TEXT, 0, LIMIT_USER_NAME, .example = "\"ali\"",
     .help = "a part of the name in either case, or an id; everyone when left out"},
    OP_PAGE,
    {0}};

const struct op_row op_rows_find[] = {
    {.def = {OP_GET, "/users",
             "Users by a part of their name, the best fit first; names near to it when none fits.",
             find_params, "{data:[#found_user],total:int,near:[#found_user]}",
             .scope = OP_SCOPE_NARROW},
     .args = find_args,
     .kind = OWNER_READ,
     .job = find_users,
     .finish = show_found},
    {.def = {OP_POST, "/users/{user}/clear",
             "Ends the monitoring of a user and forgets its evidence; it begins anew with what "
             "comes.",
             .answer = "{id:int,username:text~,detail:text}", .may = OP_MAY_409,
             .role = OP_ROLE_OPERATOR},
     .flags = ROW_USER | ROW_LIVE,
     .kind = OWNER_WRITE,
     .before = clear_begin,
     .job = clear_write,
     .finish = clear_do},
    {.def = {.pattern = NULL}},
};
