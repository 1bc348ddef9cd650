/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_JVAL_H
#define PANEL_JVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * JSON from outside, behind one facade (jansson): duplicate names, NUL in strings, bytes that are no
 * UTF-8 and nesting over LIMIT_JSON_DEPTH are refused. A value is owned by its document. Documents may
 * be parsed in one thread and read in another, but not at once. Parsing costs about 20 ms per MB.
 */
struct jval;

/* Parses one document. ERR_PROTOCOL with place and reason, ERR_TOO_BIG (nesting), ERR_NOMEM. */
int jval_parse(struct slice text, struct jval **ret_doc, struct err *err) MUST_CHECK;
/* Frees a document (not a part of one). NULL is allowed. */
void jval_free(struct jval *doc);

/* Whether v is an object; false for NULL. */
bool jval_is_object(const struct jval *v);
/* Whether v is an array. */
bool jval_is_array(const struct jval *v);
/* The member of an object; NULL when v is NULL or no object, or the member is missing or null. */
const struct jval *jval_get(const struct jval *v, const char *name);
/* Whether an object has the member, null or not. */
bool jval_has(const struct jval *v, const char *name);
/* Entries of an array or members of an object; 0 for anything else. */
size_t jval_len(const struct jval *v);
/* Entry i of an array, NULL past its end. */
const struct jval *jval_at(const struct jval *v, size_t i);
/* Calls fn for every member of an object, in the order of the document. */
void jval_each(const struct jval *v, void (*fn)(void *arg, struct slice name, const struct jval *v),
               void *arg);

/* The value itself as integer or text. ERR_INVALID when it is something else (or NULL). */
int jval_int(const struct jval *v, int64_t *ret_i) MUST_CHECK;
int jval_text(const struct jval *v, struct slice *ret_s) MUST_CHECK;

/* A member that must be there. ERR_PROTOCOL, naming the member, when it is not or of another kind. */
int jval_need_int(const struct jval *v, const char *name, int64_t *ret_i,
                  struct err *err) MUST_CHECK;
int jval_need_text(const struct jval *v, const char *name, struct slice *ret_s,
                   struct err *err) MUST_CHECK;
/* A member that may be missing, null or of another kind: the fallback then. */
int64_t jval_opt_int(const struct jval *v, const char *name, int64_t fallback);
struct slice jval_opt_text(const struct jval *v, const char *name);
bool jval_opt_bool(const struct jval *v, const char *name, bool fallback);

/* Appends v as compact JSON. ERR_TOO_BIG, ERR_NOMEM as buf_add. */
int jval_add(struct buf *b, const struct jval *v) MUST_CHECK;

#endif
