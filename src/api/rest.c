/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/rest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/server.h"
#include "api/tls_files.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "base/banned.h"

enum { BACKLOG = 128, PEM_MAX = 1 << 20 };
static const int64_t again_us = 10 * STAMP_SECOND;
static const int64_t deadline_us = 20 * STAMP_SECOND;
static const int64_t stuck_us = 30 * STAMP_SECOND;

/* Everything that a server is made of: when none of it changes, it goes on. */
struct wanted {
    struct sockaddr_storage addr;
    socklen_t addr_n;
    char host[64];
    int port;
    struct buf cert, key; /* empty: no TLS */
    char *origins;
    char who[80];
};

struct rest {
    struct loop *loop;
    const struct op_port *port;
    struct auth *auth;
    struct loop_timer *timer; /* to try again */
    struct server *server;
    struct wanted now;  /* of the server that runs */
    struct wanted next; /* while it is tried */
    bool trying;
    char url[160];
    char problem[512];
};

static void wanted_init(struct wanted *w)
{
    memset(w, 0, sizeof(*w));
    buf_init(&w->cert, PEM_MAX);
    buf_init(&w->key, PEM_MAX);
}

static void wanted_release(struct wanted *w)
{
    buf_release(&w->cert);
    buf_release(&w->key);
    free(w->origins);
    w->origins = NULL;
}

struct rest *rest_new(struct loop *loop, const struct op_port *port)
{
    struct rest *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->loop = loop;
    r->port = port;
    r->auth = auth_new();
    wanted_init(&r->now);
    wanted_init(&r->next);
    if (!r->auth) {
        rest_free(r);
        return NULL;
    }
    return r;
}

void rest_free(struct rest *r)
{
    if (!r)
        return;
    loop_timer_free(r->timer);
    server_free(r->server);
    auth_free(r->auth);
    wanted_release(&r->now);
    wanted_release(&r->next);
    free(r);
}

const char *rest_problem(const struct rest *r)
{
    return r && r->problem[0] ? r->problem : NULL;
}

const struct hist *rest_took(const struct rest *r)
{
    return r && r->server ? server_took(r->server) : NULL;
}

const char *rest_url(const struct rest *r)
{
    return r ? r->url : "";
}

/* ---- what the settings want ---- */

static int read_address(struct wanted *w, const char *host, int port, struct err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&w->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&w->addr;

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    snprintf(w->host, sizeof(w->host), "%s", host);
    w->port = port;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        w->addr_n = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        w->addr_n = sizeof(*v6);
    } else {
        return err_set(err, ERR_INVALID, "API_HOST %s is no address", host);
    }
    return ERR_OK;
}

static int read_wanted(struct wanted *w, const struct settings *s, struct err *err)
{
    const char *cert = settings_text(s, SET_API_TLS_CERT), *key = settings_text(s, SET_API_TLS_KEY);
    int rc;

    rc = read_address(w, settings_text(s, SET_API_HOST), (int)settings_int(s, SET_API_PORT), err);
    if (!rc && (cert[0] != '\0') != (key[0] != '\0'))
        rc =
            err_set(err, ERR_INVALID, "API_TLS_CERT and API_TLS_KEY belong together: %s is not set",
                    cert[0] ? "API_TLS_KEY" : "API_TLS_CERT");
    if (!rc && cert[0])
        rc = tls_files_read(cert, key, &w->cert, &w->key, err);
    if (rc)
        return rc;
    w->origins = strdup(settings_text(s, SET_API_CORS_ORIGINS));
    snprintf(w->who, sizeof(w->who), "api:%.60s", settings_text(s, SET_API_USERNAME));
    return w->origins ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

static bool is_same(const struct wanted *a, const struct wanted *b)
{
    return a->origins && b->origins && strcmp(a->host, b->host) == 0 && a->port == b->port &&
           slice_eq(buf_slice(&a->cert), buf_slice(&b->cert)) &&
           slice_eq(buf_slice(&a->key), buf_slice(&b->key)) &&
           strcmp(a->origins, b->origins) == 0 && strcmp(a->who, b->who) == 0;
}

static bool is_loopback(const struct wanted *w)
{
    return auth_is_loopback((const struct sockaddr *)&w->addr);
}

/* ---- logins ---- */

/* The first of ADMIN_IDS, "" when there is none. */
static void first_admin(const struct settings *s, char *to, size_t max)
{
    struct slice ids = slice_of(settings_text(s, SET_ADMIN_IDS)), first = slice_cut(&ids, ',');

    snprintf(to, max, "%.*s", (int)first.n, first.n ? first.p : "");
}

static void apply_login(struct rest *r, const struct settings *s)
{
    const char *password = settings_text(s, SET_API_PASSWORD);
    bool slow_down = settings_bool(s, SET_API_LOGIN_SLOWDOWN), local = password[0] == '\0';
    char chat[32];

    first_admin(s, chat, sizeof(chat));
    if (auth_set(r->auth, settings_text(s, SET_API_USERNAME), local ? chat : password, local,
                 slow_down))
        log_error("api", "nobody can log in: the password cannot be hashed");
    if (local && !chat[0])
        log_warning("api", "nobody can log in: neither API_PASSWORD nor ADMIN_IDS is set");
    else if (local)
        log_info("api", "API_PASSWORD is not set: the password is the first admin's chat id, on "
                        "this machine only");
    if (!slow_down)
        log_warning("api", "API_LOGIN_SLOWDOWN=false: passwords can be guessed at full speed; this "
                           "is for tests only");
}

/* ---- serving ---- */

static int listen_on(const struct wanted *w, int *ret_fd, struct err *err)
{
    int fd = socket(w->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1,
        off = 0;

    if (fd < 0)
        return err_set(err, ERR_IO, "no socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (w->addr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (const struct sockaddr *)&w->addr, w->addr_n) || listen(fd, BACKLOG)) {
        int why = errno;

        close(fd);
        return err_set(err, ERR_IO, "cannot listen on %s port %d (API_HOST, API_PORT): %s", w->host,
                       w->port, strerror(why));
    }
    *ret_fd = fd;
    return ERR_OK;
}

static void stop(struct rest *r)
{
    if (!r->server)
        return;
    server_free(r->server);
    r->server = NULL;
    wanted_release(&r->now);
    wanted_init(&r->now);
    log_info("api", "no longer listening on %s", r->url);
    r->url[0] = '\0';
}

static void tell(struct rest *r)
{
    const struct wanted *w = &r->now;
    bool v6 = w->addr.ss_family == AF_INET6, tls = w->cert.n > 0;

    snprintf(r->url, sizeof(r->url), "http%s://%s%s%s:%d", tls ? "s" : "", v6 ? "[" : "", w->host,
             v6 ? "]" : "", w->port);
    log_info("api", "listening on %s, the description is at /docs", r->url);
    if (!tls && !is_loopback(w))
        log_warning("api",
                    "the API listens on %s without TLS: whoever is on the way can read the "
                    "password (API_TLS_CERT, API_TLS_KEY)",
                    w->host);
}

/* Begins to serve r->next. */
static int serve(struct rest *r, struct err *err)
{
    struct wanted *w = &r->next;
    struct server_opts opts = {.need_host = true,
                               .who = w->who,
                               .connections = LIMIT_API_CLIENTS,
                               .per_address = LIMIT_API_ADDRESS,
                               .deadline_us = deadline_us,
                               .stuck_us = stuck_us,
                               .auth = r->auth,
                               .log = true,
                               .origins = w->origins};
    struct server *server;
    int rc;

    /* One address cannot be had twice: what serves there ends first. */
    if (r->server && strcmp(r->now.host, w->host) == 0 && r->now.port == w->port)
        stop(r);
    rc = listen_on(w, &opts.listen_fd, err);
    if (rc)
        return rc;
    if (w->cert.n) {
        opts.tls_cert = buf_str(&w->cert);
        opts.tls_key = buf_str(&w->key);
    }
    rc = server_new(r->loop, &opts, r->port, &server, err);
    if (rc)
        return rc;
    stop(r);
    r->server = server;
    wanted_release(&r->now);
    r->now = *w;
    wanted_init(w);
    r->trying = false;
    tell(r);
    return ERR_OK;
}

static void try(struct rest *r);

static void on_again(void *arg)
{
    try(arg);
}

static void try(struct rest *r)
{
    struct err err = {0};

    if (!r->trying)
        return;
    if (serve(r, &err) == 0) {
        r->problem[0] = '\0';
        return;
    }
    if (strcmp(r->problem, err.text) != 0)
        log_error("api", "%s; tried again every %d s", err.text, (int)(again_us / STAMP_SECOND));
    snprintf(r->problem, sizeof(r->problem), "%s", err.text);
    if (r->timer || !loop_timer_new(r->loop, on_again, r, &r->timer))
        loop_timer_set_real(r->timer, again_us);
}

void rest_apply(struct rest *r, const struct settings *s)
{
    struct err err = {0};

    r->trying = false;
    r->problem[0] = '\0';
    if (!settings_bool(s, SET_API_ENABLED)) {
        stop(r);
        return;
    }
    apply_login(r, s);
    wanted_release(&r->next);
    wanted_init(&r->next);
    if (read_wanted(&r->next, s, &err)) {
        snprintf(r->problem, sizeof(r->problem), "%s", err.text);
        log_error("api", "%s; %s", err.text,
                  r->server ? "what served before goes on" : "the API does not listen");
        return;
    }
    if (r->server && is_same(&r->now, &r->next))
        return;
    r->trying = true;
    try(r);
}
