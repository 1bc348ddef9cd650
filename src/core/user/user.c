/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/user/user.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stamp.h"
#include "base/banned.h"

void user_release(struct user *u)
{
    listing_drop(u);
    user_drop_lanes(u);
    if (u->devices != u->few)
        free(u->devices);
    u->devices = NULL;
    u->n = u->cap = 0;
}

static bool is_it(const struct device *d, const struct device_key *k)
{
    if (!addr_eq(d->addr, k->addr) || d->cdn != k->cdn)
        return false;
    return !k->by_inbound || k->any_inbound || d->inbound == k->inbound ||
           (d->inbound == TAG_NONE && d->lines == 0);
}

int user_find(struct user *u, const struct device_key *key)
{
    uint16_t i;

    if (u->hot < u->n && is_it(&u->devices[u->hot], key))
        return u->hot;
    for (i = 0; i < u->n; i++) {
        if (is_it(&u->devices[i], key)) {
            u->hot = (uint8_t)i;
            return i;
        }
    }
    return -1;
}

static int grow(struct user *u)
{
    bool few = u->devices == u->few;
    struct device *p;

    if (u->cap == 0) {
        u->devices = u->few;
        u->cap = USER_FEW;
        return ERR_OK;
    }
    p = realloc(few ? NULL : u->devices, 2u * u->cap * sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    if (few)
        memcpy(p, u->few, sizeof(u->few));
    u->devices = p;
    u->cap = (uint16_t)(2 * u->cap);
    return ERR_OK;
}

/* Gives allocated memory back once the user has few devices again. */
static void shrink(struct user *u)
{
    if (u->n > USER_FEW || u->devices == u->few || u->cap == 0)
        return;
    memcpy(u->few, u->devices, u->n * sizeof(*u->devices));
    free(u->devices);
    u->devices = u->few;
    u->cap = USER_FEW;
}

static void drop_oldest(struct user *u, int64_t active_us)
{
    int oldest = -1, i;

    for (i = 0; i < u->n; i++)
        if (u->devices[i].lane == LANE_NONE && u->devices[i].last_us <= active_us &&
            (oldest < 0 || u->devices[i].last_us < u->devices[oldest].last_us))
            oldest = i;
    if (oldest >= 0)
        user_drop_device(u, oldest);
}

static int oldest_uncounted(const struct user *u, bool outside, bool either, int *ret_n)
{
    int oldest = -1, i;

    *ret_n = 0;
    for (i = 0; i < u->n; i++) {
        const struct device *d = &u->devices[i];

        if (device_plain(d) || (!either && d->outside != outside))
            continue;
        ++*ret_n;
        if (oldest < 0 || d->last_us < u->devices[oldest].last_us)
            oldest = i;
    }
    return oldest;
}

bool user_drop_uncounted(struct user *u)
{
    int n, at = oldest_uncounted(u, false, true, &n);

    if (at >= 0)
        user_drop_device(u, at);
    return at >= 0;
}

void user_bound_uncounted(struct user *u, bool outside, int most)
{
    int n, at = oldest_uncounted(u, outside, false, &n);

    for (; n >= most && at >= 0; at = oldest_uncounted(u, outside, false, &n))
        user_drop_device(u, at);
}

int user_add_device(struct user *u, uint32_t max, int64_t idle_us, int64_t active_us,
                    int *ret_index)
{
    if (u->n >= max)
        user_drop_idle(u, idle_us);
    if (u->n >= max)
        drop_oldest(u, active_us);
    if (u->n >= max)
        return ERR_TOO_BIG;
    if (u->n == u->cap && grow(u))
        return ERR_NOMEM;
    u->devices[u->n] = (struct device){.lane = LANE_NONE, .inbound = TAG_NONE, .node = NODE_NONE};
    *ret_index = u->n;
    u->hot = (uint8_t)u->n;
    u->n++;
    return ERR_OK;
}

static int pair_index(int i, int j)
{
    return i < j ? j * (j - 1) / 2 + i : i * (i - 1) / 2 + j;
}

struct pair *lanes_pair(struct lanes *l, int i, int j)
{
    return &l->pairs[pair_index(i, j)];
}

/* A pair between lanes a and b is to stand between a and its new place to: sides may change over. */
static void move_pair(struct lanes *l, int a, int from, int to)
{
    struct pair p = *lanes_pair(l, a, from);

    if ((a < from) != (a < to))
        p.previous = !p.previous;
    *lanes_pair(l, a, to) = p;
}

/* The last lane takes the place of the one that goes, so that pairs stay packed. */
static void drop_lane(struct user *u, int lane)
{
    struct lanes *l = u->lanes;
    int last = l->n - 1, i;

    u->devices[l->device[lane]].lane = LANE_NONE;
    if (lane != last) {
        for (i = 0; i < last; i++)
            if (i != lane)
                move_pair(l, i, last, lane);
        l->device[lane] = l->device[last];
        l->near[lane] = l->near[last];
        u->devices[l->device[lane]].lane = (uint8_t)lane;
    }
    l->n--;
}

void user_drop_device(struct user *u, int index)
{
    int last = u->n - 1;

    if (u->devices[index].lane != LANE_NONE)
        drop_lane(u, u->devices[index].lane);
    if (index != last) {
        u->devices[index] = u->devices[last];
        if (u->devices[index].lane != LANE_NONE)
            u->lanes->device[u->devices[index].lane] = (uint16_t)index;
    }
    u->n--;
    u->hot = 0;
    listing_moved(u, index, LISTED_NONE);
    if (index != last)
        listing_moved(u, last, index);
}

void user_drop_idle(struct user *u, int64_t idle_us)
{
    int i;

    for (i = u->n - 1; i >= 0; i--)
        if (u->devices[i].last_us < idle_us && !listing_of(u, i, idle_us))
            user_drop_device(u, i);
    if (u->lanes && u->lanes->n == 0)
        user_drop_lanes(u);
    shrink(u);
}

static int grow_lanes(struct user *u)
{
    struct lanes *l = u->lanes;
    int cap;
    struct pair *p;

    if (!l) {
        l = u->lanes = calloc(1, sizeof(*l));
        if (!l)
            return ERR_NOMEM;
    }
    if (l->n < l->cap)
        return ERR_OK;
    cap = l->cap ? l->cap * 2 : 2;
    p = realloc(l->pairs, (size_t)(cap * (cap - 1) / 2) * sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    l->pairs = p;
    l->cap = (uint8_t)cap;
    return ERR_OK;
}

int user_take_lane(struct user *u, int index)
{
    struct lanes *l = u->lanes;
    int i, oldest = 0, rc;

    if (u->devices[index].lane != LANE_NONE)
        return ERR_OK;
    if (l && l->n == LIMIT_LANES) {
        for (i = 1; i < l->n; i++)
            if (u->devices[l->device[i]].last_us < u->devices[l->device[oldest]].last_us)
                oldest = i;
        if (u->devices[l->device[oldest]].last_us > u->devices[index].last_us)
            return ERR_OK;
        drop_lane(u, oldest);
    }
    rc = grow_lanes(u);
    if (rc)
        return rc;
    l = u->lanes;
    l->device[l->n] = (uint16_t)index;
    l->near[l->n] = 0;
    u->devices[index].lane = l->n;
    for (i = 0; i < l->n; i++)
        *lanes_pair(l, i, l->n) = (struct pair){0};
    l->n++;
    return ERR_OK;
}

void user_leave_lane(struct user *u, int index)
{
    if (u->devices[index].lane == LANE_NONE)
        return;
    drop_lane(u, u->devices[index].lane);
    if (u->lanes->n == 0)
        user_drop_lanes(u);
}

void user_merge_devices(struct user *u, int a, int b)
{
    bool first = u->devices[a].lane != LANE_NONE || u->devices[b].lane == LANE_NONE;
    int keep = first ? a : b, gone = first ? b : a;
    struct device *d = &u->devices[keep];
    const struct device *x = &u->devices[gone];

    if (x->first_s < d->first_s)
        d->first_s = x->first_s;
    if (x->last_us > d->last_us) {
        device_extend(d, x->last_us);
        d->addr = x->addr;
        d->asn = x->asn;
        d->node = x->node;
        d->inbound = x->inbound;
    }
    d->lines = (x->lines < LINES_MAX - d->lines ? d->lines + x->lines : LINES_MAX) & LINES_MAX;
    d->checks = d->checks > x->checks ? d->checks : x->checks;
    d->checks_run = d->checks_run > x->checks_run ? d->checks_run : x->checks_run;
    d->online |= x->online;
    user_drop_device(u, gone);
}

void user_drop_lanes(struct user *u)
{
    int i;

    if (!u->lanes)
        return;
    for (i = 0; i < u->lanes->n; i++)
        u->devices[u->lanes->device[i]].lane = LANE_NONE;
    free(u->lanes->pairs);
    free(u->lanes->crowds);
    free(u->lanes);
    u->lanes = NULL;
}

double device_rate(const struct device *d, int64_t at_us, double half_life_s)
{
    double s = (double)(at_us - device_tick_us(d)) / STAMP_SECOND;

    return s > 0 ? d->rate * exp2(-s / half_life_s) : d->rate;
}
