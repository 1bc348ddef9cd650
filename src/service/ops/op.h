/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_OP_H
#define SERVICE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "core/address/addr.h"
#include "service/panel_port.h"
#include "service/settings/settings.h"
#include "store/db_scope.h"
#include "store/owner.h"

/*
 * The operations that every surface calls, each defined once: arguments, checks, effect, audit event,
 * result. They are addressed as the REST API addresses them, by method and path with JSON in and out
 * (op_table.c), so that the control socket, the API, the bot and a CLI without a daemon are all the same
 * call: op_call(). What only the daemon has is given through struct op_port.
 */

struct doctor_facts;
struct roster;

enum op_method { OP_GET, OP_POST, OP_PUT, OP_PATCH, OP_DELETE };

/* What an operation changed: the daemon reads it anew. */
enum {
    OP_CHANGED_LIMITS = 1,   /* special limits or exceptions */
    OP_CHANGED_SETTINGS = 2, /* the settings table */
    OP_CHANGED_SHARED = 4,   /* shared sources */
    OP_CHANGED_ALL = 8,      /* the database is another one: the daemon starts anew */
    OP_CHANGED_JOURNAL = 16, /* open rows were added to the journal */
    OP_CHANGED_ADMINS = 32,  /* who is served by the bot, or in which language */
    OP_CHANGED_TOPICS = 64,  /* the table chats */
    OP_CHANGED_ACCESS = 128, /* secrets.env: the daemon starts anew */
};

/* Disabled users to enable. */
struct op_enable {
    const int64_t *ids; /* these … */
    size_t n;
    bool all;                    /* … or all that we disabled … */
    int64_t since_us;            /* … at or after this time; 0 = ever */
    bool forgive;                /* their violations of that time no longer count */
    const struct db_scope *only; /* with all: of these users; NULL = of everyone */
    struct slice who;            /* for the journal */
};

/* A person's order about one user. */
struct op_order {
    int64_t id;
    struct slice name;
    int64_t duration_us;   /* 0 = until enabled by hand */
    bool revoke;           /* new subscription and credentials first */
    bool adopt;            /* he is disabled already: make it ours */
    const int64_t *groups; /* adopt: what to give back; n_groups 0 = the fallback group */
    size_t n_groups;
    struct slice who, reason;
};

/*
 * The end of an enable: rc 0 and a JSON list of one object a user, {"id","username","result","detail"},
 * result being "enabled", "not_disabled" (nothing of ours to undo), "superseded" (someone else changed
 * him meanwhile) or "failed" (will be tried again); or a code and err. Valid during the call.
 */
typedef void (*op_enable_fn)(void *arg, int rc, const struct err *err, struct slice json);
/*
 * The end of a check of settings: 0, ERR_CONFIRM (the number is in err) or ERR_INVALID. With 0, err may
 * hold a text to tell the operator besides.
 */
typedef void (*op_check_fn)(void *arg, int rc, const struct err *err);

/* Which of the active users to show, most devices over the limit first. */
struct op_active {
    int64_t offset;
    int limit;
    const char *state;           /* "clear", "monitoring", "punished", or NULL */
    const struct db_scope *only; /* of these users; NULL = of everyone */
    int single; /* users with one device: 1 shown, 0 not, -1 as the setting single_ip_users says */
    int least;  /* only users with so many devices at least */
    int64_t node;        /* only users with a device there, 0 = anywhere */
    const char *inbound; /* only users with a device through it, NULL = any */
};

/* How a user stands, in a row of a list. */
struct op_brief {
    const char *state; /* "clear", "monitoring", "punished", "not seen" */
    int limit;         /* 0 = unlimited */
    const char *limit_from;
    int devices;   /* active and counted */
    bool disabled; /* an open row of the journal is his */
};

/* A report of what is active now. */
struct op_report {
    enum { OP_REPORT_CONNECTIONS, OP_REPORT_NODES, OP_REPORT_INBOUNDS } kind;
    const struct db_scope *only; /* of these users only; NULL: everyone */
    int64_t offset;              /* rows of NODES and INBOUNDS */
    int limit;
};

/* A change of one rule that many users may feel. */
struct op_rule_change {
    enum { OP_PATTERN_PUT, OP_PATTERN_DROP, OP_OWNER_PUT, OP_OWNER_DROP } kind;
    bool suffix; /* else a beginning */
    struct slice text;
    int limit;          /* PATTERN_PUT */
    struct slice admin; /* OWNER_PUT */
    bool confirmed;
};
/* What it would bring. */
struct op_estimate {
    uint32_t matches, known; /* users whose names fit, of so many known */
    struct err err;          /* ERR_CONFIRM: how many would be over their limit */
};

/* A group or an admin of the panel. */
struct op_name {
    int64_t id;
    struct slice name;
};
/* The panel's groups or admins; or a code, err and NULL. Valid during the call. */
typedef void (*op_names_fn)(void *arg, int rc, const struct err *err, const struct op_name *names,
                            size_t n);

/*
 * The end of a question to Telegram about the group: 0 and its title (or a number); ERR_REFUSED, and in
 * word why ("unknown", "no_group", "no_topics", "no_admin", "no_right", "none"), text saying it;
 * ERR_UNREACHABLE, ERR_BUSY, ERR_NOMEM, ERR_CANCELLED.
 */
typedef void (*op_topics_fn)(void *arg, int rc, const char *word, const char *text);

/* Heavy work that touches nothing but arg, and its end: 0, or ERR_CANCELLED when it was not begun. */
typedef void (*op_work_fn)(void *arg);
typedef void (*op_worked_fn)(void *arg, int rc);

/*
 * What the operations stand on. submit, store, settings and now_us are always there; the rest is the
 * daemon's and NULL in a CLI without one, which operations then say (ERR_UNREACHABLE). Everything is
 * called on the loop's thread; callbacks may come before the call returns.
 */
struct op_port {
    void *app; /* first argument of every function below */
    owner_submit_fn submit;
    void *store;
    /* The settings in force, all origins; read on the loop's thread only. */
    const struct settings *(*settings)(void *app);
    int64_t (*now_us)(void *app);
    /* The .env that was read, "" for none. */
    const char *(*env_file)(void *app);

    /* Asks the panel for a user by id, or by exact name when id is 0, who is not in the table `users`. */
    void (*find_user)(void *app, int64_t id, struct slice name, panel_user_fn fn, void *arg);
    /* Enables users in the panel, journalled. */
    void (*enable)(void *app, const struct op_enable *what, op_enable_fn fn, void *arg);
    /*
     * Disables, revokes or adopts, journalled. The end's JSON is one object {"id","username","result",
     * "detail","due_at"}, result "disabled", "adopted" or "waiting" (goes on by itself).
     */
    void (*order)(void *app, const struct op_order *what, op_enable_fn fn, void *arg);
    /* The user is not judged until until_us; what waits for him is dropped. */
    int (*pardon)(void *app, int64_t id, int64_t until_us);
    /*
     * Lists those disabled in the panel without us: {"data":[…],"total":n}, limit rows from offset on.
     * only lives until fn is called; NULL = everyone.
     */
    void (*stuck)(void *app, int64_t offset, int64_t limit, const struct db_scope *only,
                  op_enable_fn fn, void *arg);
    /* Checks settings about to come into force against the panel and the users; may be NULL. */
    void (*check_settings)(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                           void *arg);
    /* Reckons a change of a rule: 0, ERR_CONFIRM (ret->err says what for), ERR_NOMEM; may be NULL. */
    int (*estimate)(void *app, const struct op_rule_change *change, struct op_estimate *ret);
    /*
     * Users disabled by a verdict now who would not be under other settings (next), with a rule changed, or
     * as things are (both NULL). *ret_ids is malloc'ed. ERR_NOMEM. May be NULL.
     */
    int (*freed)(void *app, const struct settings *next, const struct op_rule_change *change,
                 int64_t **ret_ids, size_t *ret_n);
    /* Asks the panel for its groups, or its admins; may be NULL. */
    void (*names)(void *app, bool admins, op_names_fn fn, void *arg);
    /* Who is served by the bot, as the database was read last (roster.h). */
    const struct roster *(*roster)(void *app);
    /* The backups that are sent by themselves, as an object. */
    void (*schedule_json)(void *app, struct buf *out);
    /* Fills ret (ids: malloc'd) with the users whom the panel says to be this admin's. ERR_NOMEM. */
    int (*users_of)(void *app, int64_t panel_admin_id, struct db_scope *ret);
    /* Why the value a setting has in s would have no effect at the moment, NULL when it has; may be NULL. */
    const char *(*setting_note)(void *app, const struct settings *s, enum setting id);
    /* Logs in to the panel with the access that next has, beside the one in use; fn once. */
    void (*try_access)(void *app, const struct settings *next, op_check_fn fn, void *arg);
    /* Something was changed in the database: OP_CHANGED_…. */
    void (*changed)(void *app, unsigned what);
    /* The breaker: as a JSON object; goes on (false: it was not paused), who for the audit. */
    void (*breaker_json)(void *app, struct buf *out);
    bool (*breaker_resume)(void *app, struct slice who);
    /* Whom it counted when it paused last, valid until the loop goes on, and since when; how many. */
    size_t (*breaker_users)(void *app, const int64_t **ret_ids, int64_t *ret_since_us);
    /* They are let off: the engine forgets their violations of that time, and who they were. */
    void (*breaker_undone)(void *app);
    /* Append a JSON object: the state of the daemon, of its nodes, of one user as the engine sees him. */
    void (*status_json)(void *app, struct buf *out);
    void (*nodes_json)(void *app, struct buf *out);
    void (*live_json)(void *app, int64_t id, struct buf *out);
    /* How a user stands now; also of one nothing is known of. */
    void (*brief)(void *app, int64_t id, struct op_brief *ret);
    /*
     * Ends the monitoring of a user and forgets its evidence; really false: only whether it could be.
     * ERR_NOT_FOUND: he is not monitored; ERR_REFUSED: he is convicted already.
     */
    int (*clear)(void *app, int64_t id, bool really);
    /* Appends a report as an object. */
    void (*report_json)(void *app, const struct op_report *what, struct buf *out);
    /* Fills the facts about the panel and its nodes (panel/checkup.h), then calls fn, once. */
    void (*doctor)(void *app, struct doctor_facts *facts, void (*fn)(void *arg), void *arg);
    /* The country and AS data; what they say of one address. */
    void (*geo_json)(void *app, struct buf *out);
    void (*geo_address_json)(void *app, struct addr addr, struct buf *out);
    /* Begins `geo update`; ERR_BUSY, ERR_INVALID with a text. */
    int (*geo_update)(void *app, struct err *err);
    /* The webhook, as members of an open object (shape of GET /webhook). */
    void (*webhook_json)(void *app, struct buf *out);
    /* Sends it an event of type "test"; the end's JSON is what came back. */
    void (*webhook_test)(void *app, struct slice who, op_enable_fn fn, void *arg);
    /* Append: a page of those active now as an object {"data":[…],"total":n}; Prometheus text. */
    void (*active_json)(void *app, const struct op_active *what, struct buf *out);
    void (*metrics_text)(void *app, struct buf *out);
    /* The times of a user's violations that still count, after some were forgiven: for the engine. */
    void (*remember)(void *app, int64_t id, const int64_t *at_us, size_t n);
    /*
     * Lists all users of the panel anew; fn comes when they stand in the database (rc 0: the listing was
     * complete, and who is missing is marked). ERR_BUSY: enforcement is held since ids changed hands.
     */
    void (*list_users)(void *app, op_check_fn fn, void *arg);
    /* The bot's group: members of an open object; NULL, like the two below, without a bot. */
    void (*topics_live)(void *app, struct buf *out);
    /* Whether a group (0: the one that is set) can have topics. */
    void (*topics_check)(void *app, int64_t group, op_topics_fn fn, void *arg);
    /* Makes topics in it: of these kinds (enum notice_kind) one each, n 0: those that are missing. */
    void (*topics_make)(void *app, const int *kinds, size_t n, struct slice who, op_topics_fn fn,
                        void *arg);
    /* For the summary: lines that came too late since the start, messages undelivered, users stuck. */
    void (*backlog)(void *app, int64_t *ret_lines, int64_t *ret_messages, int64_t *ret_stuck);
    /* Runs job on another thread, then done here, once. ERR_BUSY, ERR_NOMEM. NULL: it is run at once. */
    int (*work)(void *app, op_work_fn job, op_worked_fn done, void *arg);
    /*
     * Reads everyone from the panel as he stands there now: page for each page of users (texts live
     * during the call), then fn once; rc 0 only when the list came whole. Also without a daemon.
     */
    void (*everyone)(void *app, void (*page)(void *arg, const struct panel_user *users, size_t n),
                     op_check_fn fn, void *arg);
};

/*
 * What somebody may do: look, act upon users, everything. 0 in a request is an owner, who CLI and REST are;
 * 0 in a row of the table is what its method says (op_role_needed).
 */
enum op_role { OP_ROLE_UNSAID, OP_ROLE_VIEWER, OP_ROLE_OPERATOR, OP_ROLE_OWNER };

struct op_request {
    enum op_method method;
    struct slice path;  /* "/users/limits/alice", percent-decoded segment by segment by op_call */
    struct slice query; /* "since=30m&forgive=true", still percent-encoded; may be empty */
    struct slice body;  /* JSON object, or what OP_RAW_BODY says; empty = none */
    struct slice who;   /* for the audit: "cli", "api:admin" */
    enum op_role role;  /* of who asks */
    /*
     * Over 0: only what concerns the users of this admin of the panel, to the panel's own word. Everyone
     * else's are answered as if there were no such user; what is for everyone is refused.
     */
    int64_t panel_admin_id;
};

/*
 * The answer: an HTTP status, and a JSON text valid during the call; errors are
 * {"detail":"…","code":"…"}. Called exactly once for every op_call. What it changed is in force then: what
 * port->changed submitted to read it anew has been done.
 */
typedef void (*op_reply_fn)(void *arg, int status, struct slice json);

/*
 * Carries a request out. May reply before it returns. The port must outlive the reply; request is
 * copied. Who may not do it is answered 403 `forbidden`, with the role that is needed.
 */
void op_call(const struct op_port *port, const struct op_request *req, op_reply_fn fn, void *arg);

/* What a parameter is. */
enum op_type {
    OP_INT,     /* whole number in min…max */
    OP_BOOL,    /* true or false; in a query also yes/no, on/off, 1/0, and the bare name for true */
    OP_TEXT,    /* a text of min…max bytes, or one of `choices` */
    OP_USER,    /* a user: a name, or id:12 */
    OP_SPAN,    /* a length of time of min…max seconds: a number, or 90s, 30m, 2h, 1d */
    OP_INTS,    /* a list of min…max whole numbers over 0 */
    OP_TEXTS,   /* a list of min…max texts that are not empty */
    OP_SETTING, /* the value of `setting`, checked as the table of settings says; null resets it */
    OP_JSON,    /* anything: the operation looks at it by itself */
};

/* Where a parameter is documented to stand, and whether it must be there: bits of op_param.in. */
enum {
    OP_IN_PATH = 1,
    OP_IN_QUERY = 2,
    OP_IN_BODY = 4,
    OP_NEEDED = 8,
};

/*
 * One parameter of an operation. Checked from here alone, before the operation begins: an unknown name,
 * a wrong type, a value out of range and a missing one are refused (422) with the name and what is
 * allowed. What stands in the body may as well stand in the query (the old server's form).
 */
struct op_param {
    const char *name; /* NULL ends a list */
    unsigned in;      /* OP_IN_…, OP_NEEDED */
    enum op_type type;
    int64_t min, max;
    const char *choices; /* OP_TEXT: a|b|c, or NULL */
    enum setting setting;
    const char *example; /* JSON */
    const char *help;
};

/* offset and limit of a list. */
#define OP_PAGE \
    {"offset", OP_IN_QUERY, OP_INT, 0, 1000000000, .example = "0", .help = "rows to leave out"}, \
    { \
        "limit", OP_IN_QUERY, OP_INT, 1, LIMIT_PAGE, .example = "100", \
                                                     .help = "rows to show, 100 when left out" \
    }

/* Bits of op_def.may. */
enum {
    OP_MAY_404 = 1,   /* may answer 404 (with {…} in the path it always may) */
    OP_MAY_409 = 2,   /* may answer 409: exists, refused, or confirm_needed */
    OP_FREE_BODY = 4, /* the body is checked by the operation: settings by their keys */
    OP_PUBLIC = 8,    /* needs no login */
    OP_RAW_BODY = 16, /* the body is a zip of at most LIMIT_BACKUP, no JSON */
};

/* What a request of one who sees a panel admin's users only may do with a row. */
enum op_scoping {
    OP_SCOPE_REFUSED, /* nothing, unless its {user} is one of these: the default */
    OP_SCOPE_NARROW,  /* the operation leaves the others out by itself */
    OP_SCOPE_FREE,    /* everything: it neither shows a user nor changes what is for all */
};

/*
 * One row of the table of operations. `answer` describes the JSON of a success:
 *   {name:type,name?:type,…}  an object (? = may be missing; others may be there besides)
 *   [type]                    a list
 *   int num text bool time any, with ~ behind when it may be null; #name: a shape of op_shape_of
 */
struct op_def {
    enum op_method method;
    const char *pattern; /* segments; `{name}` stands for any one, {user} for a user */
    const char *help;
    const struct op_param *params; /* ended by name NULL; NULL = none, besides {user} */
    const char *answer;
    unsigned may;      /* OP_MAY_… */
    const char *media; /* of a success that is no JSON: "text/plain", or NULL */
    enum op_role role; /* what is needed at least; UNSAID: viewer to read, else owner */
    enum op_scoping scope;
};
/* What a row needs. */
enum op_role op_role_needed(const struct op_def *def);
/* "viewer", "operator", "owner", as they stand in the database and in JSON. */
const char *op_role_word(enum op_role role);
/* Back again; ERR_INVALID. */
int op_role_parse(struct slice s, enum op_role *ret) MUST_CHECK;
/* The rows by number, NULL past the last: for documents and OpenAPI. */
const struct op_def *op_def_at(size_t i);
/* The shape of a #name in an answer, NULL when there is none; by number, with its name, for OpenAPI. */
const char *op_shape_of(struct slice name);
const char *op_shape_at(size_t i, const char **ret_name);
/* A method and path that is answered: a row's own, or (pattern is another then) one of the old server. */
struct op_path {
    enum op_method method;
    const char *pattern;
    const struct op_def *def;
};
/* The paths by number; false past the last. */
bool op_path_at(size_t i, struct op_path *ret);
/* The row that a request would go to, old paths included; NULL: none (404, or 405 when op_allowed). */
const struct op_def *op_def_find(enum op_method m, struct slice path);
/* Bits (1 << method) of the methods that the path knows; 0: no such path. */
unsigned op_allowed(struct slice path);
/* Appends what values a parameter may have, for people: "0 to 10000", "true or false". */
void op_param_add_allowed(struct buf *b, const struct op_param *p);

/* The version of this program. */
const char *op_version(void);
/* "GET" and so on to a method; ERR_INVALID. */
int op_method_parse(struct slice s, enum op_method *ret) MUST_CHECK;
/* The name of a method. */
const char *op_method_name(enum op_method m);
/* The HTTP status of an error code, and the word that stands in "code". */
int op_status_of(int rc);
const char *op_code_word(int rc);
/* Back again: the error code of a status and a word; 0 for a status of success. */
int op_rc_of(int status, struct slice word);
/* Replaces out by {"detail":…,"code":…}, for what a server refuses before op_call. */
void op_error_json(struct buf *out, const char *code, const char *detail);

#endif
