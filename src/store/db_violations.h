/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_VIOLATIONS_H
#define STORE_DB_VIOLATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;
struct db_scope;

/*
 * Table violations: every verdict with its evidence, whatever became of it. A person's order stands
 * here too, since the journal hangs on it; it counts for nothing.
 */

enum db_outcome {
    DB_OUTCOME_PENDING,   /* a row of the journal is about to be carried out */
    DB_OUTCOME_APPLIED,   /* the user was disabled */
    DB_OUTCOME_CANCELLED, /* he never was: counts for nothing */
    DB_OUTCOME_WARNED,    /* the step was `warn` */
    DB_OUTCOME_SHADOW,    /* enforcement was in shadow: counts for nothing */
};

struct db_violation {
    int64_t id;
    int64_t user_id;
    struct slice name;
    int64_t at_us; /* of the verdict; with user_id it names the verdict, to the millisecond */
    bool shadow;   /* mode */
    enum db_outcome outcome;
    int step;            /* number of the step, from 0 */
    struct slice action; /* the step as text: "disable 15m", "warn" */
    int max_devices;     /* the limit */
    int devices;
    struct slice evidence; /* JSON, at most LIMIT_EVIDENCE */
    bool shortened;        /* addresses in evidence are cut to prefixes */
    int64_t forgiven_us;   /* STAMP_NONE: not forgiven */
    struct slice forgiven_by;
    struct slice ordered_by; /* the person whose order it was; empty: the engine's verdict */
};

/* Which violations; a zeroed filter with limit set means all. Newest first. */
struct db_violation_filter {
    int64_t user_id;   /* 0: of everyone */
    int64_t before_id; /* only ids below, 0: from the newest */
    int64_t since_us;  /* 0: ever */
    int64_t offset;    /* rows to leave out */
    bool counting;     /* only what counts for the next step: carried out or warned, not forgiven */
    int limit;         /* rows, at most LIMIT_PAGE */
    /* Only these users'; NULL: of everyone. */
    const struct db_scope *only;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_violation_fn)(void *arg, const struct db_violation *row);

/* Adds a verdict. ERR_EXISTS: this user's verdict of that time is there already. ERR_TOO_BIG, ERR_INVALID. */
int db_violations_add(struct db *db, const struct db_violation *row, int64_t *ret_id,
                      struct err *err) MUST_CHECK;
/* Sets what became of a verdict. ERR_NOT_FOUND. */
int db_violations_outcome(struct db *db, int64_t id, enum db_outcome outcome,
                          struct err *err) MUST_CHECK;
/* Rows of a filter, newest first. */
int db_violations_each(struct db *db, const struct db_violation_filter *f, db_violation_fn fn,
                       void *arg, struct err *err) MUST_CHECK;
/* How many rows a filter has, whatever its offset and limit. */
int db_violations_total(struct db *db, const struct db_violation_filter *f, int64_t *ret_n,
                        struct err *err) MUST_CHECK;
/* The row of an id: calls fn. ERR_NOT_FOUND. */
int db_violations_one(struct db *db, int64_t id, db_violation_fn fn, void *arg,
                      struct err *err) MUST_CHECK;
/* Forgives one, also one forgiven before (*ret_n is 0 then). */
int db_violations_forgive_one(struct db *db, int64_t id, int64_t now_us, struct slice by,
                              int64_t *ret_n, struct err *err) MUST_CHECK;
/*
 * The number of violations of a user since a time that count for the next step: applied, pending or
 * warned, not forgiven, and nobody's order.
 */
int db_violations_count(struct db *db, int64_t user_id, int64_t since_us, int64_t *ret_n,
                        struct err *err) MUST_CHECK;
/* Forgives those of a user since a time; *ret_n rows. They stay, and no longer count. */
int db_violations_forgive(struct db *db, int64_t user_id, int64_t since_us, int64_t now_us,
                          struct slice by, int64_t *ret_n, struct err *err) MUST_CHECK;
/* Calls fn for everyone with violations that count. O(violations). */
int db_violations_holders(struct db *db, int (*fn)(void *arg, int64_t user_id), void *arg,
                          struct err *err) MUST_CHECK;
/* Forgives everyone's that count; *ret_n rows. */
int db_violations_forgive_all(struct db *db, int64_t now_us, struct slice by, int64_t *ret_n,
                              struct err *err) MUST_CHECK;
/* "pending", "applied", "cancelled", "warned", "shadow". */
const char *db_outcome_name(enum db_outcome outcome);

#endif
