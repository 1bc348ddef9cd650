/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server_int.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "base/banned.h"

enum { CONNECTION_MEMORY = 64 << 10, OPENAPI_MAX = 4 << 20 };

/* ---- the turn ---- */

static void run(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (s->running)
        return;
    s->running = true;
    MHD_run(s->daemon);
    s->running = false;
    if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
        loop_timer_set_real(s->timer, (int64_t)ms * 1000);
    else
        loop_timer_stop(s->timer);
}

static void on_ready(void *arg, int fd, int what)
{
    (void)fd;
    (void)what;
    run(arg);
}

static void on_timer(void *arg)
{
    run(arg);
}

void server_wake(struct server *s)
{
    loop_timer_set_real(s->timer, 0);
}

/* ---- connections ---- */

/*
 * Whether the client went before its request was whole. Its last bytes and its end may come as one event,
 * of which libmicrohttpd sees the bytes only; the connection would count until the deadline.
 */
static bool is_gone(const struct conn *c)
{
    const struct request *r = c->request;
    char byte;

    return !(r && (r->called || r->answered)) &&
           recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void look_again(struct conn *c, int64_t left_us)
{
    loop_timer_set_real(c->timer, left_us < STAMP_SECOND ? left_us : STAMP_SECOND);
}

void conn_allow(struct conn *c, int64_t us)
{
    c->until_us = loop_real_us(c->loop) + us;
    look_again(c, us);
}

static void on_look(void *arg)
{
    struct conn *c = arg;
    int64_t left_us = c->until_us - loop_real_us(c->loop);

    if (left_us > 0 && !is_gone(c)) {
        look_again(c, left_us);
        return;
    }
    if (left_us <= 0 && c->request)
        answer_late(c->request, c->fd);
    /* libmicrohttpd owns the descriptor: a shutdown makes it see the end and close by itself. */
    shutdown(c->fd, SHUT_RDWR);
}

static void conn_begin(struct server *s, struct MHD_Connection *mhd, void **slot)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *c = calloc(1, sizeof(*c));

    *slot = NULL;
    if (!c || !info || loop_timer_new(s->loop, on_look, c, &c->timer)) {
        free(c);
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    c->fd = info->connect_fd;
    c->loop = s->loop;
    conn_allow(c, s->opts.deadline_us);
    *slot = c;
}

static void conn_end(struct conn *c)
{
    loop_timer_free(c->timer);
    free(c);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_begin(arg, mhd, slot);
    else if (*slot)
        conn_end(*slot);
}

struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* The path is taken raw and decoded by the operations, segment by segment. */
static size_t leave_escaped(void *arg, struct MHD_Connection *mhd, char *s)
{
    (void)arg;
    (void)mhd;
    return strlen(s);
}

/* ---- life ---- */

static struct MHD_Daemon *start(struct server *s)
{
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem options[8] = {
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, s->opts.need_host ? 1 : 0, NULL},
    };
    int n = 2;

    if (s->opts.per_address)
        options[n++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, s->opts.per_address, NULL};
    if (s->opts.tls_cert) {
        /* The interface takes pointers that are not const; it only reads. */
        void *cert = (void *)(uintptr_t)s->opts.tls_cert, *key = (void *)(uintptr_t)s->opts.tls_key;

        flags |= MHD_USE_TLS;
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities};
    }
    options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(flags, 0, NULL, NULL, request_step, s, MHD_OPTION_LISTEN_SOCKET,
                            s->opts.listen_fd, MHD_OPTION_CONNECTION_LIMIT, s->opts.connections,
                            MHD_OPTION_URI_LOG_CALLBACK, request_uri, s,
                            MHD_OPTION_NOTIFY_COMPLETED, request_completed, s,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                            MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, s, MHD_OPTION_ARRAY,
                            options, MHD_OPTION_END);
}

static void release(struct server *s)
{
    loop_timer_free(s->timer);
    events_free(s->events);
    buf_release(&s->openapi);
    free(s->origins);
    free(s->who);
    free(s);
}

int server_new(struct loop *loop, const struct server_opts *opts, const struct op_port *port,
               struct server **ret_server, struct err *err)
{
    struct server *s = calloc(1, sizeof(*s));
    const union MHD_DaemonInfo *info;

    if (s) {
        buf_init(&s->openapi, OPENAPI_MAX);
        s->loop = loop;
        s->opts = *opts;
        s->port = port;
        s->who = strdup(opts->who);
        s->origins = strdup(opts->origins ? opts->origins : "");
        s->events = events_new(s);
    }
    if (!s || !s->who || !s->origins || !s->events) {
        close(opts->listen_fd);
        if (s)
            release(s);
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    }
    s->daemon = start(s);
    if (!s->daemon) {
        close(opts->listen_fd);
        goto fail;
    }
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || info->epoll_fd < 0 || loop_timer_new(loop, on_timer, s, &s->timer) ||
        loop_fd_new(loop, info->epoll_fd, on_ready, s, &s->event))
        goto fail;
    loop_fd_want(s->event, LOOP_READ);
    *ret_server = s;
    return ERR_OK;
fail:
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    release(s);
    return err_set(err, ERR_IO, "the HTTP server cannot be started");
}

void server_free(struct server *s)
{
    struct request *r;

    if (!s)
        return;
    for (r = s->requests; r; r = r->next)
        request_stop(r);
    events_stop(s->events);
    run(s);
    loop_fd_free(s->event);
    MHD_stop_daemon(s->daemon);
    release(s);
}

const struct hist *server_took(const struct server *s)
{
    return &s->took;
}
