/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/verdict.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

void verdict_tally(const struct user *u, const struct policy *policy, int64_t now_us,
                   struct tally *ret)
{
    struct tally t = {0};
    int i;

    for (i = 0; i < u->n; i++) {
        if (!verdict_active(&u->devices[i], policy, now_us))
            continue;
        if (u->devices[i].shared)
            t.shared++;
        else
            t.plain++;
    }
    t.devices = t.plain ? t.plain : t.shared > 0;
    *ret = t;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

int64_t verdict_over_until(const struct user *u, const struct policy *policy, int limit)
{
    int64_t seen[LIMIT_DEVICES_MAX];
    int n = 0, i;

    for (i = 0; i < u->n && n < LIMIT_DEVICES_MAX; i++)
        if (!u->devices[i].shared)
            seen[n++] = u->devices[i].last_us;
    if (n <= limit)
        return INT64_MIN;
    qsort(seen, (size_t)n, sizeof(seen[0]), newest_first);
    return seen[limit] + policy->active_window_us;
}

bool verdict_excused(const struct policy *policy, struct addr a, struct addr b,
                     const struct pair *p)
{
    if (policy->group_by != GROUP_AUTO)
        return false;
    if (addr_is4(a) != addr_is4(b))
        return true;
    return p && addr_same_carrier(a, b) && pair_is_nat(p);
}

/* A graph of up to 16 devices; bit j of edge[i] joins i and j. */
struct graph {
    uint16_t edge[LIMIT_LANES];
    int n;
};

/* The largest clique that holds `size` chosen nodes and any of cand. */
static int clique(const struct graph *g, unsigned cand, int size, int best)
{
    if (size > best)
        best = size;
    while (cand && size + __builtin_popcount(cand) > best) {
        int i = __builtin_ctz(cand);

        cand &= cand - 1;
        best = clique(g, cand & g->edge[i], size + 1, best);
    }
    return best;
}

static int largest_clique(const struct graph *g)
{
    return g->n ? clique(g, (1u << g->n) - 1, 0, 0) : 0;
}

static void join(struct graph *g, int i, int j)
{
    g->edge[i] |= (uint16_t)(1u << j);
    g->edge[j] |= (uint16_t)(1u << i);
}

int verdict_concurrent(const struct user *u, const struct policy *policy, int64_t now_us,
                       double threshold)
{
    struct graph g = {.n = 0};
    int lane_of[LIMIT_LANES], i, j, alone = 0;

    if (!u->lanes)
        return u->n > 0;
    for (i = 0; i < u->lanes->n; i++) {
        const struct device *d = &u->devices[u->lanes->device[i]];

        if (!verdict_active(d, policy, now_us))
            continue;
        alone = 1;
        if (!d->shared)
            lane_of[g.n++] = i;
    }
    for (i = 0; i < g.n; i++) {
        for (j = i + 1; j < g.n; j++) {
            const struct pair *p = lanes_pair(u->lanes, lane_of[i], lane_of[j]);

            if (p->last_us && pair_score(p) >= threshold &&
                !verdict_excused(policy, u->devices[u->lanes->device[lane_of[i]]].addr,
                                 u->devices[u->lanes->device[lane_of[j]]].addr, p))
                join(&g, i, j);
        }
    }
    i = largest_clique(&g);
    return i > alone ? i : alone;
}

/*
 * How many of the chosen devices remain when of an excused pair only one may stay. Beyond 16 only the
 * families are told apart.
 */
static int without_excused(const struct user *u, const struct policy *policy,
                           const uint16_t *chosen, int n)
{
    struct graph g = {.n = n};
    int i, j, v4 = 0;

    if (policy->group_by != GROUP_AUTO)
        return n;
    for (i = 0; i < n; i++)
        v4 += addr_is4(u->devices[chosen[i]].addr);
    if (n > LIMIT_LANES)
        return v4 > n - v4 ? v4 : n - v4;
    for (i = 0; i < n; i++) {
        for (j = i + 1; j < n; j++) {
            const struct device *a = &u->devices[chosen[i]], *b = &u->devices[chosen[j]];
            const struct pair *p = a->lane != LANE_NONE && b->lane != LANE_NONE
                                       ? lanes_pair(u->lanes, a->lane, b->lane)
                                       : NULL;

            if (!verdict_excused(policy, a->addr, b->addr, p))
                join(&g, i, j);
        }
    }
    return largest_clique(&g);
}

int verdict_persistent(const struct user *u, const struct policy *policy, int64_t now_us,
                       double share)
{
    int64_t span_us = (int64_t)((double)policy->persistent_span_us * share);
    int checks = (int)((double)policy->persistent_checks * share + 0.5), n = 0, i;
    uint16_t chosen[LIMIT_DEVICES_MAX];

    if (checks < 1)
        checks = 1;
    for (i = 0; i < u->n && n < LIMIT_DEVICES_MAX; i++) {
        const struct device *d = &u->devices[i];

        if (d->shared || d->last_us <= now_us - policy->persistent_window_us)
            continue;
        if (d->last_us - (int64_t)d->first_s * STAMP_SECOND >= span_us || d->checks >= checks)
            chosen[n++] = (uint16_t)i;
    }
    return without_excused(u, policy, chosen, n);
}

int verdict_every_check(const struct user *u, const struct policy *policy, int64_t now_us,
                        int checks)
{
    uint16_t chosen[LIMIT_DEVICES_MAX];
    int n = 0, i;

    if (checks < 1)
        return 0;
    if (checks > UINT8_MAX)
        checks = UINT8_MAX;
    for (i = 0; i < u->n && n < LIMIT_DEVICES_MAX; i++) {
        const struct device *d = &u->devices[i];

        if (!d->shared && verdict_active(d, policy, now_us) && d->checks_run >= checks)
            chosen[n++] = (uint16_t)i;
    }
    return without_excused(u, policy, chosen, n);
}
