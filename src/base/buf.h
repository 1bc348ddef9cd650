/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

/*
 * A growing text with a maximum it cannot pass. After any failure the buffer is marked failed, keeps
 * what it held, and refuses further writes, so that a chain of writes needs one check at its end.
 * p is NUL-terminated whenever it is not NULL; n does not count the NUL.
 */
struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    bool failed;
};

/* Makes an empty buffer that will hold at most max bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; b is then as after buf_init with the same maximum. */
void buf_release(struct buf *b);
/* Empties b, keeps the memory, clears the failure. */
void buf_clear(struct buf *b);

/* Appends n bytes. ERR_TOO_BIG past the maximum, ERR_NOMEM; both mark b failed. */
int buf_add(struct buf *b, const void *p, size_t n);
/* Appends a slice; as buf_add. */
int buf_add_slice(struct buf *b, struct slice s);
/* Appends a NUL-terminated string (NULL adds nothing); as buf_add. */
int buf_add_str(struct buf *b, const char *s);
/* Appends one byte; as buf_add. */
int buf_add_char(struct buf *b, char c);
/* Appends formatted text; as buf_add. */
int buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As buf_addf with a va_list. */
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Appends s as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
int buf_add_json(struct buf *b, struct slice s);
/* Appends s with control characters and bytes that are no UTF-8 as \xNN, fit for one log line. */
int buf_add_escaped(struct buf *b, struct slice s);
/* Removes the first n bytes (all when n is larger). */
void buf_consume(struct buf *b, size_t n);
/* The content as a slice, valid until the next write. */
struct slice buf_slice(const struct buf *b);
/* The content as a NUL-terminated string, "" when empty; valid until the next write. */
const char *buf_str(const struct buf *b);
/* Gives the memory (NUL-terminated, to be freed by the caller) away and empties b; NULL when empty. */
char *buf_take(struct buf *b);

#endif
