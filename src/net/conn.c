/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/conn_int.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/loop_int.h"
#include "base/banned.h"

enum { PIECE = 16384 };

enum stage { CLOSED, DIALLING, CONNECTING, SHAKING, OPEN };

struct conn {
    struct conn_opts o;
    char *host, *path, *ca_file;
    struct sockaddr_un unix_at;
    enum stage stage;
    unsigned round; /* grows with every closing: whoever called out sees that it is over */
    struct dial *dial;
    SSL_CTX *ctx; /* made once */
    struct sockaddr_storage at[CONN_ADDRESSES];
    socklen_t len[CONN_ADDRESSES];
    size_t n, next; /* addresses; the one to be tried next */
    int fd;         /* while connecting */
    struct loop_fd *watch;
    struct bufferevent *bev;  /* owns the descriptor and the TLS session */
    struct loop_timer *timer; /* of the opening */
    struct loop_timer *soon;  /* tells the end off the stack of whoever opened */
    int64_t began_us;
    struct err why; /* of the last address that failed */
    char piece[PIECE];
};

static void on_timer(void *arg);
static void on_soon(void *arg);
static void try_next(struct conn *c);

int conn_new(const struct conn_opts *opts, struct conn **ret_conn, struct err *err)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->o = *opts;
    c->fd = -1;
    c->unix_at.sun_family = AF_UNIX;
    if (opts->path && strlen(opts->path) >= sizeof(c->unix_at.sun_path)) {
        free(c);
        return err_set(err, ERR_INVALID, "the path of the socket is too long");
    }
    if (opts->path)
        memcpy(c->unix_at.sun_path, opts->path, strlen(opts->path));
    c->o.host = c->host = opts->host ? strdup(opts->host) : NULL;
    c->o.path = c->path = opts->path ? strdup(opts->path) : NULL;
    c->o.ca_file = c->ca_file = opts->ca_file ? strdup(opts->ca_file) : NULL;
    if ((opts->host && !c->host) || (opts->path && !c->path) || (opts->ca_file && !c->ca_file) ||
        loop_timer_new(opts->loop, on_timer, c, &c->timer) ||
        loop_timer_new(opts->loop, on_soon, c, &c->soon)) {
        conn_free(c);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret_conn = c;
    return ERR_OK;
}

/* What the present try holds; the next address may be tried after it. */
static void drop_try(struct conn *c)
{
    loop_timer_stop(c->timer);
    loop_fd_free(c->watch);
    c->watch = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    if (c->bev)
        bufferevent_free(c->bev);
    c->bev = NULL;
}

void conn_close(struct conn *c)
{
    c->round++;
    c->stage = CLOSED;
    loop_timer_stop(c->soon);
    if (c->dial)
        c->dial->conn = NULL;
    c->dial = NULL;
    drop_try(c);
}

void conn_free(struct conn *c)
{
    if (!c)
        return;
    if (c->timer && c->soon)
        conn_close(c);
    loop_timer_free(c->timer);
    loop_timer_free(c->soon);
    SSL_CTX_free(c->ctx);
    free(c->host);
    free(c->path);
    free(c->ca_file);
    free(c);
}

static void ended(struct conn *c)
{
    struct err why = c->why;

    conn_close(c);
    c->o.on_end(c->o.arg, &why);
}

/* The try has failed with c->why: the next address, or the end. */
static void failed(struct conn *c)
{
    bool more = c->stage != OPEN && c->next < c->n;

    drop_try(c);
    if (more)
        try_next(c);
    else
        ended(c);
}

static void on_soon(void *arg)
{
    ended(arg);
}

static const char *place(const struct conn *c)
{
    return c->path ? c->path : c->host;
}

static void on_timer(void *arg)
{
    struct conn *c = arg;

    err_set(&c->why, ERR_TIMEOUT, "%s %s", place(c),
            c->stage == SHAKING ? "does not answer the TLS handshake" : "does not answer");
    failed(c);
}

/* ---- open ---- */

static void explain_tls(struct conn *c)
{
    SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    unsigned long code = bufferevent_get_openssl_error(c->bev);
    const char *why = code ? ERR_reason_error_string(code) : NULL;

    if (!c->o.insecure && verdict != X509_V_OK)
        err_set(&c->why, ERR_TLS, "TLS: the certificate of %s was refused: %s%s%s%s", place(c),
                X509_verify_cert_error_string(verdict),
                c->o.ca_name ? "; if it is yours, set " : "", c->o.ca_name ? c->o.ca_name : "",
                c->o.ca_name ? " to the certificate of who signed it" : "");
    else
        err_set(&c->why, ERR_TLS, "TLS: the handshake with %s failed: %s", place(c),
                why ? why : "it ended the connection (does it speak TLS on this port?)");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;
    int error = EVUTIL_SOCKET_ERROR();

    (void)bev;
    loop_called(c->o.loop);
    if (what & BEV_EVENT_CONNECTED) {
        loop_timer_stop(c->timer);
        c->stage = OPEN;
        c->o.on_open(c->o.arg);
        return;
    }
    if (c->stage == SHAKING)
        explain_tls(c);
    else if (what & BEV_EVENT_EOF)
        err_set(&c->why, ERR_UNREACHABLE, "%s has ended the connection", place(c));
    else
        err_set(&c->why, ERR_UNREACHABLE, "the connection to %s broke: %s", place(c),
                error ? strerror(error) : "TLS");
    ERR_clear_error();
    failed(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    unsigned round = c->round;
    size_t n;

    loop_called(c->o.loop);
    /* The owner may close inside, which frees the bufferevent. */
    while (c->round == round && (n = bufferevent_read(bev, c->piece, sizeof(c->piece))) > 0)
        c->o.on_data(c->o.arg, (struct slice){c->piece, n});
}

static SSL *make_ssl(struct conn *c)
{
    unsigned char raw[16];
    bool literal = inet_pton(AF_INET, c->host, raw) == 1 || inet_pton(AF_INET6, c->host, raw) == 1;
    SSL *ssl = SSL_new(c->ctx);
    int ok;

    if (!ssl)
        return NULL;
    if (literal)
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), c->host);
    else
        ok = SSL_set1_host(ssl, c->host) && SSL_set_tlsext_host_name(ssl, c->host);
    if (!ok) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

/* The socket is connected: it becomes the bufferevent's. */
static void connected(struct conn *c)
{
    SSL *ssl = NULL;
    int fd = c->fd, one = 1;

    loop_fd_free(c->watch);
    c->watch = NULL;
    if (c->host)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (c->o.tls) {
        ssl = make_ssl(c);
        c->bev =
            ssl ? bufferevent_openssl_socket_new(loop_base(c->o.loop), fd, ssl,
                                                 BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE)
                : NULL;
    } else {
        c->bev = bufferevent_socket_new(loop_base(c->o.loop), fd, BEV_OPT_CLOSE_ON_FREE);
    }
    if (!c->bev) {
        SSL_free(ssl);
        err_set(&c->why, ERR_NOMEM, "out of memory");
        failed(c);
        return;
    }
    c->fd = -1;
    bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, 4 * PIECE);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    if (c->o.tls) {
        c->stage = SHAKING;
        return;
    }
    loop_timer_stop(c->timer);
    c->stage = OPEN;
    c->o.on_open(c->o.arg);
}

/* ---- opening ---- */

static void refused(struct conn *c, int error)
{
    err_set(&c->why, ERR_UNREACHABLE, "%s cannot be reached: %s", place(c), strerror(error));
    failed(c);
}

static void on_writable(void *arg, int fd, int what)
{
    struct conn *c = arg;
    socklen_t n = sizeof(int);
    int error = 0;

    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n))
        error = errno;
    if (error)
        refused(c, error);
    else
        connected(c);
}

/* Each address has its share of the time, or one that hangs would leave nothing to the others. */
static void try_next(struct conn *c)
{
    const struct sockaddr *at = (const struct sockaddr *)&c->at[c->next];
    socklen_t len = c->len[c->next++];
    int64_t left_us = c->o.open_us - (loop_clock_us() - c->began_us);

    c->stage = CONNECTING;
    loop_timer_set_real(c->timer, left_us / (int64_t)(c->n - c->next + 1));
    c->fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || (connect(c->fd, at, len) && errno != EINPROGRESS)) {
        err_set(&c->why, ERR_UNREACHABLE, "%s cannot be reached: %s", place(c), strerror(errno));
        drop_try(c);
        /* Never a callback inside conn_open. */
        if (c->next < c->n)
            try_next(c);
        else
            loop_timer_set_real(c->soon, 0);
        return;
    }
    if (loop_fd_new(c->o.loop, c->fd, on_writable, c, &c->watch)) {
        err_set(&c->why, ERR_NOMEM, "out of memory");
        drop_try(c);
        loop_timer_set_real(c->soon, 0);
        return;
    }
    loop_fd_want(c->watch, LOOP_WRITE);
}

static void dialled(struct conn *c, struct dial *d)
{
    c->dial = NULL;
    if (d->ctx && !c->ctx) {
        c->ctx = d->ctx;
        d->ctx = NULL;
    }
    if (d->err.code) {
        c->why = d->err;
        loop_timer_stop(c->timer);
        loop_timer_set_real(c->soon, 0);
        return;
    }
    c->n = d->n;
    memcpy(c->at, d->at, sizeof(c->at));
    memcpy(c->len, d->len, sizeof(c->len));
    if (c->path) {
        memcpy(&c->at[0], &c->unix_at, sizeof(c->unix_at));
        c->len[0] = sizeof(c->unix_at);
        c->n = 1;
    }
    try_next(c);
}

void conn_open(struct conn *c)
{
    struct dial *dial = NULL;
    int rc;

    c->stage = DIALLING;
    c->n = c->next = 0;
    c->why = (struct err){0};
    c->began_us = loop_clock_us();
    loop_timer_set_real(c->timer, c->o.open_us);
    rc = dial_start(&c->o, c->o.tls && !c->ctx, c, dialled, &dial);
    if (rc) {
        err_set(&c->why, rc, "%s", rc == ERR_BUSY ? "the worker has too much to do" : err_name(rc));
        loop_timer_stop(c->timer);
        loop_timer_set_real(c->soon, 0);
    } else {
        c->dial = dial;
    }
}

int conn_send(struct conn *c, struct slice bytes)
{
    struct evbuffer *out;

    if (c->stage != OPEN)
        return ERR_UNREACHABLE;
    out = bufferevent_get_output(c->bev);
    if (evbuffer_get_length(out) + bytes.n > c->o.out_max)
        return ERR_TOO_BIG;
    return bufferevent_write(c->bev, bytes.p, bytes.n) ? ERR_NOMEM : ERR_OK;
}

bool conn_is_open(const struct conn *c)
{
    return c->stage == OPEN;
}
