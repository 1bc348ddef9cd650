/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/http_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/stamp.h"
#include "base/banned.h"

enum { CONNECT_MS = 10000, IDLE_CONN_S = 4, STREAM_BUFFER = 16384 };

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;

    n *= size;
    if (call->cancelled || call->stage != CALL_RUNNING)
        return 0;
    call->data_us = loop_real_us(call->http->loop);
    if (call->stream) {
        http_sock_touch(call);
        if (call->opened) {
            call->on_data(call->arg, (struct slice){p, n});
            return call->cancelled ? 0 : n;
        }
        /* An error page may be of any size; its beginning says enough. */
        if (call->body.n + n <= LIMIT_HTTP_ERROR)
            buf_add(&call->body, p, n);
        return n;
    }
    if (buf_add(&call->body, p, n) != ERR_OK) {
        call->too_big = true;
        return 0;
    }
    return n;
}

static void take_status(struct http_call *call, struct slice line)
{
    int64_t status;

    slice_cut(&line, ' ');
    if (line.n < 3 || num_int((struct slice){line.p, 3}, 100, 999, &status) != ERR_OK)
        status = 0;
    call->answer.status = (int)status;
    call->answer.content_type[0] = '\0';
    call->answer.location[0] = '\0';
    call->answer.retry_after_s = -1;
    call->answer.server_date_us = STAMP_NONE;
    call->answer.length = call->answer.range_from = -1;
    call->answer.validator[0] = '\0';
}

static void copy_value(char *out, size_t cap, struct slice value)
{
    snprintf(out, cap, "%.*s", (int)(value.n < cap ? value.n : cap - 1), value.n ? value.p : "");
}

static bool is_named(struct slice name, const char *want)
{
    return name.n == strlen(want) && strncasecmp(name.p, want, name.n) == 0;
}

/* What a download that goes on where it broke needs to know (RFC 9110, 13.1.5 and 14.4). */
static void take_range_header(struct http_answer *a, struct slice name, struct slice value)
{
    struct slice rest;

    if (is_named(name, "content-length")) {
        if (num_int(value, 0, INT64_MAX / 2, &a->length))
            a->length = -1;
    } else if (is_named(name, "content-range") && slice_starts(value, SLICE("bytes "))) {
        rest = slice_skip(value, 6);
        if (num_int(slice_cut(&rest, '-'), 0, INT64_MAX / 2, &a->range_from))
            a->range_from = -1;
    } else if (is_named(name, "etag") && value.n && value.p[0] == '"') {
        copy_value(a->validator, value.n < sizeof(a->validator) ? sizeof(a->validator) : 1, value);
    } else if (is_named(name, "last-modified") && a->validator[0] != '"') {
        copy_value(a->validator, value.n < sizeof(a->validator) ? sizeof(a->validator) : 1, value);
    }
}

static void take_header(struct http_call *call, struct slice line)
{
    struct slice value = line, name = slice_cut(&value, ':');
    char date[64];

    if (!value.p)
        return;
    value = slice_trim(value);
    take_range_header(&call->answer, name, value);
    if (name.n == 12 && strncasecmp(name.p, "content-type", 12) == 0) {
        copy_value(call->answer.content_type, sizeof(call->answer.content_type), value);
    } else if (name.n == 8 && strncasecmp(name.p, "location", 8) == 0) {
        copy_value(call->answer.location, sizeof(call->answer.location), value);
    } else if (name.n == 11 && strncasecmp(name.p, "retry-after", 11) == 0) {
        if (num_int(value, 0, 86400 * 365, &call->answer.retry_after_s) != ERR_OK)
            call->answer.retry_after_s = -1;
    } else if (name.n == 4 && strncasecmp(name.p, "date", 4) == 0) {
        time_t t;

        copy_value(date, sizeof(date), value);
        t = curl_getdate(date, NULL);
        call->answer.server_date_us = t < 0 ? STAMP_NONE : (int64_t)t * STAMP_SECOND;
    }
}

static void head_ended(struct http_call *call)
{
    if (call->answer.status < 200)
        return;
    call->headed = true;
    if (!call->stream)
        return;
    if (call->answer.status == 200 || call->answer.status == 206) {
        call->opened = true;
        if (call->idle_us)
            loop_timer_set_real(call->timer, call->idle_us);
        else
            loop_timer_stop(call->timer);
        call->on_open(call->arg, &call->answer);
    }
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct slice line;

    n *= size;
    if (call->cancelled || call->stage != CALL_RUNNING)
        return 0;
    call->head_bytes += n;
    if (call->head_bytes > LIMIT_HTTP_HEAD) {
        call->too_big = true;
        return 0;
    }
    call->data_us = loop_real_us(call->http->loop);
    if (call->stream)
        http_sock_touch(call);
    line = slice_trim((struct slice){p, n});
    if (line.n == 0)
        head_ended(call);
    else if (slice_starts(line, SLICE("HTTP/")))
        take_status(call, line);
    else
        take_header(call, line);
    return call->cancelled ? 0 : n;
}

static void timed_out(struct http_call *call, int64_t us, const char *what)
{
    call->failed = ERR_TIMEOUT;
    snprintf(call->failed_text, sizeof(call->failed_text), "%s within %g s", what,
             (double)us / 1e6);
    call->stage = CALL_ENDED;
    http_mark(call);
}

static void on_call_timer(void *arg)
{
    struct http_call *call = arg;
    int64_t silent;

    if (call->stage == CALL_ENDED)
        return;
    if (!call->opened) {
        if (call->stage == CALL_RESOLVING)
            timed_out(call, call->deadline_us, "the name could not be resolved");
        else
            timed_out(call, call->deadline_us,
                      call->head_bytes ? "the answer did not end" : "no answer came");
        return;
    }
    /* Bytes only note their time; the timer, armed for the earliest possible silence, moves on. */
    silent = loop_real_us(call->http->loop) - call->data_us;
    if (silent >= call->idle_us)
        timed_out(call, call->idle_us, "the stream fell silent: nothing came");
    else
        loop_timer_set_real(call->timer, call->idle_us - silent);
}

static int add_headers(struct http_call *call, const struct http_header *headers, size_t n)
{
    struct curl_slist *list;
    struct buf line;
    size_t i;
    int rc = ERR_OK;

    buf_init(&line, 16384);
    for (i = 0; i < n && !rc; i++) {
        buf_clear(&line);
        buf_addf(&line, headers[i].value ? "%s: %s" : "%s:", headers[i].name,
                 headers[i].value ? headers[i].value : "");
        /* A line break would let a value add headers of its own. */
        if (line.failed || strpbrk(buf_str(&line), "\r\n")) {
            rc = ERR_INVALID;
            break;
        }
        list = curl_slist_append(call->headers, buf_str(&line));
        if (!list)
            rc = ERR_NOMEM;
        else
            call->headers = list;
    }
    buf_release(&line);
    return rc;
}

static void apply_common(struct http_call *call, const char *url)
{
    struct http *http = call->http;
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)(void *)call);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy ? http->proxy : "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, http->agent);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    /* Shorter than the keep-alive of the servers we know (uvicorn: 5 s), so that none hangs up on us. */
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONN_S);
    http_tls_apply(call);
}

int http_call_new(struct http *http, const char *url, const struct http_header *headers,
                  size_t n_headers, struct http_call **ret_call)
{
    struct http_call *call;
    int rc = ERR_NOMEM;

    if (http->freeing)
        return ERR_CANCELLED;
    call = calloc(1, sizeof(*call));
    if (!call)
        return ERR_NOMEM;
    call->http = http;
    buf_init(&call->body, LIMIT_HTTP_ERROR);
    call->answer = (struct http_answer){.retry_after_s = -1,
                                        .server_date_us = STAMP_NONE,
                                        .length = -1,
                                        .range_from = -1};
    call->easy = curl_easy_init();
    if (!call->easy || loop_timer_new(http->loop, on_call_timer, call, &call->timer) != ERR_OK)
        goto fail;
    rc = add_headers(call, headers, n_headers);
    if (rc)
        goto fail;
    rc = http_host_find(http, url, &call->host);
    if (rc)
        goto fail;
    apply_common(call, url);
    *ret_call = call;
    return ERR_OK;
fail:
    http_call_free(call);
    return rc;
}

void http_call_free(struct http_call *call)
{
    if (call->sock && call->sock->call == call)
        call->sock->call = NULL;
    if (call->easy)
        curl_easy_cleanup(call->easy);
    loop_timer_free(call->timer);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->resolve);
    buf_release(&call->body);
    free(call->request_body);
    free(call);
}

int http_start(struct http *http, const struct http_request *req, http_done_fn done, void *arg,
               struct http_call **ret_call)
{
    struct http_call *call;
    int rc;

    rc = http_call_new(http, req->url, req->headers, req->n_headers, &call);
    if (rc)
        return rc;
    call->done = done;
    call->arg = arg;
    call->deadline_us = req->deadline_us;
    call->head_suffices = req->head_suffices;
    buf_init(&call->body, req->body_max);
    curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, req->method);
    /* On a kept connection that closes without an answer libcurl would send it a second time by itself. */
    if (req->once || (strcmp(req->method, "POST") == 0 && !req->repeatable))
        curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    if (req->body.p) {
        call->request_body = malloc(req->body.n + 1);
        if (!call->request_body) {
            http_call_free(call);
            return ERR_NOMEM;
        }
        memcpy(call->request_body, req->body.p, req->body.n);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->request_body);
    }
    call->next = http->calls;
    if (call->next)
        call->next->prev = call;
    http->calls = call;
    loop_timer_set_real(call->timer, call->deadline_us);
    http_mark(call);
    *ret_call = call;
    return ERR_OK;
}

int http_stream(struct http *http, const struct http_stream_opts *opts, void *arg,
                struct http_call **ret_call)
{
    struct http_call *call;
    int rc;

    rc = http_call_new(http, opts->url, opts->headers, opts->n_headers, &call);
    if (rc)
        return rc;
    call->stream = true;
    call->arg = arg;
    call->done = opts->on_end;
    call->on_open = opts->on_open;
    call->on_data = opts->on_data;
    call->deadline_us = opts->open_us;
    call->idle_us = opts->idle_us;
    call->read_gap_us = opts->read_gap_us;
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(call->easy, CURLOPT_BUFFERSIZE, (long)STREAM_BUFFER);
    call->next = http->calls;
    if (call->next)
        call->next->prev = call;
    http->calls = call;
    loop_timer_set_real(call->timer, call->deadline_us);
    http_mark(call);
    *ret_call = call;
    return ERR_OK;
}

bool http_sent(const struct http_call *call)
{
    curl_off_t us = 0;

    /* 0 until name, connection, proxy and TLS are through; where all are kept, at once. */
    return curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK && us > 0;
}

static int plain_failure(const struct http_call *call, struct err *err)
{
    const char *why = call->curl_error[0] ? call->curl_error : curl_easy_strerror(call->result);

    switch (call->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return err_set(err, ERR_UNREACHABLE, "%s", why);
    case CURLE_PROXY:
        return err_set(err, ERR_UNREACHABLE, "the proxy does not connect: %s", why);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "%s", why);
    case CURLE_GOT_NOTHING:
        return err_set(err, ERR_UNREACHABLE, "the connection was closed without an answer");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return err_set(err, ERR_UNREACHABLE, "the connection broke: %s", why);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return err_set(err, ERR_TLS, "TLS: %s", why);
    case CURLE_OUT_OF_MEMORY:
        return err_set(err, ERR_NOMEM, "out of memory");
    case CURLE_URL_MALFORMAT:
        return err_set(err, ERR_INVALID, "%s", why);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return err_set(err, ERR_PROTOCOL, "the other side does not speak HTTP: %s", why);
    default:
        return err_set(err, ERR_PROTOCOL, "%s", why);
    }
}

int http_call_outcome(struct http_call *call, struct err *err)
{
    if (call->head_suffices && call->headed)
        return ERR_OK;
    if (call->failed)
        return err_set(err, call->failed, "%s", call->failed_text);
    if (call->too_big)
        return err_set(err, ERR_TOO_BIG, "the answer is larger than allowed (%zu bytes of %s)",
                       call->head_bytes > LIMIT_HTTP_HEAD ? (size_t)LIMIT_HTTP_HEAD
                                                          : call->body.max,
                       call->head_bytes > LIMIT_HTTP_HEAD ? "headers" : "body");
    if (call->result == CURLE_OK)
        return ERR_OK;
    if (call->result == CURLE_COULDNT_CONNECT || call->result == CURLE_OPERATION_TIMEDOUT)
        http_host_failed(call->host);
    if (http_tls_explain(call, call->result, err))
        return ERR_TLS;
    return plain_failure(call, err);
}
