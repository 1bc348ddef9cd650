/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "core/online/readplan.h"
#include "panel/onliners.h"
#include "service/jout.h"
#include "base/banned.h"

/*
 * Reads the online list: whom the plan names, two at a time at the most, at the pace that the panel's client
 * keeps. A panel that answers slowly or never is asked less often, and nothing else waits for it.
 */

enum { FLYING = 2, LONGEST_PAUSE_S = 64 };
static const int64_t look_us = STAMP_SECOND / 10, sample_us = 5 * STAMP_SECOND;
static const int64_t list_us = 60 * STAMP_SECOND, list_look_us = 2 * STAMP_SECOND;

struct reader {
    struct daemon *d;
    struct readplan plan;
    struct loop_timer *timer, *list_timer, *sample_timer;
    struct onliners *listing;
    unsigned flying;
    int64_t pause_s, paused_us; /* after failures: not before */
    int64_t listed_us;          /* monotonic: when the panel's online users were last asked for */
    uint64_t answered, failed;
    bool told;
};

struct question {
    struct reader *r;
    int64_t id;
};

static bool is_on(const struct reader *r)
{
    const struct daemon *d = r->d;

    return d->policy.sources != SOURCES_LOG && settings_real(&d->settings, SET_ONLINE_RATE) > 0 &&
           !d->stopping;
}

void reader_watch(struct reader *r, int64_t id)
{
    int rc = readplan_watch(&r->plan, id);

    if (rc)
        log_debug("online", "id %lld is not read closely: %s", (long long)id, err_name(rc));
}

static void note_failure(struct reader *r, const struct err *err)
{
    r->failed++;
    r->pause_s = r->pause_s ? r->pause_s * 2 : 2;
    if (r->pause_s > LONGEST_PAUSE_S)
        r->pause_s = LONGEST_PAUSE_S;
    r->paused_us = loop_mono_us(r->d->loop) + r->pause_s * STAMP_SECOND;
    if (!r->told && r->pause_s > 8)
        log_warning("online", "the online list cannot be read, the log goes on: %s", err->text);
    r->told |= r->pause_s > 8;
}

static void on_answer(void *arg, int rc, const struct err *err, struct online_list *list)
{
    struct question *q = arg;
    struct reader *r = q->r;
    struct daemon *d = r->d;
    int64_t id = q->id, last_us;

    free(q);
    r->flying--;
    if (rc == ERR_CANCELLED)
        return;
    if (rc && rc != ERR_NOT_FOUND) {
        note_failure(r, err);
        return;
    }
    if (r->told)
        log_info("online", "the online list can be read again");
    r->told = false;
    r->pause_s = 0;
    r->answered++;
    if (rc || !is_on(r))
        return;
    watch_online(d->watch, id, list);
    carry_decisions(d->carry);
    if (engine_read_every(d->engine, id, daemon_now(d), &last_us))
        reader_watch(r, id);
}

static void look(void *arg)
{
    struct reader *r = arg;
    struct daemon *d = r->d;
    int64_t id;

    if (!is_on(r) || !panel_state(d->panel).up || loop_mono_us(d->loop) < r->paused_us)
        return;
    while (r->flying < FLYING) {
        struct question *q;

        id = readplan_next(&r->plan, d->engine, d->policy.sources == SOURCES_ONLINE, daemon_now(d));
        q = id ? malloc(sizeof(*q)) : NULL;
        if (!q)
            return;
        *q = (struct question){r, id};
        if (panel_online(d->panel, id, false, on_answer, q)) {
            free(q);
            return;
        }
        r->flying++;
    }
}

static unsigned bounded(double users)
{
    return users < 0 ? 0 : users < SAMPLE_MOST ? (unsigned)users : SAMPLE_MOST;
}

/*
 * A third of the readings are for comparing the sources, at ten seconds each; two thirds while a node
 * seems to lose lines, but for what is needed for those who are watched.
 */
static void sample(void *arg)
{
    struct reader *r = arg;
    struct daemon *d = r->d;
    int64_t ids[SAMPLE_MOST];
    double rate = panel_online_rate(d->panel),
           watched = (double)r->plan.n_close - engine_sampled(d->engine);
    unsigned most = bounded(rate * 10 / 3), suspect = bounded(rate * 20 / 3 - 2 * watched);
    size_t n, i;

    if (!is_on(r) || r->told || d->policy.sources != SOURCES_BOTH)
        most = 0;
    n = engine_sample_lines(d->engine, most, suspect > most ? suspect : most, daemon_now(d), ids);
    for (i = 0; i < n; i++)
        reader_watch(r, ids[i]);
}

static void on_list(void *arg, int rc, const struct err *err, const int64_t *ids, size_t n)
{
    struct reader *r = arg;

    r->listing = NULL;
    if (rc && rc != ERR_CANCELLED)
        log_debug("online", "%s", err->text);
    else if (!rc && readplan_online(&r->plan, ids, n))
        log_error("online", "out of memory");
}

static void list(void *arg)
{
    struct reader *r = arg;

    int64_t now_us = loop_mono_us(r->d->loop);

    if (!is_on(r) || r->listing || !panel_state(r->d->panel).up ||
        (r->listed_us && now_us - r->listed_us < list_us))
        return;
    r->listed_us = now_us;
    if (onliners_start(r->d->panel, r->d->loop, on_list, r, &r->listing))
        r->listing = NULL;
}

struct reader *reader_new(struct daemon *d)
{
    struct reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->d = d;
    readplan_init(&r->plan);
    if (loop_timer_new(d->loop, look, r, &r->timer) ||
        loop_timer_new(d->loop, list, r, &r->list_timer) ||
        loop_timer_new(d->loop, sample, r, &r->sample_timer)) {
        reader_free(r);
        return NULL;
    }
    loop_timer_every(r->timer, look_us);
    loop_timer_every(r->list_timer, list_look_us);
    loop_timer_every(r->sample_timer, sample_us);
    return r;
}

void reader_free(struct reader *r)
{
    if (!r)
        return;
    onliners_drop(r->listing);
    loop_timer_free(r->timer);
    loop_timer_free(r->list_timer);
    loop_timer_free(r->sample_timer);
    readplan_release(&r->plan);
    free(r);
}

void reader_json(const struct daemon *d, struct buf *out)
{
    static const char *const names[] = {"both", "log", "online"};
    const struct reader *r = d->reader;

    jout_open(out, "online_list", '{');
    jout_text(out, "sources", names[d->policy.sources]);
    jout_bool(out, "failing", r && r->told);
    jout_int(out, "readings", r ? (int64_t)r->answered : 0);
    jout_int(out, "failed", r ? (int64_t)r->failed : 0);
    jout_int(out, "read_closely", r ? (int64_t)r->plan.n_close : 0);
    jout_int(out, "online_users", r ? (int64_t)r->plan.n_round : 0);
    jout_real(out, "most_per_s", panel_online_rate(d->panel), 2);
    jout_close(out, '}');
}
