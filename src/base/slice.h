/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Text to read: n bytes at p, owned by someone else, not NUL-terminated. p may be NULL when n is 0. */
struct slice {
    const char *p;
    size_t n;
};

/* A slice over a string literal. */
#define SLICE(lit) ((struct slice){"" lit, sizeof(lit) - 1})

/* A slice over the NUL-terminated string s (NULL gives an empty one). Borrows s. */
static inline struct slice slice_of(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

/* Whether a and b hold the same bytes. */
static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Whether s begins with prefix. */
static inline bool slice_starts(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Whether s ends with suffix. */
static inline bool slice_ends(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* s without its first n bytes; n past the end gives an empty slice. */
static inline struct slice slice_skip(struct slice s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return (struct slice){s.p ? s.p + n : s.p, s.n - n};
}

/* s without blanks, tabs, CR and LF at both ends. */
static inline struct slice slice_trim(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r' || s.p[0] == '\n'))
        s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r' ||
                   s.p[s.n - 1] == '\n'))
        s.n--;
    return s;
}

/*
 * Cuts the part of *rest before the first sep off and gives it back; *rest keeps what follows sep,
 * or becomes empty with p NULL when there was none. Loop while rest.p is not NULL.
 */
static inline struct slice slice_cut(struct slice *rest, char sep)
{
    struct slice head = *rest;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;

    if (at) {
        head.n = (size_t)(at - rest->p);
        *rest = slice_skip(*rest, head.n + 1);
    } else {
        *rest = (struct slice){NULL, 0};
    }
    return head;
}

#endif
