/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* Readings of the online list: observations beside log lines (engine.md 5). */

static const int64_t ahead_us = 5 * STAMP_SECOND;
static const int64_t zone_us = 15 * 60 * STAMP_SECOND; /* zones differ by multiples of it */
static const int64_t watched_us = 5 * STAMP_SECOND;
static const int64_t changed_us =
    10 * STAMP_SECOND; /* two readings in a row show both addresses active */
static const int64_t seen_us =
    20 * STAMP_SECOND; /* who was disabled: whether his streams live on, */
static const int64_t disabled_us = 900 * STAMP_SECOND; /* for so long */
static const int64_t sampled_us = 10 * STAMP_SECOND;
static const int64_t listed_us = 60 * STAMP_SECOND;
static const int64_t unheard_us = 120 * STAMP_SECOND;
static const int64_t fresh_us =
    2 * STAMP_SECOND; /* a node may list him so much later than it logs him */
static const int64_t unlisted_us = 60 * STAMP_SECOND;
enum { LOOK_BACK = 16, ONE_AFTER = 20, UNLISTED = 8 };

bool engine_node_one_address(const struct engine *e, uint16_t node)
{
    const struct engine_node *n = &e->nodes[node];

    return n->read >= ONE_AFTER && !n->many && n->cover.ignored[SCAN_COUNTED] == 0;
}

void engine_heard(const struct engine *e, int64_t id, int64_t *ret_line_us, int64_t *ret_read_us)
{
    const struct user *u = engine_user(e, id);

    *ret_line_us = u ? u->line_s * STAMP_SECOND : 0;
    *ret_read_us = u ? u->read_s * STAMP_SECOND : 0;
}

/* Whether more devices than he may have were seen of late, though not by lines. */
static bool has_changed(const struct engine *e, const struct user *u, int64_t now_us)
{
    int n = 0, i;

    if (u->n <= u->limit || now_us - u->line_s * STAMP_SECOND < unheard_us)
        return false;
    for (i = 0; i < u->n; i++)
        n +=
            device_plain(&u->devices[i]) && u->devices[i].last_us > now_us - e->policy.pair_idle_us;
    return n > u->limit;
}

int64_t engine_read_every(const struct engine *e, int64_t id, int64_t now_us, int64_t *ret_us)
{
    const struct user *u = engine_user(e, id);

    *ret_us = u ? u->read_s * STAMP_SECOND : 0;
    if (!u)
        return 0;
    if (judge_may_be_seen(u) && now_us - u->since_us < disabled_us)
        return seen_us;
    if (u->limit == 0 || u->state == USER_PUNISHED)
        return u->sampled ? sampled_us : 0;
    if (u->state == USER_MONITORING)
        return watched_us;
    if (has_changed(e, u, now_us))
        return changed_us;
    if (u->sampled)
        return sampled_us;
    return u->listing ? listed_us : 0;
}

/*
 * When a new stream was, by our clock. The list tells unix seconds of the node's clock, its log local time:
 * of the offset learned from the log only what is no time zone concerns the list.
 */
static int64_t event_of(const struct engine_node *n, int64_t value_us)
{
    int64_t offset_us = n->clock.offset_us, half_us;

    if (offset_us == STAMP_NONE)
        return value_us;
    half_us = offset_us < 0 ? -zone_us / 2 : zone_us / 2;
    return value_us + offset_us - (offset_us + half_us) / zone_us * zone_us;
}

/* Whether an entry may count, by the rules that lines are held to; its time, if so. */
static bool counts(const struct engine *e, const struct online_seen *s, int64_t now_us,
                   int64_t *ret_us)
{
    enum addr_class class = addr_classify(s->addr);

    if (e->nodes[s->node].disabled || class == ADDR_NEVER ||
        (class == ADDR_PRIVATE && !e->rules.count_private) ||
        addrset_has(&e->rules.ignored, s->addr))
        return false;
    *ret_us = event_of(&e->nodes[s->node], s->last_us);
    /* By a clock so far ahead, an address left long ago would look used at every reading. */
    if (*ret_us > now_us + ahead_us)
        return false;
    if (*ret_us > now_us)
        *ret_us = now_us;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct online_seen *x = a, *y = b;

    if (x->last_us != y->last_us)
        return x->last_us < y->last_us ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* Copies the entries that count, by their times; returns how many. */
static size_t choose(struct engine *e, const struct user *u, const struct online_reading *r,
                     int64_t now_us, struct online_seen *ret)
{
    size_t n = 0, i, k;

    for (i = 0; i < r->n; i++) {
        for (k = i > LOOK_BACK ? i - LOOK_BACK : 0; k < i; k++)
            if (r->seen[k].node == r->seen[i].node && !addr_eq(r->seen[k].addr, r->seen[i].addr))
                e->nodes[r->seen[i].node].many = true;
        ret[n] = r->seen[i];
        if (!counts(e, &r->seen[i], now_us, &ret[n].last_us))
            continue;
        if (u->sampled)
            sampling_read(e, u, &r->seen[i], ret[n].last_us, now_us);
        n++;
    }
    if (n)
        qsort(ret, n, sizeof(*ret), by_time);
    return n;
}

static bool has_answered(void *arg, uint16_t node)
{
    const struct online_reading *r = arg;
    size_t i;

    for (i = 0; i < r->n_nodes; i++)
        if (r->nodes[i] == node)
            return true;
    return false;
}

/* Whether streams may hold an address of this node: one where only the last address is told never may. */
static bool may_hold(const struct engine *e, uint16_t node)
{
    return e->nodes[node].many || e->nodes[node].cover.ignored[SCAN_COUNTED] > 0;
}

/* What may be held of the reading, each address once with its latest value. */
static size_t gather(const struct engine *e, const struct user *u, const struct online_seen *seen,
                     size_t n, const int *devices, struct listed_now *ret)
{
    size_t m = 0, k;

    /* The latest ones first, where there are more than can be looked at. */
    for (; n > 0 && m < LIMIT_LANES; n--) {
        const struct online_seen *s = &seen[n - 1];
        struct addr addr = addr_device(s->addr, e->policy.ipv6_prefix);
        int device = devices[n - 1];

        if (!may_hold(e, s->node))
            continue;
        for (k = 0; k < m && !addr_eq(ret[k].addr, addr); k++)
            ;
        if (k < m)
            continue;
        /* Devices may have moved since, and one may have been made of several. */
        if (device < 0 || device >= u->n || !addr_eq(u->devices[device].addr, addr))
            device = LISTED_NONE;
        ret[m++] = (struct listed_now){addr, s->last_us, (uint16_t)device, s->node};
    }
    for (k = 0; k < m / 2; k++) {
        struct listed_now t = ret[k];

        ret[k] = ret[m - 1 - k];
        ret[m - 1 - k] = t;
    }
    return m;
}

/* Whether long streams hold any device of his: that is news which no tick tells. */
static bool is_held(const struct engine *e, const struct user *u, int64_t now_us)
{
    int i;

    for (i = 0; u->listing && i < u->n; i++)
        if (listing_present(u, &e->policy, i, now_us))
            return true;
    return false;
}

/*
 * A node that gave lines of him within the minute has seen him, and is in every answer of its list then.
 * Left out time and again, it keeps none.
 */
static void note_unlisted(struct engine *e, const struct user *u, const struct online_reading *r,
                          int64_t now_us)
{
    int i;

    for (i = 0; i < u->n; i++) {
        const struct device *d = &u->devices[i];
        struct coverage *c;

        if (d->node == NODE_NONE || d->lines == 0 ||
            d->first_s * STAMP_SECOND > now_us - fresh_us || d->last_us < now_us - listed_us ||
            now_us - u->line_s * STAMP_SECOND > listed_us)
            continue;
        c = &e->nodes[d->node].cover;
        if (c->open_streams == 0 || has_answered((void *)(uintptr_t)r, (uint16_t)d->node))
            continue;
        if (!c->unlisted)
            c->unlisted_since_us = now_us;
        c->unlisted += c->unlisted < UNLISTED;
        c->listless = c->unlisted == UNLISTED && now_us - c->unlisted_since_us >= unlisted_us;
    }
}

static void note_reading(struct engine *e, struct user *u, const struct online_reading *r,
                         int64_t now_us)
{
    size_t i;

    for (i = 0; i < r->n_nodes; i++) {
        struct engine_node *n = &e->nodes[r->nodes[i]];

        n->read++;
        n->cover.unlisted = 0;
        n->cover.listless = false;
    }
    if (u)
        note_unlisted(e, u, r, now_us);
    if (u)
        u->read_s = (uint32_t)(now_us / STAMP_SECOND);
}

void engine_online(struct engine *e, int64_t id, const struct online_reading *r, int64_t now_us)
{
    bool counts_all = e->policy.sources != SOURCES_LOG;
    struct user *u = r->n && counts_all ? engine_make_user(e, id, now_us) : engine_user(e, id);
    struct online_seen *seen;
    struct listed_now listed[LIMIT_LANES];
    int *devices;
    size_t n, i;

    engine_at(e, now_us);
    note_reading(e, u, r, now_us);
    if (!u || !counts_all)
        return;
    seen = malloc((r->n + 1) * sizeof(*seen));
    devices = malloc((r->n + 1) * sizeof(*devices));
    n = seen && devices ? choose(e, u, r, now_us, seen) : 0;
    for (i = 0; i < n; i++) {
        struct observation o = {.at_us = seen[i].last_us,
                                .addr = seen[i].addr,
                                .node = seen[i].node,
                                .inbound = TAG_NONE,
                                .online = true};

        o.old = o.at_us <= now_us - e->policy.pair_idle_us;
        devices[i] = observe(e, u, &o, now_us);
    }
    if (seen && devices && u->state != USER_PUNISHED)
        listing_take(u, &e->policy, listed, gather(e, u, seen, n, devices, listed), has_answered,
                     (void *)(uintptr_t)r, engine_limit_of(e, u), now_us);
    /* A stream that is open is a sign of him, however old, unless the node tells that for good. */
    for (i = n; i > 0 && u->state == USER_PUNISHED; i--)
        if (may_hold(e, seen[i - 1].node))
            judge_still_seen(e, u, addr_device(seen[i - 1].addr, e->policy.ipv6_prefix),
                             seen[i - 1].node, now_us, now_us);
    free(seen);
    free(devices);
    if (is_held(e, u, now_us))
        judge_user(e, u, now_us, false);
}
