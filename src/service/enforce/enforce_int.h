/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENFORCE_INT_H
#define SERVICE_ENFORCE_INT_H

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/stamp.h"
#include "core/backoff.h"
#include "service/enforce/enforce.h"
#include "service/enforce/enforce_rules.h"
#include "store/db_journal.h"

/* Shared by the files of the enforcement only. */

enum {
    ASK_TRIES = 8,   /* waits for the panel's groups, some 4 minutes, before it is guessed */
    PRESS_TRIES = 3, /* calls certainly not made before a person who waits for one is told */
};

/* Where a user of ours stands. A phase with an op under way waits for it, else for next_us. */
enum phase {
    PHASE_QUEUED,  /* a case without a row */
    PHASE_READ,    /* the user is being read before the row is written */
    PHASE_INTEND,  /* the row is being written */
    PHASE_REVOKE,  /* the revoking call is under way */
    PHASE_RESUME,  /* of an earlier run: it may have revoked, and has not disabled */
    PHASE_REVOKED, /* what became of the revoking is to be written */
    PHASE_CALL,    /* the disabling call is under way */
    PHASE_SIGN,    /* disabled; the note is being set */
    PHASE_DOUBT,   /* row `intended`, answer unknown: to be read */
    PHASE_APPLY,   /* disabled; row `applied` to be written */
    PHASE_CHECK,   /* row `applied`: to be compared with the panel */
    PHASE_HELD,    /* disabled until due */
    PHASE_MARK,    /* row `restoring` to be written */
    PHASE_LOOK,    /* to be read before he is enabled */
    PHASE_GIVE,    /* which groups are given back is to be written */
    PHASE_RESTORE, /* the enabling call is under way */
    PHASE_SETTLE,  /* the end is to be written on the open row before the note is touched */
    PHASE_UNSIGN,  /* our mark is to be taken out of the note, then the end */
    PHASE_CLOSE,   /* an end state to be written */
};

/* A row with what belongs to it; owner of its texts (besides those of a loaded row). */
struct record {
    struct db_row row;
    struct db_violation verdict; /* until the row is written */
    char *mem;                   /* texts copied from the case */
    char *answer;                /* the panel's JSON */
    char *fields;                /* rules_add_fields of it */
    char *mark;                  /* row.note */
    char *note_before;           /* the user's note when the row was begun; NULL: not known */
    char credentials[17];        /* row.credentials */
};

/* A call of enforce_release until each of its users has been told. */
struct request {
    enforce_told_fn fn;
    void *arg;
    int64_t since_us;
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
    int64_t late_us;  /* until when an unanswered disabling call may still land; STAMP_NONE: none */
    int64_t gone_us;  /* since when the panel says "no such user"; STAMP_NONE: it does not */
    int64_t group_id;
    struct backoff wait;
    int attempts; /* failed ones to restore, those of earlier runs too */
    int pressed;  /* calls certainly not made since a person began to wait */
    bool by_group;
    bool slot;              /* counts against max_calls */
    bool unread;            /* of an earlier run and not compared with the panel yet */
    bool unmade;            /* PHASE_DOUBT: the call was certainly not made, and will not be */
    bool sent;              /* an enabling call may have got through */
    int64_t looked_edit_us; /* the user's edit_at before he is enabled */
    bool blind;             /* such a call would look like somebody's disabling him again */
    bool waits;             /* he is free, and the row stays open for it only */
    bool restoring;         /* the row on the disk says that he is being enabled */
    bool release;           /* by hand, now */
    bool regroup;           /* disabled and moved to a group: the groups are given back first */
    int64_t release_us;     /* when that was said */
    bool dead;              /* to be freed when no loop is over the list */
    char by[64];            /* who released */
    struct waiter *waiters;
    enforce_order_fn told; /* who gave the order, until told */
    void *told_arg;
    bool ordered;
    int max_devices, devices; /* at the verdict */
    bool adopts;
    bool marked;                 /* the row has a mark for the note */
    bool asks_groups;            /* goes on once the panel's groups are known */
    int asks;                    /* how often that was waited for, in a row */
    char revoke_text[200];       /* the panel's words against revoking */
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
    enum db_revoke revoke;
    bool by_group, marked, ordered;
    int attempts, max_devices, devices;
    char name[LIMIT_USER_NAME + 1];
    char why[64];
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
    bool list_again; /* rows were added meanwhile */
    int64_t list_next_us;
    struct backoff list_wait;
    uint32_t wishes; /* how often somebody began to wait for the panel's groups */
    int n_recovered;
    bool held;
    bool was_up;     /* the panel, when last looked at */
    int64_t down_us; /* since when it has not been */
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
/* Tells those who have waited for half a minute that it goes on without them. */
void tell_patient(struct enforce *e);
/* The end of a release: everyone has been told. */
void request_unref(struct request *rq);
/* Does what can be done now. */
void enforce_pump(struct enforce *e);
/* What surfaces see of an item. */
void item_view(const struct item *it, struct enforce_view *v);
/* The user's note without our mark; NULL when it is not there, else out with its memory. */
const struct slice *note_cleaned(const struct item *it, const struct panel_user *user,
                                 struct buf *out, struct slice *ret_note);

/* enforce_op.c */
/* Calls of the panel for it. Without memory, answer is called with ERR_NOMEM, and nothing is sent. */
void op_read(struct enforce *e, struct item *it, answer_fn answer);
void op_set_disabled(struct enforce *e, struct item *it, bool disabled, const struct slice *note,
                     answer_fn answer);
void op_set_groups(struct enforce *e, struct item *it, const int64_t *groups, size_t n,
                   const struct slice *note, answer_fn answer);
void op_set_note(struct enforce *e, struct item *it, struct slice note, answer_fn answer);
void op_revoke(struct enforce *e, struct item *it, answer_fn answer);
/* A new op for a job of the store, with user, row, time and record of it (may be NULL). NULL: no memory. */
struct op *op_new(struct enforce *e, struct item *it);
/*
 * Reads the user when the item has its row at hand, else the row first: the step then comes again. A row
 * that cannot be read is tried again later.
 */
void op_read_with_row(struct enforce *e, struct item *it, answer_fn answer);
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
int job_adopt(struct db *db, struct op *op, struct err *err);
int job_revoked(struct db *db, struct op *op, struct err *err);
int job_ending(struct db *db, struct op *op, struct err *err);
int job_given(struct db *db, struct op *op, struct err *err);
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
/* Why a user who was just read is not to be disabled, or NONE; it->record is there. */
enum enforce_why punish_objection(struct enforce *e, struct item *it, const struct panel_user *user,
                                  struct err *err);
/* Sends the disabling call. */
void punish_call(struct enforce *e, struct item *it);
/* Nothing was written or done: from the beginning, later. text: why, for who gave the order. */
void punish_wait(struct enforce *e, struct item *it, const char *text);
/* What the panel says of the user now becomes what the row remembers as before. */
void punish_before(struct enforce *e, struct item *it, const struct panel_user *user);
/* Keeps his note for the mark to be added; user NULL: not known, it is added by a call of its own. */
bool punish_keep_note(struct item *it, const struct panel_user *user);
/* Keeps what the panel said of the disabled user, to be compared with at due time. False: no memory. */
bool punish_keep(struct item *it, const struct panel_user *user);
/* Whether a code is the panel's clear no, by which nothing was changed. */
bool is_refusal(int rc);
/* Whether a change that ended with rc may have got through, or may yet. */
bool punish_is_unclear(int rc);
/*
 * A change ended with rc. True where it was certainly not made and may work the next time, and who waits
 * for it is not to be told before that has been tried.
 */
bool punish_tries_on(struct item *it, int rc);

/* The user is disabled by us since applied_us, and the row is to say so. */
void punish_applied(struct enforce *e, struct item *it, const struct panel_user *user,
                    int64_t applied_us);

/* enforce_doubt.c */
/* The disabling call had no answer that tells; or, unmade: it failed before the panel took it. */
void doubt_begin(struct enforce *e, struct item *it, bool unmade);
/* Tells who gave the order that what became of the call is looked at. */
void doubt_tell(struct enforce *e, struct item *it);
/* Reads the user again. */
void doubt_step(struct enforce *e, struct item *it);
/*
 * The panel does not answer, or does again after it did not since since_us: one that hung does what waited
 * in it when it is back, so a call that could still land then is waited for from now on.
 */
void doubt_prolong(struct enforce *e, struct item *it, int64_t since_us);
/*
 * The user was just read; it->record is there. Our mark on him tells that the disabling call has landed,
 * and sent once, it cannot any more. False: nothing is told.
 */
bool doubt_ends(struct item *it, const struct panel_user *user);

/* enforce_revoke.c */
/* Sends the revoking call of a row that is DB_REVOKE_SENT. */
void revoke_call(struct enforce *e, struct item *it);
void revoke_step(struct enforce *e, struct item *it);
/* "; his subscription was revoked" or why not; "" when the row does not revoke. */
const char *revoke_words(const struct item *it, char *out, size_t max);
/* The answer to the disabling call tells whether a revoking without answer has got through. */
void revoke_settle(struct item *it, const struct panel_user *user);

/* enforce_order.c */
/* Tells who gave the order, once; ERR_BUSY is not the last word but nobody waits for more. */
void order_tell(struct enforce *e, struct item *it, int rc, const char *text);
/* The user to be adopted has been read. */
void adopt_read(struct enforce *e, struct item *it, const struct panel_user *user);

/* enforce_restore.c */
void restore_step(struct enforce *e, struct item *it);
/* Whether a disabling call of the row that nobody answered may still take effect. */
bool may_land(struct enforce *e, const struct item *it);
/* Tries the panel's answer about which groups there are first. */
void restore_ask_groups(struct enforce *e, struct item *it);

/* enforce_close.c */
/* Writes the end state, then tells. */
void restore_close(struct enforce *e, struct item *it, enum db_state end, enum enforce_why why,
                   int rc, const char *text);
/* The same, and takes our mark out of the note first where user still has it. it->record is there. */
void restore_end(struct enforce *e, struct item *it, const struct panel_user *user,
                 enum db_state end, enum enforce_why why, const char *text);
void close_step(struct enforce *e, struct item *it);
void unsign_step(struct enforce *e, struct item *it);
/* A row of an earlier run whose end was settled goes on from there; false: why says nothing known. */
bool item_resume_end(struct item *it, struct slice why);

/* enforce_restore.c */
/* Notes a failed attempt to enable, tells now and then, tries again later. */
void restore_failed(struct enforce *e, struct item *it, int rc, const char *text);
/* The panel says that there is no such user: believed only after a while. */
bool gone_for_good(struct enforce *e, struct item *it);

#endif
