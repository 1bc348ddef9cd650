/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server_int.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/banned.h"

/* How a request is answered: in order, refused, or at the last moment. */

static enum MHD_Result add(struct MHD_Response *resp, const char *name, const char *value)
{
    return MHD_add_response_header(resp, name, value);
}

/* For a browser's page of another origin that the settings allow. */
static enum MHD_Result add_cors(const struct request *r, struct MHD_Response *resp)
{
    const char *origin = head_allowed_origin(r);
    enum MHD_Result ok = MHD_YES;

    if (r->server->origins[0])
        ok = add(resp, "Vary", "Origin");
    if (ok != MHD_YES || !origin)
        return ok;
    ok = add(resp, "Access-Control-Allow-Origin", origin);
    if (ok == MHD_YES && r->allow[0])
        ok = add(resp, "Access-Control-Allow-Methods", r->allow);
    if (ok == MHD_YES && r->allow[0])
        ok =
            add(resp, "Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID");
    return ok;
}

enum MHD_Result answer_headers(const struct request *r, struct MHD_Response *resp)
{
    char retry[32];
    enum MHD_Result ok = add(resp, "Content-Type", r->type ? r->type : "application/json");

    if (ok == MHD_YES)
        ok = add(resp, "Cache-Control", "no-store");
    if (ok == MHD_YES)
        ok = add(resp, "X-Content-Type-Options", "nosniff");
    if (ok == MHD_YES && r->policy)
        ok = add(resp, "Content-Security-Policy", r->policy);
    if (ok == MHD_YES && r->allow[0])
        ok = add(resp, "Allow", r->allow);
    if (ok == MHD_YES && r->challenge)
        ok = add(resp, "WWW-Authenticate", "Basic realm=\"PG-Limiter\", charset=\"UTF-8\"");
    if (ok == MHD_YES && r->retry_s) {
        snprintf(retry, sizeof(retry), "%lld", (long long)r->retry_s);
        ok = add(resp, "Retry-After", retry);
    }
    return ok == MHD_YES ? add_cors(r, resp) : ok;
}

enum MHD_Result answer_queue(struct request *r)
{
    struct MHD_Response *resp =
        MHD_create_response_from_buffer(r->answer.n, r->answer.p, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result ok;

    if (!resp)
        return MHD_NO;
    r->queued = true;
    ok = answer_headers(r, resp);
    if (ok == MHD_YES)
        ok = MHD_queue_response(r->mhd, (unsigned)r->status, resp);
    MHD_destroy_response(resp);
    if (r->called_us)
        hist_add(&r->server->took, loop_clock_us() - r->called_us);
    return ok;
}

static void set_error(struct request *r, int status, const char *code, const char *detail)
{
    r->answered = true;
    r->status = status;
    r->type = NULL;
    op_error_json(&r->answer, code, detail);
}

enum MHD_Result answer_refuse(struct request *r, int status, const char *code, const char *detail)
{
    set_error(r, status, code, detail);
    return answer_queue(r);
}

enum MHD_Result answer_turn_away(struct request *r, int status, const char *code,
                                 const char *detail)
{
    set_error(r, status, code, detail);
    /* A connection closed before its body was read ends with a reset, which may overtake the answer. */
    return status != 400 && head_body_to_drop(r) ? MHD_YES : answer_queue(r);
}

void answer_late(struct request *r, int fd)
{
    struct buf b;

    if (r->queued || r->suspended || r->server->opts.tls_cert)
        return;
    if (!r->answered)
        set_error(r, 408, "timeout", "the request was not complete in time");
    buf_init(&b, 4096);
    buf_addf(&b,
             "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
             r->status, MHD_get_reason_phrase_for((unsigned)r->status), r->answer.n);
    buf_add_slice(&b, buf_slice(&r->answer));
    /* What does not go at once does not go: this client had its time. */
    if (!b.failed && send(fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.n)
        r->queued = true;
    buf_release(&b);
}
