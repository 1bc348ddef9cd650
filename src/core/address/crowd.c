/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/address/crowd.h"

#include <math.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "core/user/user.h"
#include "base/banned.h"

enum { CROWDS_MAX = LIMIT_LANES / 2, MIXED_BURSTS = 3, ALONE_TICKS = 6, ALONE_ANYWAY = 10 };

static const int64_t burst_us = 2 * STAMP_SECOND;
static const int64_t alone_us = 60 * STAMP_SECOND;
static const double excess = 1.4,
                    excess_least = 2; /* extra ticks beyond chance that are no chance */
static const double age_least_s = 30;

static struct addr place_of(struct addr a)
{
    return addr_mask(a, addr_is4(a) ? 96 + 16 : 32);
}

static bool same_network(uint32_t a, uint32_t b)
{
    return a == 0 || b == 0 || a == b;
}

static struct crowd *find(const struct user *u, const struct device *d)
{
    struct addr place = place_of(d->addr);
    int i;

    for (i = 0; u->lanes && i < u->lanes->n_crowds; i++) {
        struct crowd *c = &u->lanes->crowds[i];

        if (addr_eq(c->place, place) && same_network(c->asn, d->asn))
            return c;
    }
    return NULL;
}

static bool fellow(const struct device *d, const struct device *x)
{
    return x != d && addr_same_carrier(d->addr, x->addr) && same_network(d->asn, x->asn);
}

/*
 * A new crowd, which begins with the latest tick of another one, in place of the one that was quiet longest
 * when there are too many.
 */
static struct crowd *make(struct lanes *l, const struct device *d, const struct device *latest)
{
    struct crowd *c;
    int i;

    if (l->n_crowds < CROWDS_MAX) {
        c = realloc(l->crowds, (size_t)(l->n_crowds + 1) * sizeof(*c));
        if (!c)
            return NULL;
        l->crowds = c;
        c += l->n_crowds++;
    } else {
        for (c = l->crowds, i = 1; i < l->n_crowds; i++)
            if (l->crowds[i].burst_us < c->burst_us)
                c = &l->crowds[i];
    }
    *c = (struct crowd){.place = place_of(d->addr),
                        .asn = d->asn,
                        .burst_us = device_tick_us(latest),
                        .run_us = device_tick_us(latest),
                        .run = latest->addr,
                        .run_ticks = 1};
    return c;
}

/* Ticks a second, as seen so far: the count has not had time yet to rise to what it decays from. */
static double pace(const struct device *x, const struct policy *policy, int64_t at_us)
{
    double half_life_s = policy->rate_half_life_s, rate = device_rate(x, at_us, half_life_s),
           age_s = fmax((double)(at_us / STAMP_SECOND - x->first_s), age_least_s);

    return rate * M_LN2 / half_life_s / (1 - exp2(-age_s / half_life_s));
}

static void start_burst(struct crowd *c, double others, const struct policy *policy, int64_t at_us)
{
    float forget =
        (float)exp2(-(double)(at_us - c->burst_us) / STAMP_SECOND / policy->evidence_half_life_s);

    c->extra *= forget;
    c->chance = c->chance * forget + (float)(others * (double)burst_us / STAMP_SECOND);
    c->burst_us = at_us;
    c->is_mixed = false;
}

static void note_run(struct crowd *c, struct addr addr, int64_t at_us)
{
    if (!addr_eq(c->run, addr)) {
        c->run = addr;
        c->run_us = at_us;
        c->run_ticks = 1;
        return;
    }
    c->run_ticks = (uint8_t)(c->run_ticks + (c->run_ticks < UINT8_MAX));
    c->alone |= c->run_ticks >= ALONE_ANYWAY ||
                (c->run_ticks >= ALONE_TICKS && at_us - c->run_us > alone_us);
}

void crowd_tick(struct user *u, const struct device *d, const struct policy *policy, int64_t at_us)
{
    struct crowd *c = find(u, d);
    const struct device *latest = NULL;
    double others = 0;
    int i;

    for (i = 0; i < u->lanes->n; i++) {
        const struct device *x = &u->devices[u->lanes->device[i]];

        if (!fellow(d, x))
            continue;
        if (!latest || device_tick_us(x) > device_tick_us(latest))
            latest = x;
        others += pace(x, policy, at_us);
    }
    if (!latest)
        return;
    if (!c)
        c = make(u->lanes, d, latest);
    if (!c || at_us < c->burst_us)
        return;
    c->asn = c->asn ? c->asn : d->asn;
    if (at_us - c->burst_us >= burst_us) {
        start_burst(c, others, policy, at_us);
    } else {
        c->extra++;
        c->mixed = (uint16_t)(c->mixed + (!c->is_mixed && c->mixed < UINT16_MAX));
        c->is_mixed = true;
    }
    note_run(c, d->addr, at_us);
}

bool crowd_is_nat(const struct user *u, const struct device *d)
{
    const struct crowd *c = find(u, d);

    if (!c || c->mixed < MIXED_BURSTS)
        return false;
    return !c->alone || c->extra >= excess * c->chance + excess_least;
}
