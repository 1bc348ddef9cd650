/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kinds.h"

#include <math.h>

#include "base/attr.h"
#include "base/banned.h"

/* Networks with parts of their own; others are handed out from 0 on. */
enum { HOME = 40, MOBILE, OFFICE, CITY, RELAY, EDGES, BYSTANDERS = 60 };

/* ---- one person ---- */

/* A phone that changes between two addresses: stays of a…b seconds, up to c s mixed, at most n changes. */
static void flap(struct trace *t, const struct kind *k, uint32_t one, uint32_t other)
{
    struct roam r = {.n = 0};
    double at_s = 0;
    int i;

    for (i = 0; at_s < t->length_s && i <= k->n; i++) {
        roam_stay(&r, i % 2 ? other : one, at_s, i ? trace_between(t, 0, k->c) : 0);
        at_s += trace_between(t, k->a, k->b);
    }
    trace_device(t, k->habit ? k->habit : &ordinary, &r);
}

static void flapping(struct trace *t, const struct kind *k)
{
    flap(t, k, trace_addr(0, 0), trace_addr(1, 0));
}

static void rests(struct trace *t, const struct kind *k)
{
    trace_fixed(t, k->habit ? k->habit : &ordinary, trace_addr(0, 0));
}

static void hand_over(struct trace *t, double mix_s)
{
    struct roam r = {.n = 0};

    roam_stay(&r, trace_addr(0, 0), 0, 0);
    roam_stay(&r, trace_addr(1, 0), trace_between(t, 300, 1500), trace_between(t, 0, mix_s));
    trace_device(t, &ordinary, &r);
}

static void hands_over(struct trace *t, const struct kind *k)
{
    hand_over(t, k->c);
}

/* A fresh address every a…b seconds: of networks of their own, or (n) all of one /16. */
static void moves(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    double at_s = 0;

    while (at_s < t->length_s) {
        uint32_t addr = k->n ? trace_addr(CITY, (uint32_t)r.n)
                             : trace_addr(100 + t->next_net++ % (ADDR_NETS - 100), 0);

        roam_stay(&r, addr, at_s, r.n ? trace_between(t, 0, k->c) : 0);
        at_s += trace_between(t, k->a, k->b);
    }
    trace_device(t, k->habit ? k->habit : &ordinary, &r);
}

/* Connections outlive a hand-over: for a…b seconds ever fewer lines come from the address before. */
static void lingers(struct trace *t, const struct kind *k)
{
    struct roam r = {.fades = true};
    double at_s = 0;

    while (at_s < t->length_s) {
        roam_stay(&r, trace_addr((uint32_t)r.n % 2, 0), at_s,
                  r.n ? trace_between(t, k->a, k->b) : 0);
        at_s += trace_between(t, k->c, 3 * k->c);
    }
    trace_device(t, &ordinary, &r);
}

/* Lifts, tunnels: every 5 to 10 minutes a spell of b s in which the address changes every a…3a s. */
static void tunnels(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    double at_s = 0, bad_s = trace_between(t, 0, 300);
    uint32_t i = 0;

    while (at_s < t->length_s) {
        roam_stay(&r, trace_addr(i % 2, 0), at_s, i ? trace_between(t, 0, 2) : 0);
        i++;
        if (at_s < bad_s)
            at_s = bad_s;
        else if (at_s < bad_s + k->b)
            at_s += trace_between(t, k->a, 3 * k->a);
        else
            bad_s += trace_between(t, 300, 600);
    }
    trace_device(t, &ordinary, &r);
}

/* 60 s of bursts half of whose lines, or which by halves (n), go another way, every 5 minutes. */
static void assisted(struct trace *t, const struct kind *k)
{
    double last_s = -10;
    bool other = false;
    int i;

    trace_fixed(t, &ordinary, trace_addr(0, 0));
    for (i = 0; i < t->n; i++) {
        struct line *l = &t->lines[i];

        if (!k->n || l->at_s > last_s + 1.5) {
            other = trace_uniform(t) < 0.5;
            last_s = l->at_s;
        }
        if (fmod(l->at_s, 300) < 60 && other)
            l->addr = trace_addr(1, 0);
    }
}

/* Home, the way, the office: stays of a…b s. */
static void home_and_office(struct trace *t, const struct kind *k)
{
    static const uint32_t nets[] = {HOME, MOBILE, OFFICE, MOBILE};
    uint32_t i = (uint32_t)(trace_uniform(t) * 4);
    struct roam r = {.n = 0};
    double at_s = 0;

    while (at_s < t->length_s) {
        roam_stay(&r, trace_addr(nets[i++ % 4], 0), at_s, r.n ? trace_between(t, 0, k->c) : 0);
        at_s += trace_between(t, k->a, k->b);
    }
    trace_device(t, &ordinary, &r);
}

/* A share a of the lines (n: of the bursts) from `start` on goes over IPv4, all others over IPv6. */
static void by_family(struct trace *t, const struct kind *k, int start)
{
    double last_s = -10;
    bool v4 = false;
    int i;

    for (i = start; i < t->n; i++) {
        struct line *l = &t->lines[i];

        if (!k->n || l->at_s > last_s + 1.5 || l->at_s < last_s - 1.5) {
            v4 = trace_uniform(t) < k->a;
            last_s = l->at_s;
        }
        l->addr += v4 ? 0 : ADDR_V6;
    }
}

static void dual_stack(struct trace *t, const struct kind *k)
{
    trace_fixed(t, &ordinary, trace_addr(HOME, 0));
    by_family(t, k, 0);
}

/* The same with changes between two networks, both of which have both families. */
static void dual_stack_roams(struct trace *t, const struct kind *k)
{
    static const struct kind changes = {.a = 120, .b = 600, .c = 5, .n = 20};

    flap(t, &changes, trace_addr(HOME, 0), trace_addr(MOBILE, 0));
    by_family(t, k, 0);
}

/* IPv6 whose last 64 bits change with every line; with n, also its /64 every a…b s. */
static void privacy(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    double at_s = 0;
    int i;

    do {
        roam_stay(&r, trace_addr(MOBILE, ADDR_V6 + (uint32_t)r.n), at_s,
                  r.n ? trace_between(t, 0, 2) : 0);
        at_s += trace_between(t, k->a, k->b);
    } while (k->n && at_s < t->length_s);
    trace_device(t, &ordinary, &r);
    for (i = 0; i < t->n; i++)
        t->lines[i].host = (uint16_t)(trace_uniform(t) * 60000);
}

/* A carrier NAT with n exits: each line (b: burst) leaves by any of them. */
static void carrier_nat(struct trace *t, const struct kind *k)
{
    trace_fixed(t, k->habit ? k->habit : &ordinary, trace_addr(MOBILE, 0));
    trace_spread(t, 0, trace_addr(MOBILE, 0), (uint32_t)k->n, k->b == 0);
}

/* ---- several people who stay within the limit ---- */

static void devices(struct trace *t, const struct kind *k)
{
    int i;

    for (i = 0; i < k->n; i++)
        trace_fixed(t, k->habit, trace_addr((uint32_t)i, 0));
}

static void two_one_hands_over(struct trace *t, const struct kind *k)
{
    trace_fixed(t, &ordinary, trace_addr(5, 0));
    hand_over(t, k->c);
}

static void two_one_flaps(struct trace *t, const struct kind *k)
{
    trace_fixed(t, &ordinary, trace_addr(5, 0));
    flapping(t, k);
}

static void two_both_flap(struct trace *t, const struct kind *k)
{
    flapping(t, k);
    flap(t, k, trace_addr(2, 0), trace_addr(3, 0));
}

/* Two phones and n more devices at home behind one address; one phone goes out, the other stays. */
static void household(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    int i;

    for (i = 0; i < k->n; i++)
        trace_fixed(t, i ? &light : &ordinary, trace_addr(HOME, 0));
    roam_stay(&r, trace_addr(HOME, 0), 0, 0);
    roam_stay(&r, trace_addr(MOBILE, 0), trace_between(t, 200, 800), trace_between(t, 0, 10));
    roam_stay(&r, trace_addr(HOME, 0), trace_between(t, 1000, 1600), trace_between(t, 0, 10));
    trace_device(t, &ordinary, &r);
}

/* Two people and a carrier NAT each, of the same carrier. */
static void two_behind_nat(struct trace *t, const struct kind *k)
{
    int start;

    trace_fixed(t, &ordinary, trace_addr(5, 0));
    start = t->n;
    trace_fixed(t, &ordinary, trace_addr(MOBILE, 0));
    trace_spread(t, start, trace_addr(MOBILE, 0), (uint32_t)k->n, true);
}

/* ---- addresses that stand for many ---- */

/* Others who use addresses first…first+n−1 of a node, enough to mark each as shared. */
static void bystanders(struct trace *t, uint32_t net, uint32_t n, uint8_t node, bool cdn)
{
    uint32_t i, user;
    double at_s;

    for (user = 0; user < 6; user++) {
        for (at_s = trace_uniform(t) * 30; at_s < t->length_s; at_s += 30) {
            for (i = 0; i < n; i++) {
                trace_put(t, at_s + (double)i / 10, trace_addr(net, i * ADDR_PER_16));
                if (t->n == TRACE_LINES)
                    return;
                t->lines[t->n - 1].user = (uint16_t)(1000 + user);
                t->lines[t->n - 1].node = node;
                t->lines[t->n - 1].cdn = cdn;
            }
        }
    }
}

/*
 * A relay stands before one node, a client balances between it and another node, burst by burst; with n,
 * that many of them share the account.
 */
static void relayed(struct trace *t, const struct kind *k)
{
    double last_s = -10;
    bool relay = false;
    int i;

    devices(t, k);
    for (i = 0; i < t->n; i++) {
        struct line *l = &t->lines[i];

        if (l->at_s > last_s + 1.5 || l->at_s < last_s - 1.5)
            relay = trace_uniform(t) < 0.5;
        last_s = l->at_s;
        l->addr = relay ? trace_addr(RELAY, 0) : l->addr;
        l->node = relay;
    }
    bystanders(t, RELAY, 1, 1, false);
}

/* Everything comes through n edges of a CDN, each line by another one. */
static void through_edges(struct trace *t, const struct kind *k)
{
    int i;

    trace_fixed(t, &ordinary, trace_addr(EDGES, 0));
    for (i = 0; i < t->n; i++) {
        uint32_t edge = (uint32_t)(trace_uniform(t) * k->n);

        t->lines[i].addr =
            k->set ? trace_addr(EDGES, edge * ADDR_PER_16) : trace_addr(ADDR_CONTENT, edge);
        t->lines[i].cdn = k->set != NULL;
    }
}

/* The same in front of one node, with the phone's own address on another one; n edges. */
static void edges_and_direct(struct trace *t, const struct kind *k)
{
    double last_s = -10;
    bool edge = false;
    int i;

    trace_fixed(t, &ordinary, trace_addr(0, 0));
    for (i = 0; i < t->n; i++) {
        struct line *l = &t->lines[i];

        if (l->at_s > last_s + 1.5)
            edge = trace_uniform(t) < 0.5;
        last_s = l->at_s;
        if (!edge)
            continue;
        l->addr = trace_addr(EDGES, (uint32_t)(trace_uniform(t) * k->n) * ADDR_PER_16);
        l->node = 1;
        l->cdn = true;
    }
}

/* ---- shared accounts ---- */

static void busy_and(struct trace *t, const struct kind *k)
{
    int i;

    for (i = 0; i < k->n; i++)
        trace_fixed(t, k->a > 1 ? &busy2 : &busy1, trace_addr(5 + (uint32_t)i, 0));
    for (i = 0; i < (int)k->b; i++)
        trace_fixed(t, k->habit, trace_addr((uint32_t)i, 0));
}

/* n devices of one carrier: (a) in one /16, else each in a /16 of its own. */
static void one_carrier(struct trace *t, const struct kind *k)
{
    int i;

    for (i = 0; i < k->n; i++)
        trace_fixed(t, k->habit, trace_addr(MOBILE, (uint32_t)i * (k->a > 0 ? 20 : ADDR_PER_16)));
}

/* One device stays, the other moves as a phone does. */
static void one_moves(struct trace *t, const struct kind *k)
{
    trace_fixed(t, k->habit, trace_addr(5, 0));
    moves(t, k);
}

/* Two homes, each with both families; a of the lines over IPv4. */
static void two_dual(struct trace *t, const struct kind *k)
{
    trace_fixed(t, k->habit, trace_addr(0, 0));
    trace_fixed(t, k->habit, trace_addr(1, 0));
    by_family(t, k, 0);
}

/* They take turns of a…b s, c s apart, and never use it at once. */
static void take_turns(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    double at_s = 0;
    int i, kept = 0;

    while (at_s < t->length_s) {
        roam_stay(&r, trace_addr((uint32_t)r.n % 2, 0), at_s, 0);
        at_s += trace_between(t, k->a, k->b);
    }
    trace_device(t, &ordinary, &r);
    for (i = 0; i < t->n; i++) {
        int s = r.n - 1;

        while (s > 0 && r.stays[s].from_s > t->lines[i].at_s)
            s--;
        if (s == 0 || t->lines[i].at_s > r.stays[s].from_s + k->c)
            t->lines[kept++] = t->lines[i];
    }
    t->n = kept;
}

/* An account in many hands: n people, each somewhere else and moving now and then. */
static void leaked(struct trace *t, const struct kind *k)
{
    static const struct kind moving = {.a = 120, .b = 600, .c = 5, .habit = &ordinary};
    int i;

    for (i = 0; i < k->n; i++)
        moves(t, &moving);
}

const struct kind kinds[] = {
    {"one phone, one address", 1, HONEST, rests},
    {"one hand-over, up to 15 s mixed", 1, HONEST, hands_over, .c = 15},
    {"2-4 hand-overs", 1, HONEST, flapping, .a = 200, .b = 700, .c = 5, .n = 4},
    {"moving", 1, HONEST, moves, .a = 60, .b = 200, .c = 5},
    {"moving, heavy use", 1, HONEST, moves, .a = 60, .b = 200, .c = 5, .habit = &heavy},
    {"tower changes inside a /16", 1, HONEST, moves, .a = 60, .b = 300, .c = 5, .n = 1},
    {"tower changes inside a /16, every 20-60 s", 1, HONEST, moves, .a = 20, .b = 60, .c = 3,
     .n = 1},
    {"flapping every 30-120 s", 1, HONEST, flapping, .a = 30, .b = 120, .c = 4, .n = 200},
    {"flapping every 20-90 s", 1, HONEST, flapping, .a = 20, .b = 90, .c = 4, .n = 200},
    {"flapping every 20-90 s, heavy use", 1, HONEST, flapping, 20, 90, 4, 200, &heavy},
    {"flapping every 20-90 s, light use", 1, HONEST, flapping, 20, 90, 4, 200, &light},
    {"flapping every 20-90 s, uneven use", 1, HONEST, flapping, 20, 90, 4, 200, &uneven},
    {"flapping every 20-90 s, long spells", 1, HONEST, flapping, 20, 90, 4, 200, &long_spells},
    {"flapping every 20-90 s, a line a second", 1, HONEST, flapping, 20, 90, 4, 200, &busy1},
    {"1-3 hand-overs a minute", 1, HONEST, flapping, .a = 20, .b = 60, .c = 3, .n = 200},
    {"1-3 hand-overs a minute, heavy use", 1, HONEST, flapping, 20, 60, 3, 200, &heavy},
    {"hand-overs, connections live on for 5-30 s", 1, HONEST, lingers, .a = 5, .b = 30, .c = 200},
    {"hand-overs every 1-3 min, lines live on 5-15 s", 1, HONEST, lingers, .a = 5, .b = 15,
     .c = 60},
    {"lifts: 30 s of changes every 5-15 s", 1, HONEST, tunnels, .a = 5, .b = 30},
    {"metro: 60 s of changes every 5-15 s", 1, HONEST, tunnels, .a = 5, .b = 60},
    {"bad line: 60 s of changes every 3-9 s", 1, HONEST, tunnels, .a = 3, .b = 60},
    {"home and office", 1, HONEST, home_and_office, .a = 300, .b = 900, .c = 10},
    {"dual stack, 3 % of lines IPv4", 1, HONEST, dual_stack, .a = 0.03},
    {"dual stack, 10 % of lines IPv4", 1, HONEST, dual_stack, .a = 0.1},
    {"dual stack, 30 % of lines IPv4", 1, HONEST, dual_stack, .a = 0.3},
    {"dual stack, 50 % of lines IPv4", 1, HONEST, dual_stack, .a = 0.5},
    {"dual stack, half the bursts IPv6", 1, HONEST, dual_stack, .a = 0.5, .n = 1},
    {"dual stack, 30 % IPv4, roams", 1, HONEST, dual_stack_roams, .a = 0.3},
    {"dual stack, half the bursts IPv6, roams", 1, HONEST, dual_stack_roams, .a = 0.5, .n = 1},
    {"IPv6 privacy, an address a line", 1, HONEST, privacy},
    {"IPv6, a new /64 every 2-10 min", 1, HONEST, privacy, .a = 120, .b = 600, .n = 1},
    {"carrier NAT, 2 exits", 1, HONEST, carrier_nat, .n = 2},
    {"carrier NAT, 4 exits", 1, HONEST, carrier_nat, .n = 4},
    {"carrier NAT, 16 exits", 1, HONEST, carrier_nat, .n = 16},
    {"carrier NAT, 64 exits", 1, HONEST, carrier_nat, .n = 64},
    {"carrier NAT, 256 exits", 1, HONEST, carrier_nat, .n = 256},
    {"carrier NAT, 4 exits, light use", 1, HONEST, carrier_nat, .n = 4, .habit = &light},
    {"carrier NAT, 16 exits, light use", 1, HONEST, carrier_nat, .n = 16, .habit = &light},
    {"carrier NAT, 4 exits, heavy use", 1, HONEST, carrier_nat, .n = 4, .habit = &heavy},
    {"carrier NAT, 64 exits, heavy use", 1, HONEST, carrier_nat, .n = 64, .habit = &heavy},
    {"relay before one node, balanced", 1, HONEST, relayed, .n = 1, .habit = &ordinary},
    {"CDN inbound, 8 edges", 1, HONEST, through_edges, .n = 8, .set = "cdn_inbounds=CDN"},
    {"content network, 8 edges", 1, HONEST, through_edges, .n = 8},
    {"CDN inbound, 8 edges, and direct", 1, HONEST, edges_and_direct, .n = 8,
     .set = "cdn_inbounds=CDN"},
    {"household behind one address, one goes out", 2, HONEST, household, .n = 4},
    {"family of 3", 3, HONEST, devices, .n = 3, .habit = &ordinary},
    {"2 phones, one hands over", 2, HONEST, two_one_hands_over, .c = 15},
    {"2 phones, one flapping every 20-90 s", 2, HONEST, two_one_flaps, .a = 20, .b = 90, .c = 4,
     .n = 200},
    {"2 phones, both flapping every 20-90 s", 2, HONEST, two_both_flap, 20, 90, 4, 200, &ordinary},
    {"2 phones, one behind carrier NAT, 4 exits", 2, HONEST, two_behind_nat, .n = 4},
    {"2 phones, one behind carrier NAT, 64 exits", 2, HONEST, two_behind_nat, .n = 64},

    {"flapping every 10-40 s, half an hour", 1, LIKE_SHARED, flapping, .a = 10, .b = 40, .c = 3,
     .n = 200},
    {"flapping every 8-20 s, half an hour", 1, LIKE_SHARED, flapping, .a = 8, .b = 20, .c = 2,
     .n = 250},
    {"Wi-Fi assist, by line", 1, LIKE_SHARED, assisted},
    {"Wi-Fi assist, by burst", 1, LIKE_SHARED, assisted, .n = 1},
    {"carrier NAT, 4 exits, by burst", 1, LIKE_SHARED, carrier_nat, .b = 1, .n = 4},

    {"shared by 2", 1, SHARED, devices, .n = 2, .habit = &ordinary},
    {"shared by 2, light", 1, SHARED, devices, .n = 2, .habit = &light},
    {"shared by 2, heavy", 1, SHARED, devices, .n = 2, .habit = &heavy},
    {"shared by 2, alternating", 1, SHARED, devices, .n = 2, .habit = &alternating},
    {"shared by 3", 2, SHARED, devices, .n = 3, .habit = &ordinary},
    {"shared by 4", 3, SHARED, devices, .n = 4, .habit = &ordinary},
    {"shared by 5", 2, SHARED, devices, .n = 5, .habit = &ordinary},
    {"busy 1 s + ordinary", 1, SHARED, busy_and, .a = 1, .n = 1, .b = 1, .habit = &ordinary},
    {"busy 2 s + light", 1, SHARED, busy_and, .a = 2, .n = 1, .b = 1, .habit = &light},
    {"two busy 1 s + ordinary", 2, SHARED, busy_and, .a = 1, .n = 2, .b = 1, .habit = &ordinary},
    {"5, one of them busy", 2, SHARED, busy_and, .a = 1, .n = 1, .b = 4, .habit = &ordinary},
    {"shared by 10", 2, SHARED, devices, .n = 10, .habit = &ordinary},
    {"shared by 20", 2, SHARED, devices, .n = 20, .habit = &ordinary},
    {"shared by 10, limit 5", 5, SHARED, devices, .n = 10, .habit = &ordinary},
    {"shared by 20, limit 10", 10, SHARED, devices, .n = 20, .habit = &ordinary},
    {"shared by 3, light", 1, SHARED, devices, .n = 3, .habit = &light},
    {"shared by 4, light", 2, SHARED, devices, .n = 4, .habit = &light},
    {"shared by 2, uneven use", 1, SHARED, devices, .n = 2, .habit = &uneven},
    {"shared by 2, long spells", 1, SHARED, devices, .n = 2, .habit = &long_spells},
    {"shared by 2, short spells", 1, SHARED, devices, .n = 2, .habit = &short_spells},
    {"shared by 2, one moves", 1, SHARED, one_moves, 60, 200, 5, 0, &ordinary},
    {"shared by 2 of one carrier", 1, SHARED, one_carrier, .n = 2, .habit = &ordinary},
    {"shared by 2 in one /16", 1, SHARED, one_carrier, .n = 2, .a = 1, .habit = &ordinary},
    {"shared by 2 in one /16, heavy", 1, SHARED, one_carrier, .n = 2, .a = 1, .habit = &heavy},
    {"shared by 2, dual stack, 30 % IPv4", 1, SHARED, two_dual, .a = 0.3, .habit = &ordinary},
    {"shared by 2 behind a relay, balanced", 1, SHARED, relayed, .n = 2, .habit = &ordinary},
    {"leaked: 30 people, moving", 2, SHARED, leaked, .n = 30},
    {"take turns of 1-2 min", 1, LIKE_HONEST, take_turns, .a = 60, .b = 120, .c = 0},
    {"take turns of 5-10 min", 1, LIKE_HONEST, take_turns, .a = 300, .b = 600, .c = 30},
};
const int n_kinds = ARRAY_LEN(kinds);
