/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/engine_int.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

static const int64_t longest_window_us = 600 * STAMP_SECOND; /* what the setting may be at most */

static const int64_t breaker_memory_us = 7 * 86400 * STAMP_SECOND;

static void release_user(struct user *u)
{
    past_free(&u->past);
    user_release(u);
}

static void widen(struct engine *e)
{
    e->wide = e->policy;
    e->wide.active_window_us = longest_window_us;
}

struct engine *engine_new(const struct policy *policy, struct hash_key key)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->policy = *policy;
    e->key = key;
    scan_rules_init(&e->rules);
    addrset_seal(&e->rules.ignored);
    sources_init(&e->sources);
    imap_init(&e->node_by_id, key);
    imap_init(&e->user_by_id, key);
    smap_init(&e->tag_by_text, key, LIMIT_TAGS);
    shared_init(&e->marks, key);
    timers_init(&e->due);
    peaks_init(&e->peaks, key);
    widen(e);
    breaker_init(&e->breaker);
    e->limits_gen = 1;
    e->limits = limits_new(key);
    if (!e->limits) {
        engine_free(e);
        return NULL;
    }
    return e;
}

void engine_free(struct engine *e)
{
    struct decision d;
    uint32_t i;

    if (!e)
        return;
    while (engine_take(e, &d))
        decision_release(&d);
    for (i = 0; i < e->n_slots; i++)
        release_user(engine_slot(e, i));
    for (i = 0; i < e->n_chunks; i++)
        free(e->chunks[i]);
    for (i = 0; i < e->n_tags; i++)
        free(e->tags[i]);
    for (i = 0; i < e->n_nodes; i++)
        loss_release(&e->nodes[i].loss);
    free(e->chunks);
    free(e->free_slots);
    free(e->nodes);
    free(e->waiting);
    free(e->out);
    free(e->suspects);
    free(e->touched);
    scan_rules_release(&e->rules);
    sources_release(&e->sources);
    limits_free(e->limits);
    imap_release(&e->node_by_id);
    imap_release(&e->user_by_id);
    smap_release(&e->tag_by_text);
    shared_release(&e->marks);
    timers_release(&e->due);
    peaks_release(&e->peaks);
    breaker_release(&e->breaker);
    sampler_release(&e->sampler);
    free(e);
}

/* ---- what it judges by ---- */

void engine_set_policy(struct engine *e, const struct policy *policy, int64_t now_us)
{
    bool starts = policy->mode == MODE_ON && e->policy.mode != MODE_ON;
    bool stops = policy->mode != MODE_ON && e->policy.mode == MODE_ON;
    bool other_keys =
        policy->group_by != e->policy.group_by || policy->ipv6_prefix != e->policy.ipv6_prefix;
    uint32_t i;

    if (policy->check_interval_us != e->policy.check_interval_us && e->next_check_us)
        e->next_check_us = now_us - now_us % policy->check_interval_us + policy->check_interval_us;
    e->policy = *policy;
    widen(e);
    e->limits_gen++;
    faulty_forget(e);
    if (other_keys)
        place_forget_all(e);
    if (stops)
        punish_drop_waiting(e);
    if (!starts)
        return;
    for (i = 0; i < e->n_slots; i++) {
        struct user *u = engine_slot(e, i);

        /* Who is CLEAR keeps his pardon. */
        if (u->id && u->state == USER_CLEAR)
            user_drop_lanes(u);
        else if (u->id && !(u->state == USER_PUNISHED && u->really))
            judge_clear(e, u);
        if (u->id)
            listing_drop(u);
    }
}

const struct policy *engine_policy(const struct engine *e)
{
    return &e->policy;
}

struct scan_rules *engine_scan_rules(struct engine *e)
{
    return &e->rules;
}

struct limits *engine_limits(struct engine *e)
{
    return e->limits;
}

void engine_limits_changed(struct engine *e)
{
    e->limits_gen++;
}

int engine_limit_of(struct engine *e, struct user *u)
{
    enum limit_source from;
    enum policy_mode mode;

    if (u->limits_gen == e->limits_gen)
        return u->limit;
    u->limit = (uint16_t)limits_of(e->limits, u->id, e->policy.general_limit, &from);
    u->limit_from = (uint8_t)from;
    mode = limits_mode(e->limits, u->id, e->policy.mode);
    u->restart |= u->limits_gen && u->mode != MODE_ON && mode == MODE_ON;
    u->mode = (uint8_t)mode & 3;
    u->limits_gen = e->limits_gen;
    return u->limit;
}

/* ---- nodes ---- */

int engine_node(struct engine *e, int64_t node_id, int64_t clock_us, uint16_t *ret_node)
{
    uint32_t at = imap_get(&e->node_by_id, node_id);
    struct engine_node *n;
    int rc;

    if (at != MAP_FREE) {
        *ret_node = (uint16_t)at;
        return ERR_OK;
    }
    if (e->n_nodes >= LIMIT_NODES)
        return ERR_TOO_BIG;
    if (e->n_nodes == e->cap_nodes) {
        uint32_t cap = e->cap_nodes ? e->cap_nodes * 2 : 8;

        n = realloc(e->nodes, cap * sizeof(*n));
        if (!n)
            return ERR_NOMEM;
        e->nodes = n;
        e->cap_nodes = cap;
    }
    rc = imap_put(&e->node_by_id, node_id, e->n_nodes);
    if (rc)
        return rc;
    n = &e->nodes[e->n_nodes];
    *n = (struct engine_node){.cover = {.node_id = node_id},
                              .cdn = sources_is_cdn_node(&e->sources, node_id),
                              .disabled = sources_is_disabled_node(&e->sources, node_id)};
    clock_init(&n->clock, clock_us);
    *ret_node = (uint16_t)e->n_nodes++;
    return ERR_OK;
}

void engine_stream_opened(struct engine *e, uint16_t node, int64_t now_us)
{
    struct coverage *c = &e->nodes[node].cover;

    if (c->first_open_us == 0)
        c->first_open_us = now_us;
    else
        c->reconnects++;
    c->last_open_us = now_us;
    c->open_streams++;
    c->down_since_us = 0;
    clock_opened(&e->nodes[node].clock, now_us);
}

void engine_stream_closed(struct engine *e, uint16_t node, int64_t now_us)
{
    struct coverage *c = &e->nodes[node].cover;

    if (c->open_streams && --c->open_streams == 0) {
        c->down_since_us = now_us;
        c->breaks++;
    }
}

void engine_node_dead(struct engine *e, uint16_t node)
{
    e->nodes[node].cover.dead_streams++;
}

void engine_node_quiet(struct engine *e, uint16_t node, bool quiet, int64_t now_us)
{
    struct coverage *c = &e->nodes[node].cover;

    if (c->quiet == quiet)
        return;
    c->quiet = quiet;
    c->quiet_since_us = now_us;
}

const struct coverage *engine_coverage(const struct engine *e, uint16_t node)
{
    return &e->nodes[node].cover;
}

int64_t engine_clock_offset(const struct engine *e, uint16_t node)
{
    return e->nodes[node].clock.offset_us;
}

bool engine_node_warming(const struct engine *e, uint16_t node)
{
    return !e->nodes[node].clock.warm;
}

void engine_clock_trust(struct engine *e, uint16_t node)
{
    clock_init(&e->nodes[node].clock, 0);
}

/* ---- users ---- */

struct user *engine_user(const struct engine *e, int64_t id)
{
    uint32_t slot = imap_get(&e->user_by_id, id);

    return slot == MAP_FREE ? NULL : engine_slot(e, slot);
}

bool engine_pinned(const struct engine *e, const struct user *u, int64_t now_us)
{
    int64_t window_us = e->policy.punishment_window_us;

    if (window_us < breaker_memory_us)
        window_us = breaker_memory_us;
    return u->state != USER_CLEAR || u->until_us > now_us ||
           now_us - past_last(u->past) < window_us;
}

void engine_drop_user(struct engine *e, uint32_t slot)
{
    struct user *u = engine_slot(e, slot);

    if (e->n_free == e->cap_free) {
        uint32_t cap = e->cap_free ? e->cap_free * 2 : 256;
        uint32_t *p = realloc(e->free_slots, cap * sizeof(*p));

        /* Without memory for the list the user simply stays until the next check. */
        if (!p)
            return;
        e->free_slots = p;
        e->cap_free = cap;
    }
    imap_del(&e->user_by_id, u->id);
    if (u->sampled)
        sampler_drop(&e->sampler, u->id);
    release_user(u);
    *u = (struct user){0};
    e->free_slots[e->n_free++] = slot;
    e->stats.users--;
}

static int cmp_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Makes room by forgetting the sixty-fourth part of all users that was seen longest ago. */
static void evict_oldest(struct engine *e, int64_t now_us)
{
    int64_t *seen = malloc((size_t)e->n_slots * sizeof(*seen)), cut;
    uint32_t n = 0, i;

    if (!seen)
        return;
    for (i = 0; i < e->n_slots; i++) {
        const struct user *u = engine_slot(e, i);

        if (u->id && !engine_pinned(e, u, now_us))
            seen[n++] = u->last_us;
    }
    if (n) {
        qsort(seen, n, sizeof(*seen), cmp_time);
        cut = seen[n / 64];
        for (i = 0; i < e->n_slots; i++) {
            const struct user *u = engine_slot(e, i);

            if (u->id && u->last_us <= cut && !engine_pinned(e, u, now_us)) {
                engine_drop_user(e, i);
                e->stats.evicted++;
            }
        }
    }
    free(seen);
}

/* Undoes free_slot(): a map that cannot grow must not cost a slot for every line. */
static void give_back(struct engine *e, uint32_t slot)
{
    if (slot + 1 == e->n_slots)
        e->n_slots--;
    else
        e->free_slots[e->n_free++] = slot;
}

static bool free_slot(struct engine *e, uint32_t *ret_slot)
{
    if (e->n_free) {
        *ret_slot = e->free_slots[--e->n_free];
        return true;
    }
    if (e->n_slots == e->n_chunks * CHUNK_USERS) {
        struct user **p = realloc(e->chunks, (e->n_chunks + 1) * sizeof(*p));

        if (!p)
            return false;
        e->chunks = p;
        p[e->n_chunks] = calloc(CHUNK_USERS, sizeof(**p));
        if (!p[e->n_chunks])
            return false;
        e->n_chunks++;
    }
    *ret_slot = e->n_slots++;
    return true;
}

struct user *engine_make_user(struct engine *e, int64_t id, int64_t now_us)
{
    struct user *u = engine_user(e, id);
    uint32_t slot;

    if (u)
        return u;
    if (e->stats.users >= e->policy.max_tracked_users)
        evict_oldest(e, now_us);
    if (e->stats.users >= e->policy.max_tracked_users || !free_slot(e, &slot))
        return NULL;
    u = engine_slot(e, slot);
    *u = (struct user){0};
    if (imap_put(&e->user_by_id, id, slot)) {
        give_back(e, slot);
        return NULL;
    }
    *u = (struct user){.id = id};
    e->stats.users++;
    return u;
}

/* ---- time ---- */

void engine_advance(struct engine *e, int64_t now_us)
{
    int64_t interval = e->policy.check_interval_us;

    if (e->next_check_us == 0)
        e->next_check_us = now_us - now_us % interval + interval;
    for (;;) {
        int64_t next = engine_next_us(e);

        if (next > now_us)
            break;
        engine_at(e, next);
        if (next == e->next_check_us) {
            /* With nobody to look at, years of silence must not cost a check a minute. */
            if (e->stats.users == 0 && now_us - next > interval)
                next = now_us - now_us % interval;
            engine_at(e, next);
            e->next_check_us = next + interval;
            punish_due(e, e->now_us);
            sweep_check(e, e->now_us);
        } else {
            punish_due(e, e->now_us);
        }
    }
    engine_at(e, now_us);
}

int64_t engine_next_us(const struct engine *e)
{
    int64_t next = e->next_check_us, due = timers_next(&e->due);
    int64_t turn = punish_next_turn(e, e->now_us);

    if (due < next)
        next = due;
    return turn < next ? turn : next;
}

/* ---- output ---- */

bool engine_reserve(struct engine *e, uint32_t more)
{
    uint32_t cap = e->cap_out ? e->cap_out : 64, i;
    struct decision *p;

    if (e->cap_out - e->n_out >= more)
        return true;
    while (cap - e->n_out < more)
        cap *= 2;
    p = malloc(cap * sizeof(*p));
    if (!p)
        return false;
    for (i = 0; i < e->n_out; i++)
        p[i] = e->out[(e->out_head + i) % e->cap_out];
    free(e->out);
    e->out = p;
    e->out_head = 0;
    e->cap_out = cap;
    return true;
}

struct decision *engine_emit(struct engine *e, enum decision_kind kind, const struct user *u,
                             int64_t now_us)
{
    struct decision *d;

    if (!engine_reserve(e, 1))
        return NULL;
    d = &e->out[(e->out_head + e->n_out++) % e->cap_out];
    *d = (struct decision){.kind = kind, .at_us = now_us, .trust = -1};
    if (u) {
        d->id = u->id;
        d->limit = u->limit;
        d->warned = u->warned;
    }
    return d;
}

bool engine_take(struct engine *e, struct decision *ret)
{
    if (e->n_out == 0)
        return false;
    *ret = e->out[e->out_head];
    e->out_head = (e->out_head + 1) % e->cap_out;
    e->n_out--;
    return true;
}

bool engine_paused(const struct engine *e)
{
    return e->breaker.paused;
}

void engine_breaker(const struct engine *e, int64_t now_us, struct breaker_view *ret)
{
    const struct breaker *b = &e->breaker;
    struct breaker_count c;

    *ret = (struct breaker_view){.paused = b->paused,
                                 .paused_us = b->paused_us,
                                 .shown_5m = b->shown_5m,
                                 .shown_1h = b->shown_1h,
                                 .raised_until_us = b->raised_until_us,
                                 .users = b->caught,
                                 .n_users = b->n_caught};
    breaker_look(b, &e->policy, e->stats.seen_hour, now_us, &c);
    ret->now_5m = c.now_5m;
    ret->now_1h = c.now_1h;
    ret->bound_5m = c.bound_5m;
    ret->bound_1h = c.bound_1h;
}

int engine_breaker_was(struct engine *e, const struct breaker_view *v)
{
    e->breaker.paused = v->paused;
    e->breaker.paused_us = v->paused_us;
    e->breaker.shown_5m = v->shown_5m;
    e->breaker.shown_1h = v->shown_1h;
    e->breaker.raised_until_us = v->raised_until_us;
    return breaker_set_caught(&e->breaker, v->users, v->n_users);
}

void engine_breaker_undone(struct engine *e)
{
    (void)!breaker_set_caught(&e->breaker, NULL, 0);
}

void engine_resume(struct engine *e, int64_t now_us)
{
    breaker_resume(&e->breaker, now_us);
}

size_t engine_sample(const struct engine *e, uint16_t node, int64_t since_us, int64_t *ret_ids,
                     size_t max)
{
    size_t n = 0;
    uint32_t s;
    int i;

    for (s = 0; s < e->n_slots && n < max; s++) {
        const struct user *u = engine_slot(e, s);

        for (i = 0; i < u->n; i++)
            if (u->devices[i].node == node && u->devices[i].last_us >= since_us)
                break;
        if (i < u->n)
            ret_ids[n++] = u->id;
    }
    return n;
}
