/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/loop.h"
#include "net/worker.h"

/*
 * HTTP/1.1 client on the loop (libcurl, multi_socket), for whole answers and for endless streams.
 * http and https only, redirects are not followed, names are resolved in the worker, every deadline
 * is a timer of our own in real time. All functions are for the loop thread. No callback is made from
 * inside one of these functions except http_free; callbacks may start and cancel calls, but those of
 * a stream's opening and data only cancel; none may call http_free.
 */
struct http;
struct http_call;

struct http_opts {
    const char *ca_file; /* PEM file trusted instead of the system's; NULL: the system's */
    const char
        *pins; /* "sha256//…" keys split by ';' that are accepted whatever the chain; or NULL */
    const char *pin_name; /* the setting named in the advice on a refused certificate; or NULL */
    bool insecure;        /* no verification at all; pins still hold when given */
    const char *proxy; /* proxy URL (http, socks5h), or NULL; the environment is never looked at */
    const char *agent; /* User-Agent */
};

/* What is known of the certificate of the last TLS handshake. Texts are printable ASCII. */
struct http_peer {
    bool known;
    char host[256];       /* the name asked for, empty for a bare address */
    char names[240];      /* subject and subject alternative names, for people */
    char pin[80];         /* "sha256//…" of its public key */
    int64_t not_after_us; /* STAMP_NONE when unreadable */
};

struct http_header {
    const char *name;
    const char *value; /* NULL: the header libcurl would add by itself is left out */
};

struct http_request {
    const char
        *method; /* "GET", "POST" (sent once for certain, on a connection of its own), "PUT", … */
    bool repeatable; /* a POST that does no harm twice: on a kept connection, as all others */
    bool once;       /* another method that is to be sent as a POST is */
    const char *url;
    const struct http_header *headers; /* copied */
    size_t n_headers;
    struct slice body;   /* copied; p NULL: none */
    int64_t deadline_us; /* whole call, > 0 */
    size_t body_max;     /* largest answer taken: ERR_TOO_BIG beyond */
    bool head_suffices;  /* once the head has come it is an answer, however its body ends */
};

struct http_answer {
    int status;
    char content_type[96];
    char location[256];     /* of a redirect, which is not followed; else empty */
    int64_t retry_after_s;  /* Retry-After in seconds; -1: none or a date */
    int64_t server_date_us; /* Date of the answer; STAMP_NONE when missing */
    int64_t length;         /* Content-Length, of this body; -1: not told */
    int64_t range_from;     /* first byte that Content-Range names (status 206); -1: none */
    char validator[128];    /* for If-Range: a strong ETag, else Last-Modified; else empty */
    struct buf *body;       /* never NULL; may be emptied with buf_take to keep it */
};

/*
 * rc 0: an HTTP answer of whatever status came whole. Else answer is NULL and err says what happened,
 * fit for a person: ERR_UNREACHABLE, ERR_TIMEOUT, ERR_TLS, ERR_TOO_BIG, ERR_PROTOCOL, ERR_NOMEM,
 * ERR_CANCELLED (http_free). All are valid during the call only.
 */
typedef void (*http_done_fn)(void *arg, int rc, const struct err *err, struct http_answer *answer);

struct http_stream_opts {
    const char *url;
    const struct http_header *headers; /* copied */
    size_t n_headers;
    int64_t open_us; /* until the answer's head is there */
    int64_t idle_us; /* longest silence afterwards (any byte counts); 0: no watchdog */
    int64_t
        read_gap_us; /* after data the socket rests this long, so that much is read at once; 0: off */
    /* Status 200 or 206 came; called inside the library, as on_data. */
    void (*on_open)(void *arg, const struct http_answer *answer);
    /* Body bytes as they come, called inside the library: may cancel the stream, start nothing else. */
    void (*on_data)(void *arg, struct slice bytes);
    /*
     * The end, once, unless cancelled. rc 0 with answer NULL: the server ended the body cleanly.
     * rc 0 with answer: another status, with up to 16 KB of its body. Else as http_done_fn.
     */
    void (*on_end)(void *arg, int rc, const struct err *err, struct http_answer *answer);
};

/*
 * Makes a client with its own connections and trust. ERR_INVALID with a text (unreadable ca_file,
 * malformed pins), ERR_NOMEM. loop and worker must outlive it.
 */
int http_new(struct loop *loop, struct worker *worker, const struct http_opts *opts,
             struct http **ret_http, struct err *err) MUST_CHECK;
/* Ends every call (done and on_end with ERR_CANCELLED, at once) and frees. NULL is allowed. */
void http_free(struct http *http);

/* Starts a request; done is called exactly once, later. On failure (ERR_NOMEM, ERR_INVALID) never. */
int http_start(struct http *http, const struct http_request *req, http_done_fn done, void *arg,
               struct http_call **ret_call) MUST_CHECK;
/* Opens a stream on a connection of its own. As http_start. */
int http_stream(struct http *http, const struct http_stream_opts *opts, void *arg,
                struct http_call **ret_call) MUST_CHECK;
/* Before or within done: whether (part of) the request may have reached the server. */
bool http_sent(const struct http_call *call);
/* Drops a call whose last callback has not been made: none is made any more. */
void http_cancel(struct http_call *call);

/*
 * Tells the server that nothing more will be asked on a stream's connection (TCP half-close), and goes
 * on reading: what was sent before it notices still arrives, then on_end. Reads first what is there;
 * on_data may be called inside. Not to be called from a callback of a stream.
 */
void http_stream_retire(struct http_call *call);

/* The certificate of the last handshake; known is false before the first. */
const struct http_peer *http_peer(const struct http *http);
/* Checks a list of pins: "sha256//" and 44 characters of base64, split by ';'. ERR_INVALID. */
int http_check_pins(struct slice pins, struct err *err) MUST_CHECK;
/* Appends s with everything but unreserved characters (RFC 3986) percent-encoded. */
void http_add_escaped(struct buf *b, struct slice s);

#endif
