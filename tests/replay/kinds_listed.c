/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kinds.h"

#include "base/attr.h"
#include "base/banned.h"

/* People whom the log shows badly or not at all: long streams, WireGuard. */

enum { HOME = 40, MOBILE, OFFICE };

/* n people, each at an address of his own, with streams of a…b seconds. */
static void streams(struct trace *t, const struct kind *k)
{
    int i;

    for (i = 0; i < k->n; i++) {
        struct roam r = {.n = 0};

        roam_stay(&r, trace_addr((uint32_t)i, 0), 0, 0);
        trace_streams(t, &r, k->a, k->b);
    }
}

/* One phone with streams of 20 to 60 min between two places, a…b s at each. */
static void roams(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    double at_s = 0;

    while (at_s < t->length_s) {
        roam_stay(&r, trace_addr(r.n % 2 ? MOBILE : HOME, 0), at_s, r.n ? k->c : 0);
        at_s += trace_between(t, k->a, k->b);
    }
    trace_streams(t, &r, 1200, 3600);
    if (k->habit)
        trace_device(t, k->habit, &r);
}

/* Streams begun on mobile go on over it while new ones go over Wi-Fi, and end when that is left. */
static void beside_wifi(struct trace *t, const struct kind *k)
{
    int i;

    roams(t, k);
    for (i = 0; i < t->n; i++)
        if (t->lines[i].addr == trace_addr(MOBILE, 0))
            t->lines[i].until_s = 0;
}

/* Each stream of the one phone leaves by one of n exits of its carrier. */
static void exits(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};

    roam_stay(&r, trace_addr(MOBILE, 0), 0, 0);
    trace_streams(t, &r, k->a, k->b);
    trace_streams(t, &r, k->a, k->b);
    trace_spread(t, 0, trace_addr(MOBILE, 0), (uint32_t)k->n, true);
}

/* The same over both families. */
static void families(struct trace *t, const struct kind *k)
{
    int i;

    exits(t, k);
    for (i = 0; i < t->n; i++)
        t->lines[i].addr = trace_addr(HOME, trace_uniform(t) < 0.5 ? 0 : ADDR_V6);
}

/* ---- WireGuard: what a line is here, is traffic ---- */

static void one_by_one(struct trace *t, const struct kind *k)
{
    int i;

    for (i = 0; i < k->n; i++) {
        int start = t->n, j;

        trace_fixed(t, k->habit, trace_addr((uint32_t)i, 0));
        for (j = start; k->a > 0 && j < t->n; j++)
            t->lines[j].node = (uint8_t)(i % TRACE_NODES);
    }
}

/* A phone that changes between two addresses, a…b s at each. */
static void flaps(struct trace *t, const struct kind *k)
{
    struct roam r = {.n = 0};
    double at_s = 0;

    while (at_s < t->length_s) {
        roam_stay(&r, trace_addr((uint32_t)r.n % 2, 0), at_s, r.n ? trace_between(t, 0, k->c) : 0);
        at_s += trace_between(t, k->a, k->b);
    }
    trace_device(t, k->habit, &r);
}

/* A client that changes between two nodes, and its address, too, every a…b s. */
static void changes_nodes(struct trace *t, const struct kind *k)
{
    int i;

    flaps(t, k);
    for (i = 0; i < t->n; i++)
        t->lines[i].node = t->lines[i].addr == trace_addr(1, 0);
}

const struct kind listed_kinds[] = {
    {"long streams, one address", 1, HONEST, streams, .a = 1200, .b = 3600, .n = 1},
    {"long streams, family of 3", 3, HONEST, streams, .a = 1200, .b = 3600, .n = 3},
    {"long streams, moves every 5-15 min", 1, HONEST, roams, .a = 300, .b = 900},
    {"long streams, moves every 2-5 min", 1, HONEST, roams, .a = 120, .b = 300, .c = 4},
    {"long streams, moves every 20-90 s", 1, HONEST, roams, .a = 20, .b = 90, .c = 4},
    {"long streams, moves every 10-15 min, nothing closes", 1, HONEST, roams, .a = 600, .b = 900,
     .lingers = true},
    {"long streams, moves every 5-10 min, nothing closes", 1, HONEST, roams, .a = 300, .b = 600,
     .lingers = true},
    {"long streams, moves every 1-5 min, nothing closes", 1, HONEST, roams, .a = 60, .b = 300,
     .lingers = true},
    {"long streams and light use, moves every 5-10 min", 1, HONEST, roams, .a = 300, .b = 600,
     .habit = &light, .lingers = true},
    {"long streams on mobile go on beside Wi-Fi", 1, HONEST, beside_wifi, .a = 600, .b = 1500},
    {"long streams, carrier NAT, 4 exits", 1, HONEST, exits, .a = 600, .b = 3600, .n = 4},
    {"long streams, dual stack", 1, HONEST, families, .a = 600, .b = 3600, .n = 1},
    {"WireGuard, one address", 1, HONEST, one_by_one, .n = 1, .habit = &ordinary,
     .wireguard = true},
    {"WireGuard, moves every 1-5 min", 1, HONEST, flaps, 60, 300, 3, 0, &ordinary, NULL, false,
     true},
    {"WireGuard, moves every 20-90 s", 1, HONEST, flaps, 20, 90, 3, 0, &ordinary, NULL, false,
     true},
    {"WireGuard, moves every 20-90 s, heavy", 1, HONEST, flaps, 20, 90, 3, 0, &heavy, NULL, false,
     true},
    {"WireGuard, changes node and address every 1-5 min", 1, HONEST, changes_nodes, 60, 300, 0, 0,
     &ordinary, NULL, false, true},
    {"WireGuard, family of 3 on 3 nodes", 3, HONEST, one_by_one, .a = 1, .n = 3, .habit = &ordinary,
     .wireguard = true},

    {"long streams, shared by 2", 1, SHARED, streams, .a = 1200, .b = 3000, .n = 2},
    {"long streams, shared by 3", 2, SHARED, streams, .a = 1200, .b = 3000, .n = 3},
    {"WireGuard, shared by 2 on a node", 1, SHARED, one_by_one, .n = 2, .habit = &ordinary,
     .wireguard = true},
    {"WireGuard, shared by 2 on a node, heavy", 1, SHARED, one_by_one, .n = 2, .habit = &heavy,
     .wireguard = true},
    {"WireGuard, shared by 2 on 2 nodes", 1, SHARED, one_by_one, .a = 1, .n = 2, .habit = &ordinary,
     .wireguard = true},
    {"WireGuard, shared by 2 on 2 nodes, heavy", 1, SHARED, one_by_one, .a = 1, .n = 2,
     .habit = &heavy, .wireguard = true},
    {"WireGuard, shared by 3 on 3 nodes", 2, SHARED, one_by_one, .a = 1, .n = 3, .habit = &ordinary,
     .wireguard = true},
};
const int n_listed_kinds = ARRAY_LEN(listed_kinds);
