/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LINE_SSE_H
#define CORE_LINE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * Server-sent events, cut back into log lines. Source: WHATWG HTML 9.2 (lines end at CR, LF or CRLF,
 * a field is `name: value`, a colon at the start makes a comment) and the panel's recordings: one log
 * line an event, as `data: <line>`, pings as comments. Each complete `data` line is one log line; a
 * line that the connection cuts off is dropped. The result does not depend on how the bytes were cut.
 */
struct sse {
    struct buf part;   /* the line begun in earlier bytes */
    bool skip_lf;      /* the last byte was a CR that ended a line */
    bool overlong;     /* the line begun is past LIMIT_LINE: the rest of it is dropped */
    bool lost;         /* the line begun found no memory: all of it is dropped */
    uint64_t comments; /* pings seen: a sign of life of the connection, not of the log */
};

/* One log line, without its line end; the slice is valid during the call. */
typedef void (*sse_line_fn)(void *arg, struct slice line);

/* A reader at the start of a stream. Allocates nothing. */
void sse_init(struct sse *s);
/* Frees the memory; what was begun is dropped. Usable again afterwards. */
void sse_release(struct sse *s);
/*
 * Takes the next bytes and calls fn for each log line completed in them. A line over LIMIT_LINE is
 * handed on cut at LIMIT_LINE + 1 bytes, so that the scanner names it too_long. ERR_NOMEM drops the line.
 */
int sse_feed(struct sse *s, struct slice bytes, sse_line_fn fn, void *arg) MUST_CHECK;

#endif
