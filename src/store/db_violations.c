/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_violations.h"

#include "base/limits.h"
#include "base/stamp.h"
#include "store/sql.h"
#include "base/banned.h"

static const char *const outcomes[] = {
    [DB_OUTCOME_PENDING] = "pending",     [DB_OUTCOME_APPLIED] = "applied",
    [DB_OUTCOME_CANCELLED] = "cancelled", [DB_OUTCOME_WARNED] = "warned",
    [DB_OUTCOME_SHADOW] = "shadow",
};

const char *db_outcome_name(enum db_outcome outcome)
{
    return outcomes[outcome];
}

static enum db_outcome outcome_of(struct slice s)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(outcomes); i++)
        if (slice_eq(s, slice_of(outcomes[i])))
            return (enum db_outcome)i;
    return DB_OUTCOME_CANCELLED;
}

int db_violations_add(struct db *db, const struct db_violation *r, int64_t *ret_id, struct err *err)
{
    int rc;

    if (r->evidence.n > LIMIT_EVIDENCE)
        return err_set(err, ERR_TOO_BIG, "the evidence of a verdict has %zu bytes", r->evidence.n);
    rc = sql_number(db, ret_id, err,
                    "INSERT INTO violations(user_id, name, at, mode, outcome, step, action,"
                    " max_devices, devices, evidence, ordered_by)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
                    "istzzisiiss", r->user_id, r->name, r->at_us, r->shadow ? "shadow" : "on",
                    outcomes[r->outcome], (int64_t)r->step, r->action, (int64_t)r->max_devices,
                    (int64_t)r->devices, r->evidence.p ? r->evidence : SLICE("{}"),
                    r->ordered_by.n ? r->ordered_by : (struct slice){NULL, 0});
    if (rc == ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "this verdict has been recorded already");
    return rc;
}

int db_violations_outcome(struct db *db, int64_t id, enum db_outcome outcome, struct err *err)
{
    int rc = sql_run(db, err, "UPDATE violations SET outcome=?2 WHERE id=?1", "iz", id,
                     outcomes[outcome]);

    if (!rc && sql_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no violation %lld", (long long)id);
    return rc;
}

static void take_row(const struct sql *q, struct db_violation *r)
{
    *r = (struct db_violation){
        .id = sql_int(q, 0),
        .user_id = sql_int(q, 1),
        .name = sql_text(q, 2),
        .at_us = sql_time(q, 3),
        .shadow = slice_eq(sql_text(q, 4), SLICE("shadow")),
        .outcome = outcome_of(sql_text(q, 5)),
        .step = (int)sql_int(q, 6),
        .action = sql_text(q, 7),
        .max_devices = (int)sql_int(q, 8),
        .devices = (int)sql_int(q, 9),
        .evidence = sql_text(q, 10),
        .shortened = sql_int(q, 11) != 0,
        .forgiven_us = sql_time(q, 12),
        .forgiven_by = sql_text(q, 13),
        .ordered_by = sql_text(q, 14),
    };
}

#define COLUMNS \
    "SELECT id, user_id, name, at, mode, outcome, step, action, max_devices, devices, evidence," \
    " shortened, forgiven_at, forgiven_by, ordered_by FROM violations"

#define COUNTS \
    "mode='on' AND outcome IN ('pending', 'applied', 'warned') AND forgiven_at IS NULL" \
    " AND ordered_by IS NULL"
#define ONLY " AND in_scope(user_id, ?5)"
#define OF_USER " WHERE user_id=?1 AND id<?2 AND at>=?3 AND (?4=0 OR (" COUNTS "))" ONLY
#define OF_ALL " WHERE id<?2 AND at>=?3 AND (?4=0 OR (" COUNTS ")) AND ?1=0" ONLY
#define PAGE " ORDER BY id DESC LIMIT ?6 OFFSET ?7"

int db_violations_each(struct db *db, const struct db_violation_filter *f, db_violation_fn fn,
                       void *arg, struct err *err)
{
    int64_t before = f->before_id ? f->before_id : INT64_MAX;
    int64_t limit = f->limit > 0 && f->limit < LIMIT_PAGE ? f->limit : LIMIT_PAGE;
    struct db_violation row;
    struct sql q;
    int rc =
        sql_open(&q, db, err, f->user_id ? COLUMNS OF_USER PAGE : COLUMNS OF_ALL PAGE, "iitipii",
                 f->user_id, before, f->since_us, (int64_t)f->counting, f->only, limit, f->offset);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        take_row(&q, &row);
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_violations_total(struct db *db, const struct db_violation_filter *f, int64_t *ret_n,
                        struct err *err)
{
    int64_t before = f->before_id ? f->before_id : INT64_MAX;

    return sql_number(db, ret_n, err,
                      f->user_id ? "SELECT count(*) FROM violations" OF_USER
                                 : "SELECT count(*) FROM violations" OF_ALL,
                      "iitip", f->user_id, before, f->since_us, (int64_t)f->counting, f->only);
}

int db_violations_one(struct db *db, int64_t id, db_violation_fn fn, void *arg, struct err *err)
{
    struct db_violation row;
    struct sql q;
    int rc = sql_open(&q, db, err, COLUMNS " WHERE id=?1", "i", id);

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1) {
        take_row(&q, &row);
        rc = fn(arg, &row);
    } else if (rc == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "there is no violation %lld", (long long)id);
    }
    sql_close(&q);
    return rc;
}

int db_violations_forgive_one(struct db *db, int64_t id, int64_t now_us, struct slice by,
                              int64_t *ret_n, struct err *err)
{
    int rc = sql_run(db, err,
                     "UPDATE violations SET forgiven_at=?2, forgiven_by=?3"
                     " WHERE id=?1 AND forgiven_at IS NULL",
                     "its", id, now_us, by);

    if (!rc)
        *ret_n = sql_changes(db);
    return rc;
}

int db_violations_count(struct db *db, int64_t user_id, int64_t since_us, int64_t *ret_n,
                        struct err *err)
{
    return sql_number(db, ret_n, err,
                      "SELECT count(*) FROM violations WHERE user_id=?1 AND at>=?2 AND " COUNTS,
                      "it", user_id, since_us);
}

int db_violations_forgive(struct db *db, int64_t user_id, int64_t since_us, int64_t now_us,
                          struct slice by, int64_t *ret_n, struct err *err)
{
    int rc = sql_run(db, err,
                     "UPDATE violations SET forgiven_at=?3, forgiven_by=?4"
                     " WHERE user_id=?1 AND at>=?2 AND forgiven_at IS NULL",
                     "itts", user_id, since_us, now_us, by);

    if (!rc)
        *ret_n = sql_changes(db);
    return rc;
}

int db_violations_holders(struct db *db, int (*fn)(void *arg, int64_t user_id), void *arg,
                          struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT DISTINCT user_id FROM violations WHERE " COUNTS " ORDER BY 1", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        rc = fn(arg, sql_int(&q, 0));
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_violations_forgive_all(struct db *db, int64_t now_us, struct slice by, int64_t *ret_n,
                              struct err *err)
{
    int rc = sql_run(db, err, "UPDATE violations SET forgiven_at=?1, forgiven_by=?2 WHERE " COUNTS,
                     "ts", now_us, by);

    if (!rc)
        *ret_n = sql_changes(db);
    return rc;
}
