/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_SCOPE_H
#define STORE_DB_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some of the users: what a filter leaves in for who may not see everyone. */
struct db_scope {
    int64_t *ids; /* ascending, each once; malloc'd */
    size_t n;
};

/* Whether a user is one of them; scope NULL: always. O(log n). */
bool db_scope_has(const struct db_scope *scope, int64_t user_id);
/* Frees the ids; empty afterwards. */
void db_scope_release(struct db_scope *scope);

#endif
