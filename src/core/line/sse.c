/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/line/sse.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

enum { PART_MAX = LIMIT_LINE + 64 };

void sse_init(struct sse *s)
{
    *s = (struct sse){0};
    buf_init(&s->part, PART_MAX);
}

void sse_release(struct sse *s)
{
    buf_release(&s->part);
    sse_init(s);
}

static void field_line(struct sse *s, struct slice line, sse_line_fn fn, void *arg)
{
    struct slice value;

    if (line.n == 0)
        return;
    if (line.p[0] == ':') {
        s->comments++;
        return;
    }
    if (!slice_starts(line, SLICE("data")))
        return;
    value = slice_skip(line, 4);
    if (value.n) {
        if (value.p[0] != ':')
            return;
        value = slice_skip(value, 1);
        if (value.n && value.p[0] == ' ')
            value = slice_skip(value, 1);
    }
    if (value.n > LIMIT_LINE)
        value.n = LIMIT_LINE + 1;
    fn(arg, value);
}

/* Keeps the bytes of an unfinished line, or what fits of an endless one. */
static int keep(struct sse *s, struct slice bytes)
{
    size_t room = PART_MAX - s->part.n;
    int rc;

    if (s->overlong || s->lost || bytes.n == 0)
        return ERR_OK;
    if (bytes.n > room) {
        s->overlong = true;
        bytes.n = room;
    }
    rc = buf_add_slice(&s->part, bytes);
    if (rc) {
        /* What follows is the tail of a line, not a line of its own. */
        buf_clear(&s->part);
        s->lost = true;
    }
    return rc;
}

static void line_end(struct sse *s, struct slice bytes, sse_line_fn fn, void *arg, int *rc)
{
    int kept;

    if (s->part.n == 0 && !s->overlong && !s->lost) {
        field_line(s, bytes, fn, arg);
        return;
    }
    kept = keep(s, bytes);
    if (kept)
        *rc = kept;
    else if (!s->lost)
        field_line(s, buf_slice(&s->part), fn, arg);
    buf_clear(&s->part);
    s->overlong = s->lost = false;
}

int sse_feed(struct sse *s, struct slice bytes, sse_line_fn fn, void *arg)
{
    int rc = ERR_OK, kept;

    while (bytes.n) {
        const char *lf, *cr;
        size_t len;

        if (s->skip_lf && bytes.p[0] == '\n') {
            s->skip_lf = false;
            bytes = slice_skip(bytes, 1);
            continue;
        }
        s->skip_lf = false;
        lf = memchr(bytes.p, '\n', bytes.n);
        len = lf ? (size_t)(lf - bytes.p) : bytes.n;
        cr = len ? memchr(bytes.p, '\r', len) : NULL;
        if (cr) {
            len = (size_t)(cr - bytes.p);
            s->skip_lf = true;
        } else if (!lf) {
            kept = keep(s, bytes);
            return kept ? kept : rc;
        }
        line_end(s, (struct slice){bytes.p, len}, fn, arg, &rc);
        bytes = slice_skip(bytes, len + 1);
    }
    return rc;
}
