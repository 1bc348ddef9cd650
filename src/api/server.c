/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

enum { CONNECTION_MEMORY = 64 << 10 };

/* One connection: its deadline. */
struct conn {
    struct loop_timer *timer;
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
    struct buf body;
    bool begun, too_big, called, suspended, answered;
    int status;
    struct buf answer;
};

struct server {
    struct loop *loop;
    struct server_opts opts;
    char *who;
    const struct op_port *port;
    struct MHD_Daemon *daemon;
    struct loop_fd *event;
    struct loop_timer *timer;
    struct request *requests;
    bool running; /* inside MHD_run */
};

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

/* ---- connections ---- */

static void on_deadline(void *arg)
{
    struct conn *c = arg;

    /* libmicrohttpd owns the descriptor: a shutdown makes it see the end and close by itself. */
    shutdown(c->fd, SHUT_RDWR);
}

static void conn_begin(struct server *s, struct MHD_Connection *mhd, void **slot)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *c = calloc(1, sizeof(*c));

    *slot = NULL;
    if (!c || !info || loop_timer_new(s->loop, on_deadline, c, &c->timer)) {
        free(c);
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    c->fd = info->connect_fd;
    loop_timer_set_real(c->timer, s->opts.deadline_us);
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

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* ---- answering ---- */

static enum MHD_Result queue_answer(struct request *r)
{
    struct MHD_Response *resp =
        MHD_create_response_from_buffer(r->answer.n, r->answer.p, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result ok;

    if (!resp)
        return MHD_NO;
    ok = MHD_add_response_header(resp, "Content-Type", "application/json");
    if (ok == MHD_YES)
        ok = MHD_add_response_header(resp, "Cache-Control", "no-store");
    if (ok == MHD_YES)
        ok = MHD_queue_response(r->mhd, (unsigned)r->status, resp);
    MHD_destroy_response(resp);
    return ok;
}

static enum MHD_Result refuse(struct request *r, int status, const char *code, const char *detail)
{
    r->answered = true;
    r->status = status;
    op_error_json(&r->answer, code, detail);
    return queue_answer(r);
}

static void resume(struct request *r)
{
    struct conn *c = conn_of(r->mhd);

    r->suspended = false;
    if (c)
        loop_timer_set_real(c->timer, r->server->opts.deadline_us);
    MHD_resume_connection(r->mhd);
    loop_timer_set_real(r->server->timer, 0);
}

static void on_reply(void *arg, int status, struct slice json)
{
    struct pending *p = arg;
    struct request *r = p->request;

    free(p);
    if (!r)
        return;
    r->pending = NULL;
    r->answered = true;
    r->status = status;
    if (buf_add_slice(&r->answer, json)) {
        r->status = 503;
        op_error_json(&r->answer, "no_memory", "out of memory");
    }
    if (r->suspended)
        resume(r);
}

static enum MHD_Result call(struct request *r, const char *method)
{
    struct op_request req = {.body = buf_slice(&r->body), .who = slice_of(r->server->who)};
    struct slice path = slice_of(r->uri), query = path;
    struct conn *c = conn_of(r->mhd);

    if (op_method_parse(slice_of(method), &req.method))
        return refuse(r, 405, "method_not_allowed", "this method is not known here");
    path = slice_cut(&query, '?');
    req.path = path;
    req.query = query;
    r->pending = calloc(1, sizeof(*r->pending));
    if (!r->pending)
        return refuse(r, 503, "no_memory", "out of memory");
    r->pending->request = r;
    r->called = true;
    op_call(r->server->port, &req, on_reply, r->pending);
    if (r->answered)
        return queue_answer(r);
    /* From here on the time is the operation's, not the client's. */
    if (c)
        loop_timer_stop(c->timer);
    r->suspended = true;
    MHD_suspend_connection(r->mhd);
    return MHD_YES;
}

/* ---- strictness ---- */

struct headers {
    const char *seen[128];
    unsigned n;
    bool twice, blank, too_many;
};

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct headers *h = arg;
    unsigned i;

    (void)kind;
    (void)value;
    for (i = 0; key[i]; i++)
        if ((unsigned char)key[i] <= ' ' || (unsigned char)key[i] >= 0x7f)
            h->blank = true;
    if (i == 0)
        h->blank = true;
    for (i = 0; i < h->n; i++)
        if (strcasecmp(h->seen[i], key) == 0)
            h->twice = true;
    if (h->n == ARRAY_LEN(h->seen)) {
        h->too_many = true;
        return MHD_NO;
    }
    h->seen[h->n++] = key;
    return MHD_YES;
}

static const char *header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

/* Content-Type is application/json, whatever parameters follow. */
static bool is_json(const char *type)
{
    static const char want[] = "application/json";
    size_t n = sizeof(want) - 1;

    return type && strncasecmp(type, want, n) == 0 &&
           (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

/* Returns NULL when the head of a request is sound, else what to say; status and code as well. */
static const char *check_head(const struct request *r, int *status, const char **code)
{
    const char *length = header(r, "Content-Length"), *chunks = header(r, "Transfer-Encoding");
    struct headers h = {.n = 0};
    uint64_t n = 0;

    *status = 400;
    *code = "bad_request";
    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, see_header, &h);
    if (h.too_many)
        return "too many header lines";
    if (h.blank)
        return "a header name holds a blank or is empty";
    if (h.twice)
        return "two headers have the same name";
    if (length && chunks)
        return "Content-Length beside Transfer-Encoding";
    if (chunks && strcasecmp(chunks, "chunked") != 0)
        return "this Transfer-Encoding is not known";
    if (length && num_uint(slice_of(length), UINT64_MAX, &n))
        return "Content-Length is no number";
    if (r->server->opts.need_host && !header(r, "Host"))
        return "Host is missing";
    if (r->uri[0] != '/')
        return "the target must be a path";
    if (strstr(r->uri, "%00") || strchr(r->uri, '#'))
        return "the path holds what no path may hold";
    if (n > LIMIT_OP_BODY) {
        *status = 413;
        *code = "too_big";
        return "the body is larger than 1 MiB";
    }
    if ((n > 0 || chunks) && !is_json(header(r, "Content-Type"))) {
        *status = 415;
        *code = "bad_type";
        return "the body must be application/json";
    }
    return NULL;
}

/* ---- requests ---- */

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct server *s = arg;
    struct request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->uri = strdup(uri);
    if (!r->uri) {
        free(r);
        return NULL;
    }
    r->server = s;
    r->mhd = mhd;
    buf_init(&r->body, LIMIT_OP_BODY);
    buf_init(&r->answer, LIMIT_OP_ANSWER);
    r->next = s->requests;
    if (r->next)
        r->next->prev = r;
    s->requests = r;
    return r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **slot)
{
    struct request *r = *slot;
    const char *wrong, *code;
    int status;

    (void)arg;
    (void)mhd;
    (void)url;
    (void)version;
    if (!r)
        return MHD_NO;
    if (!r->begun) {
        r->begun = true;
        wrong = check_head(r, &status, &code);
        return wrong ? refuse(r, status, code, wrong) : MHD_YES;
    }
    if (*n) {
        /* An answer cannot be queued while a body comes in: swallow the rest, then refuse. */
        if (!r->too_big && buf_add(&r->body, data, *n))
            r->too_big = true;
        *n = 0;
        return MHD_YES;
    }
    if (r->answered)
        return queue_answer(r);
    if (r->too_big)
        return refuse(r, 413, "too_big", "the body is larger than 1 MiB");
    return r->called ? MHD_YES : call(r, method);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **slot,
                         enum MHD_RequestTerminationCode how)
{
    struct request *r = *slot;
    struct conn *c = conn_of(mhd);

    (void)arg;
    (void)how;
    *slot = NULL;
    if (!r)
        return;
    if (c)
        loop_timer_set_real(c->timer, r->server->opts.deadline_us);
    if (r->pending)
        r->pending->request = NULL;
    if (r->prev)
        r->prev->next = r->next;
    else
        r->server->requests = r->next;
    if (r->next)
        r->next->prev = r->prev;
    buf_release(&r->body);
    buf_release(&r->answer);
    free(r->uri);
    free(r);
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
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, s->opts.need_host ? 1 : 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, s,
                            MHD_OPTION_LISTEN_SOCKET, s->opts.listen_fd,
                            MHD_OPTION_CONNECTION_LIMIT, s->opts.connections,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                            MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, s, MHD_OPTION_ARRAY,
                            options, MHD_OPTION_END);
}

int server_new(struct loop *loop, const struct server_opts *opts, const struct op_port *port,
               struct server **ret_server, struct err *err)
{
    struct server *s = calloc(1, sizeof(*s));
    const union MHD_DaemonInfo *info;

    if (s)
        s->who = strdup(opts->who);
    if (!s || !s->who) {
        close(opts->listen_fd);
        free(s);
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    }
    s->loop = loop;
    s->opts = *opts;
    s->port = port;
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
    loop_timer_free(s->timer);
    free(s->who);
    free(s);
    return err_set(err, ERR_IO, "the HTTP server cannot be started");
}

void server_free(struct server *s)
{
    struct request *r;

    if (!s)
        return;
    for (r = s->requests; r; r = r->next) {
        if (!r->suspended)
            continue;
        r->answered = true;
        r->status = 503;
        op_error_json(&r->answer, "stopping", "the daemon is stopping");
        resume(r);
    }
    run(s);
    loop_fd_free(s->event);
    MHD_stop_daemon(s->daemon);
    loop_timer_free(s->timer);
    free(s->who);
    free(s);
}
