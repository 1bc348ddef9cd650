/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_OP_INT_H
#define SERVICE_OP_INT_H

/* What the files of the operations share; nobody else includes this. */

#include <jansson.h>

#include "base/limits.h"
#include "service/ops/op.h"
#include "service/user_ref.h"
#include "store/db_journal.h"
#include "store/db_pardons.h"

struct op;

/* The end of an operation's way on the loop thread: op->out is ready; may go on instead of replying. */
typedef void (*op_step_fn)(struct op *op);
/* Reads arguments out of op->body and op->query. */
typedef int (*op_args_fn)(struct op *op);
/* The work on the store's thread. Sets op->out, never adds to what an earlier run left. */
typedef int (*op_job_fn)(struct db *db, struct op *op, struct err *err);

/* Bits of op_row.flags. */
enum {
    ROW_USER = 1, /* {user} in the path, or `username` in the body, is looked up before the job */
    ROW_ASK = 2,  /* … and at the panel when the table users does not know him */
    ROW_LIVE = 4, /* needs the daemon */
};

struct op_row {
    struct op_def def;
    unsigned flags;  /* ROW_… */
    op_args_fn args; /* or NULL */
    enum owner_kind kind;
    op_job_fn job;     /* or NULL */
    op_step_fn before; /* instead of the job, on the loop's thread; goes on with op_run_job */
    op_step_fn finish; /* after the job; NULL: reply */
    unsigned changes;  /* OP_CHANGED_… after success */
};

/* One call on its way. */
struct op {
    const struct op_port *port;
    const struct op_row *row;
    op_reply_fn reply;
    void *reply_arg;
    json_t *body; /* NULL = none; for OP_FREE_BODY, otherwise use op_arg_… */
    json_t *args; /* the parameters, checked, by name */
    char who[64];
    int64_t now_us;
    struct buf out;
    struct err err;
    int status; /* of success; 0 = 200 */
    bool tried; /* a dry run: nothing was changed */

    /* user */
    struct user_ref ref;
    char ref_text[LIMIT_USER_NAME + 32];
    int64_t id;                     /* 0 = not known, kept by name */
    char name[LIMIT_USER_NAME + 1]; /* "" = an id without a known name */
    bool known;                     /* the panel has told of him */
    bool asked;                     /* the panel answered that it has no such user */
    bool learned;                   /* found at the panel: enter him in the table users */
    int64_t created_us;

    /* arguments */
    int64_t limit;
    char reason[256];
    bool enable, confirm, forgive;
    bool disabled; /* an open row of the journal is his */
    int64_t since_us;
    int64_t times[LIMIT_STEPS]; /* of violations that still count */
    size_t n_times;
    void *extra;                 /* of one file's operations; freed with op */
    int64_t term_us;             /* how long something lasts; 0 = until enabled by hand */
    int64_t count;               /* found by the job */
    struct doctor_facts *facts;  /* GET /doctor */
    struct buf raw;              /* the body of a row with OP_RAW_BODY */
    struct backup *backup;       /* freed with op */
    struct settings *settings;   /* a copy for the job */
    bool touched[SET_COUNT];     /* settings the request names */
    json_t *edits;               /* of op_edit: how each is made, by its key; NULL = none */
    bool stale;                  /* the job wrote nothing: what was checked is not what comes out */
    int rounds;                  /* how often that was so */
    int64_t *ids;                /* users of a job; freed with op */
    struct op_estimate estimate; /* of a change of rules */
    size_t n_ids;
    /* who asks */
    enum op_role role;
    int64_t panel_admin_id;
    struct db_scope scope; /* with panel_admin_id: whom he may see */
    bool his;              /* the panel itself has just said that the user is his */
};

/* The rows of the whole table (op_table.c) by number; NULL past the last. */
const struct op_row *op_row_at(size_t i);
/* The rows of each file, ended by one without a pattern. */
extern const struct op_row op_rows_admins[];
extern const struct op_row op_rows_backup[];
extern const struct op_row op_rows_breaker[];
extern const struct op_row op_rows_disabled[];
extern const struct op_row op_rows_events[];
extern const struct op_row op_rows_freed[];
extern const struct op_row op_rows_geo[];
extern const struct op_row op_rows_limits[];
extern const struct op_row op_rows_punish[];
extern const struct op_row op_rows_recreated[];
extern const struct op_row op_rows_settings[];
extern const struct op_row op_rows_shared[];
extern const struct op_row op_rows_state[];
extern const struct op_row op_rows_user[];
extern const struct op_row op_rows_doctor[];
extern const struct op_row op_rows_violations[];
extern const struct op_row op_rows_cleanup[];
extern const struct op_row op_rows_access[];
extern const struct op_row op_rows_panel[];
extern const struct op_row op_rows_patterns[];
extern const struct op_row op_rows_filters[];
extern const struct op_row op_rows_import[];
extern const struct op_row op_rows_topics[];
extern const struct op_row op_rows_summary[];
extern const struct op_row op_rows_find[];
extern const struct op_row op_rows_reports[];
extern const struct op_row op_rows_webhook[];
/* Hands the row's job to the store and finishes after it. */
void op_run_job(struct op *op);
/* Ends the call with op->out (rc 0), or with rc and op->err; frees op. */
void op_reply(struct op *op, int rc);
/*
 * Parameters as the table (op_def.params) has them, checked: NULL, fallback or false when left out. Texts
 * live as long as op. An OP_SPAN is read as a number of seconds.
 */
json_t *op_arg(const struct op *op, const char *name);
int64_t op_arg_int(const struct op *op, const char *name, int64_t fallback);
bool op_arg_bool(const struct op *op, const char *name);
const char *op_arg_text(const struct op *op, const char *name);
struct op_page {
    int64_t offset;
    int limit;
};
/* offset and limit of OP_PAGE; 0 and 100 when left out. */
struct op_page op_arg_page(const struct op *op);

/* op_scope.c: whether who asks has the role, and whom he may see (op->scope). ERR_FORBIDDEN, … */
int op_scope_begin(struct op *op, const struct op_request *req) MUST_CHECK;
/* Whether who asks may see a user; id 0 (a name the panel has never shown): only who sees everyone. */
bool op_sees(const struct op *op, int64_t id);
/* The same as a filter of the store: NULL for everyone. Lives as long as op. */
const struct db_scope *op_sees_only(const struct op *op);
/* ERR_NOT_FOUND when op's user is not to be seen, in the words of one who is not there. */
int op_must_see(struct op *op) MUST_CHECK;

/* op_args.c: reads query and body into op->args by the table. ERR_INVALID, ERR_PROTOCOL, ERR_NOMEM. */
int op_args_read(struct op *op, struct slice query) MUST_CHECK;
/* op_path.c: percent-decodes s; '+' is a blank when plus. ERR_INVALID: broken escape, NUL, no UTF-8. */
int op_decode(struct slice s, bool plus, struct buf *out) MUST_CHECK;
/*
 * op_path.c: the row of a request, op->row; what stands for {…} goes into op->ref_text. ERR_NOT_FOUND,
 * ERR_PROTOCOL, ERR_REFUSED (op->status 405).
 */
int op_path_find(struct op *op, enum op_method method, struct slice path) MUST_CHECK;
/* Adds an event about op's user (or the system, user false) to the audit log. */
int op_event(struct db *db, const struct op *op, const char *kind, bool user, const char *what,
             struct err *err) MUST_CHECK;
/* Whether the user has an open row in the journal, into op->disabled. */
int op_find_disabled(struct db *db, struct op *op, struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND when the panel was asked and has no such user. */
int op_must_exist(struct op *op, struct err *err) MUST_CHECK;
/* The user as a person reads him: the name, or id:12. */
const char *op_user_text(const struct op *op);
/* Members "id" and "username" of op's user. */
void op_user_json(const struct op *op, struct buf *b);

/* ops_freed.c: a change of limits or filters may be one under which users who are disabled would not be */
#define OP_ENABLE_FREED \
    { \
        "enable", OP_IN_QUERY, OP_BOOL, \
            .example = "false", \
            .help = "enable as well the users disabled now who would not be under this" \
    }
#define OP_FREED "freed?:int,hint?:text,enabled?:[#enabled],enable_error?:text"
/* Before the change is written: finds them, into op->ids, as op_port.freed. ERR_NOMEM. */
int op_freed_find(struct op *op, const struct settings *next,
                  const struct op_rule_change *change) MUST_CHECK;
/* After it: tells how many, and enables them where the request asks for it; ends the call. */
void op_freed_after(struct op *op);

/* ops_limits.c */
/* Enables these users, adds the results to op->out, an object, and ends the call. */
void op_enable_these(struct op *op, const int64_t *ids, size_t n);
/* Enables the user after a higher limit or an exception, where the request asks for it. */
void op_enable_after(struct op *op);
/* What holds for op's user by the database: exception, special limit (-1 = none) and reason. */
struct op_rule {
    bool excepted;
    int special;
    bool special_found;
    char reason[256];
};
/* Reads it. */
int op_find_rule(struct db *db, const struct op *op, struct op_rule *ret,
                 struct err *err) MUST_CHECK;

/* ops_disabled.c */
struct db_violation;
/* ops_violations.c: appends a verdict as an object of a list (shape #violation); ERR_TOO_BIG. */
int op_violation_json(struct buf *b, const struct db_violation *row);

/* Appends one row of the journal as an object. */
void op_row_json(struct buf *b, const char *key, const struct db_row *row);

/* ops_restored.c: enforcement is to be on */
/*
 * Goes on with next, unless the database was restored and nobody has said since that the other instance is
 * off: then the call ends with ERR_CONFIRM and how many users the panel has disabled without a row here.
 */
void op_restored_ask(struct op *op, op_step_fn next);
/* In the job that sets enforcement: switched on, which was asked before, there is nothing unsure any more. */
int op_restored_settled(struct db *db, struct op *op, struct err *err);

/* ops_settings.c: a change of settings for an operation of its own */
/* Copies the settings for op, and reads ?confirm=. ERR_NOMEM. */
int op_settings_begin(struct op *op) MUST_CHECK;
/* Sets one in the copy. ERR_INVALID, ERR_NOMEM. */
int op_setting_change(struct op *op, enum setting id, const char *text) MUST_CHECK;
/* Checks the copy, and goes on to the job op_settings_write, or ends the call. */
void op_settings_go(struct op *op);
/* The job: writes what was touched. */
int op_settings_write(struct db *db, struct op *op, struct err *err);
/* After it: tells what else there is to tell, or goes round again; ends the call. */
void op_settings_told(struct op *op);

/*
 * op_edit.c: changes made out of what a setting holds. `how` is {"add":[texts],"remove":[texts]}, either of
 * them or both, of a list; or {"value":…,"was":"text"}, a value that replaces a known one.
 */
/* Gives a setting of s a JSON value in the database; null takes it away. ERR_INVALID, ERR_NOMEM. */
int op_setting_put(struct settings *s, enum setting id, json_t *value, struct err *err) MUST_CHECK;
/* Makes the change in op's copy, and again in the job. ERR_INVALID, ERR_NOMEM. */
int op_edit(struct op *op, enum setting id, json_t *how) MUST_CHECK;
/*
 * In the job, before anything is written: makes all of them anew on what the database holds, in op's copy.
 * op->stale: that is something else than was checked. ERR_REFUSED: a known value is another now; ERR_BUSY
 * after five rounds; ERR_INVALID, ERR_NOMEM.
 */
int op_edits_again(struct db *db, struct op *op, struct err *err) MUST_CHECK;
/* What the job found there, NULL before it ran; entries to be removed that were not there, or NULL. */
const char *op_edit_before(const struct op *op, enum setting id);
json_t *op_edit_absent(const struct op *op, enum setting id);

#endif
