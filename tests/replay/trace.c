/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "trace.h"

#include <math.h>
#include <stdlib.h>

#include "base/attr.h"
#include "core/address/addr.h"
#include "base/banned.h"

enum { FIRST_ASN = 210000, BLOCKS = ADDR_PER_NET / ADDR_PER_16, V6_FIRST = 0x2a010000 };

/* First bytes of IPv4 addresses that belong to no content network. */
static const uint8_t first_byte[] = {77, 78, 79, 81, 82, 83, 85, 86, 87, 89, 90, 91, 93, 94};

const struct habit ordinary = {8, 35, 120, 90, 0, 0};
const struct habit light = {15, 60, 120, 90, 0, 0};
const struct habit heavy = {3, 10, 120, 90, 0, 0};
const struct habit alternating = {8, 60, 60, 60, 0, 0};
const struct habit busy1 = {0, 0, 0, 0, 1, 0};
const struct habit busy2 = {0, 0, 0, 0, 2, 0};
const struct habit uneven = {8, 35, 120, 90, 0, 1.3};
const struct habit long_spells = {6, 45, 400, 300, 0, 0};
const struct habit short_spells = {5, 30, 25, 40, 0, 0};

void trace_start(struct trace *t, uint64_t seed, bool carried, double length_s)
{
    t->length_s = length_s;
    t->n = 0;
    t->next_net = 0;
    t->carried = carried;
    t->rng = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
}

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return x->at_s < y->at_s ? -1 : x->at_s > y->at_s;
}

void trace_sort(struct trace *t)
{
    qsort(t->lines, (size_t)t->n, sizeof(t->lines[0]), by_time);
}

/* xorshift64* */
double trace_uniform(struct trace *t)
{
    t->rng ^= t->rng >> 12;
    t->rng ^= t->rng << 25;
    t->rng ^= t->rng >> 27;
    return (double)(t->rng * UINT64_C(2685821657736338717) >> 11) / 9007199254740992.0;
}

double trace_exponential(struct trace *t, double mean)
{
    return -mean * log(1 - trace_uniform(t));
}

double trace_between(struct trace *t, double lo, double hi)
{
    return lo + (hi - lo) * trace_uniform(t);
}

static double gap(struct trace *t, const struct habit *h, bool on)
{
    double mean = on ? h->on_gap_s : h->off_gap_s, normal;

    if (h->sigma <= 0)
        return trace_exponential(t, mean);
    normal = sqrt(-2 * log(1 - trace_uniform(t))) * cos(6.283185307179586 * trace_uniform(t));
    return mean * exp(h->sigma * normal - h->sigma * h->sigma / 2);
}

void trace_put(struct trace *t, double at_s, uint32_t addr)
{
    if (at_s >= 0 && at_s < t->length_s && t->n < TRACE_LINES)
        t->lines[t->n++] = (struct line){.at_s = at_s, .addr = addr, .user = TRACE_USER};
}

void roam_stay(struct roam *r, uint32_t addr, double from_s, double mix_s)
{
    if (r->n < TRACE_STAYS)
        r->stays[r->n++] = (struct stay){addr, from_s, mix_s};
}

/* Where the device is; ret_until_s: when it leaves for good, 0 = never. */
static uint32_t addr_at(struct trace *t, const struct roam *r, double at_s, double *ret_until_s)
{
    const struct stay *s;
    double old;
    int i = r->n - 1;

    while (i > 0 && r->stays[i].from_s > at_s)
        i--;
    s = &r->stays[i];
    *ret_until_s = i + 1 < r->n ? s[1].from_s + s[1].mix_s : 0;
    if (i == 0 || at_s >= s->from_s + s->mix_s)
        return s->addr;
    old = r->fades ? 1 - (at_s - s->from_s) / s->mix_s : 0.5;
    if (trace_uniform(t) >= old)
        return s->addr;
    *ret_until_s = s->from_s + s->mix_s;
    return r->stays[i - 1].addr;
}

static void put(struct trace *t, double at_s, uint32_t addr, double until_s, double lasts_s)
{
    int n = t->n;

    trace_put(t, at_s, addr);
    if (t->n == n)
        return;
    t->lines[n].until_s = (float)until_s;
    t->lines[n].lasts_s = (float)lasts_s;
}

static void burst(struct trace *t, const struct roam *r, double at_s)
{
    int lines = 1 + (int)(trace_uniform(t) * 12), i;

    for (i = 0; i < lines; i++) {
        double line_s = at_s + trace_uniform(t), until_s;

        uint32_t addr = addr_at(t, r, line_s, &until_s);

        put(t, line_s, addr, until_s, 0);
    }
}

void trace_device(struct trace *t, const struct habit *h, const struct roam *r)
{
    double at_s = trace_uniform(t) * 10, spell_s, until_s;
    bool on = trace_uniform(t) < 0.5;

    if (h->every_s > 0) {
        for (; at_s < t->length_s; at_s += h->every_s) {
            uint32_t addr = addr_at(t, r, at_s, &until_s);

            put(t, at_s + trace_uniform(t) * 0.1, addr, until_s, 0);
        }
        return;
    }
    spell_s = at_s + trace_exponential(t, on ? h->on_s : h->off_s);
    while (at_s < t->length_s) {
        double next_s = at_s + gap(t, h, on);

        if (!t->carried && next_s > spell_s) {
            /* Bursts come at the pace of the spell: the new one begins with a gap of its own. */
            at_s = spell_s;
        } else {
            at_s = next_s;
            burst(t, r, at_s);
        }
        while (spell_s <= at_s) {
            on = !on;
            spell_s += trace_exponential(t, on ? h->on_s : h->off_s);
        }
    }
}

void trace_fixed(struct trace *t, const struct habit *h, uint32_t addr)
{
    struct roam r = {.n = 0};

    roam_stay(&r, addr, 0, 0);
    trace_device(t, h, &r);
}

void trace_streams(struct trace *t, const struct roam *r, double least_s, double most_s)
{
    int k;

    for (k = 0; k < 2; k++) {
        double at_s = trace_uniform(t) * 60 + k * least_s / 2;

        while (at_s < t->length_s) {
            double lasts_s = trace_between(t, least_s, most_s), until_s;
            uint32_t addr;

            addr = addr_at(t, r, at_s, &until_s);
            put(t, at_s, addr, until_s, lasts_s);
            at_s = until_s > 0 && until_s < at_s + lasts_s
                       ? until_s + trace_between(t, 0.1, 5)
                       : at_s + lasts_s + trace_between(t, 0.1, 5);
        }
    }
}

void trace_spread(struct trace *t, int start, uint32_t first, uint32_t n, bool by_line)
{
    uint32_t addr = first;
    double last_s = -10;
    int i;

    for (i = start; i < t->n; i++) {
        if (by_line || t->lines[i].at_s > last_s + 1.5 || t->lines[i].at_s < last_s - 1.5) {
            addr = first + (uint32_t)(trace_uniform(t) * n);
            last_s = t->lines[i].at_s;
        }
        t->lines[i].addr = addr;
    }
}

void trace_add_addr(struct buf *to, const struct line *line)
{
    uint32_t net = line->addr >> 16, n = line->addr & 0xffff, block;

    if (net == ADDR_CONTENT) {
        buf_addf(to, "104.16.%d.9:4242", (int)(n & 0xff));
        return;
    }
    if (n >= ADDR_V6) {
        buf_addf(to, "[2a01:%x:0:%x::%x]:4242", (unsigned)net, (unsigned)(n - ADDR_V6),
                 (unsigned)line->host + 1);
        return;
    }
    block = net * BLOCKS + n / ADDR_PER_16;
    n %= ADDR_PER_16;
    buf_addf(to, "%d.%d.%d.%d:4242", first_byte[block / 256], (int)(block % 256), (int)(n % 256),
             9 + (int)(n / 256));
}

uint32_t trace_asn(const struct addr *a)
{
    uint32_t top, i;

    if (!addr_is4(*a)) {
        top = (uint32_t)(a->hi >> 32);
        return top >= V6_FIRST && top < V6_FIRST + ADDR_NETS ? FIRST_ASN + top - V6_FIRST : 0;
    }
    top = (uint32_t)a->lo;
    for (i = 0; i < ARRAY_LEN(first_byte); i++)
        if (top >> 24 == first_byte[i])
            return FIRST_ASN + (i * 256 + (top >> 16 & 0xff)) / BLOCKS;
    return 0;
}
