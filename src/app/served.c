/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/log.h"
#include "bot/bot.h"
#include "base/banned.h"

/* The copy of the tables of admins that the bot goes by. */

struct reading {
    struct daemon *d;
    struct roster roster;
};

static int read_tables(struct db *db, void *arg, struct err *err)
{
    struct reading *r = arg;

    return roster_load(db, &r->roster, err);
}

static void told(void *arg, int rc, const struct err *err)
{
    struct reading *r = arg;
    struct daemon *d = r->d;

    if (rc && rc != ERR_CANCELLED)
        log_error("bot", "a change of the admins is kept but not in force: %s", err->text);
    if (!rc && !d->stopping) {
        roster_release(&d->roster);
        d->roster = r->roster;
        r->roster = (struct roster){0};
        if (d->bot)
            bot_changed(d->bot);
    }
    roster_release(&r->roster);
    free(r);
}

int served_load(struct daemon *d, struct db *db, struct err *err)
{
    return roster_load(db, &d->roster, err);
}

void served_reload(struct daemon *d)
{
    struct reading *r = calloc(1, sizeof(*r));

    if (r)
        r->d = d;
    if (!r || owner_submit(d->owner, OWNER_READ, read_tables, told, r)) {
        free(r);
        log_error("bot", "a change of the admins is kept but not in force: the database is busy");
    }
}

const struct roster *served_roster(void *app)
{
    return &((struct daemon *)app)->roster;
}
