/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webhook/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "webhook/webhook_int.h"
#include "base/banned.h"

/* What stands here: life, the queue, and what is noted of it. webhook_send.c has the attempts. */

static const int64_t poll_us = STAMP_SECOND / 2;  /* real: events are looked for */
static const int64_t count_us = 5 * STAMP_SECOND; /* real: those that wait are counted */
static const int64_t again_us = 2 * STAMP_SECOND; /* real: after the database failed */
static const int64_t rest_min_us = STAMP_SECOND, rest_max_us = 300 * STAMP_SECOND;
static const int64_t lost_tell_us = 3600 * STAMP_SECOND;

/* ---- jobs ---- */

static void items_clear(struct webhook_item *items, int *n)
{
    while (*n)
        free(items[--*n].body);
}

static void job_free(struct webhook_job *j)
{
    items_clear(j->items, &j->n_items);
    free(j);
}

static int job_run(struct db *db, void *arg, struct err *err)
{
    struct webhook_job *j = arg;

    items_clear(j->items, &j->n_items); /* of a run that was lost */
    return j->run(db, j, err);
}

static void job_done(void *arg, int rc, const struct err *err)
{
    struct webhook_job *j = arg;
    struct webhook *w = j->w;

    if (w->job == j)
        w->job = NULL;
    else
        w->forgetting--;
    if (rc && rc != ERR_CANCELLED && !w->told_unwritten) {
        w->told_unwritten = true;
        log_warning("webhook", "the database cannot be used, so nothing is sent: %s", err->text);
    } else if (!rc) {
        w->told_unwritten = false;
    }
    if (j->after && !w->freeing)
        j->after(j, rc, err);
    job_free(j);
}

/* Without memory or room in the queue it is tried again later, as after any failure. */
static bool submit(struct webhook *w, struct webhook_job *j, enum owner_kind kind)
{
    if (!j || w->opts.submit(w->opts.store, kind, job_run, job_done, j)) {
        free(j);
        if (!w->stopped)
            loop_timer_set_real(w->timer, again_us);
        return false;
    }
    return true;
}

static struct webhook_job *job_new(
    struct webhook *w, int (*run)(struct db *db, struct webhook_job *j, struct err *err),
    void (*after)(struct webhook_job *j, int rc, const struct err *err))
{
    struct webhook_job *j = calloc(1, sizeof(*j));

    if (j) {
        j->w = w;
        j->run = run;
        j->after = after;
        j->epoch = w->epoch;
        j->now_us = loop_wall_us(w->opts.loop);
        j->done_id = w->row.done_id;
    }
    return j;
}

/* The one job at a time. */
static void begin(struct webhook *w, struct webhook_job *j, enum owner_kind kind)
{
    w->job = j;
    if (!submit(w, j, kind))
        w->job = NULL;
}

static void later(struct webhook *w, int64_t us)
{
    if (!w->stopped)
        loop_timer_set_real(w->timer, us);
}

void webhook_go(struct webhook *w)
{
    later(w, 0);
}

/* ---- the row ---- */

static int load_run(struct db *db, struct webhook_job *j, struct err *err)
{
    return db_webhook_begin(db, &j->row, err);
}

static void load_after(struct webhook_job *j, int rc, const struct err *err)
{
    struct webhook *w = j->w;

    (void)err;
    if (!rc && w->url && j->epoch == w->epoch) {
        w->row = j->row;
        w->loaded = true;
    }
    later(w, rc ? again_us : 0);
}

static int forget_run(struct db *db, struct webhook_job *j, struct err *err)
{
    (void)j;
    return db_webhook_end(db, err);
}

/* Were it to fail, what waits now would go out when there is a URL again: no harm. */
static void forget(struct webhook *w)
{
    struct webhook_job *j = job_new(w, forget_run, NULL);

    w->forgetting++;
    if (!submit(w, j, OWNER_WRITE))
        w->forgetting--;
}

/* ---- what is given up ---- */

static void tell_lost(struct webhook *w, int64_t n, const char *why)
{
    int64_t now_us = loop_mono_us(w->opts.loop);

    w->given_up += (uint64_t)n;
    w->lost_untold += n;
    if (w->lost_told_us && now_us - w->lost_told_us < lost_tell_us)
        return;
    log_error("webhook", "%lld events are given up, the receiver at %s will not get them: %s",
              (long long)w->lost_untold, w->origin, why);
    w->lost_told_us = now_us;
    w->lost_untold = 0;
}

static int bound_run(struct db *db, struct webhook_job *j, struct err *err)
{
    return db_webhook_give_up(db, j->first_id - 1, j->now_us - WEBHOOK_AGE, LIMIT_WEBHOOK_WAITING,
                              &j->row, err);
}

static void bound_after(struct webhook_job *j, int rc, const struct err *err)
{
    struct webhook *w = j->w;
    int64_t lost = j->row.lost - w->row.lost;

    (void)err;
    if (!rc && w->loaded) {
        w->row = j->row;
        if (lost > 0)
            tell_lost(w, lost,
                      "they waited for 7 days, or for longer than events_days, or too many waited");
    }
    later(w, rc ? again_us : 0);
}

/* Waits for too long, or too many: whether something was given up for that. */
static bool bound(struct webhook *w, const struct webhook_job *look)
{
    struct webhook_job *j;

    if (look->newest - w->row.done_id <= LIMIT_WEBHOOK_WAITING &&
        (!look->first_id ||
         (look->first_id == w->row.done_id + 1 && look->first_us >= look->now_us - WEBHOOK_AGE)))
        return false;
    j = job_new(w, bound_run, bound_after);
    if (j)
        j->first_id = look->first_id ? look->first_id : look->newest + 1;
    begin(w, j, OWNER_WRITE);
    return true;
}

/* ---- the queue ---- */

static int add_item(void *arg, const struct db_event *row)
{
    struct webhook_job *j = arg;
    struct webhook_item *item = &j->items[j->n_items];
    struct db_event bare = *row;
    struct buf b;

    if (!j->first_id) {
        j->first_id = row->id;
        j->first_us = row->at_us;
    }
    if (j->n_items == j->most)
        return ERR_OK;
    buf_init(&b, LIMIT_WEBHOOK_BODY);
    webhook_form_body(&b, row);
    if (b.failed) {
        /* Its details can be of any size; the event itself must not hold up the others. */
        bare.data = (struct slice){NULL, 0};
        buf_release(&b);
        webhook_form_body(&b, &bare);
    }
    if (b.failed) {
        buf_release(&b);
        return ERR_NOMEM;
    }
    item->id = row->id;
    item->at_us = row->at_us;
    item->n = b.n;
    item->body = buf_take(&b);
    j->n_items++;
    return ERR_OK;
}

static int look_run(struct db *db, struct webhook_job *j, struct err *err)
{
    struct db_event_filter f = {.after_id = j->done_id,
                                .limit = j->most ? j->most : 1,
                                .oldest_first = true};
    int rc = db_webhook_newest(db, &j->newest, err);

    j->first_id = 0;
    return rc ? rc : db_events_each(db, &f, add_item, j, err);
}

static void look_after(struct webhook_job *j, int rc, const struct err *err)
{
    struct webhook *w = j->w;
    int64_t rest_us;

    (void)err;
    if (rc || !w->loaded || j->epoch != w->epoch || w->stopped) {
        later(w, rc ? again_us : 0);
        return;
    }
    w->newest = j->newest;
    w->oldest_us = j->first_id ? j->first_us : STAMP_NONE;
    if (bound(w, j))
        return;
    rest_us = w->ready_us - loop_mono_us(w->opts.loop);
    if (rest_us > 0) {
        loop_timer_set(w->timer, rest_us);
        return;
    }
    if (!j->n_items) {
        later(w, w->secret && w->http ? poll_us : count_us);
        return;
    }
    memcpy(w->items, j->items, sizeof(w->items));
    w->n_items = j->n_items;
    w->at = 0;
    j->n_items = 0;
    webhook_send(w);
}

static void look(struct webhook *w, bool count)
{
    struct webhook_job *j = job_new(w, look_run, look_after);

    items_clear(w->items, &w->n_items);
    if (j)
        j->most = count ? 0 : WEBHOOK_BATCH;
    begin(w, j, OWNER_READ);
}

/* ---- what is noted ---- */

static int note_run(struct db *db, struct webhook_job *j, struct err *err)
{
    return db_webhook_delivered(db, j->id, j->now_us, err);
}

static void go_on(struct webhook *w)
{
    if (++w->at < w->n_items && w->items[w->at].id == w->row.done_id + 1 && w->loaded &&
        !w->stopped)
        webhook_send(w);
    else
        webhook_go(w);
}

static void note_after(struct webhook_job *j, int rc, const struct err *err)
{
    struct webhook *w = j->w;

    (void)err;
    if (rc) {
        /* It would come twice if anything else went first. */
        later(w, again_us);
        return;
    }
    FAULT_POINT("webhook.noted");
    w->noting = 0;
    if (w->loaded) {
        w->row.done_id = j->id;
        w->row.delivered_us = j->now_us;
    }
    go_on(w);
}

static int drop_run(struct db *db, struct webhook_job *j, struct err *err)
{
    return db_webhook_give_up(db, j->id, INT64_MIN / 2, INT64_MAX / 2, &j->row, err);
}

static void drop_after(struct webhook_job *j, int rc, const struct err *err)
{
    struct webhook *w = j->w;
    int64_t lost = j->row.lost - w->row.lost;

    (void)err;
    if (rc && rc != ERR_NOT_FOUND) {
        later(w, again_us);
        return;
    }
    w->dropping = 0;
    if (!rc && w->loaded) {
        w->row = j->row;
        if (lost > 0)
            tell_lost(w, lost, "it has refused them for an hour");
    }
    go_on(w);
}

static void note_pending(struct webhook *w)
{
    struct webhook_job *j =
        w->noting ? job_new(w, note_run, note_after) : job_new(w, drop_run, drop_after);

    if (j)
        j->id = w->noting ? w->noting : w->dropping;
    begin(w, j, OWNER_WRITE);
}

void webhook_note(struct webhook *w, int64_t id, bool delivered)
{
    if (delivered)
        w->noting = id;
    else
        w->dropping = id;
    note_pending(w);
}

/* ---- pace ---- */

void webhook_rest(struct webhook *w, int64_t retry_after_s)
{
    int64_t wait_us = backoff_next(&w->backoff, loop_random(w->opts.loop));

    if (retry_after_s > WEBHOOK_RETRY_AFTER_MAX)
        retry_after_s = WEBHOOK_RETRY_AFTER_MAX;
    if (wait_us < retry_after_s * STAMP_SECOND)
        wait_us = retry_after_s * STAMP_SECOND;
    items_clear(w->items, &w->n_items);
    w->ready_us = loop_mono_us(w->opts.loop) + wait_us;
    if (w->stopped)
        return;
    loop_timer_set(w->timer, wait_us);
    if (!loop_timer_armed(w->count_timer))
        loop_timer_set_real(w->count_timer, count_us);
}

void webhook_recovered(struct webhook *w)
{
    backoff_reset(&w->backoff);
    w->ready_us = 0;
}

static void on_timer(void *arg)
{
    struct webhook *w = arg;

    if (!w->url || w->job || w->call)
        return;
    if (!w->loaded)
        begin(w, job_new(w, load_run, load_after), OWNER_WRITE);
    else if (w->noting || w->dropping)
        note_pending(w);
    else
        look(w, !w->secret || !w->http);
}

/* While it rests, what waits is counted, and bounded. */
static void on_count(void *arg)
{
    struct webhook *w = arg;

    if (!w->url || loop_mono_us(w->opts.loop) >= w->ready_us)
        return;
    if (w->loaded && !w->job && !w->call && !w->noting && !w->dropping)
        look(w, true);
    loop_timer_set_real(w->count_timer, count_us);
}

/* ---- life ---- */

int webhook_new(const struct webhook_opts *opts, struct webhook **ret_w)
{
    struct webhook *w = calloc(1, sizeof(*w));

    if (!w)
        return ERR_NOMEM;
    w->opts = *opts;
    w->ca_file = opts->ca_file && opts->ca_file[0] ? strdup(opts->ca_file) : NULL;
    w->oldest_us = w->failing_us = w->row.delivered_us = STAMP_NONE;
    w->error[0] = '\0';
    backoff_init(&w->backoff, rest_min_us, rest_max_us);
    if ((opts->ca_file && opts->ca_file[0] && !w->ca_file) ||
        loop_timer_new(opts->loop, on_timer, w, &w->timer) ||
        loop_timer_new(opts->loop, on_count, w, &w->count_timer)) {
        webhook_free(w);
        return ERR_NOMEM;
    }
    /* A row that an earlier life has left is forgotten, unless configure finds a URL. */
    return *ret_w = w, ERR_OK;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b) == 0;
}

static void drop_secret(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void calls_drop(struct webhook *w)
{
    if (w->call)
        http_cancel(w->call);
    w->call = NULL;
    items_clear(w->items, &w->n_items);
}

/* Its answers to attempts so far say nothing about another receiver. */
static void reset(struct webhook *w)
{
    webhook_recovered(w);
    w->tried = w->told_failing = w->told_long = false;
    w->failing_us = STAMP_NONE;
    w->failing_told = w->refused_id = 0;
    w->error[0] = '\0';
    w->cure = NULL;
}

static void switch_off(struct webhook *w)
{
    loop_timer_stop(w->timer);
    loop_timer_stop(w->count_timer);
    w->loaded = false;
    w->noting = w->dropping = 0;
    w->newest = 0;
    w->oldest_us = STAMP_NONE;
    w->row = (struct db_webhook){.delivered_us = STAMP_NONE};
    forget(w);
}

void webhook_configure(struct webhook *w, const char *url, const char *secret)
{
    struct http_opts ho = {.agent = w->opts.agent, .ca_file = w->ca_file};
    struct err err = {0};
    bool moved = !same(w->url, url);

    if (w->stopped || (!moved && same(w->secret, secret) && w->epoch))
        return;
    w->epoch++;
    calls_drop(w);
    reset(w);
    drop_secret(&w->secret);
    if (moved) {
        http_free(w->http);
        w->http = NULL;
        drop_secret(&w->url);
        w->origin[0] = '\0';
    }
    if (!url[0]) {
        switch_off(w);
        return;
    }
    w->secret = secret[0] ? strdup(secret) : NULL;
    if (moved) {
        w->url = strdup(url);
        if (!w->url) {
            log_error("webhook", "there is none: out of memory");
            return;
        }
        webhook_form_origin(url, w->origin);
    }
    if (!w->http && http_new(w->opts.loop, w->opts.worker, &ho, &w->http, &err)) {
        log_error("webhook", "nothing is sent to %s: %s", w->origin, err.text);
        snprintf(w->error, sizeof(w->error), "%s", err.text);
        w->cure = "see the reason: is WEBHOOK_CA_FILE right? Then `pg-limiter restart`";
        w->failing_us = loop_wall_us(w->opts.loop);
    } else if (!w->secret)
        log_warning(
            "webhook",
            "WEBHOOK_SECRET is not set: events wait and nothing is sent to %s, since nobody "
            "could tell who sent it",
            w->origin);
    else
        log_info("webhook", "events go to %s", w->origin);
    webhook_go(w);
}

void webhook_stop(struct webhook *w)
{
    w->stopped = true;
    loop_timer_stop(w->timer);
    loop_timer_stop(w->count_timer);
}

bool webhook_idle(const struct webhook *w)
{
    return !w->call && !w->probe && !w->job && !w->forgetting;
}

void webhook_halt(struct webhook *w)
{
    http_free(w->http);
    w->http = NULL;
}

void webhook_free(struct webhook *w)
{
    if (!w)
        return;
    w->stopped = w->freeing = true;
    http_free(w->http);
    loop_timer_free(w->timer);
    loop_timer_free(w->count_timer);
    items_clear(w->items, &w->n_items);
    drop_secret(&w->url);
    drop_secret(&w->secret);
    free(w->ca_file);
    free(w);
}
