/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The engine under any sequence of lines, times, orders and changes of settings, with everything short
 * and small. What must always hold: decisions in order of time; nobody punished who was not watched for
 * the whole period and warned; every bound kept; every term that ends is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "core/engine_int.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { USERS = 12, NODES = 2, TRACKED = 10, OPS = 400 };

static const int64_t period_us = 20 * STAMP_SECOND;
static struct policy base_policy;

struct world {
    struct engine *e;
    struct policy policy;
    int64_t now_us, told_us;
    uint16_t node[NODES];
    int64_t watched_us[USERS + 1]; /* since when; 0: not */
    bool warned[USERS + 1], waiting[USERS + 1];
    bool paused;
    unsigned geo_salt;
    const uint8_t *p, *end;
};

static uint8_t byte(struct world *w)
{
    return w->p < w->end ? *w->p++ : 0;
}

static int64_t any_user(struct world *w)
{
    return 1 + byte(w) % USERS;
}

static void need(bool ok)
{
    if (!ok)
        abort();
}

static void told(struct world *w, const struct decision *d)
{
    need(d->at_us >= w->told_us && d->at_us <= w->now_us);
    w->told_us = d->at_us;
    need(d->id >= 0 && d->id <= USERS && d->why[sizeof(d->why) - 1] == '\0');
    if (d->kind == DECISION_MONITOR) {
        w->watched_us[d->id] = d->at_us;
        w->warned[d->id] = false;
    } else if (d->kind == DECISION_WARN) {
        need(w->watched_us[d->id] != 0);
        w->warned[d->id] = true;
    } else if (d->kind == DECISION_ACQUIT || d->kind == DECISION_UNKNOWN) {
        /* Or of one who waited for his turn, and whose limit was raised meanwhile. */
        need(w->watched_us[d->id] != 0 || w->waiting[d->id]);
        w->watched_us[d->id] = 0;
        w->waiting[d->id] = false;
    } else if (d->kind == DECISION_PUNISH) {
        need(w->watched_us[d->id] != 0);
        need(d->at_us - w->watched_us[d->id] >= period_us ||
             (w->policy.instant_disable && d->trust <= w->policy.instant_trust));
        need((d->action == ACTION_DISABLE) == (d->for_us > 0) && d->step >= 0 &&
             d->step < LIMIT_STEPS && (w->policy.punishment_enabled || d->step == 0));
        need(d->trust >= 0 && d->trust <= 100 &&
             (!d->evidence || d->trust == d->evidence->trust.score));
        need(w->warned[d->id] && d->devices > d->limit && d->limit > 0);
        need(w->policy.mode != MODE_OFF &&
             (w->policy.mode == MODE_ON) == (d->applied != APPLIED_SHADOW));
        w->watched_us[d->id] = 0;
        w->waiting[d->id] = d->applied == APPLIED_QUEUED;
    } else if (d->kind == DECISION_EXECUTE) {
        need(w->policy.mode == MODE_ON && !w->paused && w->waiting[d->id]);
        w->waiting[d->id] = false;
    } else if (d->kind == DECISION_BREAKER) {
        w->paused = true;
    }
    if (d->evidence)
        need(d->evidence->n_devices <= LIMIT_LANES &&
             d->evidence->n_pairs <= ARRAY_LEN(d->evidence->pairs));
}

static void drain(struct world *w)
{
    struct decision d;

    while (engine_take(w->e, &d)) {
        told(w, &d);
        decision_release(&d);
    }
}

/* Whether two devices ought to be one. */
static bool same_key(const struct engine *e, const struct device *a, const struct device *b)
{
    bool inbound = e->policy.group_by != GROUP_IP_INBOUND || a->inbound == b->inbound;

    if (a->cdn != b->cdn)
        return false;
    if (a->addr.hi == b->addr.hi && a->addr.lo == b->addr.lo)
        return inbound;
    return e->policy.group_by == GROUP_ISP && a->asn && a->asn == b->asn && device_plain(a) &&
           device_plain(b);
}

static void check_user(const struct engine *e, const struct user *u)
{
    int i, k;

    need(u->n <= u->cap && u->n <= LIMIT_DEVICES_MAX && (u->n == 0 || u->devices));
    for (i = 0; i < u->n; i++) {
        const struct device *d = &u->devices[i];

        need(d->last_us <= e->now_us && (d->node == NODE_NONE || d->node < e->n_nodes));
        need(d->lane == LANE_NONE ||
             (u->lanes && d->lane < u->lanes->n && u->lanes->device[d->lane] == i));
        need(d->lane == LANE_NONE || device_plain(d));
        need(d->shared == shared_marked(&e->marks, d->addr));
        need(d->content == addrset_has(&e->sources.content, d->addr));
        need(d->node == NODE_NONE || !e->nodes[d->node].disabled);
        for (k = 0; k < i; k++)
            need(!same_key(e, &u->devices[k], d));
    }
    need(!u->lanes || u->lanes->n <= LIMIT_LANES);
    need(!u->queued || (u->state == USER_PUNISHED && u->until_us == 0));
    need(!u->past || (u->past->n >= 1 && u->past->n <= LIMIT_STEPS));
    for (i = 1; u->past && i < u->past->n; i++)
        need(u->past->at_us[i - 1] < u->past->at_us[i]);
}

static void check(const struct world *w)
{
    uint32_t i, users = 0;

    for (i = 0; i < w->e->n_slots; i++) {
        const struct user *u = engine_slot(w->e, i);

        if (u->id == 0)
            continue;
        users++;
        check_user(w->e, u);
    }
    need(users == w->e->stats.users && users <= TRACKED && w->e->n_waiting <= LIMIT_QUEUE);
    need(engine_next_us(w->e) > w->now_us);
}

static void wait_for(struct world *w, int64_t us)
{
    w->now_us += us;
    engine_advance(w->e, w->now_us);
    drain(w);
    check(w);
}

static void line(struct world *w)
{
    int64_t id = any_user(w);
    uint8_t where = byte(w), late = byte(w);
    char text[160], when[STAMP_TEXT], *p;

    stamp_iso_plain(w->now_us - (late < 128 ? 0 : (late - 128) * STAMP_SECOND / 2), when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    snprintf(text, sizeof(text),
             where & 64 ? "%s from [2a01:%x::1]:1 accepted tcp:a:1 [I%d -> O] email: %d.u%d"
                        : "%s from 5.%d.7.8:1 accepted tcp:a:1 [I%d -> O] email: %d.u%d",
             when, where % 64, where % 3, (int)id, (int)id);
    engine_line(w->e, w->node[where >> 7], w->now_us, slice_of(text), NULL);
}

/* Up to eight users side by side, each from a few addresses in turn for a while: what convicts. */
static void share(struct world *w)
{
    int64_t first = any_user(w);
    uint8_t v = byte(w);
    int turns = v % 32, users = 1 + v / 32, n = 2 + byte(w) % 3, i, k;

    for (i = 0; i < turns; i++) {
        for (k = 0; k < users; k++) {
            char text[120];

            snprintf(text, sizeof(text), "from 6.%d.7.%d:1 accepted tcp:a:1 [I -> O] email: %d",
                     i % n, k, (int)(first - 1 + k) % USERS + 1);
            engine_line(w->e, w->node[i % NODES], w->now_us, slice_of(text), NULL);
        }
        wait_for(w, 2 * STAMP_SECOND);
    }
}

static void forget_case(struct world *w, int64_t id)
{
    w->watched_us[id] = 0;
    w->warned[id] = w->waiting[id] = false;
}

static const struct policy_step fuzz_steps[] = {{ACTION_WARN, 0},
                                                {ACTION_DISABLE, 10 * STAMP_SECOND},
                                                {ACTION_DISABLE, 20 * STAMP_SECOND},
                                                {ACTION_HAND, 0},
                                                {ACTION_REVOKE, 0}};

static void change_steps(struct world *w)
{
    uint8_t v = byte(w);
    int i;

    w->policy.punishment_enabled = v & 1;
    w->policy.instant_disable = v >> 1 & 1;
    w->policy.instant_trust = v >> 2 & 1 ? 5 : 60;
    w->policy.punishment_window_us = (v >> 3 & 1 ? 60 : 3600) * STAMP_SECOND;
    w->policy.n_steps = 1 + (v >> 4) % 5;
    for (i = 0; i < w->policy.n_steps; i++)
        w->policy.steps[i] = fuzz_steps[(i + (v >> 4)) % 5];
}

static void change_policy(struct world *w)
{
    uint8_t v = byte(w), u = byte(w);
    enum policy_mode before = w->policy.mode;
    int64_t id;

    w->policy.mode = (enum policy_mode)(v % 3);
    w->policy.verdict = (enum policy_verdict)(v >> 2 & 1);
    w->policy.warn_at = (enum policy_warn)(v >> 3 & 1);
    w->policy.verify_online = (enum policy_verify)((v >> 4) % 3);
    w->policy.breaker = v >> 7;
    w->policy.general_limit = u % 3;
    w->policy.punish_rate = 1 + (u >> 2) % 3;
    w->policy.shared_source_users = u >> 6;
    change_steps(w);
    engine_set_policy(w->e, &w->policy, w->now_us);
    if (w->policy.mode == MODE_ON && before != MODE_ON)
        for (id = 1; id <= USERS; id++)
            forget_case(w, id);
}

/* What is known of networks: a few providers and countries by the second byte, or nothing. */
static void tell(void *arg, struct addr a, struct geo *ret)
{
    const struct world *w = arg;
    unsigned v = (unsigned)(a.hi ? a.hi >> 32 : a.lo >> 16) + w->geo_salt;

    *ret = (struct geo){0};
    if (v % 3)
        ret->asn = v % 4;
    if (v % 5)
        memcpy(ret->country, v % 2 ? "IR" : "DE", 3);
}

/* Another meaning of the keys: whoever is watched is CLEAR from then on. */
static void change_grouping(struct world *w)
{
    uint8_t v = byte(w);
    enum policy_group by = (enum policy_group)(v % 5);
    unsigned prefix = v & 64 ? 48 : 64;
    bool other = by != w->policy.group_by || prefix != w->policy.ipv6_prefix;
    uint32_t i;
    int64_t id;

    w->policy.group_by = by;
    w->policy.ipv6_prefix = prefix;
    engine_set_policy(w->e, &w->policy, w->now_us);
    if (!other)
        return;
    for (i = 0; i < w->e->n_slots; i++)
        need(engine_slot(w->e, i)->n == 0 && engine_slot(w->e, i)->state != USER_MONITORING);
    for (id = 1; id <= USERS; id++)
        w->watched_us[id] = 0;
}

static void change_sources(struct world *w)
{
    static const char *const inbounds[] = {"", "I0", "I1,I2", "I0,I1,I2,I"};
    static const char *const nodes[] = {"", "1", "2", "1,2"};
    static const char *const countries[] = {"", "IR", "DE,IR", "FR"};
    static const char *const content[] = {"", "5.0.0.0/12", "6.0.0.0/8,2a01::/24", "::/0"};
    uint8_t v = byte(w), u = byte(w);
    struct sources s;
    int rc;

    sources_init(&s);
    rc = sources_cdn_inbounds(&s, slice_of(inbounds[v & 3]));
    rc = rc ? rc : sources_cdn_nodes(&s, slice_of(nodes[v >> 2 & 3]));
    rc = rc ? rc : sources_disabled_nodes(&s, slice_of(nodes[v >> 6 & 1]));
    rc = rc ? rc : sources_countries(&s, slice_of(countries[u & 3]));
    rc = rc ? rc : addrset_add_list(&s.content, slice_of(content[u >> 2 & 3]), NULL);
    need(rc == 0 || rc == ERR_NOMEM);
    addrset_seal(&s.content);
    engine_set_sources(w->e, &s, w->now_us);
    sources_release(&s);
    if (u & 16)
        w->geo_salt = u >> 5;
    if (u & 32)
        engine_set_geo(w->e, u & 64 ? tell : NULL, w, w->now_us);
    else if (u & 16)
        engine_geo_changed(w->e, w->now_us);
    if (u & 128)
        engine_addresses_changed(w->e, w->now_us);
}

static void online(struct world *w)
{
    int64_t id = any_user(w);
    uint8_t v = byte(w);
    struct online_seen seen[4];
    size_t i, n = v % 5;

    engine_online_available(w->e, v & 64);
    for (i = 0; i < n; i++)
        seen[i] = (struct online_seen){w->node[i % NODES],
                                       {0, UINT64_C(0xffff) << 32 | 5u << 24 |
                                               (v % 16u + (unsigned)i) << 16 | 0x708},
                                       w->now_us + (int64_t)(v - 128) * STAMP_SECOND / 4};
    engine_online(w->e, id,
                  &(struct online_reading){seen, n, w->node, v & 32 ? NODES : (size_t)v % NODES},
                  w->now_us);
    engine_verified(w->e, id, v & 128, w->now_us);
}

static void rule(struct world *w)
{
    int64_t id = any_user(w);
    uint8_t v = byte(w);
    struct addr a = {0, UINT64_C(0xffff) << 32 | 5u << 24 | v % 8u << 16 | 0x708};

    if (v < 64)
        (void)!limits_special(engine_limits(w->e), id, (struct slice){NULL, 0}, v % 4);
    else if (v < 80)
        (void)!limits_except(engine_limits(w->e), id, (struct slice){NULL, 0});
    else if (v < 128)
        limits_clear_rules(engine_limits(w->e));
    else if (v < 200)
        (void)!(v % 8 ? engine_set_shared(w->e, a, v % 2 ? w->now_us + v * STAMP_SECOND : 0)
                      : engine_bar_shared(w->e, a, w->now_us + v * STAMP_SECOND));
    else {
        engine_resume(w->e, w->now_us);
        w->paused = false;
    }
    engine_limits_changed(w->e);
}

static void order(struct world *w)
{
    int64_t id = any_user(w);
    uint8_t v = byte(w);

    if (v < 64) {
        if (engine_pardon(w->e, id, w->now_us + v * STAMP_SECOND) == 0)
            forget_case(w, id);
    } else if (v < 128) {
        if (engine_set_punished(w->e, id, v % 4 ? w->now_us + (v - 96) * STAMP_SECOND : 0,
                                w->now_us) == 0)
            forget_case(w, id);
    } else if (v < 192) {
        engine_clear_user(w->e, id);
        forget_case(w, id);
    } else {
        (void)!engine_had_violation(w->e, id, w->now_us - v * STAMP_SECOND);
        if (v > 240)
            engine_forgive(w->e, id, w->now_us - v / 2 * STAMP_SECOND, INT64_MAX);
    }
}

static void stream(struct world *w)
{
    uint8_t v = byte(w);

    if (v % 3 == 0)
        engine_stream_opened(w->e, w->node[v >> 7], w->now_us);
    else if (v % 3 == 1)
        engine_stream_closed(w->e, w->node[v >> 7], w->now_us);
    else
        engine_node_quiet(w->e, w->node[v >> 7], v & 64, w->now_us);
}

static void step(struct world *w)
{
    switch (byte(w) % 14) {
    case 0:
        wait_for(w, (int64_t)byte(w) * STAMP_SECOND / 4);
        break;
    case 1:
        share(w);
        break;
    case 2:
        change_policy(w);
        break;
    case 3:
        online(w);
        break;
    case 4:
        rule(w);
        break;
    case 5:
        order(w);
        break;
    case 6:
        stream(w);
        break;
    case 7:
        change_grouping(w);
        break;
    case 8:
        change_sources(w);
        break;
    default:
        line(w);
    }
    drain(w);
}

/* After long enough every term that was to end has ended, and was told. */
static void finish(struct world *w)
{
    uint32_t i;

    wait_for(w, 900 * STAMP_SECOND);
    for (i = 0; i < w->e->n_slots; i++) {
        const struct user *u = engine_slot(w->e, i);

        need(u->id == 0 || !(u->state == USER_PUNISHED && u->until_us));
        need(u->id == 0 || !u->queued);
    }
}

static void set_up(struct world *w)
{
    static const struct hash_key key = {1, 2};
    struct settings s;
    int i;

    if (base_policy.check_interval_us == 0) {
        if (settings_init(&s))
            exit(0);
        settings_policy(&s, &base_policy);
        settings_release(&s);
        base_policy.general_limit = 1;
        base_policy.check_interval_us = 30 * STAMP_SECOND;
        base_policy.monitoring_period_us = period_us;
        base_policy.active_window_us = 15 * STAMP_SECOND;
        base_policy.punish_us = 30 * STAMP_SECOND;
        base_policy.evidence_threshold = 2;
        base_policy.pair_idle_us = 60 * STAMP_SECOND;
        base_policy.unknown_after_us = 90 * STAMP_SECOND;
        base_policy.persistent_span_us = 10 * STAMP_SECOND;
        base_policy.persistent_window_us = 30 * STAMP_SECOND;
        base_policy.punish_rate = 2;
        base_policy.max_tracked_users = TRACKED;
    }
    w->policy = base_policy;
    w->e = engine_new(&w->policy, key);
    if (!w->e)
        exit(0);
    for (i = 0; i < NODES; i++)
        if (engine_node(w->e, i + 1, 0, &w->node[i]))
            exit(0);
    engine_advance(w->e, w->now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.now_us = INT64_C(1762077600) * STAMP_SECOND, .p = data, .end = data + size};
    int i;

    set_up(&w);
    for (i = 0; i < OPS && w.p < w.end; i++)
        step(&w);
    finish(&w);
    engine_free(w.e);
    return 0;
}
