/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server_int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/openapi.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/banned.h"

/* One request: who may ask, where it goes, what is answered. */

enum { RAW_DEADLINES = 15 };

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* ---- waiting for an operation ---- */

static void resume(struct request *r)
{
    struct conn *c = conn_of(r->mhd);

    r->suspended = false;
    if (c)
        conn_allow(c, r->server->opts.deadline_us);
    MHD_resume_connection(r->mhd);
    server_wake(r->server);
}

void request_stop(struct request *r)
{
    if (!r->suspended)
        return;
    r->answered = true;
    r->status = 503;
    r->type = NULL;
    op_error_json(&r->answer, "stopping", "the daemon is stopping");
    resume(r);
}

static void on_reply(void *arg, int status, struct slice json)
{
    struct pending *p = arg;
    struct request *r = p->request;
    const struct op_def *def;

    free(p);
    if (!r)
        return;
    def = op_def_find(r->method, r->path);
    r->pending = NULL;
    r->answered = true;
    r->status = status;
    r->type = status < 400 && def ? def->media : NULL;
    if (status == 503)
        r->retry_s = 5;
    if (buf_add_slice(&r->answer, json)) {
        r->status = 503;
        r->type = NULL;
        op_error_json(&r->answer, "no_memory", "out of memory");
    }
    if (r->suspended)
        resume(r);
}

/* ---- the live stream ---- */

static bool wants_stream(const struct request *r)
{
    const char *accept = head_value(r, "Accept");

    if (r->method != OP_GET || !slice_eq(r->path, SLICE("/events")))
        return false;
    return !accept || !strstr(accept, "application/json") || strstr(accept, "text/event-stream");
}

static enum MHD_Result open_stream(struct request *r)
{
    const char *last = head_value(r, "Last-Event-ID");
    int64_t after = -1;
    int rc;

    if (!last && slice_starts(r->query, SLICE("after=")))
        last = r->query.p + 6;
    if (last && num_int(slice_of(last), 0, INT64_MAX, &after))
        return answer_refuse(r, 422, "invalid",
                             "Last-Event-ID (or after) is the number of an event");
    rc = events_open(r->server->events, r, after);
    if (rc)
        return answer_refuse(r, 503, "busy", "as many live streams are open as there may be");
    r->called = true;
    return MHD_YES;
}

/* ---- calling ---- */

static enum MHD_Result call(struct request *r)
{
    struct op_request req = {.method = r->method,
                             .path = r->path,
                             .query = r->query,
                             .body = buf_slice(&r->body),
                             .who = slice_of(r->server->who)};
    struct conn *c = conn_of(r->mhd);

    if (wants_stream(r))
        return open_stream(r);
    r->pending = calloc(1, sizeof(*r->pending));
    if (!r->pending)
        return answer_refuse(r, 503, "no_memory", "out of memory");
    r->pending->request = r;
    r->called = true;
    r->called_us = loop_clock_us();
    op_call(r->server->port, &req, on_reply, r->pending);
    if (r->answered)
        return answer_queue(r);
    /* From here on the time is the operation's, not the client's. */
    if (c)
        loop_timer_stop(c->timer);
    r->suspended = true;
    MHD_suspend_connection(r->mhd);
    return MHD_YES;
}

/* ---- who may ask ---- */

static const struct sockaddr *peer_of(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info ? info->client_addr : NULL;
}

/* Answers when the login is not good, and says so by *ret_refused. */
static enum MHD_Result check_login(struct request *r, bool *ret_refused)
{
    struct server *s = r->server;
    char *password = NULL, *user;
    enum auth_result how;

    *ret_refused = false;
    if (!s->opts.auth)
        return MHD_YES;
    user = MHD_basic_auth_get_username_password(r->mhd, &password);
    how = auth_check(s->opts.auth, peer_of(r), head_forwarded(r), user, password,
                     loop_real_us(s->loop), &r->retry_s);
    if (how == AUTH_GOOD && user)
        snprintf(r->who, sizeof(r->who), "%s", user);
    MHD_free(user);
    MHD_free(password);
    *ret_refused = how != AUTH_GOOD;
    switch (how) {
    case AUTH_GOOD:
        break;
    case AUTH_WAIT:
        return answer_turn_away(r, 429, "slow_down",
                                "too many wrong logins from this address: wait");
    case AUTH_LOCAL:
        return answer_turn_away(
            r, 403, "forbidden",
            "without API_PASSWORD the API answers this machine only: set API_PASSWORD");
    case AUTH_WRONG:
        r->challenge = true;
        return answer_turn_away(r, 401, "login_needed",
                                "name and password are needed (API_USERNAME, API_PASSWORD)");
    }
    return MHD_YES;
}

/* ---- where it goes ---- */

static void list_methods(struct request *r, unsigned bits)
{
    size_t n = 0;
    int m;

    for (m = OP_GET; m <= OP_DELETE; m++)
        if (bits & 1u << m)
            n += (size_t)snprintf(r->allow + n, sizeof(r->allow) - n, "%s%s, ",
                                  op_method_name((enum op_method)m), m == OP_GET ? ", HEAD" : "");
    snprintf(r->allow + n, sizeof(r->allow) - n, "OPTIONS");
}

/* The page /docs and what it stands on. */
static bool take_page(struct request *r)
{
    struct slice bytes;
    int rc = ERR_OK;

    if (slice_eq(r->path, SLICE("/openapi.json"))) {
        if (!r->server->openapi.n)
            openapi_write(&r->server->openapi, r->server->opts.auth != NULL);
        rc = buf_add_slice(&r->answer, buf_slice(&r->server->openapi));
    } else if (page_find(r->path, &bytes, &r->type)) {
        r->policy = page_policy;
        rc = buf_add_slice(&r->answer, bytes);
    } else {
        return false;
    }
    r->answered = true;
    r->status = 200;
    if (rc || r->server->openapi.failed) {
        r->status = 503;
        r->type = r->policy = NULL;
        op_error_json(&r->answer, "no_memory", "out of memory");
    }
    return true;
}

/* The method as operations know it; false: none of theirs. */
static bool take_method(struct request *r, const char *method)
{
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    return op_method_parse(slice_of(method), &r->method) == ERR_OK;
}

static bool is_public(const struct request *r, bool known_method)
{
    const struct op_def *def = known_method ? op_def_find(r->method, r->path) : NULL;
    const char *type;
    struct slice bytes;

    return (def && def->may & OP_PUBLIC) || slice_eq(r->path, SLICE("/openapi.json")) ||
           page_find(r->path, &bytes, &type);
}

/* A large body takes its time. */
static enum MHD_Result begin_raw(struct request *r, bool *ret_done)
{
    struct conn *c = conn_of(r->mhd);

    if (head_wrong_type(r, "application/zip"))
        return answer_turn_away(r, 415, "bad_type", "the body must be application/zip");
    buf_init(&r->body, LIMIT_BACKUP);
    if (c)
        conn_allow(c, RAW_DEADLINES * r->server->opts.deadline_us);
    *ret_done = false;
    return MHD_YES;
}

/* Everything that can be decided by the head alone; an answer is queued when *ret_done. */
static enum MHD_Result begin(struct request *r, const char *method, bool *ret_done)
{
    bool known = take_method(r, method), options = strcmp(method, "OPTIONS") == 0, is_page;
    const char *code, *type, *wrong;
    const struct op_def *def;
    struct slice bytes;
    enum MHD_Result ok;
    unsigned allowed;
    int status;

    *ret_done = true;
    def = known ? op_def_find(r->method, r->path) : NULL;
    wrong = head_check(r, def && def->may & OP_RAW_BODY ? LIMIT_BACKUP : request_body_max(r),
                       &status, &code);
    if (wrong)
        return answer_turn_away(r, status, code, wrong);
    is_page = slice_eq(r->path, SLICE("/openapi.json")) || page_find(r->path, &bytes, &type);
    allowed = is_page ? 1u << OP_GET : op_allowed(r->path);
    if (options && allowed) {
        list_methods(r, allowed);
        r->answered = true;
        r->status = 204;
        return answer_queue(r);
    }
    if (head_foreign_origin(r) && !(known && r->method == OP_GET))
        return answer_turn_away(
            r, 403, "forbidden",
            "a web page of another origin may not do this (API_CORS_ORIGINS allows it)");
    if (!is_public(r, known)) {
        bool refused;

        ok = check_login(r, &refused);
        if (refused)
            return ok;
    }
    if (!allowed)
        return answer_turn_away(r, 404, "not_found", "no such path");
    if (!known || (is_page ? r->method != OP_GET : !op_def_find(r->method, r->path))) {
        list_methods(r, allowed);
        return answer_turn_away(r, 405, "method_not_allowed",
                                "this path does not know this method");
    }
    if (def && def->may & OP_RAW_BODY)
        return begin_raw(r, ret_done);
    if (head_wrong_type(r, "application/json"))
        return answer_turn_away(r, 415, "bad_type", "the body must be application/json");
    *ret_done = false;
    return MHD_YES;
}

/* ---- callbacks of libmicrohttpd ---- */

size_t request_body_max(const struct request *r)
{
    return slice_eq(r->path, SLICE("/import")) ? LIMIT_IMPORT : LIMIT_OP_BODY;
}

void *request_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct server *s = arg;
    struct conn *c = conn_of(mhd);
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
    r->begun_us = loop_clock_us();
    r->query = slice_of(r->uri);
    r->path = slice_cut(&r->query, '?');
    buf_init(&r->body, request_body_max(r));
    buf_init(&r->answer, LIMIT_OP_ANSWER);
    r->next = s->requests;
    if (r->next)
        r->next->prev = r;
    s->requests = r;
    if (c)
        c->request = r;
    return r;
}

enum MHD_Result request_step(void *arg, struct MHD_Connection *mhd, const char *url,
                             const char *method, const char *version, const char *data, size_t *n,
                             void **slot)
{
    struct request *r = *slot;
    bool done;

    (void)arg;
    (void)mhd;
    (void)url;
    (void)version;
    if (!r)
        return MHD_NO;
    if (!r->begun) {
        r->begun = true;
        snprintf(r->verb, sizeof(r->verb), "%s", method);
        return begin(r, method, &done);
    }
    if (*n) {
        /* An answer cannot be queued while a body comes in: swallow the rest, then refuse. */
        if (!r->answered && !r->too_big && buf_add(&r->body, data, *n))
            r->too_big = true;
        *n = 0;
        return MHD_YES;
    }
    if (r->answered)
        return answer_queue(r);
    if (r->too_big)
        return answer_refuse(r, 413, "too_big", "the body is larger than it may be");
    if (take_page(r))
        return answer_queue(r);
    return r->called ? MHD_YES : call(r);
}

/* The query stays out: whoever puts a password there is not to find it in a file. */
static void write_log(const struct request *r)
{
    char peer[INET6_ADDRSTRLEN] = "", path[512];
    const struct sockaddr *from = peer_of(r);

    if (from && from->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)from)->sin_addr, peer,
                  sizeof(peer));
    else if (from && from->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, peer,
                  sizeof(peer));
    snprintf(path, sizeof(path), "%.*s", (int)r->path.n, r->path.p);
    log_request(&(struct log_request){.peer = peer,
                                      .who = r->who,
                                      .method = r->verb,
                                      .path = path,
                                      .status = r->status,
                                      .took_us = loop_clock_us() - r->begun_us,
                                      .bytes = r->answer.n});
}

void request_completed(void *arg, struct MHD_Connection *mhd, void **slot,
                       enum MHD_RequestTerminationCode how)
{
    struct request *r = *slot;
    struct conn *c = conn_of(mhd);

    (void)arg;
    (void)how;
    *slot = NULL;
    if (!r)
        return;
    if (c) {
        c->request = NULL;
        conn_allow(c, r->server->opts.deadline_us);
    }
    if (r->pending)
        r->pending->request = NULL;
    if (r->server->opts.log)
        write_log(r);
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
