/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_IMPORT_DISABLED_H
#define SERVICE_IMPORT_DISABLED_H

#include "service/ops/ops_import.h"

enum import_result {
    IMPORT_TAKEN,
    IMPORT_CHANGED, /* taken otherwise than it was */
    IMPORT_SAME,    /* here already */
    IMPORT_LEFT,
    IMPORT_RESULTS
};

/* One import under way, on the store's thread. */
struct import {
    struct db *db;
    struct op *op;
    const struct settings *settings; /* as they will be */
    json_t *people, *remember;
    struct buf *out; /* the rows of the answer */
    const char *who;
    int64_t now_us;
    bool overwrite;
    size_t n[IMPORT_RESULTS], settings_taken;
};

/* Adds a row to the answer. */
void import_tell(struct import *im, const char *kind, const char *name, const char *old,
                 const char *new, enum import_result result, const char *detail);
/* How the panel told of a user; NULL and id 0: it has none of that name. */
json_t *import_person(const struct import *im, const char *name, int64_t *ret_id);
/*
 * Users whom the old program had disabled become rows of the journal, with their due times and groups, where
 * the panel says that they are disabled.
 */
int disabled_import(struct import *im, json_t *from, struct err *err) MUST_CHECK;

#endif
