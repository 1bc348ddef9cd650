/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* From a line, or an entry of the online list, to a device and the evidence of its pairs. */

enum {
    MOST_OUTSIDE =
        8, /* kept of a user's devices that do not count for themselves: what tells of them, */
    MOST_COMMON = 16, /* but no spray of them may push out who counts */
};

static uint16_t intern_tag(struct engine *e, struct slice tag)
{
    char short_tag[LIMIT_TAG + 1];
    uintptr_t known;
    char *copy;

    if (!tag.p)
        return TAG_NONE;
    if (tag.n > LIMIT_TAG)
        tag.n = LIMIT_TAG;
    known = (uintptr_t)smap_get(&e->tag_by_text, tag);
    if (known)
        return (uint16_t)(known - 1);
    if (e->n_tags >= LIMIT_TAGS)
        return TAG_NONE;
    if (tag.n)
        memcpy(short_tag, tag.p, tag.n);
    short_tag[tag.n] = '\0';
    copy = malloc(tag.n + 1);
    if (!copy)
        return TAG_NONE;
    memcpy(copy, short_tag, tag.n + 1);
    if (smap_put(&e->tag_by_text, tag, (void *)((uintptr_t)e->n_tags + 1))) {
        free(copy);
        return TAG_NONE;
    }
    e->tags[e->n_tags] = copy;
    e->tag_cdn[e->n_tags] = sources_is_cdn_inbound(&e->sources, tag);
    return (uint16_t)e->n_tags++;
}

/* Whether devices of the last pair_idle outnumber the limit: only then is evidence gathered. */
static bool outnumbers(const struct user *u, const struct policy *policy, int64_t at_us)
{
    int n = 0, i;

    if (u->limit == 0 || u->n <= u->limit)
        return false;
    for (i = 0; i < u->n && n <= u->limit; i++)
        n += device_plain(&u->devices[i]) && u->devices[i].last_us > at_us - policy->pair_idle_us;
    return n > u->limit;
}

static bool give_lanes(struct user *u, const struct policy *policy, int index, int64_t at_us)
{
    int i;

    if (!u->lanes)
        for (i = 0; i < u->n; i++)
            if (i != index && device_plain(&u->devices[i]) &&
                u->devices[i].last_us > at_us - policy->pair_idle_us && user_take_lane(u, i))
                return false;
    return !user_take_lane(u, index) && u->devices[index].lane != LANE_NONE;
}

/* The lane's fast decaying count of ticks as of at_us. */
static double near_at(const struct user *u, int lane, const struct policy *policy, int64_t at_us)
{
    const struct device *d = &u->devices[u->lanes->device[lane]];
    double s = (double)(at_us - device_tick_us(d)) / STAMP_SECOND;

    return u->lanes->near[lane] * exp2(-fmax(s, 0) * PAIR_NEAR / policy->rate_half_life_s);
}

/* One tick of a device against each other device that has a lane. At most 15 pairs. */
static void weigh_pairs(struct engine *e, struct user *u, int index, int64_t at_us)
{
    const struct policy *policy = &e->policy;
    const struct device *d = &u->devices[index];
    double near;
    int i, lane;

    if (u->state == USER_PUNISHED || !device_plain(d) || !outnumbers(u, policy, at_us) ||
        !give_lanes(u, policy, index, at_us))
        return;
    crowd_tick(u, d, policy, at_us);
    lane = d->lane;
    near = near_at(u, lane, policy, at_us);
    for (i = 0; i < u->lanes->n; i++) {
        const struct device *x = &u->devices[u->lanes->device[i]];
        struct pair_tick t = {.at_us = at_us, .side = lane > i, .other_last_us = x->last_us};

        if (i == lane || x->last_us <= at_us - policy->pair_idle_us)
            continue;
        t.rate = device_rate(d, at_us, policy->rate_half_life_s) + 1;
        t.other_rate = device_rate(x, at_us, policy->rate_half_life_s);
        t.near = near + 1;
        t.other_near = near_at(u, i, policy, at_us);
        pair_tick(lanes_pair(u->lanes, lane, i), policy, &t);
    }
}

/* Starts a tick of the device at at_us: weighs the pairs with what was, then moves the device on. */
static void start_tick(struct engine *e, struct user *u, int index, int64_t at_us)
{
    struct device *d = &u->devices[index];

    weigh_pairs(e, u, index, at_us);
    d->rate = (float)(device_rate(d, at_us, e->policy.rate_half_life_s) + 1);
    if (d->lane != LANE_NONE)
        u->lanes->near[d->lane] = (float)(near_at(u, d->lane, &e->policy, at_us) + 1);
    d->last_us = at_us;
    d->tick_ago_us = 0;
}

/* Finds room for one more device: one that counts for itself goes before those that do not. */
static int find_room(struct engine *e, struct user *u, const struct device *as, int64_t at_us,
                     int *ret_index)
{
    const struct policy *p = &e->policy;
    uint32_t max = user_room(engine_limit_of(e, u));
    int64_t idle_us = at_us - p->pair_idle_us, active_us = at_us - p->active_window_us;
    int rc;

    if (!device_plain(as))
        user_bound_uncounted(u, as->outside, as->outside ? MOST_OUTSIDE : MOST_COMMON);
    rc = user_add_device(u, max, idle_us, active_us, ret_index);
    if (rc == ERR_TOO_BIG && device_plain(as) && user_drop_uncounted(u))
        rc = user_add_device(u, max, idle_us, active_us, ret_index);
    return rc;
}

/*
 * The device of an address none of the user's devices stands at: one that has moved there, by group_by, or
 * a new one. -1: there is no room.
 */
static int place(struct engine *e, struct user *u, const struct observation *o,
                 const struct device_key *key, bool *ret_new)
{
    struct device at = {.addr = key->addr, .inbound = o->inbound, .cdn = key->cdn}, *d;
    enum policy_group by = e->policy.group_by;
    int index = -1;

    place_device(e, &at, addr_device(o->addr, 128));
    if (by == GROUP_SUBNET || by == GROUP_ISP)
        index = place_find(e, u, &at);
    *ret_new = index < 0;
    if (index < 0 && find_room(e, u, &at, o->at_us, &index)) {
        u->overflow++;
        return -1;
    }
    d = &u->devices[index];
    d->asn = at.asn;
    d->located = at.located;
    if (!*ret_new) {
        if (o->at_us >= d->last_us)
            d->addr = at.addr;
        return index;
    }
    d->addr = at.addr;
    d->inbound = o->inbound;
    d->node = o->node;
    d->first_s = (uint32_t)(o->at_us / STAMP_SECOND);
    d->last_us = o->at_us;
    d->shared = at.shared;
    d->cdn = at.cdn;
    d->content = at.content;
    d->outside = at.outside;
    return index;
}

/* Whether an address that only the online list shows may be a CDN's: the list tells of no inbound. */
static bool may_be_cdn(const struct engine *e, const struct observation *o)
{
    return o->online && e->sources.cdn_inbounds.n > 0;
}

/* The device an observation belongs to, or -1; a new one is at its first tick. */
static int device_of(struct engine *e, struct user *u, const struct observation *o, bool *ret_new)
{
    struct device_key key = {.addr = addr_device(o->addr, e->policy.ipv6_prefix),
                             .inbound = o->inbound,
                             .by_inbound = e->policy.group_by == GROUP_IP_INBOUND,
                             .any_inbound = o->online,
                             .cdn = place_cdn(e, o->node, o->inbound)};
    int index = user_find(u, &key);

    *ret_new = false;
    if (index >= 0)
        return index;
    if (may_be_cdn(e, o) && !key.cdn) {
        key.cdn = true;
        index = user_find(u, &key);
    }
    return index >= 0 ? index : place(e, u, o, &key, ret_new);
}

int observe(struct engine *e, struct user *u, const struct observation *o, int64_t now_us)
{
    bool tick = false;
    struct device *d;
    int index;

    engine_limit_of(e, u);
    index = device_of(e, u, o, &tick);
    if (index < 0)
        return index;
    if (o->old)
        tick = false;
    else if (tick)
        start_tick(e, u, index, o->at_us);
    d = &u->devices[index];
    if (o->at_us > d->last_us) {
        if (o->at_us - device_tick_us(d) >= e->policy.tick_us) {
            start_tick(e, u, index, o->at_us);
            tick = true;
        } else {
            device_extend(d, o->at_us);
        }
        d->node = o->node;
    } else if (o->at_us / STAMP_SECOND < d->first_s) {
        d->first_s = (uint32_t)(o->at_us / STAMP_SECOND);
    }
    if (!o->online || d->inbound == TAG_NONE)
        d->inbound = o->inbound == TAG_NONE ? d->inbound : o->inbound;
    d->online |= o->online;
    d->lines += !o->online && d->lines < LINES_MAX;
    if (o->at_us > u->last_us)
        u->last_us = o->at_us;
    if (tick)
        judge_user(e, u, now_us, false);
    return index;
}

enum scan_reason engine_line(struct engine *e, uint16_t node, int64_t now_us, struct slice line,
                             struct record *ret_rec)
{
    struct engine_node *n = &e->nodes[node];
    struct record local = {0}, *rec = ret_rec ? ret_rec : &local;
    enum scan_reason reason = scan_line(&e->rules, line, rec);
    struct observation o;
    struct user *u;

    engine_at(e, now_us);
    e->stats.lines++;
    if (!reason && n->disabled)
        reason = rec->reason = SCAN_DISABLED_NODE;
    coverage_line(&n->cover, reason, now_us);
    if (reason == SCAN_COUNTED)
        coverage_source(&n->cover, rec->from_header, now_us);
    if (e->sampler.n && (!reason || reason == SCAN_BLOCKED) && rec->id)
        sampling_line(e, node, rec, now_us);
    if (reason)
        return reason;
    o = (struct observation){.addr = rec->ip, .node = node};
    o.at_us = clock_event(&n->clock, rec->stamp_us, now_us);
    e->stats.counted++;
    if (rec->id == 0) {
        e->stats.foreign++;
        return SCAN_COUNTED;
    }
    if (o.at_us == STAMP_NONE) {
        n->cover.warming++;
        return SCAN_COUNTED;
    }
    if (o.at_us <= now_us - e->policy.active_window_us)
        n->cover.stale++;
    u = engine_user(e, rec->id);
    /* One of many users is in no cache: fetched while the tag is looked up. */
    if (u) {
        __builtin_prefetch(u);
        __builtin_prefetch(&u->few[1]);
    } else {
        u = engine_make_user(e, rec->id, now_us);
        if (!u)
            return SCAN_COUNTED;
        /* Out of memory here costs a name in a message, nothing else. */
        if (rec->name.n && !limits_name(e->limits, rec->id).n &&
            limits_learn(e->limits, rec->id, rec->name) > 0)
            u->limits_gen = 0;
    }
    o.inbound = intern_tag(e, rec->inbound);
    u->line_s = (uint32_t)(now_us / STAMP_SECOND);
    (void)observe(e, u, &o, now_us);
    return SCAN_COUNTED;
}
