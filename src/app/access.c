/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/log.h"
#include "panel/panel.h"
#include "panel/panel_opts.h"
#include "base/banned.h"

/*
 * Access to the panel tried before it is kept: a client of its own, which logs in and asks who it is, and
 * does nothing else. One at a time: every wrong password is shown to the panel's owner.
 */

struct trial {
    struct daemon *d;
    struct panel *panel;
    op_check_fn fn;
    void *arg;
};

static void end(void *arg)
{
    struct trial *t = arg;

    t->d->trial = NULL;
    panel_free(t->panel);
    free(t);
}

static void answered(void *arg, const struct call_result *result)
{
    struct trial *t = arg;

    t->fn(t->arg, result->rc, result->err);
    /* A panel is not freed inside what it calls; where the daemon ends, access_stop is doing it. */
    if (result->rc != ERR_CANCELLED && loop_defer(t->d->loop, end, t))
        log_error("panel", "out of memory: no other access can be tried before a restart");
}

void access_stop(struct daemon *d)
{
    if (!d->trial)
        return;
    loop_defer_cancel(d->loop, end, d->trial);
    end(d->trial);
}

void access_try(void *app, const struct settings *next, op_check_fn fn, void *arg)
{
    static const struct panel_events events = {0};
    struct panel_opts opts = panel_opts_of(next);
    struct daemon *d = app;
    struct trial *t = calloc(1, sizeof(*t));
    struct err err = {0};
    int rc = t ? ERR_OK : err_set(&err, ERR_NOMEM, "out of memory");

    if (!rc && (d->stopping || d->trial))
        rc = err_set(&err, ERR_BUSY, "another access is being tried");
    if (!rc) {
        *t = (struct trial){.d = d, .fn = fn, .arg = arg};
        rc = panel_new(d->loop, d->worker, &opts, &events, t, &t->panel, &err);
    }
    if (!rc && panel_get(t->panel, "/api/admin", "trying the access", answered, t)) {
        rc = err_set(&err, ERR_NOMEM, "out of memory");
        panel_free(t->panel);
    }
    if (rc) {
        free(t);
        fn(arg, rc, &err);
        return;
    }
    d->trial = t;
}
