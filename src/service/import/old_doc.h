/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_OLD_DOC_H
#define SERVICE_OLD_DOC_H

#include <jansson.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * What the files of the Python PG-Limiter and of V2IpLimit hold, gathered into one document: the body of
 * POST /import (ops_import.c, docs/import.md). Readers (old_rows.c, old_json.c) put in what they find, the
 * weaker source first: what comes later counts more, but where they fill a gap only. What cannot be taken is
 * kept in `left` with the reason. Lack of memory sticks and is told by old_doc_finish.
 */
struct old_doc {
    json_t *limits;     /* name: number of devices */
    json_t *exceptions; /* name: reason */
    json_t *disabled;   /* name: {"disabled_at":s,"due_at":s|-1,"groups":[…]}, members may miss */
    json_t *groups;     /* name: […], the groups kept for users who were moved */
    json_t *violations; /* name: [{"at":s,"step":n,"minutes":n}] */
    json_t
        *db_violations; /* the same from the database, which has them twice and with wrong times */
    json_t *patterns;   /* [{"kind","text","limit"}] */
    json_t *owners;     /* [{"kind","text","admin"}] */
    json_t *settings;   /* key: {"value":text,"where":"db"|"env"|"config"|"v2iplimit"} */
    json_t *admins;     /* chat ids */
    json_t *left;       /* [{"what","why"}] */
    json_t *sources;    /* names of the files read */
    bool disabled_file; /* .disable_users.json was there: nobody else is disabled */
    bool failed;        /* out of memory */
};

/* Begins an empty document. ERR_NOMEM. */
int old_doc_init(struct old_doc *d) MUST_CHECK;
/* Frees it. A zeroed one may be released. */
void old_doc_release(struct old_doc *d);
/* Everything as the body of the request, new. ERR_NOMEM; ERR_TOO_BIG. */
int old_doc_finish(struct old_doc *d, json_t **ret_json, struct err *err) MUST_CHECK;

/* Says what is not taken over, and why; what is a printf text of file and field. */
void old_left(struct old_doc *d, const char *why, const char *what, ...) PRINTF_LIKE(3, 4);
/* The file is one of those read. */
void old_source(struct old_doc *d, const char *file);
/* Sets a member or appends; value is taken over. */
void old_put(struct old_doc *d, json_t *object, const char *name, json_t *value);
void old_append(struct old_doc *d, json_t *list, json_t *value);
/* Whether a text may be a user's name; otherwise it is left, as file and field. */
bool old_name_ok(struct old_doc *d, const char *name, const char *file, const char *field);

/* One value of the old program, already decoded; each says what it does not take. */
void old_limit(struct old_doc *d, const char *name, json_t *value, const char *file);
void old_exception(struct old_doc *d, const char *name, json_t *reason);
void old_admin(struct old_doc *d, json_t *value, const char *file);
/* part: "disabled_at", "due_at" (a time) or "groups" (a list); with only_new nothing known is replaced. */
void old_disabled(struct old_doc *d, const char *name, const char *part, json_t *value,
                  bool only_new, const char *file);
/* where as in old_doc.settings; a stronger where stays. */
void old_setting(struct old_doc *d, const char *key, json_t *value, const char *where,
                 const char *file);
/* A configuration of nested objects (config.json and what the migration put into the table config). */
void old_config(struct old_doc *d, json_t *config, const char *where, const char *file);

/*
 * The value of a text that holds JSON, JSON in a JSON string, and so on for a few times, or no JSON at all
 * (then the text). New; NULL without memory or when the text is no UTF-8.
 */
json_t *old_value(struct slice text);
/* A number, also one written as a text; false when it is none or not finite. */
bool old_number(const json_t *value, double *ret);
/* A whole number in min…max, also one written as a text or as 3.0. */
bool old_whole(const json_t *value, double min, double max, json_int_t *ret);
/* The groups of a user: a list of ids, also one in a text; new, NULL when it is none. */
json_t *old_groups(const json_t *value);

/*
 * old_json.c: a JSON file of the old programs. name is that of the file, for what is told. ERR_NOT_FOUND:
 * JSON, but none of theirs; ERR_PROTOCOL: no JSON, with line; ERR_NOMEM.
 */
int old_json(struct old_doc *d, const char *name, struct slice text, struct err *err) MUST_CHECK;
/* A .env of the old program: what of it can be taken. */
void old_env(struct old_doc *d, const char *name, struct slice text);

struct old_cell;
/* old_rows.c: a row of the old database; an old_row_fn with a struct old_doc. ERR_NOMEM. */
int old_row(void *doc, const char *table, const struct old_cell *cells, size_t n) MUST_CHECK;

#endif
