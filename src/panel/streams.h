/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_STREAMS_H
#define PANEL_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "panel/call.h"

/*
 * The log streams of all nodes: one a node, opened at most STREAMS_OPENING at a time, renewed every
 * refresh_us by opening a new one before closing the old, and reopened after every end with jittered
 * back-off of 1…60 s. A stream may be dead and look alive (spec/panel.md 1): whoever knows that
 * traffic flows asks for a new one with streams_reopen.
 */
struct streams;

enum { STREAMS_OPENING = 8 };

struct streams_opts {
    struct calls *calls;
    int64_t refresh_us;
    int64_t read_gap_us;
    int64_t idle_us; /* a stream this long without a byte, pings included, is given up */
    /* stream_no is different for every connection of the process, growing. */
    void (*on_open)(void *arg, int64_t node_id, uint32_t stream_no);
    void (*on_bytes)(void *arg, int64_t node_id, uint32_t stream_no, struct slice bytes);
    /* Of an opened one. rc 0: we closed it (why says for what) or the panel ended it cleanly. */
    void (*on_close)(void *arg, int64_t node_id, uint32_t stream_no, int rc, const char *why);
    /* 404: the list of nodes is out of date. */
    void (*on_missing)(void *arg, int64_t node_id);
    /* 403, told once until a stream opens again. */
    void (*on_denied)(void *arg, const struct err *err);
    void *arg;
};

/* The state of one node's stream, for status pages. */
struct panel_stream_state {
    bool open;
    uint32_t stream_no;   /* of the open one */
    int64_t since_us;     /* wall clock: open or closed since; STAMP_NONE: never tried */
    unsigned opened;      /* times opened */
    char last_error[160]; /* why it is not open, or why it was last closed; may be empty */
};

/* Makes one without nodes. ERR_NOMEM. */
int streams_new(const struct streams_opts *opts, struct streams **ret_ss) MUST_CHECK;
/* Closes all, with on_close for each open one. NULL is allowed. */
void streams_free(struct streams *ss);

/* Follows a node from now on; harmless when it is followed already. ERR_NOMEM, ERR_TOO_BIG. */
int streams_add(struct streams *ss, int64_t node_id) MUST_CHECK;
/* Closes the stream of a node and forgets it. */
void streams_remove(struct streams *ss, int64_t node_id, const char *why);
/*
 * Opens a new stream for a node and closes the old one when it is there; at once for one that waits
 * for its next try. At most once in 2 s a node: an earlier one is put off. ERR_NOT_FOUND.
 */
int streams_reopen(struct streams *ss, int64_t node_id) MUST_CHECK;
/* The panel or the login is back: every stream that is not open is tried within a second. */
void streams_kick(struct streams *ss);
/* Changes the refresh time; takes effect with the next stream opened. */
void streams_set_refresh(struct streams *ss, int64_t refresh_us);
/* The state of a node's stream. ERR_NOT_FOUND. */
int streams_state(const struct streams *ss, int64_t node_id,
                  struct panel_stream_state *ret_state) MUST_CHECK;
/*
 * Nodes for which nothing is going to happen: no stream is open or being opened that will be
 * renewed, none waits for its turn, no timer is set. Never more than 0 but by a fault of this
 * program.
 */
unsigned streams_forgotten(const struct streams *ss);
/* Streams open now. */
unsigned streams_open_count(const struct streams *ss);

#endif
