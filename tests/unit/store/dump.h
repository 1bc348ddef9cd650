/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_STORE_DUMP_H
#define TESTS_STORE_DUMP_H

/* Every row of every table of a database file as one text, so that two states can be compared. */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct dump {
    sqlite3 *h;
    struct buf out;
};

static inline int dump_row(void *arg, int n, char **values, char **names)
{
    struct dump *d = arg;
    int i;

    (void)names;
    for (i = 0; i < n; i++)
        buf_addf(&d->out, "%s|", values[i] ? values[i] : "NULL");
    buf_add_char(&d->out, '\n');
    return 0;
}

static inline int dump_table(void *arg, int n, char **values, char **names)
{
    struct dump *d = arg;
    char text[256];

    (void)n;
    (void)names;
    buf_addf(&d->out, "-- %s: %s\n", values[0], values[1] ? values[1] : "");
    snprintf(text, sizeof(text), "SELECT * FROM \"%s\" ORDER BY 1, 2", values[0]);
    return sqlite3_exec(d->h, text, dump_row, d, NULL);
}

/* The dump of the file at path, NULL when it cannot be read; to be freed. */
static inline char *dump_file(const char *path)
{
    struct dump d = {0};
    int rc;

    buf_init(&d.out, 64 << 20);
    rc = sqlite3_open_v2(path, &d.h, SQLITE_OPEN_READWRITE, NULL);
    if (!rc)
        rc = sqlite3_busy_timeout(d.h, 5000);
    if (!rc)
        rc = sqlite3_exec(d.h,
                          "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT "
                          "LIKE 'sqlite%' ORDER BY name",
                          dump_table, &d, NULL);
    if (!rc)
        rc = sqlite3_exec(d.h, "PRAGMA integrity_check", dump_row, &d, NULL);
    sqlite3_close(d.h);
    if (rc)
        buf_release(&d.out);
    return buf_take(&d.out);
}

#endif
