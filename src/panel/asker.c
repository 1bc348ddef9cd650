/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/asker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "net/http.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
enum { ONLINE_DEADLINE_S = 10, ONLINE_BYTES = 4 << 20 };

struct question {
    struct question *prev, *next;
    struct asker *asker;
    int64_t id;
    int64_t real_us; /* sent at */
    struct call *call;
    panel_user_fn user_fn;
    panel_online_fn online_fn;
    void *arg;
};

static void pump(struct asker *a);

static void on_timer(void *arg)
{
    pump(arg);
}

int asker_init(struct asker *a, struct acts *acts, double rate)
{
    *a = (struct asker){.acts = acts, .calls = acts->calls};
    pace_init(&a->pace, rate);
    return loop_timer_new(acts->calls->loop, on_timer, a, &a->timer);
}

void asker_release(struct asker *a)
{
    loop_timer_free(a->timer);
    a->timer = NULL;
}

void asker_set_rate(struct asker *a, double rate)
{
    if (rate == a->pace.base)
        return;
    pace_set(&a->pace, rate);
    if (a->timer)
        loop_timer_set(a->timer, 0);
}

static void unlink_flying(struct question *q)
{
    if (q->prev)
        q->prev->next = q->next;
    else
        q->asker->flying = q->next;
    if (q->next)
        q->next->prev = q->prev;
}

static void tell(struct question *q, int rc, const struct err *err, const struct panel_user *user,
                 struct online_list *list)
{
    if (q->user_fn)
        q->user_fn(q->arg, rc, err, user);
    else
        q->online_fn(q->arg, rc, err, list);
    free(q);
}

static void on_user(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct question *q = arg;
    struct asker *a = q->asker;
    bool timed = rc == ERR_OK || rc == ERR_NOT_FOUND;

    unlink_flying(q);
    pace_end(&a->pace, timed ? loop_real_us(a->calls->loop) - q->real_us : -1);
    tell(q, rc, err, user, NULL);
    pump(a);
}

static void on_online(void *arg, const struct call_result *r)
{
    struct question *q = arg;
    struct asker *a = q->asker;
    struct online_list list = {0};
    struct err err = *r->err;
    int rc = r->rc;

    q->call = NULL;
    unlink_flying(q);
    /* A time-out is the slowest answer there is. */
    pace_end(&a->pace, rc == ERR_OK || rc == ERR_TIMEOUT ? r->took_us : -1);
    if (r->status == 403 || r->status == 422)
        a->acts->on_odd(a->acts->arg);
    if (rc == ERR_NOT_FOUND && r->missing != MISSING_USER)
        rc = err.code = ERR_REFUSED;
    if (!rc)
        rc = online_list_parse(buf_slice(r->body), &list, &err);
    tell(q, rc, &err, NULL, rc ? NULL : &list);
    online_list_release(&list);
    pump(a);
}

/* Panels from 5 on take the id, older ones the name. */
static int online_path(struct question *q, struct buf *path)
{
    struct acts *acts = q->asker->acts;
    struct slice name;

    /* A number is an id from 5 on and a name before: asked wrongly, the answer is about another. */
    if (!acts->version->known)
        return ERR_UNREACHABLE;
    buf_add_str(path, "/api/node/online_stats/");
    if (pversion_from(acts->version, 5, 0))
        buf_addf(path, "%lld", (long long)q->id);
    else if (acts->name_of && acts->name_of(acts->arg, q->id, &name))
        http_add_escaped(path, name);
    else
        return ERR_REFUSED;
    buf_add_str(path, "/ip");
    return path->failed ? ERR_TOO_BIG : ERR_OK;
}

static void ask_online(struct question *q)
{
    struct asker *a = q->asker;
    struct call_opts opts = {.method = "GET",
                             .aside = true,
                             .deadline_us = ONLINE_DEADLINE_S * SECOND,
                             .body_max = ONLINE_BYTES};
    struct err err = {0};
    struct buf path;
    char what[64];
    int rc;

    buf_init(&path, 1024);
    snprintf(what, sizeof(what), "online list of user %lld", (long long)q->id);
    rc = online_path(q, &path);
    opts.what = what;
    opts.path = buf_str(&path);
    if (!rc)
        rc = call_start(a->calls, &opts, on_online, q, &q->call);
    buf_release(&path);
    if (rc) {
        err_set(&err, rc, "%s: %s", what,
                rc == ERR_REFUSED       ? "his name is not known"
                : rc == ERR_UNREACHABLE ? "the panel's version is not known yet"
                                        : err_name(rc));
        unlink_flying(q);
        pace_end(&a->pace, -1);
        tell(q, rc, &err, NULL, NULL);
    }
}

static void pump(struct asker *a)
{
    struct question *q;
    int64_t now, wait;

    while (a->queue && !a->closing) {
        now = loop_mono_us(a->calls->loop);
        if (!pace_start(&a->pace, now, &wait)) {
            if (wait >= 0)
                loop_timer_set(a->timer, wait);
            return;
        }
        q = a->queue;
        a->queue = q->next;
        if (!a->queue)
            a->last = NULL;
        a->n--;
        q->prev = NULL;
        q->next = a->flying;
        if (q->next)
            q->next->prev = q;
        a->flying = q;
        q->real_us = loop_real_us(a->calls->loop);
        if (q->user_fn)
            act_read(a->acts, q->id, on_user, q);
        else
            ask_online(q);
    }
}

static int add(struct asker *a, int64_t id, bool urgent, struct question **ret_q)
{
    struct question *q;

    if (a->closing)
        return ERR_CANCELLED;
    if (a->n >= LIMIT_PANEL_QUEUE)
        return ERR_BUSY;
    q = calloc(1, sizeof(*q));
    if (!q)
        return ERR_NOMEM;
    q->asker = a;
    q->id = id;
    if (urgent || !a->queue) {
        q->next = a->queue;
        a->queue = q;
        if (!a->last)
            a->last = q;
    } else {
        a->last->next = q;
        a->last = q;
    }
    a->n++;
    if (!loop_timer_armed(a->timer))
        loop_timer_set(a->timer, 0);
    *ret_q = q;
    return ERR_OK;
}

int asker_user(struct asker *a, int64_t id, panel_user_fn fn, void *arg)
{
    struct question *q;
    int rc = add(a, id, false, &q);

    if (rc)
        return rc;
    q->user_fn = fn;
    q->arg = arg;
    return ERR_OK;
}

int asker_online(struct asker *a, int64_t id, bool urgent, panel_online_fn fn, void *arg)
{
    struct question *q;
    int rc;

    if (a->pace.base <= 0)
        return ERR_REFUSED;
    rc = add(a, id, urgent, &q);
    if (rc)
        return rc;
    q->online_fn = fn;
    q->arg = arg;
    return ERR_OK;
}

void asker_close(struct asker *a)
{
    struct question *q;
    struct err err;

    a->closing = true;
    err_set(&err, ERR_CANCELLED, "%s", err_name(ERR_CANCELLED));
    while ((q = a->queue)) {
        a->queue = q->next;
        tell(q, ERR_CANCELLED, &err, NULL, NULL);
    }
    a->last = NULL;
    a->n = 0;
}
