/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/http_int.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/banned.h"

enum {
    ROUNDS_MAX = 512, /* readings of one stream in a turn before others get theirs */
    GAP_MIN_US = 1000,
};

/* Ends are told by libcurl in a list; each is marked and told at the end of the turn. */
static void collect_ends(struct http *http)
{
    struct http_call *call;
    CURLMsg *msg;
    char *p;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        p = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &p);
        call = (struct http_call *)(void *)p;
        if (!call || call->stage != CALL_RUNNING)
            continue;
        call->result = msg->data.result;
        call->stage = CALL_ENDED;
        http_mark(call);
    }
}

static void rest_remove(struct http_sock *s)
{
    if (!s->resting)
        return;
    s->resting = false;
    if (s->prev)
        s->prev->next = s->next;
    else
        s->http->resting = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->prev = s->next = NULL;
}

/* All resting sockets wake on one grid, so that a fleet of streams costs one wake-up a gap. */
static void rest_add(struct http_sock *s, int64_t gap_us, bool more)
{
    struct http *http = s->http;
    int64_t now = loop_real_us(http->loop), until;

    s->more = more;
    s->resting = true;
    s->prev = NULL;
    s->next = http->resting;
    if (s->next)
        s->next->prev = s;
    http->resting = s;
    loop_fd_want(s->event, s->want & LOOP_WRITE);
    if (gap_us < GAP_MIN_US)
        gap_us = GAP_MIN_US;
    until = more ? now : (now / gap_us + 1) * gap_us;
    if (!loop_timer_armed(http->rest_timer) || until < http->rest_until_us) {
        http->rest_until_us = until;
        loop_timer_set_real(http->rest_timer, until - now);
    }
}

/*
 * Lets libcurl read. It takes one TLS record at a time and then waits for the descriptor, which says
 * nothing of records read ahead; so a stream is driven until it makes no progress.
 */
static void act(struct http_sock *s, int what)
{
    int mask =
        (what & LOOP_READ ? CURL_CSELECT_IN : 0) | (what & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    struct http *http = s->http;
    struct http_call *call;
    uint64_t before;
    bool any = false, more = false;
    int left, rounds = 0;

    http->acting = s;
    for (;;) {
        call = s->call;
        before = call ? call->progress : 0;
        curl_multi_socket_action(http->multi, s->fd, mask, &left);
        if (http->acting != s)
            break;
        more = call && s->call == call && call->progress != before;
        any = any || more;
        mask = CURL_CSELECT_IN;
        if (!more || ++rounds >= ROUNDS_MAX)
            break;
    }
    if (http->acting == s && s->call && !s->resting && any && s->call->opened &&
        (s->call->read_gap_us || more))
        rest_add(s, s->call->read_gap_us, more);
    http->acting = NULL;
    collect_ends(http);
}

/* What the library read by itself in a timer action may have left bytes behind in the TLS layer. */
static void drain_touched(struct http *http)
{
    struct http_call *call;

    while ((call = http->touched)) {
        http->touched = call->touched_next;
        call->touched = false;
        if (call->stage == CALL_RUNNING && call->sock && !call->sock->resting)
            act(call->sock, LOOP_READ);
    }
}

static void on_event(void *arg, int fd, int what)
{
    struct http_sock *s = arg;
    struct http *http = s->http;

    (void)fd;
    act(s, what);
    drain_touched(http);
}

void http_sock_touch(struct http_call *call)
{
    call->progress++;
    if (call->touched || (call->sock && call->http->acting == call->sock))
        return;
    call->touched = true;
    call->touched_next = call->http->touched;
    call->http->touched = call;
}

void http_stream_retire(struct http_call *call)
{
    struct http_sock *s = call->sock;

    if (call->stage != CALL_RUNNING || !s)
        return;
    shutdown(s->fd, SHUT_WR);
    call->read_gap_us = 0;
    rest_remove(s);
    loop_fd_want(s->event, s->want);
    act(s, LOOP_READ);
    drain_touched(call->http);
}

static void on_rest_over(void *arg)
{
    struct http *http = arg;
    struct http_sock *s;
    int64_t now = loop_real_us(http->loop);
    unsigned n = 0;

    http->rest_until_us = now;
    for (s = http->resting; s; s = s->next)
        n++;
    /* Serving one may remove or add others: take the oldest of those that were there, one by one. */
    while (n-- && http->resting) {
        for (s = http->resting; s->next; s = s->next)
            ;
        rest_remove(s);
        loop_fd_want(s->event, s->want);
        if (s->more)
            act(s, LOOP_READ);
    }
    drain_touched(http);
}

static void on_multi_timer(void *arg)
{
    struct http *http = arg;
    int left;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &left);
    collect_ends(http);
    drain_touched(http);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct http *http = arg;

    (void)multi;
    if (ms < 0)
        loop_timer_stop(http->timer);
    else
        loop_timer_set_real(http->timer, (int64_t)ms * 1000);
    return 0;
}

static void sock_free(struct http_sock *s)
{
    rest_remove(s);
    if (s->http->acting == s)
        s->http->acting = NULL;
    if (s->call && s->call->sock == s)
        s->call->sock = NULL;
    loop_fd_free(s->event);
    free(s);
}

static struct http_sock *sock_new(struct http *http, int fd)
{
    struct http_sock *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    *s = (struct http_sock){.http = http, .fd = fd};
    if (loop_fd_new(http->loop, fd, on_event, s, &s->event) != ERR_OK) {
        free(s);
        return NULL;
    }
    curl_multi_assign(http->multi, fd, s);
    return s;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock_arg)
{
    struct http *http = arg;
    struct http_sock *s = sock_arg;
    struct http_call *call;
    char *p = NULL;

    if (what == CURL_POLL_REMOVE) {
        if (s)
            sock_free(s);
        return 0;
    }
    if (!s)
        s = sock_new(http, fd);
    if (!s) {
        /* The transfer then ends by its deadline. */
        log_error("net", "out of memory for a socket");
        return 0;
    }
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &p);
    call = (struct http_call *)(void *)p;
    s->call = call && call->stream ? call : NULL;
    if (s->call)
        call->sock = s;
    s->want = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    loop_fd_want(s->event, s->resting ? s->want & LOOP_WRITE : s->want);
    return 0;
}

int http_sock_setup(struct http *http)
{
    if (loop_timer_new(http->loop, on_multi_timer, http, &http->timer) != ERR_OK ||
        loop_timer_new(http->loop, on_rest_over, http, &http->rest_timer) != ERR_OK)
        return ERR_NOMEM;
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return ERR_OK;
}

void http_sock_release(struct http *http)
{
    loop_timer_free(http->timer);
    loop_timer_free(http->rest_timer);
}
