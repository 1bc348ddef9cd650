/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "store/db_events.h"
#include "store/db_heirs.h"
#include "base/banned.h"

enum { TOLD_MAX = 20, TEXT = 400 }; /* lines of the log at once */

struct looking {
    struct daemon *d;
    struct db *db;
    int64_t now_us;
    uint32_t n, fresh;
    char told[TOLD_MAX][TEXT];
    struct err *err;
};

static void describe(const struct db_heir *h, char *out, size_t max)
{
    char what[64] = "an exception", command[LIMIT_USER_NAME + 64];
    int n = (int)h->name.n;

    if (h->max_devices >= 0) {
        snprintf(what, sizeof(what), "a special limit of %d%s", h->max_devices,
                 h->excepted ? " and an exception" : "");
        snprintf(command, sizeof(command), "user add %.*s %d", n, h->name.p, h->max_devices);
    } else {
        snprintf(command, sizeof(command), "except add %.*s", n, h->name.p);
    }
    snprintf(out, max,
             "%.*s (id %lld) is new under the name of one who is gone (id %lld) and had %s: "
             "`pg-limiter %s` gives it to him%s",
             n, h->name.p, (long long)h->user_id, (long long)h->old_id, what, command,
             h->max_devices >= 0 && h->excepted ? ", `pg-limiter user take` both" : "");
}

/* Each is told once, as long as the event is remembered. */
static int see(void *arg, const struct db_heir *h)
{
    struct looking *l = arg;
    struct db_event_filter f = {.user_id = h->user_id, .kind = SLICE("recreated")};
    struct db_event ev = {.at_us = l->now_us,
                          .kind = f.kind,
                          .user_id = h->user_id,
                          .name = h->name,
                          .who = SLICE("pg-limiter")};
    char text[TEXT];
    int64_t told = 0;
    int rc = db_events_total(l->db, &f, &told, l->err);

    l->n++;
    if (rc || told)
        return rc;
    describe(h, text, sizeof(text));
    ev.what = slice_of(text);
    if (l->fresh < TOLD_MAX)
        memcpy(l->told[l->fresh], text, sizeof(text));
    l->fresh++;
    return db_events_add(l->db, &ev, NULL, l->err);
}

static int look(struct db *db, void *arg, struct err *err)
{
    struct looking *l = arg;

    l->db = db;
    l->err = err;
    l->n = l->fresh = 0;
    return db_heirs_each(db, 0, see, l, err);
}

static void looked(void *arg, int rc, const struct err *err)
{
    struct looking *l = arg;
    struct daemon *d = l->d;
    uint32_t i;

    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "users re-created under an old name were not looked for: %s",
                    err->text);
    if (!rc && !d->stopping) {
        d->heirs = l->n;
        for (i = 0; i < l->fresh && i < TOLD_MAX; i++)
            log_warning("panel", "%s", l->told[i]);
        if (l->fresh > TOLD_MAX)
            log_warning("panel", "%u more of them: `pg-limiter user recreated`",
                        l->fresh - TOLD_MAX);
    }
    free(l);
}

void heirs_look(struct daemon *d)
{
    struct looking *l = calloc(1, sizeof(*l));

    if (!l)
        return;
    l->d = d;
    l->now_us = daemon_now(d);
    if (owner_submit(d->owner, OWNER_WRITE, look, looked, l))
        free(l);
}
