/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_journal.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/stamp.h"
#include "store/sql.h"
#include "base/banned.h"

static const char *const states[] = {
    [DB_STATE_INTENDED] = "intended",     [DB_STATE_APPLIED] = "applied",
    [DB_STATE_RESTORING] = "restoring",   [DB_STATE_RESTORED] = "restored",
    [DB_STATE_SUPERSEDED] = "superseded", [DB_STATE_CANCELLED] = "cancelled",
};

static const char *const revokes[] = {
    [DB_REVOKE_NONE] = NULL,         [DB_REVOKE_SENT] = "sent",       [DB_REVOKE_DONE] = "done",
    [DB_REVOKE_REFUSED] = "refused", [DB_REVOKE_UNKNOWN] = "unknown",
};

const char *db_state_name(enum db_state state)
{
    return states[state];
}

const char *db_revoke_name(enum db_revoke revoke)
{
    return revokes[revoke];
}

static struct slice revoke_text(enum db_revoke revoke)
{
    return revoke ? slice_of(revokes[revoke]) : (struct slice){NULL, 0};
}

/* A word we did not write: rather never sent again. */
static enum db_revoke revoke_of(struct slice s)
{
    size_t i;

    if (!s.p)
        return DB_REVOKE_NONE;
    for (i = 1; i < ARRAY_LEN(revokes); i++)
        if (slice_eq(s, slice_of(revokes[i])))
            return (enum db_revoke)i;
    return DB_REVOKE_UNKNOWN;
}

static struct slice or_null(struct slice s)
{
    return s.n ? s : (struct slice){NULL, 0};
}

bool db_state_open(enum db_state state)
{
    return state <= DB_STATE_RESTORING;
}

/* A word we did not write would be a row we must not lose: it counts as open. */
static enum db_state state_of(struct slice s)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(states); i++)
        if (slice_eq(s, slice_of(states[i])))
            return (enum db_state)i;
    return DB_STATE_INTENDED;
}

static void groups_text(struct buf *b, const int64_t *groups, size_t n)
{
    size_t i;

    buf_add_char(b, '[');
    for (i = 0; i < n; i++)
        buf_addf(b, i ? ",%lld" : "%lld", (long long)groups[i]);
    buf_add_char(b, ']');
}

/* Reads a list of groups of row id; a NULL one is empty. */
static int groups_parse(struct slice s, int64_t id, int64_t *groups, size_t *ret_n, struct err *err)
{
    struct slice one;
    size_t n = 0;

    *ret_n = 0;
    if (!s.p)
        return ERR_OK;
    if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return err_set(err, ERR_CORRUPT, "the groups of journal row %lld are damaged",
                       (long long)id);
    s = (struct slice){s.p + 1, s.n - 2};
    while (s.n) {
        one = slice_cut(&s, ',');
        if (n == LIMIT_GROUPS || num_int(one, 0, INT64_MAX, &groups[n]))
            return err_set(err, ERR_CORRUPT, "the groups of journal row %lld are damaged",
                           (long long)id);
        n++;
    }
    *ret_n = n;
    return ERR_OK;
}

static int insert_row(struct db *db, const struct db_row *row, int64_t verdict_id, int64_t *ret_id,
                      struct err *err)
{
    struct buf groups;
    int rc;

    buf_init(&groups, 32 * LIMIT_GROUPS);
    groups_text(&groups, row->groups_before, row->n_groups_before);
    if (groups.failed)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else
        rc =
            sql_number(db, ret_id, err,
                       "INSERT INTO enforcements(user_id, name, verdict_id, action, method, state,"
                       " group_id, duration, status_before, groups_before, edit_at_before,"
                       " user_created_at, intended_at, due_at, note, revoke, credentials)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, 'intended', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
                       " ?14, ?15, ?16) RETURNING id",
                       "isiszntssttttsss", row->user_id, row->name, verdict_id, row->action,
                       row->by_group ? "group" : "status", row->group_id,
                       row->duration_us ? row->duration_us : STAMP_NONE, row->status_before,
                       buf_slice(&groups), row->edit_before_us, row->user_created_us,
                       row->intended_us, row->due_us, or_null(row->note), revoke_text(row->revoke),
                       or_null(row->credentials));
    buf_release(&groups);
    if (rc == ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "the user has been disabled already");
    return rc;
}

/* adopts: the user is disabled already. */
static int begin_row(struct db *db, const struct db_row *row, const struct db_violation *verdict,
                     bool adopts, int64_t *ret_id, int64_t *ret_verdict_id, struct err *err)
{
    struct db_row applied = *row;
    struct db_violation v = *verdict;
    int64_t id = 0, verdict_id = 0;
    int rc = db_begin(db, DB_SYNC_FULL, err);

    if (rc)
        return rc;
    v.shadow = false;
    v.outcome = DB_OUTCOME_PENDING;
    rc = db_violations_add(db, &v, &verdict_id, err);
    FAULT_POINT("journal.intend.violation_written");
    if (!rc)
        rc = insert_row(db, row, verdict_id, &id, err);
    applied.id = id;
    if (!rc && adopts)
        rc = db_journal_applied(db, &applied, err);
    FAULT_POINT("journal.intend.before_commit");
    rc = db_end(db, rc, err);
    if (!rc) {
        *ret_id = id;
        *ret_verdict_id = verdict_id;
    }
    return rc;
}

int db_journal_intend(struct db *db, const struct db_row *row, const struct db_violation *verdict,
                      int64_t *ret_id, int64_t *ret_verdict_id, struct err *err)
{
    return begin_row(db, row, verdict, false, ret_id, ret_verdict_id, err);
}

int db_journal_adopt(struct db *db, const struct db_row *row, const struct db_violation *verdict,
                     int64_t *ret_id, int64_t *ret_verdict_id, struct err *err)
{
    return begin_row(db, row, verdict, true, ret_id, ret_verdict_id, err);
}

static int changed_one(struct db *db, int rc, int64_t id, struct err *err)
{
    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such open journal row %lld", (long long)id);
    return rc;
}

int db_journal_revoked(struct db *db, int64_t id, enum db_revoke revoke, struct err *err)
{
    int rc = sql_run(db, err, "UPDATE enforcements SET revoke=?2 WHERE id=?1 AND state='intended'",
                     "is", id, revoke_text(revoke));

    FAULT_POINT("journal.revoked.before_commit");
    return changed_one(db, rc, id, err);
}

int db_journal_given(struct db *db, int64_t id, const int64_t *groups, size_t n, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, 32 * LIMIT_GROUPS);
    groups_text(&text, groups, n);
    rc = text.failed ? err_set(err, ERR_NOMEM, "out of memory")
                     : sql_run(db, err,
                               "UPDATE enforcements SET given=?2 WHERE id=?1"
                               " AND state IN ('intended', 'applied', 'restoring')",
                               "is", id, buf_slice(&text));
    buf_release(&text);
    FAULT_POINT("journal.given.before_commit");
    return changed_one(db, rc, id, err);
}

int db_journal_ending(struct db *db, int64_t id, struct slice why, struct err *err)
{
    int rc = sql_run(db, err,
                     "UPDATE enforcements SET why=?2 WHERE id=?1"
                     " AND state IN ('intended', 'applied', 'restoring')",
                     "is", id, why);

    FAULT_POINT("journal.ending.before_commit");
    return changed_one(db, rc, id, err);
}

/* After an UPDATE that names the states it may start from: none changed is fine when it was done before. */
static int told_moved(struct db *db, int rc, int64_t id, enum db_state to, struct err *err)
{
    struct slice now;
    struct sql q;

    if (rc || sql_changes(db))
        return rc;
    rc = sql_open(&q, db, err, "SELECT state FROM enforcements WHERE id=?1", "i", id);
    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1) {
        now = sql_text(&q, 0);
        rc = slice_eq(now, slice_of(states[to]))
                 ? ERR_OK
                 : err_set(err, ERR_INVALID, "journal row %lld is %.*s and cannot become %s",
                           (long long)id, (int)now.n, now.p, states[to]);
    } else if (rc == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "there is no journal row %lld", (long long)id);
    }
    sql_close(&q);
    return rc;
}

int db_journal_applied(struct db *db, const struct db_row *row, struct err *err)
{
    struct slice answer = row->answer;
    struct buf groups;
    int rc;

    if (answer.n > LIMIT_ANSWER)
        answer = (struct slice){NULL, 0};
    buf_init(&groups, 32 * LIMIT_GROUPS);
    groups_text(&groups, row->groups_before, row->n_groups_before);
    rc = groups.failed
             ? err_set(err, ERR_NOMEM, "out of memory")
             : sql_run(
                   db, err,
                   "UPDATE enforcements SET state='applied', applied_at=?2, due_at=?3, answer=?4,"
                   " answer_edit_at=?5, answer_fields=?6, groups_before=?7, revoke=?8,"
                   " last_error=NULL WHERE id=?1 AND state='intended'",
                   "ittstsss", row->id, row->applied_us, row->due_us, answer, row->answer_edit_us,
                   row->answer_fields, buf_slice(&groups), revoke_text(row->revoke));
    if (!rc)
        rc = told_moved(db, rc, row->id, DB_STATE_APPLIED, err);
    buf_release(&groups);
    FAULT_POINT("journal.applied.row_written");
    if (!rc)
        rc = sql_run(db, err,
                     "UPDATE violations SET outcome='applied'"
                     " WHERE id=(SELECT verdict_id FROM enforcements WHERE id=?1)",
                     "i", row->id);
    FAULT_POINT("journal.applied.before_commit");
    return rc;
}

int db_journal_restoring(struct db *db, int64_t id, struct err *err)
{
    int rc = sql_run(db, err,
                     "UPDATE enforcements SET state='restoring' WHERE id=?1 AND state='applied'",
                     "i", id);

    rc = told_moved(db, rc, id, DB_STATE_RESTORING, err);
    FAULT_POINT("journal.restoring.before_commit");
    return rc;
}

int db_journal_failed(struct db *db, int64_t id, int attempts, struct slice error, struct err *err)
{
    return sql_run(db, err,
                   "UPDATE enforcements SET attempts=?2, last_error=?3 WHERE id=?1"
                   " AND state IN ('intended', 'applied', 'restoring')",
                   "iis", id, (int64_t)attempts, error);
}

int db_journal_close(struct db *db, int64_t id, enum db_state state, int64_t now_us,
                     struct slice why, struct slice by, struct err *err)
{
    int rc;

    if (db_state_open(state))
        return err_set(err, ERR_INVALID, "%s is no end of a journal row", states[state]);
    rc = sql_run(db, err,
                 "UPDATE enforcements SET state=?2, closed_at=?3, why=?4, closed_by=?5, answer=NULL"
                 " WHERE id=?1 AND state IN ('intended', 'applied', 'restoring')",
                 "iztss", id, states[state], now_us, why, by);
    rc = told_moved(db, rc, id, state, err);
    FAULT_POINT("journal.close.row_written");
    if (!rc && state == DB_STATE_CANCELLED)
        rc = sql_run(db, err,
                     "UPDATE violations SET outcome='cancelled'"
                     " WHERE id=(SELECT verdict_id FROM enforcements WHERE id=?1)",
                     "i", id);
    FAULT_POINT("journal.close.before_commit");
    return rc;
}

#define COLUMNS \
    "SELECT e.id, e.user_id, e.name, e.verdict_id, v.at, e.action, e.method, e.state, e.group_id," \
    " e.duration, e.status_before, e.groups_before, e.edit_at_before, e.user_created_at," \
    " e.intended_at, e.applied_at, e.due_at, e.closed_at, e.answer_edit_at, e.attempts," \
    " e.last_error, e.why, e.closed_by, e.answer, e.answer_fields, e.note, e.revoke," \
    " e.credentials, e.given, v.ordered_by, v.max_devices, v.devices" \
    " FROM enforcements e JOIN violations v ON v.id=e.verdict_id"

/* The texts are those of the statement: valid until its next step. */
static int take_row(const struct sql *q, struct db_row *r, struct err *err)
{
    int64_t duration = sql_time(q, 9);
    int rc;

    *r = (struct db_row){
        .id = sql_int(q, 0),
        .user_id = sql_int(q, 1),
        .name = sql_text(q, 2),
        .verdict_id = sql_int(q, 3),
        .verdict_us = sql_time(q, 4),
        .action = sql_text(q, 5),
        .by_group = slice_eq(sql_text(q, 6), SLICE("group")),
        .state = state_of(sql_text(q, 7)),
        .group_id = sql_int(q, 8),
        .duration_us = duration == STAMP_NONE ? 0 : duration,
        .status_before = sql_text(q, 10),
        .edit_before_us = sql_time(q, 12),
        .user_created_us = sql_time(q, 13),
        .intended_us = sql_time(q, 14),
        .applied_us = sql_time(q, 15),
        .due_us = sql_time(q, 16),
        .closed_us = sql_time(q, 17),
        .answer_edit_us = sql_time(q, 18),
        .attempts = (int)sql_int(q, 19),
        .last_error = sql_text(q, 20),
        .why = sql_text(q, 21),
        .closed_by = sql_text(q, 22),
        .answer = sql_text(q, 23),
        .answer_fields = sql_text(q, 24),
        .note = sql_text(q, 25),
        .revoke = revoke_of(sql_text(q, 26)),
        .credentials = sql_text(q, 27),
        .ordered_by = sql_text(q, 29),
        .max_devices = (int)sql_int(q, 30),
        .devices = (int)sql_int(q, 31),
    };
    rc = groups_parse(sql_text(q, 11), r->id, r->groups_before, &r->n_groups_before, err);
    return rc ? rc : groups_parse(sql_text(q, 28), r->id, r->given, &r->n_given, err);
}

static struct slice keep_text(char **at, struct slice s)
{
    struct slice kept = {*at, s.n};

    if (!s.p)
        return s;
    memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static int keep_row(struct db_row *r, struct err *err)
{
    struct slice *texts[] = {&r->name,          &r->action,      &r->status_before, &r->answer,
                             &r->answer_fields, &r->last_error,  &r->why,           &r->closed_by,
                             &r->note,          &r->credentials, &r->ordered_by};
    size_t i, n = 1;
    char *at;

    for (i = 0; i < ARRAY_LEN(texts); i++)
        n += texts[i]->n;
    r->mem = at = malloc(n);
    if (!at)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = keep_text(&at, *texts[i]);
    return ERR_OK;
}

int db_journal_load(struct db *db, int64_t id, struct db_row *ret_row, struct err *err)
{
    struct db_row row;
    struct sql q;
    int rc = sql_open(&q, db, err, COLUMNS " WHERE e.id=?1", "i", id);

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no journal row %lld", (long long)id);
    else if (rc == 1)
        rc = take_row(&q, &row, err);
    if (!rc)
        rc = keep_row(&row, err);
    sql_close(&q);
    if (!rc)
        *ret_row = row;
    return rc;
}

void db_row_release(struct db_row *row)
{
    free(row->mem);
    *row = (struct db_row){0};
}

static int open_filter(struct sql *q, struct db *db, const struct db_row_filter *f, struct err *err)
{
    int64_t before = f->before_id ? f->before_id : INT64_MAX;
    int64_t limit = f->limit > 0 && f->limit < LIMIT_PAGE ? f->limit : LIMIT_PAGE;

    if (f->open_only && f->limit == 0)
        limit = -1; /* all: as many as there are disabled users */
    if (f->open_only)
        return sql_open(q, db, err,
                        COLUMNS " WHERE e.state IN ('intended', 'applied', 'restoring')"
                                " AND (?1 IS NULL OR e.user_id=?1) AND e.id<?2"
                                " ORDER BY e.id DESC LIMIT ?3",
                        "nii", f->user_id, before, limit);
    if (f->user_id)
        return sql_open(q, db, err,
                        COLUMNS " WHERE e.user_id=?1 AND e.id<?2 ORDER BY e.id DESC LIMIT ?3",
                        "iii", f->user_id, before, limit);
    return sql_open(q, db, err, COLUMNS " WHERE e.id<?1 ORDER BY e.id DESC LIMIT ?2", "ii", before,
                    limit);
}

int db_journal_each(struct db *db, const struct db_row_filter *f, db_row_fn fn, void *arg,
                    struct err *err)
{
    struct db_row row;
    struct sql q;
    int rc = open_filter(&q, db, f, err);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = take_row(&q, &row, err);
        if (rc)
            break;
        row.answer = row.answer_fields = (struct slice){NULL, 0};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}
