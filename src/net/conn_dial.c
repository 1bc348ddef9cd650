/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/conn_int.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

static void dial_free(struct dial *d)
{
    SSL_CTX_free(d->ctx);
    free(d->host);
    free(d->ca_file);
    free(d);
}

/* An address stands for itself, which needs no worker. */
static void look_up(struct dial *d, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list = NULL, *a;
    int rc = getaddrinfo(d->host, d->port, &hints, &list);

    for (a = rc == 0 ? list : NULL; a && d->n < CONN_ADDRESSES; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(d->at[0]))
            continue;
        memcpy(&d->at[d->n], a->ai_addr, a->ai_addrlen);
        d->len[d->n++] = a->ai_addrlen;
    }
    if (list)
        freeaddrinfo(list);
    if (d->n == 0)
        err_set(&d->err, ERR_UNREACHABLE, "the name %s cannot be resolved: %s", d->host,
                rc ? gai_strerror(rc) : "no address");
}

/* Reading the system's bundle takes 35 ms: not on the loop. */
static void make_ctx(struct dial *d)
{
    const char *file = d->ca_file ? d->ca_file : SYSTEM_BUNDLE;
    int ok = 1;

    d->ctx = SSL_CTX_new(TLS_client_method());
    if (!d->ctx || !SSL_CTX_set_min_proto_version(d->ctx, TLS1_2_VERSION)) {
        err_set(&d->err, ERR_NOMEM, "TLS cannot be set up");
        return;
    }
    SSL_CTX_set_mode(d->ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(d->ctx, d->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (d->insecure)
        return;
    if (!d->ca_file && access(file, R_OK) != 0)
        ok = SSL_CTX_set_default_verify_paths(d->ctx);
    else
        ok = SSL_CTX_load_verify_locations(d->ctx, file, NULL);
    ERR_clear_error();
    X509_STORE_set_flags(SSL_CTX_get_cert_store(d->ctx),
                         X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    if (!ok)
        err_set(&d->err, ERR_INVALID, "no certificate could be read from %s", file);
}

static void job(void *arg)
{
    struct dial *d = arg;

    if (d->host && d->n == 0)
        look_up(d, 0);
    if (d->want_ctx && !d->err.code)
        make_ctx(d);
}

static void told(void *arg, int rc)
{
    struct dial *d = arg;

    if (rc && !d->err.code)
        err_set(&d->err, rc, "%s", err_name(rc));
    if (d->conn)
        d->done(d->conn, d);
    dial_free(d);
}

static bool is_literal(const char *host)
{
    unsigned char raw[16];

    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

int dial_start(const struct conn_opts *opts, bool want_ctx, struct conn *c,
               void (*done)(struct conn *c, struct dial *dial), struct dial **ret_dial)
{
    struct dial *d = calloc(1, sizeof(*d));
    int rc;

    if (!d)
        return ERR_NOMEM;
    d->conn = c;
    d->done = done;
    d->want_ctx = want_ctx;
    d->insecure = opts->insecure;
    snprintf(d->port, sizeof(d->port), "%d", opts->port);
    d->host = opts->host ? strdup(opts->host) : NULL;
    d->ca_file = opts->ca_file ? strdup(opts->ca_file) : NULL;
    if ((opts->host && !d->host) || (opts->ca_file && !d->ca_file)) {
        dial_free(d);
        return ERR_NOMEM;
    }
    if (d->host && is_literal(d->host))
        look_up(d, AI_NUMERICHOST | AI_NUMERICSERV);
    *ret_dial = NULL;
    if (!want_ctx && (!d->host || d->n)) {
        told(d, ERR_OK);
        return ERR_OK;
    }
    *ret_dial = d;
    rc = worker_submit(opts->worker, job, told, d);
    if (rc)
        dial_free(d);
    return rc;
}
