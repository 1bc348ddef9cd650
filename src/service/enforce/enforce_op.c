/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

enum { STORE_TOLD_AGAIN_S = 300 };

static struct op *op_link(struct enforce *e, struct item *it)
{
    struct op *op = calloc(1, sizeof(*op));

    if (!op)
        return NULL;
    op->e = e;
    op->it = it;
    op->next = e->ops;
    if (e->ops)
        e->ops->prev = op;
    e->ops = op;
    if (it)
        it->op = op;
    return op;
}

/* Takes op out of everything that knows it; true when someone still waits for it. */
static bool op_unlink(struct op *op)
{
    struct enforce *e = op->e;

    if (!e)
        return false;
    if (op->prev)
        op->prev->next = op->next;
    else
        e->ops = op->next;
    if (op->next)
        op->next->prev = op->prev;
    if (op->it)
        op->it->op = NULL;
    return true;
}

static void op_free(struct op *op)
{
    record_free(op->record);
    free(op->found);
    free(op);
}

void ops_drop_all(struct enforce *e)
{
    struct op *op;

    while ((op = e->ops)) {
        op_unlink(op);
        op->e = NULL;
        op->it = NULL;
    }
}

static void on_answer(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct op *op = arg;
    struct enforce *e = op->e;
    struct item *it = op->it;
    struct err none = {0};
    answer_fn answer = op->answer;
    bool wanted = op_unlink(op);

    op_free(op);
    if (!wanted)
        return;
    if (!err)
        err = &none;
    /* An answer about someone else must never decide anything. */
    if (!rc && (!user || user->id != it->user_id)) {
        rc = err_set(&none, ERR_PROTOCOL, "the panel answered with another user");
        err = &none;
        user = NULL;
    }
    answer(e, it, rc, err, user);
    enforce_pump(e);
}

static struct op *panel_op(struct enforce *e, struct item *it, answer_fn answer)
{
    struct op *op = op_link(e, it);
    struct err err;

    if (op) {
        op->answer = answer;
        return op;
    }
    err_set(&err, ERR_NOMEM, "out of memory");
    answer(e, it, ERR_NOMEM, &err, NULL);
    return NULL;
}

void op_read(struct enforce *e, struct item *it, answer_fn answer)
{
    struct op *op = panel_op(e, it, answer);

    if (op)
        e->o.panel.read_user(e->o.panel.ctx, it->user_id, on_answer, op);
}

void op_set_disabled(struct enforce *e, struct item *it, bool disabled, const struct slice *note,
                     answer_fn answer)
{
    struct op *op = panel_op(e, it, answer);

    if (op)
        e->o.panel.set_disabled(e->o.panel.ctx, it->user_id, disabled, note, on_answer, op);
}

void op_set_groups(struct enforce *e, struct item *it, const int64_t *groups, size_t n,
                   const struct slice *note, answer_fn answer)
{
    struct op *op = panel_op(e, it, answer);

    if (op)
        e->o.panel.set_groups(e->o.panel.ctx, it->user_id, groups, n, note, on_answer, op);
}

void op_set_note(struct enforce *e, struct item *it, struct slice note, answer_fn answer)
{
    struct op *op = panel_op(e, it, answer);

    if (op)
        e->o.panel.set_note(e->o.panel.ctx, it->user_id, note, on_answer, op);
}

void op_revoke(struct enforce *e, struct item *it, answer_fn answer)
{
    struct op *op = panel_op(e, it, answer);

    if (op)
        e->o.panel.revoke(e->o.panel.ctx, it->user_id, on_answer, op);
}

struct op *op_new(struct enforce *e, struct item *it)
{
    struct op *op = op_link(e, it);

    if (!op)
        return NULL;
    op->at_us = enforce_now(e);
    if (it) {
        op->row_id = it->row_id;
        op->user_id = it->user_id;
        memcpy(op->name, it->name, sizeof(op->name));
        op->record = it->record;
        it->record = NULL;
        if (op->record && op->record->row.ordered_by.n)
            snprintf(op->who, sizeof(op->who), "%.*s", (int)op->record->row.ordered_by.n,
                     op->record->row.ordered_by.p);
    }
    return op;
}

static int run_job(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;

    return op->job(db, op, err);
}

static void on_done(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;
    struct enforce *e = op->e;
    struct item *it = op->it;

    if (!op_unlink(op)) {
        op_free(op);
        return;
    }
    if (it) {
        it->record = op->record;
        op->record = NULL;
    }
    if (op->done)
        op->done(e, it, op, rc, err);
    op_free(op);
    enforce_pump(e);
}

void op_submit(struct op *op, enum owner_kind kind,
               int (*job)(struct db *db, struct op *op, struct err *err),
               void (*done)(struct enforce *e, struct item *it, struct op *op, int rc,
                            const struct err *err))
{
    struct enforce *e = op->e;
    struct err err;
    int rc;

    op->job = job;
    op->done = done;
    rc = e->o.submit(e->o.store, kind, run_job, on_done, op);
    if (!rc)
        return;
    err_set(&err, rc,
            rc == ERR_TOO_BIG ? "too much is waiting for the database"
                              : "the database takes no more jobs");
    on_done(op, rc, &err);
}

static void on_row_loaded(struct enforce *e, struct item *it, struct op *op, int rc,
                          const struct err *err)
{
    if (!op->loaded) {
        store_failed(e, rc, err);
        item_delay(e, it);
    }
}

void op_read_with_row(struct enforce *e, struct item *it, answer_fn answer)
{
    struct op *op;

    if (it->record) {
        item_take_slot(e, it);
        op_read(e, it, answer);
        return;
    }
    op = op_new(e, it);
    if (op)
        op_submit(op, OWNER_READ, job_load, on_row_loaded);
    else
        item_delay(e, it);
}

void store_failed(struct enforce *e, int rc, const struct err *err)
{
    int64_t now = enforce_now(e);

    if (e->store_bad && now - e->store_told_us < STORE_TOLD_AGAIN_S * STAMP_SECOND)
        return;
    e->store_bad = true;
    e->store_told_us = now;
    enforce_emit(e, NULL, ENFORCE_STORE_FAILING, ENFORCE_WHY_NONE, rc, err->text);
}

void store_worked(struct enforce *e)
{
    if (!e->store_bad)
        return;
    e->store_bad = false;
    enforce_emit(e, NULL, ENFORCE_STORE_BACK, ENFORCE_WHY_NONE, ERR_OK,
                 "the journal can be written again");
}
