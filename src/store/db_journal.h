/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_JOURNAL_H
#define STORE_DB_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "store/db_violations.h"

struct db;

/*
 * Table enforcements: the journal of what is done to users in the panel. The rules stand in
 * service/enforce/enforce.h; here a row only moves forward:
 *
 *   intended -> applied -> restoring -> restored | superseded
 *   intended -> cancelled                (the user was never disabled)
 *   applied -> restored | superseded     (where `restoring` could not be written before)
 *
 * At most one row of a user is open (in one of the first three states), and at most one row stands for
 * a verdict. Functions that change a row must run in a durable transaction (OWNER_DURABLE,
 * DB_SYNC_FULL) and may be run twice.
 */

enum db_state {
    DB_STATE_INTENDED,
    DB_STATE_APPLIED,
    DB_STATE_RESTORING,
    DB_STATE_RESTORED,
    DB_STATE_SUPERSEDED,
    DB_STATE_CANCELLED,
};

/* What became of a row's revoking. It is sent at most once: a row is DB_REVOKE_SENT before it is. */
enum db_revoke {
    DB_REVOKE_NONE,
    DB_REVOKE_SENT,
    DB_REVOKE_DONE,
    DB_REVOKE_REFUSED, /* the panel said no: nothing was changed */
    DB_REVOKE_UNKNOWN, /* the answer got lost, and the credentials were still those of before */
};

/* A row. Texts of a loaded row point into its memory: db_row_release. */
struct db_row {
    int64_t id;
    int64_t user_id;
    struct slice name;
    int64_t verdict_id; /* of violations */
    int64_t verdict_us;
    struct slice action; /* the step as text */
    bool by_group;       /* method */
    enum db_state state;
    int64_t group_id;           /* method group: the group put in place of all others */
    int64_t duration_us;        /* 0: until enabled by hand */
    struct slice status_before; /* the panel's word */
    int64_t groups_before[LIMIT_GROUPS];
    size_t n_groups_before;
    int64_t given[LIMIT_GROUPS]; /* the groups given back, where they are not those of before */
    size_t n_given;
    struct slice note; /* what we add to the user's note meanwhile; empty: nothing */
    enum db_revoke revoke;
    struct slice credentials; /* tells credentials before revoking from others; empty: unknown */
    struct slice ordered_by;  /* of the violation */
    int max_devices, devices; /* of the violation */
    int64_t edit_before_us;   /* STAMP_NONE: null */
    int64_t
        user_created_us; /* tells a user from another one with the same id; STAMP_NONE: unknown */
    int64_t intended_us, applied_us, due_us, closed_us; /* STAMP_NONE: not yet, or never due */
    struct slice answer;        /* the panel's JSON to the disable, whole; NULL once closed */
    int64_t answer_edit_us;     /* edit_at in it */
    struct slice answer_fields; /* what else of the user is compared before a restore */
    int attempts;               /* failed ones to restore */
    struct slice last_error;
    struct slice why; /* of the end */
    struct slice closed_by;
    char *mem; /* owner of the texts */
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_row_fn)(void *arg, const struct db_row *row);

/* Which rows; newest first. */
struct db_row_filter {
    bool open_only;
    int64_t user_id;   /* 0: of everyone */
    int64_t before_id; /* only ids below, 0: from the newest */
    int limit;         /* at most LIMIT_PAGE; 0 with open_only: all */
};

/*
 * Adds the row `intended` and its violation (outcome pending), together. Of row, id, verdict_id, state
 * and everything later than intended_us are not read, but due_us is (provisional). ERR_EXISTS: the
 * verdict has been carried out before, or the user has an open row.
 */
int db_journal_intend(struct db *db, const struct db_row *row, const struct db_violation *verdict,
                      int64_t *ret_id, int64_t *ret_verdict_id, struct err *err) MUST_CHECK;
/* The same for a user who is disabled already: the row begins as `applied`. */
int db_journal_adopt(struct db *db, const struct db_row *row, const struct db_violation *verdict,
                     int64_t *ret_id, int64_t *ret_verdict_id, struct err *err) MUST_CHECK;
/* Notes what became of the revoking of an `intended` row. ERR_NOT_FOUND. */
int db_journal_revoked(struct db *db, int64_t id, enum db_revoke revoke,
                       struct err *err) MUST_CHECK;
/* Notes on an open row which groups are about to be given back. ERR_NOT_FOUND. */
int db_journal_given(struct db *db, int64_t id, const int64_t *groups, size_t n,
                     struct err *err) MUST_CHECK;
/* Notes on an open row why it is about to end, which is settled then. ERR_NOT_FOUND. */
int db_journal_ending(struct db *db, int64_t id, struct slice why, struct err *err) MUST_CHECK;
/*
 * intended -> applied, with answer, answer_edit_us, answer_fields, applied_us, due_us, revoke and
 * groups_before (as read last before the call took effect) of row.
 */
int db_journal_applied(struct db *db, const struct db_row *row, struct err *err) MUST_CHECK;
/* applied -> restoring. */
int db_journal_restoring(struct db *db, int64_t id, struct err *err) MUST_CHECK;
/* Notes a failed attempt on an open row. */
int db_journal_failed(struct db *db, int64_t id, int attempts, struct slice error,
                      struct err *err) MUST_CHECK;
/*
 * Any open state -> restored, superseded or cancelled (then the violation's outcome becomes
 * cancelled). The panel's answer, which holds credentials, is erased.
 */
int db_journal_close(struct db *db, int64_t id, enum db_state state, int64_t now_us,
                     struct slice why, struct slice by, struct err *err) MUST_CHECK;
/* Reads a row whole; release it with db_row_release. ERR_NOT_FOUND. */
int db_journal_load(struct db *db, int64_t id, struct db_row *ret_row, struct err *err) MUST_CHECK;
/* Rows of a filter, newest first, without answer and answer_fields. */
int db_journal_each(struct db *db, const struct db_row_filter *f, db_row_fn fn, void *arg,
                    struct err *err) MUST_CHECK;
/* Frees the texts of a loaded row. A zeroed row may be released. */
void db_row_release(struct db_row *row);
/* Whether a row in this state still has something to be done. */
bool db_state_open(enum db_state state);
/* "intended", "applied", … */
const char *db_state_name(enum db_state state);
/* "sent", "done", "refused", "unknown"; NULL for none. */
const char *db_revoke_name(enum db_revoke revoke);

#endif
