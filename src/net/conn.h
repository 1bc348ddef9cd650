/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/loop.h"
#include "net/worker.h"

/*
 * A connection that carries bytes: TCP, TLS or a unix socket, opened as often as its owner likes. On
 * libevent's bufferevents, whose timeouts are of no use here (they mean inactivity): deadlines are
 * timers of our own in real time. Names are resolved, and the trusted certificates read, in the
 * worker. All functions are for the loop thread; the callbacks may call everything but conn_free.
 */
struct conn;

struct conn_opts {
    struct loop *loop;
    struct worker *worker;
    const char *host; /* a name or an address without brackets; NULL with path */
    int port;
    const char *path;    /* of a unix socket; NULL with host */
    bool tls;            /* TLS 1.2 or later; the certificate must be for host */
    const char *ca_file; /* PEM file trusted instead of the system's; NULL: the system's */
    bool insecure;       /* no verification at all */
    const char *ca_name; /* the setting named in the advice on a refused certificate; or NULL */
    int64_t open_us;     /* until it is open: name, connection and handshake together */
    size_t out_max;      /* most bytes waiting to be sent */
    void (*on_open)(void *arg);
    /* Bytes as they come, at most 16 KB. */
    void (*on_data)(void *arg, struct slice bytes);
    /*
     * Not open, or not any more, and not by conn_close. ERR_UNREACHABLE (also when the other side ended
     * it), ERR_TIMEOUT, ERR_TLS, ERR_NOMEM, with a text for people that holds no secret.
     */
    void (*on_end)(void *arg, const struct err *err);
    void *arg;
};

/* Copies the options; nothing is opened yet. ERR_NOMEM, ERR_INVALID (a socket's path is too long). */
int conn_new(const struct conn_opts *opts, struct conn **ret_conn, struct err *err) MUST_CHECK;
/* Closes and frees, without a callback; not inside one. NULL is allowed. */
void conn_free(struct conn *c);

/* Begins to open; on_open or on_end is called later, unless it is closed before. Only when closed. */
void conn_open(struct conn *c);
/* Closes at once, without a callback; what waits to be sent is dropped. Harmless when closed. */
void conn_close(struct conn *c);
/* Sends bytes (copied). ERR_TOO_BIG (more than out_max would wait), ERR_UNREACHABLE (not open). */
int conn_send(struct conn *c, struct slice bytes) MUST_CHECK;
/* Whether it is open. */
bool conn_is_open(const struct conn *c);

#endif
