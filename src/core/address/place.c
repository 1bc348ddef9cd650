/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* Where an address belongs, and so whether a device counts, and which devices are one (engine.md 2). */

enum {
    LOCATE_A_CHECK = 4096, /* questions of one check about networks that are not known */
    SUBNET4 = 24 + 96,     /* group_by subnet, in bits of struct addr */
    SUBNET6 = 48,
};

static void locate(const struct engine *e, struct device *d, struct addr full)
{
    bool filters = sources_filters_countries(&e->sources);
    struct geo g = {0};

    if (e->geo)
        e->geo(e->geo_arg, full, &g);
    d->asn = (g.asn <= ASN_MAX ? g.asn : 0) & ASN_MAX;
    d->outside = filters && !sources_counts_country(&e->sources, g.country);
    d->located = d->asn && (!filters || g.country[0]);
}

void place_device(const struct engine *e, struct device *d, struct addr full)
{
    d->shared = e->marks.n && shared_marked(&e->marks, d->addr);
    d->content = addrset_has(&e->sources.content, d->addr);
    locate(e, d, full);
}

static bool same_subnet(struct addr a, struct addr b, unsigned ipv6_prefix)
{
    unsigned bits = addr_is4(a) ? SUBNET4 : ipv6_prefix < SUBNET6 ? ipv6_prefix : SUBNET6;

    return addr_is4(a) == addr_is4(b) && addr_eq(addr_mask(a, bits), addr_mask(b, bits));
}

/* What counts for itself is never one with what does not. */
bool place_is_one(const struct engine *e, const struct device *a, const struct device *b)
{
    if (a->shared != b->shared || a->cdn != b->cdn || a->content != b->content ||
        a->outside != b->outside)
        return false;
    if (addr_eq(a->addr, b->addr))
        return e->policy.group_by != GROUP_IP_INBOUND || a->inbound == b->inbound;
    if (e->policy.group_by == GROUP_SUBNET)
        return same_subnet(a->addr, b->addr, e->policy.ipv6_prefix);
    return e->policy.group_by == GROUP_ISP && a->asn && a->asn == b->asn;
}

int place_find(const struct engine *e, const struct user *u, const struct device *d)
{
    int i;

    for (i = 0; i < u->n; i++)
        if (place_is_one(e, &u->devices[i], d))
            return i;
    return -1;
}

void place_settle(const struct engine *e, struct user *u)
{
    int i, k;

    for (i = 0; i < u->n; i++)
        if (!device_plain(&u->devices[i]))
            user_leave_lane(u, i);
    for (i = 0; i < u->n; i++) {
        for (k = i + 1; k < u->n; k++) {
            if (!place_is_one(e, &u->devices[i], &u->devices[k]))
                continue;
            /* Another device may stand at i or k now: those from i on are compared anew. */
            user_merge_devices(u, i, k);
            k = i;
        }
    }
}

void place_again(struct engine *e, struct user *u, uint32_t slot, int64_t now_us)
{
    bool changed = false;
    int i;

    if (!e->geo || slot < e->locate_from)
        return;
    for (i = 0; i < u->n && e->locate_left; i++) {
        struct device *d = &u->devices[i];
        uint32_t asn = d->asn;

        if (d->located || !verdict_active(d, &e->policy, now_us))
            continue;
        e->locate_left--;
        locate(e, d, d->addr);
        changed |= d->asn != asn || d->outside;
    }
    if (changed)
        place_settle(e, u);
    if (e->locate_left == 0)
        e->locate_from = slot + 1;
}

/* Whether it is still known by the same: what only the online list has shown was taken for a CDN's. */
static bool still_cdn(const struct engine *e, const struct device *d)
{
    bool unseen = d->inbound == TAG_NONE && d->lines == 0 && e->sources.cdn_inbounds.n;

    return d->cdn == (unseen || place_cdn(e, d->node, d->inbound));
}

/* Looks at all devices of one user anew; those that are not to be counted at all, or are known by something
 * else now, go. */
static void place_user(struct engine *e, struct user *u)
{
    int i;

    for (i = u->n - 1; i >= 0; i--) {
        struct device *d = &u->devices[i];
        enum addr_class class = addr_classify(d->addr);

        if ((d->node != NODE_NONE && e->nodes[d->node].disabled) || !still_cdn(e, d) ||
            class == ADDR_NEVER || (class == ADDR_PRIVATE && !e->rules.count_private) ||
            addrset_has(&e->rules.ignored, d->addr))
            user_drop_device(u, i);
        else
            place_device(e, d, d->addr);
    }
    if (u->lanes && u->lanes->n == 0)
        user_drop_lanes(u);
    place_settle(e, u);
}

static void place_all(struct engine *e)
{
    uint32_t s;

    for (s = 0; s < e->n_slots; s++)
        place_user(e, engine_slot(e, s));
}

void place_begin_check(struct engine *e)
{
    if (e->locate_left)
        e->locate_from = 0;
    e->locate_left = LOCATE_A_CHECK;
}

void place_forget_all(struct engine *e)
{
    uint32_t s;

    for (s = 0; s < e->n_slots; s++) {
        struct user *u = engine_slot(e, s);

        if (u->id == 0)
            continue;
        if (u->state == USER_MONITORING)
            judge_clear(e, u);
        user_release(u);
        u->hot = 0;
    }
}

void engine_addresses_changed(struct engine *e, int64_t now_us)
{
    engine_at(e, now_us);
    place_all(e);
}

void engine_set_sources(struct engine *e, struct sources *s, int64_t now_us)
{
    uint32_t i;

    engine_at(e, now_us);
    if (sources_equal(&e->sources, s)) {
        sources_release(s);
        return;
    }
    sources_release(&e->sources);
    e->sources = *s;
    sources_init(s);
    for (i = 0; i < e->n_nodes; i++) {
        e->nodes[i].cdn = sources_is_cdn_node(&e->sources, e->nodes[i].cover.node_id);
        e->nodes[i].disabled = sources_is_disabled_node(&e->sources, e->nodes[i].cover.node_id);
    }
    for (i = 0; i < e->n_tags; i++)
        e->tag_cdn[i] = sources_is_cdn_inbound(&e->sources, slice_of(e->tags[i]));
    place_all(e);
}

const struct sources *engine_sources(const struct engine *e)
{
    return &e->sources;
}

void engine_set_geo(struct engine *e, geo_fn fn, void *arg, int64_t now_us)
{
    engine_at(e, now_us);
    e->geo = fn;
    e->geo_arg = arg;
    place_all(e);
}

void engine_geo_changed(struct engine *e, int64_t now_us)
{
    engine_at(e, now_us);
    place_all(e);
}
