/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "base/banned.h"

enum { FIRST_CAP = 128 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

static int reserve(struct buf *b, size_t more)
{
    size_t cap;
    char *p;

    if (b->failed)
        return ERR_TOO_BIG;
    if (more > b->max - b->n) {
        b->failed = true;
        return ERR_TOO_BIG;
    }
    if (b->p && b->n + more < b->cap)
        return ERR_OK;
    cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < b->n + more + 1)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    p = realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return ERR_NOMEM;
    }
    b->p = p;
    b->cap = cap;
    return ERR_OK;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
    int rc = reserve(b, n);

    if (rc)
        return rc;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
    return ERR_OK;
}

int buf_add_slice(struct buf *b, struct slice s)
{
    return buf_add(b, s.p, s.n);
}

int buf_add_str(struct buf *b, const char *s)
{
    return buf_add_slice(b, slice_of(s));
}

int buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n, rc;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) {
        b->failed = true;
        return ERR_INVALID;
    }
    rc = reserve(b, (size_t)n);
    if (rc)
        return rc;
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
    return ERR_OK;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = buf_vaddf(b, fmt, ap);
    va_end(ap);
    return rc;
}

int buf_add_json(struct buf *b, struct slice s)
{
    size_t n;

    buf_add_char(b, '"');
    while (s.n) {
        unsigned char c = (unsigned char)s.p[0];

        n = utf8_len(s);
        if (n == 0) {
            buf_add_str(b, "\xef\xbf\xbd");
            n = 1;
        } else if (c == '"' || c == '\\') {
            buf_add_char(b, '\\');
            buf_add_char(b, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            buf_addf(b, "\\u%04x", c);
        } else {
            buf_add(b, s.p, n);
        }
        s = slice_skip(s, n);
    }
    return buf_add_char(b, '"');
}

int buf_add_escaped(struct buf *b, struct slice s)
{
    int rc = ERR_OK;

    while (s.n && !rc) {
        unsigned char c = (unsigned char)s.p[0];
        size_t n = utf8_len(s);

        if (n == 0 || c < 0x20 || c == 0x7f) {
            rc = buf_addf(b, "\\x%02x", c);
            n = 1;
        } else {
            rc = buf_add(b, s.p, n);
        }
        s = slice_skip(s, n);
    }
    return rc;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n > b->n)
        n = b->n;
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n + 1);
    b->n -= n;
}

struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->n};
}

const char *buf_str(const struct buf *b)
{
    return b->p ? b->p : "";
}

char *buf_take(struct buf *b)
{
    char *p = b->p;

    buf_init(b, b->max);
    return p;
}
