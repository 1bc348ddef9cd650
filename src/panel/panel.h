/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PANEL_H
#define PANEL_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/loop.h"
#include "net/worker.h"
#include "panel/asker.h"
#include "panel/nodes.h"
#include "panel/pversion.h"
#include "panel/session.h"
#include "panel/streams.h"
#include "service/cache_port.h"
#include "service/panel_port.h"

/*
 * The client of one PasarGuard panel: logs in, follows version, nodes and log streams, lists and reads
 * users, changes them, reads the online list. It logs by itself (area "panel") what an operator needs
 * to know, each thing once. All functions are for the loop thread. Callbacks may call everything here
 * except panel_free.
 */
struct panel;

struct panel_opts {
    const char *domain;   /* PANEL_DOMAIN: host[:port] or URL */
    const char *username; /* PANEL_USERNAME; NULL: admin */
    const char *password; /* PANEL_PASSWORD; NULL or empty with a key */
    const char *api_key;  /* PANEL_API_KEY; NULL or empty: none */
    const char *ca_file;  /* PANEL_CA_FILE, or NULL */
    const char *tls_pins; /* PANEL_TLS_PIN: sha256//… split by ';' or ',' or blanks; or NULL */
    bool tls_verify;      /* PANEL_TLS_VERIFY */
    unsigned nodes_poll_s;
    unsigned stream_refresh_s;
    double online_rate;     /* calls a second; 0 = never */
    bool no_streams;        /* no log stream is opened: see panel_set_streaming */
    double lookup_rate;     /* calls a second; 0: 5 */
    int64_t read_gap_us;    /* rest of a stream's socket between two readings; 0: 50 ms; <0: none */
    unsigned stream_idle_s; /* a stream this long without a byte, pings included, is dead; 0: 45 */
    const struct cache_port *cache; /* token and nodes of before; NULL: none. Outlives the panel */
    const char *agent;              /* User-Agent; NULL: pg-limiter */
};

/* What is known of the panel now. Texts live until the next turn. */
struct panel_state {
    bool up;           /* its last calls were answered */
    int64_t since_us;  /* up or down since; STAMP_NONE: nothing tried yet */
    const char *error; /* the last fault while down, or why the login is refused; "" = none */
    const char *base;  /* URL */
    enum session_state session;
    bool has_key; /* API key, else a password */
    struct pversion version;
    bool nodes_known; /* at least one complete list came */
    int64_t nodes_us; /* when the last complete one came; STAMP_NONE */
    size_t n_nodes;
    unsigned streams_open;
    unsigned logins;
    int64_t cert_ends_us; /* STAMP_NONE: unknown or plain http */
    int64_t key_ends_us;  /* STAMP_NONE: unknown, none, or never */
};

/* Any may be NULL. arg is panel_new's. */
struct panel_events {
    /* up, session or version changed: look at panel_state(). */
    void (*on_state)(void *arg);
    /* A node differs from the last complete list (changes: enum panel_node_change). */
    void (*on_node)(void *arg, const struct panel_node *node, unsigned changes);
    /* A complete list came, after on_node for each difference. */
    void (*on_nodes)(void *arg, const struct panel_node *nodes, size_t n);
    /* A log stream opened; stream_no never repeats in a process. */
    void (*on_open)(void *arg, int64_t node_id, uint32_t stream_no, int64_t now_us);
    /* Bytes of its body (server-sent events, cut anywhere). arrival_us: wall clock of this turn. */
    void (*on_bytes)(void *arg, int64_t node_id, uint32_t stream_no, int64_t arrival_us,
                     struct slice bytes);
    /* An opened stream is gone; rc 0 when we closed it or the panel ended it cleanly. */
    void (*on_close)(void *arg, int64_t node_id, uint32_t stream_no, int64_t now_us, int rc,
                     const char *why);
};

/* Checks the options and makes a client that does nothing yet. ERR_INVALID with the cure, ERR_NOMEM. */
int panel_new(struct loop *loop, struct worker *worker, const struct panel_opts *opts,
              const struct panel_events *events, void *arg, struct panel **ret_panel,
              struct err *err) MUST_CHECK;
/* Logs in and begins to follow nodes and streams. Once. */
void panel_start(struct panel *p);
/* Ends all: every open question is told ERR_CANCELLED, every open stream on_close. NULL is allowed. */
void panel_free(struct panel *p);

/* What is known of the panel now. */
struct panel_state panel_state(const struct panel *p);
/* The nodes of the last complete list, by id; valid until the next turn. */
const struct panel_node *panel_nodes(const struct panel *p, size_t *ret_n);
/* The stream of one node. ERR_NOT_FOUND: not followed. */
int panel_stream(const struct panel *p, int64_t node_id,
                 struct panel_stream_state *ret_s) MUST_CHECK;
/* The functions the operations are given; valid until panel_free. */
const struct panel_port *panel_port(struct panel *p);

/* Nodes whose stream has no next thing to happen; see streams_forgotten. */
unsigned panel_streams_forgotten(const struct panel *p);
/* Opens a new stream for a node whose old one seems dead. ERR_NOT_FOUND: not followed. */
int panel_streams_reopen(struct panel *p, int64_t node_id) MUST_CHECK;
/* Reads the list of nodes now instead of at the next poll. */
void panel_nodes_now(struct panel *p);
/* Changes settings that may change while running. */
void panel_set_timing(struct panel *p, unsigned nodes_poll_s, unsigned stream_refresh_s,
                      double online_rate);
/* Calls a second that the online list is asked now, as adapted to its answers; 0 = never. */
double panel_online_rate(const struct panel *p);
/*
 * Whether log streams are opened at all: without them another reader of the same nodes misses no line.
 * Takes effect at once for all nodes.
 */
void panel_set_streaming(struct panel *p, bool on);
/* Who knows names by id, for panels before 5 (online list) and 3.1 (everything). */
void panel_set_names(struct panel *p,
                     bool (*name_of)(void *arg, int64_t id, struct slice *ret_name), void *arg);

typedef void (*panel_page_fn)(void *arg, const struct panel_user *users, size_t n, bool full);
typedef void (*panel_listed_fn)(void *arg, int rc, const struct err *err, size_t n);
/*
 * Lists all users in order of id; full: with status, groups, owner, hwid_limit and times, else id and
 * name (whole users come also then where the short list is refused). page is called for each page,
 * end once, later: rc 0 only when the list is complete. One listing at a time: ERR_BUSY. ERR_NOMEM.
 */
int panel_list_users(struct panel *p, bool full, panel_page_fn page, panel_listed_fn end,
                     void *arg) MUST_CHECK;
/* Looks one user up at a bounded rate (for unknown ids); see asker_user. */
int panel_lookup(struct panel *p, int64_t id, panel_user_fn fn, void *arg) MUST_CHECK;
/* Reads where a user is online; see asker_online. */
int panel_online(struct panel *p, int64_t id, bool urgent, panel_online_fn fn,
                 void *arg) MUST_CHECK;
/* Any GET, e.g. "/api/groups" for the doctor; the answer as it came. See call_start. */
int panel_get(struct panel *p, const char *path, const char *what, call_fn fn,
              void *arg) MUST_CHECK;

#endif
