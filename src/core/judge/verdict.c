/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/judge/verdict.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

void verdict_tally(const struct user *u, const struct policy *policy, int64_t now_us,
                   struct tally *ret)
{
    struct tally t = {0};
    int i;

    for (i = 0; i < u->n; i++) {
        if (!verdict_present(u, i, policy, now_us))
            continue;
        t.plain += device_plain(&u->devices[i]);
        t.shared += device_common(&u->devices[i]);
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
        if (device_plain(&u->devices[i]))
            seen[n++] = u->devices[i].last_us;
    if (n <= limit)
        return INT64_MIN;
    qsort(seen, (size_t)n, sizeof(seen[0]), newest_first);
    return seen[limit] + policy->active_window_us;
}

bool verdict_excused(const struct policy *policy, const struct user *u, const struct device *a,
                     const struct device *b)
{
    bool elsewhere = a->asn && b->asn && a->asn != b->asn;

    if (policy->group_by != GROUP_AUTO || elsewhere)
        return false;
    if (addr_is4(a->addr) != addr_is4(b->addr))
        return true;
    return addr_same_carrier(a->addr, b->addr) && (crowd_is_nat(u, a) || crowd_is_nat(u, b));
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

/* The devices whose pairs are looked at: present, with a lane, or held by long streams. */
static int choose(const struct user *u, const struct policy *policy, int64_t now_us, int *ret)
{
    int n = 0, i, k;

    for (i = 0; u->lanes && i < u->lanes->n; i++)
        if (device_plain(&u->devices[u->lanes->device[i]]) &&
            verdict_present(u, u->lanes->device[i], policy, now_us))
            ret[n++] = u->lanes->device[i];
    for (i = 0; u->listing && i < u->listing->n && n < LIMIT_LANES; i++) {
        int index = u->listing->at[i].device;

        for (k = 0; k < n && ret[k] != index; k++)
            ;
        if (k == n && index != LISTED_NONE && listing_present(u, policy, index, now_us))
            ret[n++] = index;
    }
    return n;
}

static bool is_concurrent(const struct user *u, const struct policy *policy, int64_t now_us,
                          double threshold, int a, int b)
{
    const struct device *x = &u->devices[a], *y = &u->devices[b];
    const struct pair *p;

    if (listing_held(u, policy, a, b, now_us))
        return true;
    if (x->lane == LANE_NONE || y->lane == LANE_NONE)
        return false;
    p = lanes_pair(u->lanes, x->lane, y->lane);
    return p->last_us && pair_score(p) >= threshold && !verdict_excused(policy, u, x, y);
}

int verdict_concurrent(const struct user *u, const struct policy *policy, int64_t now_us,
                       double threshold)
{
    struct graph g = {.n = 0};
    int chosen[LIMIT_LANES], i, j, alone = 0;

    for (i = 0; i < u->n && !alone; i++)
        alone = !u->devices[i].outside && verdict_present(u, i, policy, now_us);
    g.n = choose(u, policy, now_us, chosen);
    for (i = 0; i < g.n; i++)
        for (j = i + 1; j < g.n; j++)
            if (is_concurrent(u, policy, now_us, threshold, chosen[i], chosen[j]))
                join(&g, i, j);
    i = largest_clique(&g);
    return i > alone ? i : alone;
}

/* A network of some chosen devices, to be sorted. */
struct network {
    uint64_t place;
    uint32_t asn;
    bool is4;
};

static int by_network(const void *a, const void *b)
{
    const struct network *x = a, *y = b;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->asn < y->asn ? -1 : x->asn > y->asn;
}

/*
 * The largest choice of devices without two families of one provider: one family, or of each provider the
 * family that has more; with an unknown provider on one side the other family must go altogether.
 */
static int most_of_one_family(const struct user *u, const uint16_t *chosen, int n)
{
    struct network all[LIMIT_DEVICES_MAX];
    int v4 = 0, sum = 0, i, k;

    for (i = 0; i < n; i++) {
        const struct device *d = &u->devices[chosen[i]];

        all[i] = (struct network){.asn = d->asn, .is4 = addr_is4(d->addr)};
        v4 += all[i].is4;
    }
    if (n)
        qsort(all, (size_t)n, sizeof(all[0]), by_network);
    for (i = 0; i < n; i = k) {
        int four = 0;

        for (k = i; k < n && all[k].asn == all[i].asn; k++)
            four += all[k].is4;
        if (all[i].asn)
            sum += four > k - i - four ? four : k - i - four;
    }
    sum = sum > v4 ? sum : v4;
    return sum > n - v4 ? sum : n - v4;
}

/*
 * How many of the chosen devices remain when of an excused pair only one may stay. Beyond 16 only the
 * families are told apart.
 */
static int without_excused(const struct user *u, const struct policy *policy,
                           const uint16_t *chosen, int n)
{
    struct graph g = {.n = n};
    int i, j;

    if (policy->group_by != GROUP_AUTO)
        return n;
    if (n > LIMIT_LANES)
        return most_of_one_family(u, chosen, n);
    for (i = 0; i < n; i++) {
        for (j = i + 1; j < n; j++) {
            if (!verdict_excused(policy, u, &u->devices[chosen[i]], &u->devices[chosen[j]]))
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

        if (!device_plain(d) || d->last_us <= now_us - policy->persistent_window_us)
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

        if (device_plain(d) && verdict_active(d, policy, now_us) && d->checks_run >= checks)
            chosen[n++] = (uint16_t)i;
    }
    return without_excused(u, policy, chosen, n);
}

/* The /16, or for IPv6 the /32, as a number that tells the families apart. */
static uint64_t place_of(struct addr a)
{
    return addr_is4(a) ? (a.lo & UINT32_MAX) >> 16 : UINT64_C(1) << 32 | a.hi >> 32;
}

int verdict_networks(const struct user *u, const struct policy *policy, int64_t now_us)
{
    struct network all[LIMIT_DEVICES_MAX];
    int n = 0, common = 0, networks = 0, i;

    for (i = 0; i < u->n && n < LIMIT_DEVICES_MAX; i++) {
        const struct device *d = &u->devices[i];

        if (!verdict_active(d, policy, now_us))
            continue;
        common |= device_common(d);
        if (device_plain(d))
            all[n++] = (struct network){.place = place_of(d->addr), .asn = d->asn};
    }
    if (n)
        qsort(all, (size_t)n, sizeof(all[0]), by_network);
    /* An unknown ASN stands first in its place: it adds one only where no known one follows. */
    for (i = 0; i < n; i++)
        networks += i + 1 == n || all[i + 1].place != all[i].place ||
                    (all[i].asn && all[i + 1].asn != all[i].asn);
    return networks + common;
}
