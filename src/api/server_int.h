/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_SERVER_INT_H
#define API_SERVER_INT_H

/* What the files of the HTTP server share; nobody else includes this. */

#include <microhttpd.h>

#include "api/server.h"
#include "base/buf.h"

struct events;

/* One connection: its deadline, and the request that is on it. */
struct conn {
    struct loop_timer *timer;
    struct loop *loop;
    int64_t until_us;        /* by loop_real_us: the deadline */
    struct request *request; /* from its first line on; NULL between two */
    int fd;
};

/* An operation on its way, outliving the request when the server stops first. */
struct pending {
    struct request *request;
};

/* One request, from its first line to its last byte of answer. */
struct request {
    struct request *prev, *next;
    struct server *server;
    struct MHD_Connection *mhd;
    struct pending *pending;
    char *uri; /* raw, as it came */
    struct slice path, query;
    enum op_method method; /* HEAD is read as GET */
    struct buf body;
    bool begun, too_big, called, suspended;
    bool answered; /* the answer below is made */
    bool queued;   /* and on its way to the client */
    /* the answer */
    /* for api.log */
    int64_t begun_us;  /* by loop_clock_us */
    char verb[16];     /* the method as it came, cut */
    char who[64];      /* login name that was right, "" = none; cut */
    int64_t called_us; /* when it was complete, by loop_clock_us; 0: not yet */
    int status;
    struct buf answer;
    const char *type;   /* Content-Type; NULL: JSON */
    const char *policy; /* Content-Security-Policy, or NULL */
    char allow[80];     /* Allow, "" = none */
    int64_t retry_s;    /* Retry-After, 0 = none */
    bool challenge;     /* WWW-Authenticate */
};

struct server {
    struct loop *loop;
    struct server_opts opts;
    char *who, *origins;
    const struct op_port *port;
    struct MHD_Daemon *daemon;
    struct loop_fd *event;
    struct loop_timer *timer;
    struct request *requests;
    struct events *events;
    struct buf openapi; /* made at the first request for it */
    bool running;       /* inside MHD_run */
    struct hist took;   /* from a request that is complete to its answer */
};

/* ---- server.c ---- */
/* The connection's deadline, NULL when there was no memory for one. */
struct conn *conn_of(struct MHD_Connection *mhd);
/* Gives the client so long from now on; until then it is looked at now and then whether it has gone. */
void conn_allow(struct conn *c, int64_t us);
/* Lets libmicrohttpd look at its connections in the next turn. */
void server_wake(struct server *s);

/* ---- head.c ---- */
/* The value of a header, or NULL. */
const char *head_value(const struct request *r, const char *name);
/* How many bytes the body of this request may have. */
size_t request_body_max(const struct request *r);
/* NULL when the head of a request is sound, else what to say; status and code as well. */
const char *head_check(const struct request *r, size_t body_max, int *status, const char **code);
/* Whether the body, if there is one, is not declared as of that type. */
bool head_wrong_type(const struct request *r, const char *want);
/* Whether a body of known and bearable length comes that the client sends without being asked. */
bool head_body_to_drop(const struct request *r);
/* Whether a web page that has no business here sends the request: its Origin is neither ours nor allowed. */
bool head_foreign_origin(const struct request *r);
/* The Origin when it is one of those allowed by the settings, or NULL. */
const char *head_allowed_origin(const struct request *r);
/* Whether a reverse proxy says that it speaks for somebody else. */
bool head_forwarded(const struct request *r);

/* ---- request.c ---- */
/* Callbacks of libmicrohttpd, arg the struct server. */
void *request_uri(void *arg, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_step(void *arg, struct MHD_Connection *mhd, const char *url,
                             const char *method, const char *version, const char *data, size_t *n,
                             void **slot);
void request_completed(void *arg, struct MHD_Connection *mhd, void **slot,
                       enum MHD_RequestTerminationCode how);
/* Answers 503 to a request that waits for its operation: the daemon is stopping. */
void request_stop(struct request *r);

/* ---- answer.c ---- */
/* Adds the headers that every answer to r has. */
enum MHD_Result answer_headers(const struct request *r, struct MHD_Response *resp);
/* Hands the answer made in r to libmicrohttpd. */
enum MHD_Result answer_queue(struct request *r);
/* Makes an error the answer and queues it. */
enum MHD_Result answer_refuse(struct request *r, int status, const char *code, const char *detail);
/* The same by the head alone: a body that is not too long is read and dropped first. */
enum MHD_Result answer_turn_away(struct request *r, int status, const char *code,
                                 const char *detail);
/*
 * The time of a request is over that is not complete: writes what it was refused for, else 408, past
 * libmicrohttpd, which then must do no more than close. Nothing is written when an answer is under way,
 * and nothing under TLS.
 */
void answer_late(struct request *r, int fd);

/* ---- events.c ---- */
/* The live streams of one server. ERR_NOMEM through NULL. */
struct events *events_new(struct server *s);
/* Ends all streams; the server must run once more before it stops. */
void events_stop(struct events *e);
/* After MHD_stop_daemon. NULL is allowed. */
void events_free(struct events *e);
/* Answers GET /events with a stream. ERR_BUSY: there are as many as there may be; ERR_NOMEM. */
int events_open(struct events *e, struct request *r, int64_t after_id) MUST_CHECK;

/* ---- page.c ---- */
/* A file of the page /docs: its bytes and their type; false: no such file. */
bool page_find(struct slice path, struct slice *ret_bytes, const char **ret_type);

#endif
