/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_STORE_STORE_BED_H
#define TESTS_STORE_STORE_BED_H

/* A database of a test's own, in a directory that goes with it. Header only, as scratch.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/stamp.h"
#include "scratch.h"
#include "store/db.h"
#include "store/sql.h"

#define MS INT64_C(1000)
#define DAY (86400 * STAMP_SECOND)
#define T0 (20000 * DAY)

static struct db *db;
static struct err err;

/* Set-up of a test or a group of them: db is open and empty. */
static inline int bed_open(void **state)
{
    (void)state;
    return scratch_make() || db_open_file(scratch_path("t.db"), &db, &err) ? -1 : 0;
}

/* Its tear-down. */
static inline int bed_close(void **state)
{
    (void)state;
    db_close(db);
    scratch_clear();
    return 0;
}

/* Runs one statement, which must succeed. */
static inline void bed_run(const char *sql)
{
    if (sql_run(db, &err, sql, ""))
        fail_msg("%s: %s", sql, err.text);
}

#endif
