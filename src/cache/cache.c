/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/cache_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* A value that ends later than it could have been meant to was kept by a clock that was wrong. */
static const int64_t slack_us = 60 * INT64_C(1000000);

static void make_key(const struct cache *c, enum cache_kind kind, struct slice name,
                     char key[CACHE_KEY_TEXT])
{
    char hash[CACHE_NAME_TEXT];

    cache_seal_name(c->seal, name, hash);
    snprintf(key, CACHE_KEY_TEXT, "pgl:1:%.16s:%.10s:%s", c->space, cache_kind_def(kind)->name,
             hash);
}

/* ---- what is told to Redis ---- */

static int send_value(struct cache *c, const char *key, struct slice value, int64_t until_us)
{
    int64_t left_us = until_us - loop_wall_us(c->o.loop);
    struct buf sealed;
    char life[24];
    int rc;

    if (left_us <= 0)
        return ERR_OK;
    buf_init(&sealed, LIMIT_CACHE_VALUE + CACHE_SEALED_MORE);
    rc = cache_seal_close(c->seal, slice_of(key), value, until_us, &sealed);
    if (!rc) {
        struct slice set[] = {
            SLICE("SET"), slice_of(key), buf_slice(&sealed), SLICE("EX"), {life, 0}};

        set[4].n = (size_t)snprintf(life, sizeof(life), "%lld", (long long)(left_us / 1000000 + 1));
        rc = redis_send(c->redis, set, 5, NULL, NULL);
    }
    buf_release(&sealed);
    return rc;
}

static int send_gone(struct cache *c, const char *key)
{
    struct slice del[] = {SLICE("DEL"), slice_of(key)};

    return redis_send(c->redis, del, 2, NULL, NULL);
}

static bool goes_to_redis(const struct cache *c, enum cache_kind kind)
{
    return c->redis && (kind != CACHE_TOKEN || c->o.keep_token);
}

/* What has changed while Redis was away; a token that is not to be there at all is removed. */
static void catch_up(struct cache *c)
{
    int64_t now_us = loop_wall_us(c->o.loop);
    struct cache_entry *e;
    char key[CACHE_KEY_TEXT];

    for (e = c->mem.list.next; e != &c->mem.list; e = e->next) {
        struct slice text = cache_entry_key(e);

        if (!e->dirty || e->until_us <= now_us || text.n >= sizeof(key))
            continue;
        memcpy(key, text.p, text.n);
        key[text.n] = '\0';
        if (e->gone || !goes_to_redis(c, e->kind))
            e->dirty = send_gone(c, key) != ERR_OK;
        else
            e->dirty = send_value(c, key, cache_entry_value(e), e->until_us) != ERR_OK;
    }
}

static void cache_put(void *ctx, enum cache_kind kind, struct slice name, struct slice value)
{
    struct cache *c = ctx;
    const struct cache_kind_def *def = cache_kind_def(kind);
    int64_t until_us = loop_wall_us(c->o.loop) + def->life_us;
    struct cache_entry *e = NULL;
    char key[CACHE_KEY_TEXT];
    bool sent = false;

    make_key(c, kind, name, key);
    if (value.n > LIMIT_CACHE_VALUE || name.n > LIMIT_CACHE_NAME) {
        c->left_out++;
        value = (struct slice){NULL, 0}; /* what stood there before holds no more */
    }
    c->kept += value.p != NULL;
    if (def->in_memory)
        e = cache_mem_put(&c->mem, (uint8_t)kind, slice_of(key), value, until_us);
    if (c->redis && redis_state(c->redis) == REDIS_READY)
        sent = (value.p && goes_to_redis(c, kind) ? send_value(c, key, value, until_us)
                                                  : send_gone(c, key)) == ERR_OK;
    if (e)
        e->dirty = !sent;
    else if (!sent && c->redis)
        c->left_out++;
}

static void cache_drop(void *ctx, enum cache_kind kind, struct slice name)
{
    cache_put(ctx, kind, name, (struct slice){NULL, 0});
}

/* ---- questions ---- */

static void free_get(struct cache_get *g)
{
    g->c->n_gets--;
    free(g);
}

/* Out of the ring; it goes when Redis has replied as well. */
static void settle(struct cache_get *g)
{
    g->answered = true;
    g->prev->next = g->next;
    g->next->prev = g->prev;
}

static void answer(struct cache_get *g, struct slice value)
{
    cache_got_fn fn = g->fn;
    void *arg = g->arg;

    if (value.p)
        g->c->hits++;
    else
        g->c->misses++;
    settle(g);
    if (!g->sent)
        free_get(g);
    fn(arg, value);
}

/* From memory, or nothing. */
static void answer_here(struct cache_get *g)
{
    struct cache_entry *e = cache_mem_get(&g->c->mem, slice_of(g->key), loop_wall_us(g->c->o.loop));
    struct slice value = e ? cache_entry_value(e) : (struct slice){NULL, 0};
    struct buf copy;

    /* Whoever is told may put, which moves the entries. */
    buf_init(&copy, LIMIT_CACHE_VALUE);
    if (value.p && buf_add_slice(&copy, value) == ERR_OK)
        value = copy.p ? buf_slice(&copy) : SLICE("");
    else
        value = (struct slice){NULL, 0};
    answer(g, value);
    if (copy.p)
        explicit_bzero(copy.p, copy.n);
    buf_release(&copy);
}

static void on_value(void *arg, int rc, const struct resp_reply *reply)
{
    struct cache_get *g = arg;
    struct cache *c = g->c;
    int64_t now_us = loop_wall_us(c->o.loop), until_us = 0;
    struct slice value = {NULL, 0};
    struct buf text;

    g->sent = false;
    if (g->answered) {
        free_get(g);
        return;
    }
    buf_init(&text, LIMIT_CACHE_VALUE);
    if (!rc && reply->type == RESP_TEXT) {
        if (!cache_seal_open(c->seal, slice_of(g->key), reply->text, &until_us, &text) &&
            until_us > now_us && until_us <= now_us + cache_kind_def(g->kind)->life_us + slack_us)
            value = text.p ? buf_slice(&text) : SLICE("");
        else
            c->foreign++;
    }
    answer(g, value);
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_release(&text);
}

static void ask(struct cache_get *g)
{
    struct slice get[] = {SLICE("GET"), slice_of(g->key)};

    g->early = false;
    g->sent = redis_send(g->c->redis, get, 2, on_value, g) == ERR_OK;
    if (!g->sent)
        g->due_us = 0;
}

static void set_timer(struct cache *c)
{
    int64_t due_us = INT64_MAX;
    struct cache_get *g;

    for (g = c->asked.next; g != &c->asked; g = g->next)
        if (g->due_us < due_us)
            due_us = g->due_us;
    if (due_us != INT64_MAX)
        loop_timer_set_real(c->timer, due_us ? due_us - loop_clock_us() : 0);
}

/* Those whose time has come. A callback may ask and cancel: the ring is looked at from its start. */
static void on_timer(void *arg)
{
    struct cache *c = arg;
    int64_t now_us = loop_clock_us();
    struct cache_get *g = c->asked.next;

    while (g != &c->asked) {
        if (g->due_us > now_us) {
            g = g->next;
            continue;
        }
        c->late += g->sent || g->early;
        answer_here(g);
        g = c->asked.next;
    }
    set_timer(c);
}

static struct cache_get *cache_ask(void *ctx, enum cache_kind kind, struct slice name,
                                   cache_got_fn fn, void *arg)
{
    struct cache *c = ctx;
    struct cache_get *g =
        c->n_gets < LIMIT_CACHE_GETS && !c->stopped ? calloc(1, sizeof(*g)) : NULL;

    if (!g)
        return NULL;
    c->n_gets++;
    g->c = c;
    g->kind = kind;
    g->fn = fn;
    g->arg = arg;
    g->due_us = loop_clock_us() + CACHE_ANSWER_US;
    make_key(c, kind, name, g->key);
    g->prev = c->asked.prev;
    g->next = &c->asked;
    g->prev->next = g->next->prev = g;
    if (cache_mem_get(&c->mem, slice_of(g->key), loop_wall_us(c->o.loop)) ||
        !goes_to_redis(c, kind) || redis_state(c->redis) == REDIS_DOWN)
        g->due_us = 0;
    else if (redis_state(c->redis) == REDIS_TRYING)
        g->early = true;
    else
        ask(g);
    if (!loop_timer_armed(c->timer) || !g->due_us)
        loop_timer_set_real(c->timer, g->due_us ? CACHE_ANSWER_US : 0);
    return g;
}

static void cache_cancel(void *ctx, struct cache_get *g)
{
    (void)ctx;
    if (!g || g->answered)
        return;
    settle(g);
    if (!g->sent)
        free_get(g);
}

/* ---- Redis comes and goes ---- */

static void lost(struct cache *c)
{
    struct cache_entry *e;

    /* What was under way may not have arrived. There are few entries. */
    for (e = c->mem.list.next; e != &c->mem.list; e = e->next)
        e->dirty = true;
}

static void on_redis(void *arg)
{
    struct cache *c = arg;
    bool ready = redis_state(c->redis) == REDIS_READY, was = c->in_redis;
    struct cache_get *g;

    c->in_redis = ready;
    if (ready && !was)
        catch_up(c);
    else if (was && !ready)
        lost(c);
    if (redis_state(c->redis) != REDIS_TRYING)
        for (g = c->asked.next; g != &c->asked; g = g->next) {
            if (!g->early)
                continue;
            g->early = false;
            if (ready)
                ask(g);
            else
                g->due_us = 0;
        }
    set_timer(c);
    c->o.on_change(c->o.arg);
}

static int connect_to(struct cache *c, struct err *err)
{
    char probe[CACHE_KEY_TEXT];
    struct redis_opts ro = {.loop = c->o.loop,
                            .worker = c->o.worker,
                            .url = &c->url,
                            .ca_file = c->o.ca_file,
                            .insecure = c->o.insecure,
                            .probe = probe,
                            .on_change = on_redis,
                            .arg = c};
    int rc = redis_url_parse(slice_of(c->o.url), &c->url, &c->problem);

    if (rc == ERR_INVALID)
        return ERR_OK; /* a fact that the operator is told of */
    if (!rc && c->o.tls && !c->url.path[0])
        c->url.tls = true;
    if (!c->url.password[0] && c->o.password)
        snprintf(c->url.password, sizeof(c->url.password), "%s", c->o.password);
    redis_url_show(&c->url, c->shown, sizeof(c->shown));
    snprintf(probe, sizeof(probe), "pgl:1:%.16s:alive", c->space);
    rc = redis_new(&ro, &c->redis, err);
    explicit_bzero(c->url.password, sizeof(c->url.password));
    return rc;
}

/* ---- ---- */

int cache_new(const struct cache_opts *opts, struct cache **ret_cache, struct err *err)
{
    struct cache *c = calloc(1, sizeof(*c));
    int rc;

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->o = *opts;
    c->asked.prev = c->asked.next = &c->asked;
    cache_mem_init(&c->mem, opts->hash_key);
    c->port = (struct cache_port){c, cache_ask, cache_cancel, cache_put, cache_drop};
    rc = cache_seal_new(opts->key, slice_of(opts->access), &c->seal);
    if (!rc)
        rc = loop_timer_new(opts->loop, on_timer, c, &c->timer);
    if (rc) {
        cache_free(c);
        return err_set(err, rc, "out of memory");
    }
    cache_seal_name(c->seal, slice_of(opts->panel), c->space);
    c->configured = opts->url && *opts->url;
    rc = c->configured ? connect_to(c, err) : ERR_OK;
    /* The texts of the options are the caller's. */
    c->o.url = c->o.password = c->o.ca_file = c->o.panel = c->o.access = NULL;
    c->o.key = NULL;
    if (rc) {
        cache_free(c);
        return rc;
    }
    *ret_cache = c;
    return ERR_OK;
}

void cache_start(struct cache *c)
{
    if (c->redis)
        redis_start(c->redis);
}

void cache_stop(struct cache *c)
{
    c->stopped = true;
    while (c->asked.next != &c->asked)
        answer(c->asked.next, (struct slice){NULL, 0});
}

void cache_free(struct cache *c)
{
    struct cache_get *g;

    if (!c)
        return;
    while (c->asked.next && (g = c->asked.next) != &c->asked)
        cache_cancel(c, g);
    redis_free(c->redis); /* replies to what was asked are told: those questions go */
    loop_timer_free(c->timer);
    cache_mem_release(&c->mem);
    cache_seal_free(c->seal);
    free(c);
}

const struct cache_port *cache_port(struct cache *c)
{
    return &c->port;
}
