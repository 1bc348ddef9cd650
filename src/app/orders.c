/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

/* A person's orders, into the enforcement and back as the answer of an operation. */

struct order {
    op_enable_fn fn;
    void *arg;
    int64_t id;
    char name[LIMIT_USER_NAME + 1];
    const char *done; /* "disabled", "adopted" */
};

static void told(void *arg, int rc, const char *text, const struct enforce_view *view)
{
    struct order *o = arg;
    struct err err = {0};
    struct buf out;

    if (rc && rc != ERR_BUSY) {
        err_set(&err, rc, "%s: %s", o->name, text);
        o->fn(o->arg, rc, &err, (struct slice){NULL, 0});
        free(o);
        return;
    }
    buf_init(&out, 4096);
    jout_open(&out, NULL, '{');
    jout_int(&out, "id", o->id);
    jout_text(&out, "username", o->name);
    jout_text(&out, "result", rc ? "waiting" : o->done);
    jout_text(&out, "detail", text);
    jout_time(&out, "due_at", view ? view->due_us : STAMP_NONE);
    jout_close(&out, '}');
    o->fn(o->arg, ERR_OK, NULL, buf_slice(&out));
    buf_release(&out);
    free(o);
}

/* Nothing that is ordered waits for a panel nobody knows of. */
static int may_order(const struct daemon *d, struct err *err)
{
    if (d->stopping)
        return err_set(err, ERR_CANCELLED, "the daemon is stopping");
    if (d->hold)
        return err_set(err, ERR_REFUSED,
                       "nobody is touched until the panel's users are confirmed: "
                       "`pg-limiter config set enforcement on`");
    if (!d->recovered)
        return err_set(err, ERR_BUSY,
                       "the journal is still being compared with the panel: try again");
    if (!panel_state(d->panel).up)
        return err_set(err, ERR_UNREACHABLE, "the panel does not answer at the moment");
    return ERR_OK;
}

static void action_of(const struct op_order *what, char *out, size_t n)
{
    const char *verb = what->adopt ? "adopt" : "disable";
    long long minutes = (long long)(what->duration_us / STAMP_SECOND / 60);

    if (what->revoke)
        snprintf(out, n, "revoke");
    else if (what->duration_us == 0)
        snprintf(out, n, "%s until enabled by hand", verb);
    else if (what->duration_us % (60 * STAMP_SECOND))
        snprintf(out, n, "%s %llds", verb, (long long)(what->duration_us / STAMP_SECOND));
    else
        snprintf(out, n, "%s %lldm", verb, minutes);
}

static int give(struct daemon *d, const struct op_order *what, struct order *o, struct err *err)
{
    char action[48];
    struct buf why;
    struct enforce_case c;
    int rc;

    action_of(what, action, sizeof(action));
    buf_init(&why, 4096);
    jout_open(&why, NULL, '{');
    jout_str(&why, "ordered_by", what->who);
    jout_str(&why, "reason", what->reason);
    jout_close(&why, '}');
    c = (struct enforce_case){.user_id = what->id,
                              .name = slice_of(o->name),
                              .verdict_us = daemon_now(d),
                              .duration_us = what->duration_us,
                              .action = slice_of(action),
                              .evidence = buf_slice(&why),
                              .revoke = what->revoke,
                              .ordered_by = what->who,
                              .told = told,
                              .told_arg = o};
    log_warning("enforce", "%s: %s, ordered by %.*s%s%.*s", o->name, action, LOG_SLICE(what->who),
                what->reason.n ? ": " : "", LOG_SLICE(what->reason));
    tell_ordered(d, what, o->name);
    rc = what->adopt ? enforce_adopt(d->enforce, &c, what->groups, what->n_groups, err)
                     : enforce_punish(d->enforce, &c, err);
    buf_release(&why);
    return rc;
}

void orders_give(void *app, const struct op_order *what, op_enable_fn fn, void *arg)
{
    struct daemon *d = app;
    struct order *o = calloc(1, sizeof(*o));
    struct err err = {0};
    int rc;

    stuck_changed(d);
    rc = o ? may_order(d, &err) : err_set(&err, ERR_NOMEM, "out of memory");

    if (!rc) {
        *o = (struct order){.fn = fn,
                            .arg = arg,
                            .id = what->id,
                            .done = what->adopt ? "adopted" : "disabled"};
        snprintf(o->name, sizeof(o->name), "%.*s", (int)what->name.n,
                 what->name.n ? what->name.p : "");
        if (!o->name[0])
            snprintf(o->name, sizeof(o->name), "id:%lld", (long long)what->id);
        rc = give(d, what, o, &err);
    }
    if (!rc)
        return;
    free(o);
    fn(arg, rc, &err, (struct slice){NULL, 0});
}

int orders_pardon(void *app, int64_t id, int64_t until_us)
{
    struct daemon *d = app;

    if (d->stopping)
        return ERR_OK; /* the next start reads it */
    carry_excuse(d->carry, id);
    return engine_pardon(d->engine, id, until_us);
}
