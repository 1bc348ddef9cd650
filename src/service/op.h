/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_OP_H
#define SERVICE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "service/panel_port.h"
#include "service/settings.h"
#include "store/owner.h"

/*
 * The operations that every surface calls, each defined once: arguments, checks, effect, audit event,
 * result. They are addressed as the REST API addresses them, by method and path with JSON in and out
 * (op_table.c), so that the control socket, the API, the bot and a CLI without a daemon are all the same
 * call: op_call(). What only the daemon has is given through struct op_port.
 */

enum op_method { OP_GET, OP_POST, OP_PUT, OP_PATCH, OP_DELETE };

/* What an operation changed: the daemon reads it anew. */
enum {
    OP_CHANGED_LIMITS = 1,   /* special limits or exceptions */
    OP_CHANGED_SETTINGS = 2, /* the settings table */
};

/* Disabled users to enable. */
struct op_enable {
    const int64_t *ids; /* these … */
    size_t n;
    bool all;         /* … or all that we disabled … */
    int64_t since_us; /* … at or after this time; 0 = ever */
    bool forgive;     /* their violations of that time no longer count */
    struct slice who; /* for the journal */
};

/*
 * The end of an enable: rc 0 and a JSON list of one object a user, {"id","username","result","detail"},
 * result being "enabled", "not_disabled" (nothing of ours to undo), "superseded" (someone else changed
 * him meanwhile) or "failed" (will be tried again); or a code and err. Valid during the call.
 */
typedef void (*op_enable_fn)(void *arg, int rc, const struct err *err, struct slice json);
/* The end of a check of settings: 0, ERR_CONFIRM (the number is in err) or ERR_INVALID. */
typedef void (*op_check_fn)(void *arg, int rc, const struct err *err);

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
    /* Checks settings about to come into force against the panel and the users; may be NULL. */
    void (*check_settings)(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                           void *arg);
    /* Something was changed in the database: OP_CHANGED_…. */
    void (*changed)(void *app, unsigned what);
    /* Append a JSON object: the state of the daemon, of its nodes, of one user as the engine sees him. */
    void (*status_json)(void *app, struct buf *out);
    void (*nodes_json)(void *app, struct buf *out);
    void (*live_json)(void *app, int64_t id, struct buf *out);
};

struct op_request {
    enum op_method method;
    struct slice path;  /* "/users/limits/alice", percent-decoded segment by segment by op_call */
    struct slice query; /* "since=30m&forgive=true", still percent-encoded; may be empty */
    struct slice body;  /* JSON object; empty = none */
    struct slice who;   /* for the audit: "cli", "api:admin" */
};

/*
 * The answer: an HTTP status, and a JSON text valid during the call; errors are
 * {"detail":"…","code":"…"}. Called exactly once for every op_call.
 */
typedef void (*op_reply_fn)(void *arg, int status, struct slice json);

/*
 * Carries a request out. May reply before it returns. The port must outlive the reply; request is
 * copied.
 */
void op_call(const struct op_port *port, const struct op_request *req, op_reply_fn fn, void *arg);

/* One row of the table of operations. */
struct op_def {
    enum op_method method;
    const char *pattern; /* segments; `{name}` stands for any one */
    const char *help;
};
/* The rows by number, NULL past the last: for documents and OpenAPI. */
const struct op_def *op_def_at(size_t i);

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
