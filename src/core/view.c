/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* What people are shown: a user as he stands, the evidence of a decision, figures. */

static enum device_role role_of(const struct user *u, int index, const struct policy *policy,
                                int64_t now_us)
{
    const struct device *d = &u->devices[index];

    if (d->outside)
        return DEVICE_COUNTRY;
    if (!verdict_active(d, policy, now_us))
        return verdict_present(u, index, policy, now_us) ? DEVICE_HELD : DEVICE_IDLE;
    if (d->cdn)
        return DEVICE_CDN;
    if (d->content)
        return DEVICE_CONTENT;
    return d->shared ? DEVICE_SHARED : DEVICE_COUNTED;
}

static struct device_view view_device(const struct engine *e, const struct user *u, int index,
                                      int64_t now_us)
{
    const struct device *d = &u->devices[index];
    const struct listed *listed = listing_of(u, index, now_us);
    struct device_view v = {.addr = d->addr,
                            .first_us = (int64_t)d->first_s * STAMP_SECOND,
                            .last_us = d->last_us,
                            .lines = d->lines,
                            .asn = d->asn,
                            .online = d->online};

    v.node_id = d->node == NODE_NONE ? 0 : e->nodes[d->node].cover.node_id;
    v.inbound = d->inbound == TAG_NONE ? NULL : e->tags[d->inbound];
    v.role = role_of(u, index, &e->policy, now_us);
    v.one_address = d->node != NODE_NONE && engine_node_one_address(e, d->node);
    v.listed_us = listed ? listed->since_us : 0;
    return v;
}

/* Whether a is to be shown before b: what counts before what does not, then the newer one. */
static bool before(const struct device *a, const struct device *b)
{
    if (a->outside != b->outside)
        return !a->outside;
    return a->last_us > b->last_us;
}

/* The indices of the most recent devices, newest first, at most LIMIT_LANES. */
static int most_recent(const struct user *u, uint16_t *ret)
{
    int n = 0, i, k;

    for (i = 0; i < u->n; i++) {
        for (k = n; k > 0 && before(&u->devices[i], &u->devices[ret[k - 1]]); k--)
            if (k < LIMIT_LANES)
                ret[k] = ret[k - 1];
        if (k < LIMIT_LANES) {
            ret[k] = (uint16_t)i;
            n += n < LIMIT_LANES;
        }
    }
    return n;
}

static void view_pairs(const struct engine *e, const struct user *u, const uint16_t *recent, int n,
                       int64_t now_us, struct evidence *ret)
{
    int i, j;

    for (i = 0; i < n; i++) {
        for (j = i + 1; j < n; j++) {
            const struct device *a = &u->devices[recent[i]], *b = &u->devices[recent[j]];
            static const struct pair none = {0};
            const struct pair *p = &none;
            bool held = listing_held(u, &e->policy, recent[i], recent[j], now_us);

            if (u->lanes && a->lane != LANE_NONE && b->lane != LANE_NONE)
                p = lanes_pair(u->lanes, a->lane, b->lane);
            if (p->last_us == 0 && !held)
                continue;
            ret->pairs[ret->n_pairs++] =
                (struct pair_view){.a = (uint16_t)i,
                                   .b = (uint16_t)j,
                                   .held = held,
                                   .score = (float)pair_score(p),
                                   .fixed = p->fixed.nats,
                                   .adaptive = p->adaptive.nats,
                                   .near = p->near.nats,
                                   .switches = p->switches,
                                   .excused = verdict_excused(&e->policy, u, a, b)};
        }
    }
}

void view_evidence(struct engine *e, const struct user *u, int64_t now_us, struct evidence *ret)
{
    uint16_t recent[LIMIT_LANES];
    int n = most_recent(u, recent), i;

    *ret = (struct evidence){.limit_from = (enum limit_source)u->limit_from,
                             .devices_overflow = u->overflow,
                             .n_devices = (uint16_t)n,
                             .line_us = u->line_s * STAMP_SECOND,
                             .read_us = u->read_s * STAMP_SECOND};
    if (u->state == USER_MONITORING)
        ret->monitored_since_us = u->since_us;
    ret->networks = verdict_networks(u, &e->policy, now_us);
    weigh_user(e, u, now_us, &ret->trust);
    for (i = 0; i < n; i++)
        ret->devices[i] = view_device(e, u, recent[i], now_us);
    view_pairs(e, u, recent, n, now_us, ret);
}

static void view_user(struct engine *e, struct user *u, int64_t now_us, struct user_view *ret)
{
    struct tally t;

    engine_limit_of(e, u);
    verdict_tally(u, &e->policy, now_us, &t);
    *ret = (struct user_view){.id = u->id,
                              .state = (enum user_state)u->state,
                              .limit = u->limit,
                              .limit_from = (enum limit_source)u->limit_from,
                              .devices = t.devices,
                              .since_us = u->state == USER_CLEAR ? 0 : u->since_us,
                              .due_us = u->state == USER_PUNISHED ? u->until_us : 0,
                              .warned = u->warned,
                              .still_seen = u->told_seen,
                              .waits = u->state == USER_MONITORING && faulty_holds(e, u, now_us)};
    ret->concurrent = verdict_concurrent(u, &e->policy, now_us, e->policy.evidence_threshold);
    if (u->state == USER_CLEAR && u->until_us > now_us)
        ret->pardon_us = u->until_us;
    ret->mode = (enum policy_mode)u->mode;
    ret->violations = past_count(u->past, now_us - e->policy.punishment_window_us, INT64_MAX);
    ret->next = punish_next_step(e, u, now_us, now_us, &ret->next_step);
    view_evidence(e, u, now_us, &ret->evidence);
}

int engine_view(struct engine *e, int64_t id, int64_t now_us, struct user_view *ret)
{
    struct user *u = engine_user(e, id);

    if (!u)
        return ERR_NOT_FOUND;
    view_user(e, u, now_us, ret);
    return ERR_OK;
}

void engine_stats(const struct engine *e, struct engine_stats *ret)
{
    *ret = e->stats;
    ret->queued = e->n_waiting;
}

void engine_note_peak(struct engine *e, const struct user *u, int64_t now_us)
{
    struct tally now, wide;

    verdict_tally(u, &e->policy, now_us, &now);
    verdict_tally(u, &e->wide, now_us, &wide);
    peaks_note(&e->peaks, u->id, now_us, now.devices, wide.devices);
}

void engine_each_peak(struct engine *e, int64_t now_us,
                      void (*fn)(void *arg, int64_t id, int most, int wide), void *arg)
{
    uint32_t i;

    /* Those who came since the last check are users of the last day as well. */
    for (i = 0; i < e->n_slots; i++) {
        const struct user *u = engine_slot(e, i);

        if (u->id != 0 && u->last_us > now_us - e->policy.active_window_us)
            engine_note_peak(e, u, now_us);
    }
    peaks_each(&e->peaks, now_us, fn, arg);
}

void engine_each(struct engine *e, int64_t now_us, void (*fn)(void *arg, const struct user_view *v),
                 void *arg)
{
    struct user_view *v = malloc(sizeof(*v));
    uint32_t i;

    for (i = 0; v && i < e->n_slots; i++) {
        struct user *u = engine_slot(e, i);

        if (u->id == 0 ||
            (u->state == USER_CLEAR && u->last_us <= now_us - e->policy.active_window_us))
            continue;
        view_user(e, u, now_us, v);
        fn(arg, v);
    }
    free(v);
}

static struct user_brief view_brief(struct engine *e, struct user *u, int64_t now_us)
{
    struct tally t;

    engine_limit_of(e, u);
    verdict_tally(u, &e->policy, now_us, &t);
    return (struct user_brief){u->id, (enum user_state)u->state, u->limit, t.devices};
}

void engine_each_brief(struct engine *e, int64_t now_us,
                       void (*fn)(void *arg, const struct user_brief *b), void *arg)
{
    uint32_t i;

    for (i = 0; i < e->n_slots; i++) {
        struct user *u = engine_slot(e, i);
        struct user_brief b;

        if (u->id == 0 ||
            (u->state == USER_CLEAR && u->last_us <= now_us - e->policy.active_window_us))
            continue;
        b = view_brief(e, u, now_us);
        fn(arg, &b);
    }
}

int engine_brief(struct engine *e, int64_t id, int64_t now_us, struct user_brief *ret)
{
    struct user *u = engine_user(e, id);

    if (!u)
        return ERR_NOT_FOUND;
    *ret = view_brief(e, u, now_us);
    return ERR_OK;
}

void engine_each_device(struct engine *e, int64_t now_us,
                        void (*fn)(void *arg, const struct device_brief *b), void *arg)
{
    uint32_t i;
    int k;

    for (i = 0; i < e->n_slots; i++) {
        const struct user *u = engine_slot(e, i);

        if (u->id == 0 || u->last_us <= now_us - e->policy.active_window_us)
            continue;
        for (k = 0; k < u->n; k++) {
            const struct device *d = &u->devices[k];
            struct device_brief b;

            if (!verdict_active(d, &e->policy, now_us))
                continue;
            b = (struct device_brief){
                .user_id = u->id,
                .node_id = d->node == NODE_NONE ? 0 : e->nodes[d->node].cover.node_id,
                .inbound = d->inbound == TAG_NONE ? NULL : e->tags[d->inbound],
                .role = role_of(u, k, &e->policy, now_us)};
            fn(arg, &b);
        }
    }
}
