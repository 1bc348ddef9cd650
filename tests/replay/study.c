/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The labelled traces: seeded phones that roam, families, shared accounts, run as log lines through the
 * engine. Prints for each kind the share convicted and the median second of the verdict.
 *
 *   study [--seeds N] [--json] [KEY=VALUE …]
 *
 * A device has on and off spells (exponential, mean 120 s and 90 s); a burst of 1-12 lines within 1 s
 * comes every 8 s (on) or 35 s (off) on average, exponential.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/stamp.h"
#include "core/engine.h"
#include "service/settings.h"
#include "service/settings_policy.h"
#include "base/banned.h"

enum { TRACE_S = 1800, EVENTS_MAX = 400000 };

struct event {
    double at_s;
    int addr;
};

struct trace {
    struct event ev[EVENTS_MAX];
    int n;
    uint64_t rng;
    int next_addr; /* for kinds that keep meeting new addresses */
};

/* xorshift64*: the same numbers on every machine. */
static double uniform(struct trace *t)
{
    t->rng ^= t->rng >> 12;
    t->rng ^= t->rng << 25;
    t->rng ^= t->rng >> 27;
    return (double)(t->rng * UINT64_C(2685821657736338717) >> 11) / 9007199254740992.0;
}

static double exponential(struct trace *t, double mean)
{
    return -mean * log(1 - uniform(t));
}

static double between(struct trace *t, double lo, double hi)
{
    return lo + (hi - lo) * uniform(t);
}

static void put(struct trace *t, double at_s, int addr)
{
    if (at_s >= 0 && at_s < TRACE_S && t->n < EVENTS_MAX)
        t->ev[t->n++] = (struct event){at_s, addr};
}

/* Which address a device uses at a time: the kinds differ in this alone. */
struct roam {
    int addrs[128];     /* address of each stay */
    double from_s[128]; /* when it began */
    double mix_s[128];  /* for so long lines of the stay before are mixed in */
    int n;
};

static int addr_at(struct trace *t, const struct roam *r, double at_s)
{
    int i = r->n - 1;

    while (i > 0 && r->from_s[i] > at_s)
        i--;
    if (i > 0 && at_s < r->from_s[i] + r->mix_s[i] && uniform(t) < 0.5)
        i--;
    return r->addrs[i];
}

static void stay(struct roam *r, int addr, double from_s, double mix_s)
{
    if (r->n == 128)
        return;
    r->addrs[r->n] = addr;
    r->from_s[r->n] = from_s;
    r->mix_s[r->n++] = mix_s;
}

struct habit {
    double on_gap_s, off_gap_s; /* mean gap between bursts */
    double on_s, off_s;         /* mean spells */
    double every_s;             /* > 0: one line every so many seconds instead */
};

static const struct habit ordinary = {8, 35, 120, 90, 0};
static const struct habit light = {15, 60, 120, 90, 0};
static const struct habit heavy = {3, 10, 120, 90, 0};
static const struct habit alternating = {8, 60, 60, 60, 0};
static const struct habit busy1 = {0, 0, 0, 0, 1};
static const struct habit busy2 = {0, 0, 0, 0, 2};

static void device(struct trace *t, const struct habit *h, const struct roam *r)
{
    double at_s = uniform(t) * 10, spell_s;
    bool on = uniform(t) < 0.5;
    int i, lines;

    if (h->every_s > 0) {
        for (; at_s < TRACE_S; at_s += h->every_s)
            put(t, at_s + uniform(t) * 0.1, addr_at(t, r, at_s));
        return;
    }
    spell_s = at_s + exponential(t, on ? h->on_s : h->off_s);
    while (at_s < TRACE_S) {
        at_s += exponential(t, on ? h->on_gap_s : h->off_gap_s);
        lines = 1 + (int)(uniform(t) * 12);
        for (i = 0; i < lines; i++) {
            double line_s = at_s + uniform(t);

            put(t, line_s, addr_at(t, r, line_s));
        }
        while (spell_s < at_s) {
            on = !on;
            spell_s += exponential(t, on ? h->on_s : h->off_s);
        }
    }
}

static void fixed_device(struct trace *t, const struct habit *h, int addr)
{
    struct roam r = {.n = 0};

    stay(&r, addr, 0, 0);
    device(t, h, &r);
}

/* A phone that changes between two addresses, each stay lo…hi seconds, mix_s of mixed lines. */
static void flapping(struct trace *t, int a, int b, double lo, double hi, double mix_s, int most)
{
    struct roam r = {.n = 0};
    double at_s = 0;
    int i = 0;

    while (at_s < TRACE_S && r.n < 128 && i <= most) {
        stay(&r, i % 2 ? b : a, at_s, i ? between(t, 0, mix_s) : 0);
        at_s += between(t, lo, hi);
        i++;
    }
    device(t, &ordinary, &r);
}

static void moving(struct trace *t)
{
    struct roam r = {.n = 0};
    double at_s = 0;

    while (at_s < TRACE_S) {
        stay(&r, t->next_addr++, at_s, r.n ? between(t, 0, 5) : 0);
        at_s += between(t, 60, 200);
    }
    device(t, &ordinary, &r);
}

/* Each burst, or line, of one device over one of several addresses. */
static void spread(struct trace *t, int first, int n, bool by_line)
{
    int start = t->n, i, burst = first;
    double last_s = -10;

    fixed_device(t, &ordinary, first);
    for (i = start; i < t->n; i++) {
        if (by_line || t->ev[i].at_s > last_s + 1.5) {
            burst = first + (int)(uniform(t) * n);
            last_s = t->ev[i].at_s;
        }
        t->ev[i].addr = burst;
    }
}

/* 60 s of half-and-half bursts every 5 minutes. */
static void wifi_assist(struct trace *t)
{
    int i;

    fixed_device(t, &ordinary, 0);
    for (i = 0; i < t->n; i++)
        if (fmod(t->ev[i].at_s, 300) < 60 && uniform(t) < 0.5)
            t->ev[i].addr = 1;
}

/* ---- the kinds ---- */

enum { V6 = 1000, NAT = 2000 }; /* addresses from here on: IPv6; one /16 */

static void k_handover(struct trace *t)
{
    flapping(t, 0, 1, between(t, 300, 1500), 1501, 15, 1);
}
static void k_handovers(struct trace *t)
{
    flapping(t, 0, 1, 200, 700, 5, 4);
}
static void k_moving(struct trace *t)
{
    moving(t);
}
static void k_flap120(struct trace *t)
{
    flapping(t, 0, 1, 30, 120, 4, 200);
}
static void k_flap90(struct trace *t)
{
    flapping(t, 0, 1, 20, 90, 4, 200);
}
static void k_flap40(struct trace *t)
{
    flapping(t, 0, 1, 10, 40, 3, 200);
}
static void k_flap20(struct trace *t)
{
    flapping(t, 0, 1, 8, 20, 2, 400);
}
static void k_assist(struct trace *t)
{
    wifi_assist(t);
}
static void k_dual(struct trace *t)
{
    int i;

    spread(t, 0, 2, false);
    for (i = 0; i < t->n; i++)
        t->ev[i].addr = t->ev[i].addr ? V6 : 0;
}
static void k_nat4(struct trace *t)
{
    spread(t, NAT, 4, true);
}
static void k_nat2(struct trace *t)
{
    spread(t, NAT, 2, true);
}
static void k_family3(struct trace *t)
{
    int i;
    for (i = 0; i < 3; i++)
        fixed_device(t, &ordinary, i);
}
static void k_two_handover(struct trace *t)
{
    fixed_device(t, &ordinary, 5);
    flapping(t, 0, 1, between(t, 300, 1500), 1501, 15, 1);
}
static void k_two_flap(struct trace *t)
{
    fixed_device(t, &ordinary, 5);
    flapping(t, 0, 1, 20, 90, 4, 200);
}
static void sharers(struct trace *t, int n, const struct habit *h)
{
    int i;

    for (i = 0; i < n; i++)
        fixed_device(t, h, i);
}
static void k_share2(struct trace *t)
{
    sharers(t, 2, &ordinary);
}
static void k_share2_light(struct trace *t)
{
    sharers(t, 2, &light);
}
static void k_share2_heavy(struct trace *t)
{
    sharers(t, 2, &heavy);
}
static void k_share2_alt(struct trace *t)
{
    sharers(t, 2, &alternating);
}
static void k_share3(struct trace *t)
{
    sharers(t, 3, &ordinary);
}
static void k_share4(struct trace *t)
{
    sharers(t, 4, &ordinary);
}
static void k_share5(struct trace *t)
{
    sharers(t, 5, &ordinary);
}
static void k_busy1(struct trace *t)
{
    fixed_device(t, &busy1, 0);
    fixed_device(t, &ordinary, 1);
}
static void k_busy2_light(struct trace *t)
{
    fixed_device(t, &busy2, 0);
    fixed_device(t, &light, 1);
}
static void k_busy1x2(struct trace *t)
{
    fixed_device(t, &busy1, 0);
    fixed_device(t, &busy1, 1);
    fixed_device(t, &ordinary, 2);
}
static void k_share5_busy(struct trace *t)
{
    sharers(t, 4, &ordinary);
    fixed_device(t, &busy1, 4);
}

static const struct kind {
    const char *name;
    int limit;
    bool honest;
    void (*make)(struct trace *t);
} kinds[] = {
    {"one hand-over, up to 15 s mixed", 1, true, k_handover},
    {"2-4 hand-overs", 1, true, k_handovers},
    {"moving", 1, true, k_moving},
    {"flapping every 30-120 s", 1, true, k_flap120},
    {"flapping every 20-90 s", 1, true, k_flap90},
    {"flapping every 10-40 s, half an hour", 1, true, k_flap40},
    {"flapping every 8-20 s, half an hour", 1, true, k_flap20},
    {"Wi-Fi assist", 1, true, k_assist},
    {"dual stack, half the bursts IPv6", 1, true, k_dual},
    {"carrier NAT, 2 exits", 1, true, k_nat2},
    {"carrier NAT, 4 exits", 1, true, k_nat4},
    {"family of 3", 3, true, k_family3},
    {"2 phones, one hands over", 2, true, k_two_handover},
    {"2 phones, one flapping every 20-90 s", 2, true, k_two_flap},
    {"shared by 2", 1, false, k_share2},
    {"shared by 2, light", 1, false, k_share2_light},
    {"shared by 2, heavy", 1, false, k_share2_heavy},
    {"shared by 2, alternating", 1, false, k_share2_alt},
    {"shared by 3", 2, false, k_share3},
    {"shared by 4", 3, false, k_share4},
    {"shared by 5", 2, false, k_share5},
    {"busy 1 s + ordinary", 1, false, k_busy1},
    {"busy 2 s + light", 1, false, k_busy2_light},
    {"two busy 1 s + ordinary", 2, false, k_busy1x2},
    {"5, one of them busy", 2, false, k_share5_busy},
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return x->at_s < y->at_s ? -1 : x->at_s > y->at_s;
}

static void add_addr(struct buf *line, int addr)
{
    if (addr >= NAT)
        buf_addf(line, "5.120.%d.9", addr - NAT);
    else if (addr >= V6)
        buf_addf(line, "[2a01:4f8:%x::1]", addr - V6);
    else
        buf_addf(line, "%d.%d.7.9", 40 + addr % 60, addr / 60 + 11);
}

/* Runs one trace; returns the second of the first punishment, or -1. */
static double run(struct trace *t, const struct kind *kind, const struct policy *base,
                  bool *ret_warned)
{
    static const struct hash_key key = {1, 2};
    struct policy policy = *base;
    int64_t start_us = stamp_civil(2026, 11, 2, 10, 0, 0, 0);
    struct engine *e;
    struct decision d;
    struct buf line;
    char when[STAMP_TEXT];
    uint16_t node;
    double found = -1;
    int i;

    policy.general_limit = kind->limit;
    e = engine_new(&policy, key);
    buf_init(&line, 512);
    if (!e || engine_node(e, 1, 0, &node))
        exit(1);
    *ret_warned = false;
    qsort(t->ev, (size_t)t->n, sizeof(t->ev[0]), by_time);
    for (i = 0; i < t->n && found < 0; i++) {
        int64_t at_us = start_us + (int64_t)(t->ev[i].at_s * STAMP_SECOND);
        char *p;

        buf_clear(&line);
        stamp_iso_plain(at_us, when);
        for (p = when; *p; p++)
            *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
        buf_addf(&line, "%s from ", when);
        add_addr(&line, t->ev[i].addr);
        buf_add_str(&line, ":4242 accepted tcp:example.com:443 [IN -> OUT] email: 7");
        engine_advance(e, at_us);
        engine_line(e, node, at_us, buf_slice(&line), NULL);
        while (engine_take(e, &d)) {
            *ret_warned |= d.kind == DECISION_WARN;
            if (d.kind == DECISION_PUNISH)
                found = (double)(d.at_us - start_us) / STAMP_SECOND;
            decision_release(&d);
        }
    }
    buf_release(&line);
    engine_free(e);
    return found;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void report(const struct kind *kind, int seeds, const struct policy *policy, bool json)
{
    static struct trace t;
    double *at = calloc((size_t)seeds, sizeof(*at));
    int n = 0, warned = 0, seed;
    bool w;

    if (!at)
        exit(1);
    for (seed = 1; seed <= seeds; seed++) {
        double s;

        t.n = 0;
        t.next_addr = 0;
        t.rng = (uint64_t)seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
        kind->make(&t);
        s = run(&t, kind, policy, &w);
        warned += w;
        if (s >= 0)
            at[n++] = s;
    }
    qsort(at, (size_t)n, sizeof(*at), by_value);
    if (json)
        printf(
            "{\"kind\":\"%s\",\"limit\":%d,\"honest\":%s,\"seeds\":%d,\"convicted\":%d,\"warned\":%d,"
            "\"median_s\":%.0f}\n",
            kind->name, kind->limit, kind->honest ? "true" : "false", seeds, n, warned,
            n ? at[n / 2] : -1.0);
    else
        printf("%-40s %5d  %-6s %5.1f %% %6.1f %%  %5.0f s\n", kind->name, kind->limit,
               kind->honest ? "honest" : "shared", 100.0 * n / seeds, 100.0 * warned / seeds,
               n ? at[n / 2] : 0.0);
    free(at);
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct policy policy;
    struct err err = {0};
    uint64_t seeds = 100;
    bool json = false;
    size_t k;
    int i;

    if (settings_init(&settings))
        return 1;
    for (i = 1; i < argc; i++) {
        struct slice rest = slice_of(argv[i]), key = slice_cut(&rest, '=');
        enum setting id;

        if (slice_eq(key, SLICE("--json")))
            json = true;
        else if (slice_eq(key, SLICE("--seeds")) && i + 1 < argc &&
                 !num_uint(slice_of(argv[i + 1]), 100000, &seeds))
            i++;
        else if (!rest.p || setting_find(key, &id, &err) ||
                 settings_set(&settings, id, ORIGIN_DB, rest, &err)) {
            fprintf(stderr, "study: %s: %s\n", argv[i],
                    err.text[0] ? err.text : "unknown argument");
            settings_release(&settings);
            return 2;
        }
    }
    settings_policy(&settings, &policy);
    if (!json)
        printf("%-40s %5s  %-6s %7s %8s  %7s\n", "kind", "limit", "is", "cut off", "warned",
               "median");
    for (k = 0; k < ARRAY_LEN(kinds); k++)
        report(&kinds[k], (int)seeds, &policy, json);
    settings_release(&settings);
    return 0;
}
