/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geoask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "geo/atlas.h"
#include "geo/geocache.h"
#include "geo/geokeep.h"
#include "geo/geolook.h"
#include "net/http.h"
#include "service/jout.h"
#include "base/banned.h"

static const int64_t keep_us = 7 * 86400 * STAMP_SECOND;
static const int64_t first_retry_us = 300 * STAMP_SECOND, last_retry_us = 86400 * STAMP_SECOND;
static const int64_t first_rest_us = 30 * STAMP_SECOND, longest_rest_us = 3600 * STAMP_SECOND;
static const int64_t refused_rest_us = 60 * STAMP_SECOND;
static const int64_t call_us = 15 * STAMP_SECOND, tell_us = 10 * STAMP_SECOND;
static const int64_t look_us = 60 * STAMP_SECOND;

struct asked {
    bool on;
    char url[512];
    int64_t next_us; /* monotonic: not before */
    int failures;    /* in a row */
    uint64_t questions, answered, failed;
    char problem[160];
};

struct geoask {
    struct atlas_opts o;
    struct http *http;
    struct http_call *call;
    struct loop_timer *timer; /* the next question */
    struct loop_timer *again; /* looks for rows to be asked again */
    struct loop_timer *tell;  /* tells that more is known */
    struct geocache cache;
    struct geokeep *loading;
    struct geolook *look; /* NULL: there is no cache behind ours */
    bool loaded;
    struct addr *queue; /* a ring of LIMIT_GEO_QUEUE, made when it is first needed */
    uint32_t first, waiting;
    uint64_t left_out;
    struct asked at[PROVIDERS];
    int order[PROVIDERS], n_order;
    int now; /* the provider being asked */
    struct addr batch[PROVIDER_BATCH];
    size_t n_batch;
};

static void ask_next(struct geoask *g);

/* ---- the queue ---- */

static bool enqueue(struct geoask *g, struct geocache_row *row)
{
    if (row->waiting)
        return true;
    if (!g->queue)
        g->queue = calloc(LIMIT_GEO_QUEUE, sizeof(*g->queue));
    if (!g->queue || g->waiting == LIMIT_GEO_QUEUE) {
        g->left_out++;
        return false;
    }
    g->queue[(g->first + g->waiting++) % LIMIT_GEO_QUEUE] = row->sample;
    row->waiting = true;
    return true;
}

static void wake(struct geoask *g)
{
    if (!g->call && !loop_timer_armed(g->timer))
        loop_timer_set_real(g->timer, 0);
}

/* What the cache has (fn of geolook): instead of a question, or nothing, and a provider is asked. */
static void looked(void *arg, struct addr addr, const struct provider_told *told, int64_t until_us)
{
    struct geoask *g = arg;
    struct geocache_row *row = geocache_find(&g->cache, addr);

    if (!row)
        return;
    row->waiting = false;
    if (told && !row->told.known) {
        row->told = *told;
        row->until_us = until_us < loop_wall_us(g->o.loop) + keep_us ? until_us : 0;
        if (!loop_timer_armed(g->tell))
            loop_timer_set_real(g->tell, 0);
    }
    if (row->until_us <= loop_wall_us(g->o.loop) && enqueue(g, row))
        wake(g);
}

static void want(struct geoask *g, struct geocache_row *row)
{
    if (g->look && !row->looked && !row->waiting) {
        row->looked = true;
        row->waiting = geolook_ask(g->look, row->sample);
    }
    if (!row->waiting && enqueue(g, row))
        wake(g);
}

bool geoask_find(struct geoask *g, struct addr addr, struct geo *ret, struct slice *ret_isp)
{
    struct geocache_row *row;
    int64_t now_us = loop_wall_us(g->o.loop);

    if (!g->n_order || addr_classify(addr_device(addr, 128)) != ADDR_PUBLIC)
        return false;
    row = geocache_add(&g->cache, addr);
    if (!row)
        return false;
    if (row->until_us <= now_us)
        want(g, row);
    if (!row->told.known)
        return false;
    *ret = (struct geo){.asn = row->told.asn};
    memcpy(ret->country, row->told.country, sizeof(ret->country));
    *ret_isp = slice_of(row->told.isp);
    return true;
}

/* Nobody may come to ask for these again: the engine asks once for a device. */
static void look_again(void *arg)
{
    struct geoask *g = arg;
    int64_t now_us = loop_wall_us(g->o.loop);
    bool any = false;
    uint32_t i;

    for (i = 0; i < g->cache.n && g->waiting < LIMIT_GEO_QUEUE; i++) {
        struct geocache_row *row = &g->cache.rows[i];

        if (!row->waiting && row->failures && row->until_us <= now_us)
            any |= enqueue(g, row);
    }
    if (any)
        wake(g);
}

/* ---- answers ---- */

static void tell_changed(void *arg)
{
    struct geoask *g = arg;

    g->o.changed(g->o.arg);
}

static void not_told(struct geocache_row *row, int64_t now_us)
{
    int64_t pause_us = first_retry_us << (row->failures < 8 ? row->failures : 8);

    row->until_us = now_us + (pause_us < last_retry_us ? pause_us : last_retry_us);
    if (row->failures < UINT8_MAX)
        row->failures++;
}

static void take_told(struct geoask *g, const struct provider_told *told)
{
    int64_t now_us = loop_wall_us(g->o.loop);
    struct geokeep *keep = geokeep_new(g->n_batch);
    bool any = false;
    size_t i;

    for (i = 0; i < g->n_batch; i++) {
        struct geocache_row *row = geocache_find(&g->cache, g->batch[i]);

        if (!row)
            continue;
        row->waiting = false;
        if (!told[i].known) {
            not_told(row, now_us);
            continue;
        }
        any = true;
        row->told = told[i];
        row->failures = 0;
        row->until_us = now_us + keep_us;
        if (keep)
            geokeep_add(keep, row->block, &row->told, row->until_us);
        if (g->look)
            geolook_keep(g->look, row->block, &row->told, row->until_us);
    }
    geokeep_write(keep, g->o.submit, g->o.store, now_us);
    /* Not for every batch: each makes the engine look at all devices anew. */
    if (any && !loop_timer_armed(g->tell))
        loop_timer_set_real(g->tell, g->at[g->now].answered == 1 ? 0 : tell_us);
}

/* The provider rests; whom it was asked about waits for the next one, before the others. */
static void provider_failed(struct geoask *g, int64_t rest_us, const char *why)
{
    struct asked *p = &g->at[g->now];
    int64_t longer_us = first_rest_us << (p->failures < 7 ? p->failures : 7);
    size_t i;

    if (rest_us < longer_us)
        rest_us = longer_us;
    if (rest_us > longest_rest_us)
        rest_us = longest_rest_us;
    p->failures++;
    p->failed++;
    p->next_us = loop_real_us(g->o.loop) + rest_us;
    if (strcmp(p->problem, why) != 0)
        log_warning("geo", "%s: %s; it rests for %lld s", provider_def((enum provider)g->now)->name,
                    why, (long long)(rest_us / STAMP_SECOND));
    snprintf(p->problem, sizeof(p->problem), "%s", why);
    for (i = 0; i < g->n_batch; i++) {
        struct geocache_row *row = geocache_find(&g->cache, g->batch[i]);

        if (!row)
            continue;
        row->waiting = false;
        if (!enqueue(g, row))
            not_told(row, loop_wall_us(g->o.loop));
    }
}

static void on_answer(void *arg, int rc, const struct err *err, struct http_answer *a)
{
    struct geoask *g = arg;
    struct provider_told *told;
    char why[160];

    g->call = NULL;
    if (rc == ERR_CANCELLED)
        return;
    told = calloc(PROVIDER_BATCH, sizeof(*told));
    if (rc) {
        snprintf(why, sizeof(why), "%.150s", err->text);
        provider_failed(g, 0, why);
    } else if (a->status == 429) {
        provider_failed(g, a->retry_after_s > 0 ? a->retry_after_s * STAMP_SECOND : refused_rest_us,
                        "it says that it was asked too often (429)");
    } else if (a->status != 200) {
        snprintf(why, sizeof(why), "it answered with status %d", a->status);
        provider_failed(g, 0, why);
    } else if (!told || provider_read((enum provider)g->now, buf_slice(a->body), g->batch,
                                      g->n_batch, told)) {
        provider_failed(g, 0, "its answer is not of its form");
    } else {
        g->at[g->now].failures = 0;
        g->at[g->now].answered++;
        g->at[g->now].problem[0] = '\0';
        take_told(g, told);
    }
    free(told);
    ask_next(g);
}

/* ---- questions ---- */

/* The first one in the order of the setting that may be asked now; -1: none, and how long until one may. */
static int choose(const struct geoask *g, int64_t *ret_wait_us)
{
    int64_t now_us = loop_real_us(g->o.loop);
    int i;

    *ret_wait_us = longest_rest_us;
    for (i = 0; i < g->n_order; i++) {
        const struct asked *p = &g->at[g->order[i]];

        if (p->next_us <= now_us)
            return g->order[i];
        if (p->next_us - now_us < *ret_wait_us)
            *ret_wait_us = p->next_us - now_us;
    }
    return -1;
}

static int start(struct geoask *g)
{
    struct asked *p = &g->at[g->now];
    const struct provider_def *def = provider_def((enum provider)g->now);
    struct http_header headers[3] = {{"Content-Type", "application/json"}, {"Expect", NULL}};
    struct http_request req = {.headers = headers,
                               .n_headers = 2,
                               .deadline_us = call_us,
                               .body_max = LIMIT_GEO_ANSWER};
    struct buf url, body, auth;
    int rc;

    buf_init(&url, 2048);
    buf_init(&body, 16384);
    buf_init(&auth, 1024);
    if (def->token) {
        buf_addf(&auth, "Bearer %s", settings_text(g->o.settings, SET_IPINFO_TOKEN));
        headers[req.n_headers++] = (struct http_header){"Authorization", buf_str(&auth)};
    }
    rc = provider_ask(p->url, g->batch, g->n_batch, &url, &body);
    if (!rc) {
        req.method = body.n ? "POST" : "GET";
        req.url = buf_str(&url);
        req.body = body.n ? buf_slice(&body) : (struct slice){NULL, 0};
        rc = http_start(g->http, &req, on_answer, g, &g->call);
    }
    p->next_us = loop_real_us(g->o.loop) + def->pause_us;
    p->questions++;
    buf_release(&url);
    buf_release(&body);
    buf_release(&auth);
    return rc;
}

static void ask_next(struct geoask *g)
{
    int64_t wait_us;
    int rc;

    if (g->call || !g->waiting)
        return;
    g->now = choose(g, &wait_us);
    if (g->now < 0) {
        if (g->n_order)
            loop_timer_set_real(g->timer, wait_us);
        return;
    }
    g->n_batch = 0;
    while (g->waiting && g->n_batch < (size_t)provider_def((enum provider)g->now)->batch) {
        g->batch[g->n_batch++] = g->queue[g->first];
        g->first = (g->first + 1) % LIMIT_GEO_QUEUE;
        g->waiting--;
    }
    rc = start(g);
    if (rc) {
        provider_failed(g, 0, rc == ERR_INVALID ? "its URL is not valid" : err_name(rc));
        loop_timer_set_real(g->timer, first_rest_us);
    }
}

static void on_timer(void *arg)
{
    ask_next(arg);
}

/* ---- settings ---- */

static void set_urls(struct geoask *g, const struct settings *s)
{
    struct slice rest = slice_of(settings_text(s, SET_GEO_PROVIDER_URLS)), url, name;
    enum provider p;
    int i;

    for (i = 0; i < PROVIDERS; i++)
        snprintf(g->at[i].url, sizeof(g->at[i].url), "%s", provider_def((enum provider)i)->url);
    while (rest.p && rest.n) {
        url = slice_cut(&rest, ',');
        name = slice_cut(&url, '=');
        if (url.p && !provider_find(name, &p))
            snprintf(g->at[p].url, sizeof(g->at[p].url), "%.*s", (int)url.n, url.p);
    }
}

static void switch_on(struct geoask *g, enum provider p)
{
    int i;

    for (i = 0; i < g->n_order; i++)
        if (g->order[i] == (int)p)
            return;
    g->order[g->n_order++] = (int)p;
}

static int each_kept(void *arg, struct addr block, const struct provider_told *told,
                     int64_t until_us)
{
    struct geoask *g = arg;
    struct geocache_row *row = geocache_add(&g->cache, block);

    if (!row)
        return ERR_NOMEM;
    if (!row->told.known) {
        row->told = *told;
        row->until_us = until_us;
    }
    return ERR_OK;
}

static void loaded(void *arg, struct geokeep *keep)
{
    struct geoask *g = arg;

    g->loading = NULL;
    if (geokeep_each(keep, each_kept, g) > 0 && !loop_timer_armed(g->tell))
        loop_timer_set_real(g->tell, 0);
}

void geoask_configure(struct geoask *g)
{
    const struct settings *s = g->o.settings;
    static const struct http_opts opts = {.agent = "pg-limiter"};
    struct slice rest = slice_of(settings_text(s, SET_GEO_PROVIDERS));
    int before = g->n_order;
    enum provider p;
    struct err err;

    g->n_order = 0;
    while (rest.p && rest.n)
        if (!provider_find(slice_cut(&rest, ','), &p) &&
            (p != PROVIDER_IPINFO || settings_has(s, SET_IPINFO_TOKEN)))
            switch_on(g, p);
    if (settings_has(s, SET_IPINFO_TOKEN))
        switch_on(g, PROVIDER_IPINFO);
    set_urls(g, s);
    if (g->n_order && !g->http && http_new(g->o.loop, g->o.worker, &opts, &g->http, &err)) {
        log_error("geo", "providers are not asked: %s", err.text);
        g->n_order = 0;
    }
    if (!g->n_order) {
        loop_timer_stop(g->timer);
        loop_timer_stop(g->again);
        return;
    }
    if (!before)
        log_warning("geo", "addresses of customers that the databases do not know are sent to %s",
                    g->n_order > 1 ? "the providers of geo_providers"
                                   : provider_def((enum provider)g->order[0])->name);
    if (!loop_timer_armed(g->again))
        loop_timer_every(g->again, look_us);
    if (!g->loaded) {
        g->loaded = true;
        g->loading = geokeep_read(g->o.submit, g->o.store, loop_wall_us(g->o.loop), loaded, g);
    }
    wake(g);
}

bool geoask_is_on(const struct geoask *g)
{
    return g->n_order > 0;
}

/* ---- ---- */

struct geoask *geoask_new(const struct atlas_opts *opts)
{
    struct geoask *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->o = *opts;
    geocache_init(&g->cache, opts->key);
    if (opts->cache) {
        g->look = geolook_new(&(
            struct geolook_opts){.loop = opts->loop, .cache = opts->cache, .fn = looked, .arg = g});
        if (!g->look) {
            geoask_free(g);
            return NULL;
        }
    }
    if (loop_timer_new(opts->loop, on_timer, g, &g->timer) ||
        loop_timer_new(opts->loop, look_again, g, &g->again) ||
        loop_timer_new(opts->loop, tell_changed, g, &g->tell)) {
        geoask_free(g);
        return NULL;
    }
    return g;
}

void geoask_free(struct geoask *g)
{
    if (!g)
        return;
    if (g->call)
        http_cancel(g->call);
    geokeep_drop(g->loading);
    geolook_free(g->look);
    http_free(g->http);
    loop_timer_free(g->timer);
    loop_timer_free(g->again);
    loop_timer_free(g->tell);
    geocache_release(&g->cache);
    free(g->queue);
    free(g);
}

void geoask_json(const struct geoask *g, struct buf *out)
{
    int64_t now_us = loop_real_us(g->o.loop);
    int i;

    jout_open(out, "providers", '[');
    for (i = 0; i < g->n_order; i++) {
        const struct asked *p = &g->at[g->order[i]];

        jout_open(out, NULL, '{');
        jout_text(out, "name", provider_def((enum provider)g->order[i])->name);
        jout_int(out, "asked", (int64_t)p->questions);
        jout_int(out, "answered", (int64_t)p->answered);
        jout_int(out, "failed", (int64_t)p->failed);
        jout_int(out, "resting_s",
                 p->failures && p->next_us > now_us ? (p->next_us - now_us) / STAMP_SECOND : 0);
        jout_text(out, "problem", p->problem[0] ? p->problem : NULL);
        jout_close(out, '}');
    }
    jout_close(out, ']');
    jout_int(out, "waiting", g->waiting);
    jout_int(out, "cached", g->cache.n);
    jout_int(out, "left_out", (int64_t)g->left_out);
}
