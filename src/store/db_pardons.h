/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_PARDONS_H
#define STORE_DB_PARDONS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct db;

/* Table pardons: whom an operator has excused for a time. That of an enabling is in the journal. */

/* Excuses a user until until_us; what was said before no longer counts. */
int db_pardon_put(struct db *db, int64_t user_id, int64_t until_us, struct err *err) MUST_CHECK;

/* One row; anything but 0 ends the listing. */
typedef int (*db_pardon_fn)(void *arg, int64_t user_id, int64_t until_us);

/* Those still in force at now_us; older ones are removed. */
int db_pardons_each(struct db *db, int64_t now_us, db_pardon_fn fn, void *arg,
                    struct err *err) MUST_CHECK;

#endif
