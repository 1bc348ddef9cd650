/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENFORCE_INT_H
#define SERVICE_ENFORCE_INT_H

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/stamp.h"
#include "core/backoff.h"
#include "service/enforce.h"
#include "service/enforce_rules.h"
#include "store/db_journal.h"

/* Shared by the files of the enforcement only. */

/* Where a user of ours stands. A phase with an op under way waits for it, else for next_us. */
enum phase {
    PHASE_QUEUED,  /* a case without a row */
    PHASE_READ,    /* the user is being read before the row is written */
    PHASE_INTEND,  /* the row is being written */
    PHASE_CALL,    /* the disabling call is under way */
    PHASE_DOUBT,   /* row `intended`, answer unknown: to be read */
    PHASE_APPLY,   /* disabled; row `applied` to be written */
    PHASE_CHECK,   /* row `applied` of an earlier run: to be compared with the panel */
    PHASE_HELD,    /* disabled until due */
    PHASE_MARK,    /* row `restoring` to be written */
    PHASE_LOOK,    /* to be read before he is enabled */
    PHASE_RESTORE, /* the enabling call is under way */
    PHASE_CLOSE,   /* an end state to be written */
};

/* A row with what belongs to it; owner of its texts (besides those of a loaded row). */
struct record {
    struct db_row row;
    struct db_violation verdict; /* until the row is written */
    char *mem;                   /* texts copied from the case */
    char *answer;                /* the panel's JSON */
    char *fields;                /* rules_add_fields of it */
};

/* A call of enforce_release until each of its users has been told. */
struct request {
    enforce_told_fn fn;
    void *arg;
    size_t open; /* users not told yet, and one while it is being set up */
};

struct waiter {
    struct waiter *next;
    struct request *rq;
};

struct item {
    struct item *next, *prev;
    int64_t user_id;
    char name[LIMIT_USER_NAME + 1];
    int64_t row_id;
    int64_t verdict_us;
    enum phase phase;
    struct op *op;         /* what it waits for */
    struct record *record; /* NULL while not needed */
    int64_t next_us;       /* earliest time of the next step */
    int64_t born_us;       /* when the case came in */
    int64_t applied_us, due_us;
    int64_t doubt_us; /* PHASE_DOUBT: until when the call may still take effect */
    int64_t gone_us;  /* since when the panel says "no such user"; STAMP_NONE: it does not */
    int64_t group_id;
    struct backoff wait;
    int attempts; /* failed ones to restore, those of earlier runs too */
    bool by_group;
    bool slot;          /* counts against max_calls */
    bool unread;        /* of an earlier run and not compared with the panel yet */
    bool sent;          /* an enabling call may have got through */
    bool release;       /* by hand, now */
    int64_t release_us; /* when that was said */
    bool dead;          /* to be freed when no loop is over the list */
    char by[64];        /* who released */
    struct waiter *waiters;
    enum db_state end;           /* PHASE_CLOSE: the end state, */
    enum enforce_why why;        /* its reason, */
    int end_rc;                  /* the failure behind it, */
    char end_text[ERR_TEXT_MAX]; /* and the sentence told */
};

/* What to do with the panel's answer about it. */
typedef void (*answer_fn)(struct enforce *e, struct item *it, int rc, const struct err *err,
                          const struct panel_user *user);

/* One thing under way: a call to the panel or a job of the store. Owns what the job works on. */
struct op {
    struct op *next, *prev;
    struct enforce *e; /* NULL: dropped, nobody waits */
    struct item *it;   /* NULL: a note that nobody waits for */
    answer_fn answer;  /* panel */
    int (*job)(struct db *db, struct op *op, struct err *err);
    void (*done)(struct enforce *e, struct item *it, struct op *op, int rc, const struct err *err);
    struct record *record;
    bool loaded; /* record->row was read */
    int64_t row_id, verdict_id, user_id, at_us, since_us;
    int attempts;
    enum db_state state;
    char name[LIMIT_USER_NAME + 1];
    char who[64];
    char why[64];
    char text[ERR_TEXT_MAX];
    struct found *found; /* rows read at the start */
    size_t n_found, cap_found;
};

/* An open row found at the start. */
struct found {
    int64_t row_id, user_id, verdict_us, intended_us, applied_us, due_us, group_id;
    enum db_state state;
    bool by_group;
    int attempts;
    char name[LIMIT_USER_NAME + 1];
};

struct enforce {
    struct enforce_opts o;
    struct rules_groups groups;
    struct imap by_user; /* user id -> index in slots */
    struct item **slots;
    uint32_t n_slots, cap_slots;
    struct item *first, *last; /* in the order in which they came */
    struct op *ops;
    size_t n_waiting; /* cases without a row */
    int working;      /* items with a slot */
    int64_t probe_us; /* while the panel is away: when the next one may try */
    uint64_t random;
    bool recovered; /* enforcement may begin */
    bool listed;    /* the open rows have been read */
    bool listing;
    int64_t list_next_us;
    struct backoff list_wait;
    int n_recovered;
    bool held;
    bool was_up; /* the panel, when last looked at */
    bool store_bad;
    int64_t store_told_us;
    int pumping; /* depth of loops over the list */
};

/* enforce.c */
int64_t enforce_now(struct enforce *e);
uint64_t enforce_random(struct enforce *e);
/* Adds an item; NULL without memory. */
struct item *item_new(struct enforce *e, int64_t user_id, struct slice name);
/* Takes an item out; its waiters must have been told. Frees it as soon as no loop is over the list. */
void item_drop(struct enforce *e, struct item *it);
struct item *item_find(const struct enforce *e, int64_t user_id);
/* Sets the time of the next try after a failure. */
void item_delay(struct enforce *e, struct item *it);
void item_take_slot(struct enforce *e, struct item *it);
void item_free_slot(struct enforce *e, struct item *it);
/* The item of an earlier run has been compared with the panel. */
void item_was_read(struct enforce *e, struct item *it);
void record_free(struct record *r);
/* Tells the app; text NULL gives the text of why. */
void enforce_emit(struct enforce *e, const struct item *it, enum enforce_kind kind,
                  enum enforce_why why, int rc, const char *text);
/* Tells all who wait for the release of it. */
void tell_waiters(struct enforce *e, struct item *it, enum enforce_result result, const char *text);
/* The end of a release: everyone has been told. */
void request_unref(struct request *rq);
/* Does what can be done now. */
void enforce_pump(struct enforce *e);

/* enforce_op.c */
/* Calls of the panel for it. Without memory, answer is called with ERR_NOMEM, and nothing is sent. */
void op_read(struct enforce *e, struct item *it, answer_fn answer);
void op_set_disabled(struct enforce *e, struct item *it, bool disabled, answer_fn answer);
void op_set_groups(struct enforce *e, struct item *it, const int64_t *groups, size_t n,
                   answer_fn answer);
/* A new op for a job of the store, with user, row, time and record of it (may be NULL). NULL: no memory. */
struct op *op_new(struct enforce *e, struct item *it);
/* Submits it; on failure done is called with the code. */
void op_submit(struct op *op, enum owner_kind kind,
               int (*job)(struct db *db, struct op *op, struct err *err),
               void (*done)(struct enforce *e, struct item *it, struct op *op, int rc,
                            const struct err *err));
/* Leaves every op without someone who waits. */
void ops_drop_all(struct enforce *e);
/* A write has failed or worked: tells the app on a change, and every five minutes. */
void store_failed(struct enforce *e, int rc, const struct err *err);
void store_worked(struct enforce *e);

/* enforce_job.c: what runs on the store's thread. Ops carry the arguments. */
int job_intend(struct db *db, struct op *op, struct err *err);
int job_applied(struct db *db, struct op *op, struct err *err);
int job_load(struct db *db, struct op *op, struct err *err);
int job_mark(struct db *db, struct op *op, struct err *err);
int job_failed(struct db *db, struct op *op, struct err *err);
int job_close(struct db *db, struct op *op, struct err *err);
int job_forgive(struct db *db, struct op *op, struct err *err);
int job_list(struct db *db, struct op *op, struct err *err);
/* Writes "15 min", "2 h 30 min" or "until enabled by hand" (0) into out. */
void duration_text(int64_t us, char *out, size_t max);

/* enforce_punish.c */
void punish_step(struct enforce *e, struct item *it);
/* Ends a case that has no row. */
void punish_refuse(struct enforce *e, struct item *it, enum enforce_why why, int rc,
                   const char *text);
struct record *record_of_case(const struct enforce_case *c);

/* enforce_restore.c */
void restore_step(struct enforce *e, struct item *it);
/* Writes the end state, then tells. */
void restore_close(struct enforce *e, struct item *it, enum db_state end, enum enforce_why why,
                   int rc, const char *text);
void close_step(struct enforce *e, struct item *it);
/* Notes a failed attempt to enable, tells now and then, tries again later. */
void restore_failed(struct enforce *e, struct item *it, int rc, const char *text);
/* The panel says that there is no such user: believed only after a while. */
bool gone_for_good(struct enforce *e, struct item *it);

#endif
