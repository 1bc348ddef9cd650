/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "base/log.h"
#include "store/db_import.h"
#include "base/banned.h"

/* Where an old program's database would be; nothing of it is opened. */
static bool find_old(const struct settings *s, char *out, size_t max)
{
    static const char form[] = "sqlite+aiosqlite:///";
    const char *url = settings_text(s, SET_DATABASE_URL);

    if (slice_starts(slice_of(url), slice_of(form)))
        snprintf(out, max, "%s", url + sizeof(form) - 1);
    else
        snprintf(out, max, "%s/data/pg_limiter.db", settings_text(s, SET_DATA_DIR));
    return access(out, R_OK) == 0;
}

void offer_look(struct daemon *d, struct db *db)
{
    char path[PATH_MAX];
    bool empty = false;
    struct err err;

    if (!find_old(&d->settings, path, sizeof(path)) || db_import_is_empty(db, &empty, &err) ||
        !empty)
        return;
    snprintf(d->offer, sizeof(d->offer),
             "%.300s is the database of the old program: `pg-limiter import` takes it over, and "
             "until then nobody enables whom it had disabled",
             path);
    log_warning("import", "%s", d->offer);
}
