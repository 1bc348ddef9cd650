/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "core/engine_int.h"
#include "base/banned.h"

/* How many devices users would have by other sources, from what is held of them now. */

/* Whether the device stands in a country that is not counted by s. */
static bool is_outside(const struct engine *e, const struct sources *s, struct addr a)
{
    struct geo g = {0};

    if (!sources_filters_countries(s))
        return false;
    if (e->geo)
        e->geo(e->geo_arg, a, &g);
    return !sources_counts_country(s, g.country);
}

/* The device as place_device() and still_cdn() would have it; false: it is not counted at all. */
static bool suppose(const struct engine *e, const struct engine_supposed *what, struct device *d)
{
    const struct sources *s = what->sources;
    int64_t node_id = d->node == NODE_NONE ? 0 : e->nodes[d->node].cover.node_id;

    if (d->node != NODE_NONE && sources_is_disabled_node(s, node_id))
        return false;
    d->cdn = (d->node != NODE_NONE && sources_is_cdn_node(s, node_id)) ||
             (d->inbound != TAG_NONE ? sources_is_cdn_inbound(s, slice_of(e->tags[d->inbound]))
                                     : d->lines == 0 && s->cdn_inbounds.n);
    d->content = addrset_has(&s->content, d->addr);
    d->outside = is_outside(e, s, d->addr);
    d->shared = d->shared && !what->unmarked;
    return true;
}

static int count_supposed(const struct engine *e, const struct user *u,
                          const struct engine_supposed *what, int64_t now_us, struct device *room)
{
    int n = 0, plain = 0, common = 0, i, k;

    for (i = 0; i < u->n && n < LIMIT_DEVICES_MAX; i++) {
        if (!verdict_active(&u->devices[i], &e->policy, now_us))
            continue;
        room[n] = u->devices[i];
        if (!suppose(e, what, &room[n]))
            continue;
        for (k = 0; k < n && !place_is_one(e, &room[k], &room[n]); k++)
            ;
        if (k < n)
            continue;
        plain += device_plain(&room[n]);
        common |= device_common(&room[n]);
        n++;
    }
    return plain ? plain : common;
}

int engine_suppose(const struct engine *e, const struct engine_supposed *what, int64_t now_us,
                   void (*fn)(void *arg, int64_t id, int now, int supposed), void *arg)
{
    struct device *room = malloc(LIMIT_DEVICES_MAX * sizeof(*room));
    uint32_t i;

    if (!room)
        return ERR_NOMEM;
    for (i = 0; i < e->n_slots; i++) {
        const struct user *u = engine_slot(e, i);
        struct tally t;
        int n;

        if (u->id == 0)
            continue;
        verdict_tally(u, &e->policy, now_us, &t);
        n = count_supposed(e, u, what, now_us, room);
        if (t.devices || n)
            fn(arg, u->id, t.devices, n);
    }
    free(room);
    return ERR_OK;
}
