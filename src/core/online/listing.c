/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/online/listing.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "core/user/user.h"
#include "base/banned.h"

_Static_assert((int)LIMIT_LANES <= 16, "sets of listed addresses are 16 bits");

static const int64_t fresh_us = 120 * STAMP_SECOND;       /* an older reading says nothing of now */
enum { GAP_PART = 6, OUTLIVE_PART = 2, PROOF_HOLDS = 2 }; /* parts and multiples of online_hold */

void listing_drop(struct user *u)
{
    free(u->listing);
    u->listing = NULL;
}

void listing_moved(struct user *u, int index, int to)
{
    int i;

    for (i = 0; u->listing && i < u->listing->n; i++)
        if (u->listing->at[i].device == index)
            u->listing->at[i].device = (uint16_t)to;
}

static uint16_t without(uint16_t set, int gone, int last)
{
    uint16_t moved = (uint16_t)((set >> last & 1u) << gone);

    return (uint16_t)((set & ~(1u << gone) & ~(1u << last)) | (gone == last ? 0 : moved));
}

/* The last one takes the place of the one that goes. */
static void remove_at(struct listing *l, int gone)
{
    int last = l->n - 1, i;

    l->at[gone] = l->at[last];
    for (i = 0; i < l->n; i++) {
        l->first_s[i][gone] = l->first_s[i][last];
        l->proved_s[i][gone] = l->proved_s[i][last];
    }
    for (i = 0; i < l->n; i++) {
        l->first_s[gone][i] = l->first_s[last][i];
        l->proved_s[gone][i] = l->proved_s[last][i];
    }
    l->n--;
    for (i = 0; i < l->n; i++)
        l->at[i].after = without(l->at[i].after, gone, last);
}

static int find(const struct listing *l, struct addr addr)
{
    int i;

    for (i = 0; i < l->n; i++)
        if (addr_eq(l->at[i].addr, addr))
            return i;
    return -1;
}

static void add(struct listing *l, const struct listed_now *s, int64_t now_us)
{
    int i;

    if (l->n == LIMIT_LANES)
        return;
    for (i = 0; i <= l->n; i++) {
        l->first_s[i][l->n] = l->first_s[l->n][i] = 0;
        l->proved_s[i][l->n] = l->proved_s[l->n][i] = 0;
    }
    l->at[l->n++] = (struct listed){.addr = s->addr,
                                    .since_us = now_us,
                                    .seen_us = now_us,
                                    .value_us = s->value_us,
                                    .device = s->device,
                                    .node = s->node};
}

/* A new stream of i, at its value: nothing is known yet of how long it will be listed after others' ones. */
static void move(struct listing *l, int i, int64_t value_us)
{
    int j;

    l->at[i].value_us = value_us;
    for (j = 0; j < l->n; j++) {
        l->first_s[i][j] = 0;
        if (j != i && value_us > l->at[j].since_us)
            l->at[i].after |= (uint16_t)(1u << j);
    }
}

static void see(struct listing *l, const struct policy *policy, const struct listed_now *s,
                int64_t now_us)
{
    int64_t gap_us = policy->online_hold_us / GAP_PART;
    int i = find(l, s->addr);
    struct listed *x;

    if (i < 0) {
        add(l, s, now_us);
        return;
    }
    x = &l->at[i];
    x->device = s->device;
    x->node = s->node;
    if (s->value_us > x->value_us) {
        /* Between two readings far apart it may have been gone; the same stream it is without a doubt. */
        if (now_us - x->seen_us > gap_us) {
            remove_at(l, i);
            add(l, s, now_us);
            return;
        }
        move(l, i, s->value_us);
    }
    x->seen_us = now_us;
}

/* What the new streams of this reading say of the others. */
static void compare(struct listing *l, const struct policy *policy, int64_t now_us)
{
    int64_t outlive_us = policy->online_hold_us / OUTLIVE_PART;
    int i, j;

    for (i = 0; i < l->n; i++) {
        struct listed *x = &l->at[i];

        for (j = 0; j < l->n; j++) {
            uint32_t *first_s = &l->first_s[i][j];

            if (i == j)
                continue;
            if (*first_s == 0 && l->at[j].value_us > x->value_us)
                *first_s = (uint32_t)(l->at[j].value_us / STAMP_SECOND);
            if (*first_s && x->seen_us == now_us &&
                now_us - (int64_t)*first_s * STAMP_SECOND >= outlive_us)
                l->proved_s[i][j] = (uint32_t)(now_us / STAMP_SECOND);
        }
    }
}

static bool was_seen(const struct listed_now *seen, size_t n, struct addr addr)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (addr_eq(seen[i].addr, addr))
            return true;
    return false;
}

void listing_take(struct user *u, const struct policy *policy, const struct listed_now *seen,
                  size_t n, bool (*answered)(void *arg, uint16_t node), void *arg, int limit,
                  int64_t now_us)
{
    struct listing *l = u->listing;
    size_t k;
    int i;

    if (!l) {
        if (limit == 0 || limit >= LIMIT_LANES || n <= (size_t)limit)
            return;
        l = u->listing = calloc(1, sizeof(*l));
        if (!l)
            return;
    }
    for (i = l->n - 1; i >= 0; i--)
        if (!was_seen(seen, n, l->at[i].addr) &&
            (answered(arg, l->at[i].node) ||
             now_us - l->at[i].seen_us > policy->online_hold_us / GAP_PART))
            remove_at(l, i);
    for (k = 0; k < n; k++)
        see(l, policy, &seen[k], now_us);
    compare(l, policy, now_us);
    l->read_us = now_us;
    if (l->n <= limit || limit == 0)
        listing_drop(u);
}

static const struct listed *listed_device(const struct user *u, int device)
{
    int i;

    for (i = 0; u->listing && i < u->listing->n; i++)
        if (u->listing->at[i].device == device)
            return &u->listing->at[i];
    return NULL;
}

const struct listed *listing_of(const struct user *u, int device, int64_t now_us)
{
    const struct listed *x = listed_device(u, device);

    return x && now_us - x->seen_us <= fresh_us ? x : NULL;
}

/* One provider's addresses, or two families that may be one phone's, prove nothing by long streams. */
static bool apart(const struct device *a, const struct device *b)
{
    if (!device_plain(a) || !device_plain(b))
        return false;
    if (a->asn && b->asn)
        return a->asn != b->asn;
    return addr_is4(a->addr) == addr_is4(b->addr) && !addr_same_carrier(a->addr, b->addr);
}

static bool held(const struct user *u, const struct policy *policy, const struct listed *x,
                 const struct listed *y, int64_t now_us)
{
    const struct listing *l = u->listing;
    unsigned i = (unsigned)(x - l->at), j = (unsigned)(y - l->at);
    int64_t proof_us = now_us - PROOF_HOLDS * policy->online_hold_us;

    if (x->device == LISTED_NONE || y->device == LISTED_NONE || x->device == y->device ||
        !apart(&u->devices[x->device], &u->devices[y->device]))
        return false;
    if (now_us - x->seen_us > fresh_us || now_us - y->seen_us > fresh_us)
        return false;
    if (x->seen_us - x->since_us < policy->online_hold_us ||
        y->seen_us - y->since_us < policy->online_hold_us)
        return false;
    if (!(x->after >> j & 1u) || !(y->after >> i & 1u) || !l->proved_s[i][j] || !l->proved_s[j][i])
        return false;
    return (int64_t)l->proved_s[i][j] * STAMP_SECOND >= proof_us &&
           (int64_t)l->proved_s[j][i] * STAMP_SECOND >= proof_us;
}

bool listing_held(const struct user *u, const struct policy *policy, int a, int b, int64_t now_us)
{
    const struct listed *x, *y;

    if (!u->listing)
        return false;
    x = listed_device(u, a);
    y = listed_device(u, b);
    return x && y && held(u, policy, x, y, now_us);
}

bool listing_present(const struct user *u, const struct policy *policy, int device, int64_t now_us)
{
    const struct listed *x = listed_device(u, device);
    int i;

    if (!x)
        return false;
    for (i = 0; i < u->listing->n; i++)
        if (&u->listing->at[i] != x && held(u, policy, x, &u->listing->at[i], now_us))
            return true;
    return false;
}
