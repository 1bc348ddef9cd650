/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_IMPORT_H
#define STORE_DB_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/* What taking over the state of another program asks of the tables, besides what their own files offer. */

/* How a user stands in the journal. */
enum db_import_state {
    DB_IMPORT_NONE,
    DB_IMPORT_OPEN, /* he has an open row */
    DB_IMPORT_DONE, /* the case of that time has been taken over before */
};
/* Looks the case up: at_us is when he was disabled, STAMP_NONE: not known, any counts. */
int db_import_find(struct db *db, int64_t user_id, int64_t at_us, enum db_import_state *ret,
                   struct err *err) MUST_CHECK;
/* Whether the user has a violation at that very time. */
int db_import_violation(struct db *db, int64_t user_id, int64_t at_us, bool *ret_found,
                        struct err *err) MUST_CHECK;
/* Whether nobody has entered, set or imported anything here yet. */
int db_import_is_empty(struct db *db, bool *ret_empty, struct err *err) MUST_CHECK;
/* Enters an admin of the bot as operator, unless he is there: *ret_new. */
int db_import_admin(struct db *db, int64_t chat_id, int64_t at_us, struct slice by, bool *ret_new,
                    struct err *err) MUST_CHECK;

#endif
