/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/http_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/banned.h"

void http_mark(struct http_call *call)
{
    struct http *http = call->http;

    if (!call->is_dirty) {
        call->is_dirty = true;
        call->dirty_next = http->dirty;
        http->dirty = call;
    }
    if (!http->flushing && !http->freeing)
        loop_timer_set_real(http->flush_timer, 0);
}

static void unlink_call(struct http_call *call)
{
    struct http *http = call->http;
    struct http_call **at;

    if (call->prev)
        call->prev->next = call->next;
    else
        http->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    if (call->touched) {
        for (at = &http->touched; *at && *at != call; at = &(*at)->touched_next)
            ;
        if (*at)
            *at = call->touched_next;
    }
}

static void begin(struct http_call *call)
{
    struct http_host *h = call->host;

    if (!http_host_ready(h)) {
        call->stage = CALL_RESOLVING;
        return;
    }
    if (!h->literal && !h->entry) {
        call->failed = ERR_UNREACHABLE;
        snprintf(call->failed_text, sizeof(call->failed_text), "the name %.60s is unknown: %.40s",
                 h->host, h->error ? h->error : "no address");
        call->stage = CALL_ENDED;
        return;
    }
    if (h->entry) {
        call->resolve = curl_slist_append(NULL, h->entry->data);
        curl_easy_setopt(call->easy, CURLOPT_RESOLVE, call->resolve);
    }
    call->stage = CALL_RUNNING;
    call->added = curl_multi_add_handle(call->http->multi, call->easy) == CURLM_OK;
    if (!call->added) {
        call->failed = ERR_NOMEM;
        snprintf(call->failed_text, sizeof(call->failed_text), "out of memory");
        call->stage = CALL_ENDED;
    }
}

static void finish(struct http_call *call, int forced)
{
    struct err err = {0};
    int rc;

    if (call->added)
        curl_multi_remove_handle(call->http->multi, call->easy);
    unlink_call(call);
    if (call->cancelled) {
        http_call_free(call);
        return;
    }
    rc = forced ? err_set(&err, forced, "%s", err_name(forced)) : http_call_outcome(call, &err);
    call->cancelled = true;
    call->answer.body = &call->body;
    if (rc)
        call->done(call->arg, rc, &err, NULL);
    else if (call->stream && call->opened)
        call->done(call->arg, ERR_OK, &err, NULL);
    else
        call->done(call->arg, ERR_OK, &err, &call->answer);
    http_call_free(call);
}

/* Everything that adds to or removes from the multi handle happens here, never inside its callbacks. */
static void flush(void *arg)
{
    struct http *http = arg;
    struct http_call *call, *list, *next;

    http->flushing = true;
    while (http->dirty) {
        /* The list is a stack: turned round so that calls start in the order they were made. */
        for (list = NULL, call = http->dirty; call; call = next) {
            next = call->dirty_next;
            call->dirty_next = list;
            list = call;
        }
        http->dirty = NULL;
        while (list) {
            call = list;
            list = call->dirty_next;
            call->is_dirty = false;
            if (!call->cancelled && call->stage <= CALL_RESOLVING)
                begin(call);
            if (call->cancelled || call->stage == CALL_ENDED)
                finish(call, 0);
        }
    }
    http->flushing = false;
}

void http_cancel(struct http_call *call)
{
    call->cancelled = true;
    loop_timer_stop(call->timer);
    http_mark(call);
}

static int copy_text(const char *from, char **ret_to)
{
    if (!from || !*from)
        return ERR_OK;
    *ret_to = strdup(from);
    return *ret_to ? ERR_OK : ERR_NOMEM;
}

int http_new(struct loop *loop, struct worker *worker, const struct http_opts *opts,
             struct http **ret_http, struct err *err)
{
    static bool global;
    struct http *http = calloc(1, sizeof(*http));
    int rc = ERR_NOMEM;

    if (!global && curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        free(http);
        return err_set(err, ERR_NOMEM, "libcurl cannot be initialised");
    }
    global = true;
    if (!http)
        return err_set(err, ERR_NOMEM, "out of memory");
    http->loop = loop;
    http->worker = worker;
    http->insecure = opts->insecure;
    if (copy_text(opts->ca_file, &http->ca_file) || copy_text(opts->pins, &http->pins) ||
        copy_text(opts->pin_name, &http->pin_name) || copy_text(opts->proxy, &http->proxy) ||
        copy_text(opts->agent ? opts->agent : "pg-limiter", &http->agent))
        goto fail;
    http->multi = curl_multi_init();
    if (!http->multi || http_sock_setup(http) != ERR_OK ||
        loop_timer_new(loop, flush, http, &http->flush_timer) != ERR_OK)
        goto fail;
    rc = http_tls_setup(http, err);
    if (rc)
        goto fail;
    *ret_http = http;
    return ERR_OK;
fail:
    if (rc == ERR_NOMEM)
        err_set(err, rc, "out of memory");
    http_free(http);
    return rc;
}

void http_free(struct http *http)
{
    struct http_call *call;

    if (!http)
        return;
    http->freeing = true;
    while ((call = http->calls))
        finish(call, ERR_CANCELLED);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    http_sock_release(http);
    loop_timer_free(http->flush_timer);
    http_host_free_all(http);
    http_tls_release(http);
    free(http->ca_file);
    free(http->pins);
    free(http->pin_name);
    free(http->proxy);
    free(http->agent);
    free(http);
}

const struct http_peer *http_peer(const struct http *http)
{
    return &http->peer;
}

void http_add_escaped(struct buf *b, struct slice s)
{
    size_t i;

    for (i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c ? c : '%'))
            buf_add_char(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
}
