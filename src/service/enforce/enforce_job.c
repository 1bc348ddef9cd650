/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "store/db_events.h"
#include "base/banned.h"

/* Jobs see their op only: the item may be gone, and belongs to another thread. */

static const char us_name[] = "pg-limiter";

void duration_text(int64_t us, char *out, size_t max)
{
    long long s = us / STAMP_SECOND;

    if (us == 0)
        snprintf(out, max, "until enabled by hand");
    else if (s % 3600 == 0)
        snprintf(out, max, "for %lld h", s / 3600);
    else if (s > 3600)
        snprintf(out, max, "for %lld h %lld min", s / 3600, s % 3600 / 60);
    else if (s % 60 == 0)
        snprintf(out, max, "for %lld min", s / 60);
    else
        snprintf(out, max, "for %lld s", s);
}

static int add_event(struct db *db, const struct op *op, const char *kind, const char *who,
                     const char *what, struct err *err)
{
    struct db_event ev = {
        .at_us = op->at_us,
        .kind = slice_of(kind),
        .user_id = op->user_id,
        .name = slice_of(op->name),
        .who = slice_of(who),
        .what = slice_of(what),
    };

    return db_events_add(db, &ev, NULL, err);
}

int job_intend(struct db *db, struct op *op, struct err *err)
{
    return db_journal_intend(db, &op->record->row, &op->record->verdict, &op->row_id,
                             &op->verdict_id, err);
}

/* Who did it: the person whose order it was, or we. */
static const char *doer(const struct op *op)
{
    return op->who[0] ? op->who : us_name;
}

int job_adopt(struct db *db, struct op *op, struct err *err)
{
    char text[200], length[64];
    int rc = db_journal_adopt(db, &op->record->row, &op->record->verdict, &op->row_id,
                              &op->verdict_id, err);

    if (rc)
        return rc;
    duration_text(op->record->row.duration_us, length, sizeof(length));
    snprintf(text, sizeof(text), "stays disabled %s, and is ours to enable", length);
    return add_event(db, op, "adopted", doer(op), text, err);
}

int job_revoked(struct db *db, struct op *op, struct err *err)
{
    int rc = db_journal_revoked(db, op->row_id, op->record->row.revoke, err);

    if (rc)
        return rc;
    return add_event(db, op, "revoked", doer(op), op->text, err);
}

int job_ending(struct db *db, struct op *op, struct err *err)
{
    return db_journal_ending(db, op->row_id, slice_of(op->why), err);
}

int job_given(struct db *db, struct op *op, struct err *err)
{
    const struct db_row *row = &op->record->row;

    return db_journal_given(db, op->row_id, row->given, row->n_given, err);
}

int job_applied(struct db *db, struct op *op, struct err *err)
{
    const struct db_row *row = &op->record->row;
    const struct db_violation *v = &op->record->verdict;
    int n = v->devices ? v->devices : row->devices,
        limit = v->devices ? v->max_devices : row->max_devices;
    char text[ERR_TEXT_MAX + 200], length[64], devices[64] = "";
    int rc = db_journal_applied(db, row, err);

    if (rc)
        return rc;
    duration_text(row->duration_us, length, sizeof(length));
    if (n)
        snprintf(devices, sizeof(devices), ": %d devices, limit %d", n, limit);
    snprintf(text, sizeof(text), "%s %s%s%s",
             row->by_group ? "moved to the group of disabled users" : "disabled", length, devices,
             op->text);
    return add_event(db, op, "disabled", doer(op), text, err);
}

int job_load(struct db *db, struct op *op, struct err *err)
{
    struct record *r = op->record;
    int rc;

    op->loaded = false;
    if (!r) {
        r = op->record = calloc(1, sizeof(*r));
        if (!r)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    db_row_release(&r->row);
    rc = db_journal_load(db, op->row_id, &r->row, err);
    op->loaded = rc == ERR_OK;
    /* Nobody may decide by half a row. */
    if (rc) {
        record_free(r);
        op->record = NULL;
    }
    return rc;
}

int job_mark(struct db *db, struct op *op, struct err *err)
{
    int rc = job_load(db, op, err);

    /* A row whose `applied` could not be written goes on without the mark. */
    if (rc || op->record->row.state != DB_STATE_APPLIED)
        return rc;
    return db_journal_restoring(db, op->row_id, err);
}

int job_failed(struct db *db, struct op *op, struct err *err)
{
    return db_journal_failed(db, op->row_id, op->attempts, slice_of(op->text), err);
}

int job_close(struct db *db, struct op *op, struct err *err)
{
    static const char *const kinds[] = {
        [DB_STATE_RESTORED] = "enabled",
        [DB_STATE_SUPERSEDED] = "superseded",
        [DB_STATE_CANCELLED] = "not_disabled",
    };
    const char *who = op->who[0] ? op->who : us_name;
    int rc = db_journal_close(db, op->row_id, op->state, op->at_us, slice_of(op->why),
                              slice_of(who), err);

    if (rc)
        return rc;
    return add_event(db, op, kinds[op->state], who, op->text, err);
}

int job_forgive(struct db *db, struct op *op, struct err *err)
{
    int64_t n = 0;
    int rc =
        db_violations_forgive(db, op->user_id, op->since_us, op->at_us, slice_of(op->who), &n, err);

    if (rc || n == 0)
        return rc;
    return add_event(db, op, "forgiven", op->who, op->text, err);
}

static int keep_found(void *arg, const struct db_row *row)
{
    struct op *op = arg;
    struct found *f;
    size_t cap, n;

    if (op->n_found == op->cap_found) {
        cap = op->cap_found ? 2 * op->cap_found : 16;
        f = realloc(op->found, cap * sizeof(*f));
        if (!f)
            return ERR_NOMEM;
        op->found = f;
        op->cap_found = cap;
    }
    f = &op->found[op->n_found++];
    *f = (struct found){
        .row_id = row->id,
        .user_id = row->user_id,
        .verdict_us = row->verdict_us,
        .intended_us = row->intended_us,
        .applied_us = row->applied_us,
        .due_us = row->due_us,
        .group_id = row->group_id,
        .state = row->state,
        .revoke = row->revoke,
        .by_group = row->by_group,
        .marked = row->note.n > 0,
        .ordered = row->ordered_by.n > 0,
        .attempts = row->attempts,
        .max_devices = row->max_devices,
        .devices = row->devices,
    };
    n = row->name.n < LIMIT_USER_NAME ? row->name.n : LIMIT_USER_NAME;
    memcpy(f->name, row->name.p, n);
    f->name[n] = '\0';
    snprintf(f->why, sizeof(f->why), "%.*s", (int)row->why.n, row->why.n ? row->why.p : "");
    return ERR_OK;
}

int job_list(struct db *db, struct op *op, struct err *err)
{
    struct db_row_filter f = {.open_only = true};
    int rc;

    op->n_found = 0;
    rc = db_journal_each(db, &f, keep_found, op, err);
    if (rc == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}
