/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/auth.h"
#include "base/attr.h"
#include "base/err.h"
#include "net/loop.h"
#include "service/ops/op.h"

/*
 * An HTTP/1.1 server on the loop (libmicrohttpd) that turns every request into an op_call: the control
 * socket, and REST over TCP. libmicrohttpd is lenient, so requests that are ambiguous are refused
 * here before anything else is looked at: two headers of one name, blanks in a header name, a length
 * beside chunks, %00 in the path. A connection that does not bring a whole request in time is shut
 * down, however slowly it goes on sending.
 */
struct server;

struct server_opts {
    int listen_fd;  /* a listening socket; closed by the server, also when server_new fails */
    bool need_host; /* a request without exactly one Host is refused; false on the control socket */
    const char *who;      /* for the audit log: "cli" */
    unsigned connections; /* most at a time */
    unsigned per_address; /* most at a time of one address; 0 = no bound of its own */
    int64_t deadline_us;  /* for a whole request, and for the pause between two */
    int64_t stuck_us;     /* for which a live stream may be unread */
    struct auth *auth;    /* who may come in; NULL: everyone (the socket's mode decides) */
    const char *tls_cert; /* PEM texts, NULL: no TLS; must live as long as the server */
    const char *tls_key;
    bool log;            /* every request stands in api.log */
    const char *origins; /* web origins that may call from a browser, by commas; NULL or "": none */
};

/* Starts serving on the loop. port and auth must outlive the server. ERR_IO, ERR_NOMEM. */
int server_new(struct loop *loop, const struct server_opts *opts, const struct op_port *port,
               struct server **ret_server, struct err *err) MUST_CHECK;
/*
 * Stops: requests still waiting for their operation are answered 503, all connections are closed. An
 * operation that ends later is dropped. NULL is allowed.
 */
void server_free(struct server *s);

/* How long operations took from the complete request to the answer, since server_new. */
const struct hist *server_took(const struct server *s);

#endif
