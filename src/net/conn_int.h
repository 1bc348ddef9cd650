/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_CONN_INT_H
#define NET_CONN_INT_H

/* What the parts of a connection share; nobody else includes this. */

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "net/conn.h"

enum { CONN_ADDRESSES = 8 };

/* What has to be known before a connection is tried: addresses, and whom to trust. */
struct dial {
    void (*done)(struct conn *c, struct dial *dial); /* c as given to dial_start */
    struct conn *conn;                               /* NULL: nobody waits for it any more */
    char *host, *ca_file;
    char port[8];
    bool want_ctx, insecure;
    struct sockaddr_storage at[CONN_ADDRESSES];
    socklen_t len[CONN_ADDRESSES];
    size_t n;
    SSL_CTX *ctx;   /* the taker's, or freed with the dial */
    struct err err; /* code 0: it worked */
};

/*
 * Looks host up and makes a context for TLS if one is wanted: in the worker, or here and now when the
 * host is an address (or none) and no context is wanted. done is called later, unless conn is set to
 * NULL before, or within this call: *ret_dial is then NULL. The dial frees itself afterwards. ERR_NOMEM,
 * ERR_BUSY: done is not called.
 */
int dial_start(const struct conn_opts *opts, bool want_ctx, struct conn *c,
               void (*done)(struct conn *c, struct dial *dial), struct dial **ret_dial) MUST_CHECK;

#endif
