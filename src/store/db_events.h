/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_EVENTS_H
#define STORE_DB_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;
struct db_scope;

/* Table events: the timeline of a user and the audit log. Only ever added to; old ones expire. */

struct db_event {
    int64_t id;
    int64_t at_us;
    struct slice kind; /* a word: "disabled", "enabled", "setting", … */
    int64_t user_id;   /* 0: of the system */
    struct slice name; /* the user's name; NULL when of the system */
    struct slice who;  /* "pg-limiter", "cli", "telegram:12", "api" */
    struct slice what; /* a sentence; cut at LIMIT_EVENT_TEXT */
    struct slice data; /* JSON, or NULL */
};

/* Which events; a zeroed filter with limit set means all. */
struct db_event_filter {
    int64_t user_id;   /* 0: everything */
    struct slice kind; /* empty: every kind */
    int64_t before_id; /* only ids below, 0: from the newest */
    int64_t after_id;  /* only ids above */
    int64_t offset;    /* rows to leave out */
    int limit;         /* rows, at most LIMIT_PAGE */
    bool oldest_first; /* otherwise the newest come first */
    /* Only these users' (the system's are nobody's); NULL: of everyone. */
    const struct db_scope *only;
};

/* One row; the same rules as db_setting_fn. */
typedef int (*db_event_fn)(void *arg, const struct db_event *row);

/* Adds an event; row->id is not read. ret_id may be NULL. */
int db_events_add(struct db *db, const struct db_event *row, int64_t *ret_id,
                  struct err *err) MUST_CHECK;
/* Rows of a filter, in its order. Page on with before_id (or after_id) = the last row's id. */
int db_events_each(struct db *db, const struct db_event_filter *f, db_event_fn fn, void *arg,
                   struct err *err) MUST_CHECK;
/* How many rows a filter has, whatever its offset and limit. */
int db_events_total(struct db *db, const struct db_event_filter *f, int64_t *ret_n,
                    struct err *err) MUST_CHECK;

#endif
