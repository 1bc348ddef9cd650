/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_JOUT_H
#define SERVICE_JOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/*
 * Writing JSON into a buf, member after member. The commas come by themselves: one is set before every
 * member unless the buffer ends in '{', '[', ':' or is empty. key NULL writes an element of a list.
 * Failures stay in the buf.
 */

/* Begins a member: comma and `"key":`. */
void jout_key(struct buf *b, const char *key);
/* Opens an object or list: bracket is '{' or '['. */
void jout_open(struct buf *b, const char *key, char bracket);
/* Closes it: bracket is '}' or ']'. */
void jout_close(struct buf *b, char bracket);
/* Empties the buffer and begins a list answered by itself: {"data":[ */
void jout_list(struct buf *b);
/* Ends it: ],"total":n} */
void jout_list_end(struct buf *b, int64_t total);
/* A string; p NULL writes null. */
void jout_str(struct buf *b, const char *key, struct slice s);
/* A string that ends with NUL; NULL writes null. */
void jout_text(struct buf *b, const char *key, const char *s);
/* A whole number. */
void jout_int(struct buf *b, const char *key, int64_t v);
/* A fraction with at most decimals places; what is no number becomes null. */
void jout_real(struct buf *b, const char *key, double v, int decimals);
/* true or false. */
void jout_bool(struct buf *b, const char *key, bool v);
/* A time as `2026-11-23T15:42:35.895434Z`; STAMP_NONE writes null. */
void jout_time(struct buf *b, const char *key, int64_t us);
/* A value that is JSON already; empty writes null. */
void jout_raw(struct buf *b, const char *key, struct slice json);

#endif
