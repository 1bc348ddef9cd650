/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_HTTP_INT_H
#define NET_HTTP_INT_H

/* What the parts of the HTTP client share; nobody else includes this. */

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "net/http.h"

enum call_stage {
    CALL_NEW,       /* not looked at yet */
    CALL_RESOLVING, /* waits for the worker */
    CALL_RUNNING,   /* in the multi handle */
    CALL_ENDED,     /* result, failed or cancelled is set; to be told and freed */
};

/* One address of a server: its name resolved once, shared by all calls. */
struct http_host {
    struct http_host *next;
    struct http *http;
    char *host; /* without brackets */
    long port;
    bool literal; /* an address already */
    bool resolving;
    bool stale;               /* a connection failed: ask again before the next call */
    int64_t resolved_us;      /* monotonic */
    struct curl_slist *entry; /* for CURLOPT_RESOLVE; NULL: not known yet */
    char *error;              /* why the last attempt failed; NULL: it did not */
};

/* A socket of libcurl. */
struct http_sock {
    struct http_sock *prev, *next; /* while resting */
    struct http *http;
    struct loop_fd *event;
    struct http_call *call; /* the stream that reads from it, or NULL */
    int fd;
    int want;
    bool resting;
    bool more; /* the last reading stopped at its bound: bytes may wait inside the TLS library */
};

struct http_call {
    struct http_call *prev, *next; /* in http->calls */
    struct http_call *dirty_next;  /* in http->dirty */
    struct http *http;
    struct http_host *host;
    struct http_sock *sock; /* streams only */
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *resolve; /* host->entry as it was at the start */
    char *request_body;
    enum call_stage stage;
    bool is_dirty, added, cancelled, stream, opened, too_big;
    bool head_suffices, headed; /* the head of the answer is there */
    bool touched;               /* in http->touched */
    struct http_call *touched_next;
    CURLcode result;
    int failed; /* ERR_TIMEOUT by our timer; 0: see result */
    char failed_text[160];
    char curl_error[CURL_ERROR_SIZE];
    struct loop_timer *timer;
    int64_t deadline_us; /* whole call, or opening of a stream */
    int64_t idle_us, read_gap_us;
    int64_t data_us;   /* monotonic time of the last bytes */
    uint64_t progress; /* grows with everything read */
    size_t head_bytes;
    struct buf body;
    struct http_answer answer;
    void *arg;
    http_done_fn done;
    void (*on_open)(void *arg, const struct http_answer *answer);
    void (*on_data)(void *arg, struct slice bytes);
};

struct http {
    struct loop *loop;
    struct worker *worker;
    CURLM *multi;
    struct loop_timer *timer;       /* libcurl's one timer */
    struct loop_timer *rest_timer;  /* wakes resting sockets */
    struct loop_timer *flush_timer; /* looks through dirty */
    struct http_call *calls, *dirty, *touched;
    struct http_host *hosts;
    struct lookup *lookups; /* on their way through the worker */
    struct http_sock *resting;
    struct http_sock *acting; /* the socket being served; NULL when it went away meanwhile */
    int64_t rest_until_us;
    bool flushing, freeing;
    char *ca_file, *pins, *pin_name, *proxy, *agent;
    bool insecure;
    X509_STORE *trust;
    struct http_peer peer;
};

/* Puts the call on the list that the beginning of the next turn looks through. */
void http_mark(struct http_call *call);

/* http_sock.c: sockets, timer and reading. */
int http_sock_setup(struct http *http) MUST_CHECK;
void http_sock_release(struct http *http);
/* Notes that bytes came for a stream, whoever drove the library. */
void http_sock_touch(struct http_call *call);

/* http_host.c: names. Finds or makes the host of url (or of the proxy). */
int http_host_find(struct http *http, const char *url, struct http_host **ret_host) MUST_CHECK;
/* Whether a call may start now; else starts resolving, and marks the calls waiting when it ended. */
bool http_host_ready(struct http_host *h);
void http_host_failed(struct http_host *h);
void http_host_free_all(struct http *http);

/* http_tls.c: trust and certificates. */
int http_tls_setup(struct http *http, struct err *err) MUST_CHECK;
void http_tls_release(struct http *http);
/* Sets everything about TLS on an easy handle. */
void http_tls_apply(struct http_call *call);
/* Whether result is about the certificate; then writes the full text for a person. */
bool http_tls_explain(const struct http_call *call, CURLcode result, struct err *err);

/* http_call.c: building, results. */
int http_call_new(struct http *http, const char *url, const struct http_header *headers,
                  size_t n_headers, struct http_call **ret_call) MUST_CHECK;
void http_call_free(struct http_call *call);
/* Turns the outcome of an ended call into a code and a text. */
int http_call_outcome(struct http_call *call, struct err *err);

#endif
