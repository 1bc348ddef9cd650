/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_STREAM_H
#define PANEL_STREAM_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "panel/call.h"

/* One connection to GET /api/node/{id}/logs, from the wait for a token to its end. */
struct stream;

enum stream_end {
    STREAM_CLEAN,   /* the panel ended it */
    STREAM_FAULT,   /* no connection, cut, silent, 5xx, 401 twice */
    STREAM_MISSING, /* 404: the node is disabled or unknown */
    STREAM_DENIED,  /* 403: the permission nodes.logs is missing */
    STREAM_LOGIN,   /* there is no credential: the login or key is refused */
    STREAM_REFUSED, /* any other answer */
};

struct stream_opts {
    int64_t node_id;
    int64_t read_gap_us;
    int64_t idle_us; /* longest silence, pings included */
    void (*on_open)(void *arg, struct stream *s);
    void (*on_data)(void *arg, struct stream *s, struct slice bytes);
    /* The end, once; s is gone after it. opened: on_open was called. */
    void (*on_end)(void *arg, struct stream *s, enum stream_end end, const struct err *err);
    void *arg;
};

/* Begins; on_open or on_end come later. ERR_NOMEM: neither comes. calls must outlive it. */
int stream_new(struct calls *calls, const struct stream_opts *opts,
               struct stream **ret_s) MUST_CHECK;
/* Closes without on_end. */
void stream_close(struct stream *s);
/* Asks for no more and reads on until the panel closes: see http_stream_retire. */
void stream_retire(struct stream *s);
/* Whether on_open was called. */
bool stream_is_open(const struct stream *s);

#endif
