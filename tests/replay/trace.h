/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef REPLAY_TRACE_H
#define REPLAY_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Invented traffic: what one person's devices, and whoever shares addresses with him, leave in the logs
 * of some nodes within half an hour, or longer. Seeded, the same on every machine.
 */

enum { TRACE_S = 1800, TRACE_LINES = 800000, TRACE_STAYS = 1024, TRACE_USER = 7, TRACE_NODES = 3 };

/*
 * An address is a number: the network it belongs to, and which of its addresses it is. Every network has
 * an ASN of its own, 8 IPv4 blocks of /16 with 512 addresses each, and one IPv6 /32.
 */
enum {
    ADDR_PER_16 = 512, /* addresses 0…511 of a network are in its first /16, and so on */
    ADDR_PER_NET = 8 * ADDR_PER_16,
    ADDR_V6 = ADDR_PER_NET, /* added to an address's number in its network: an IPv6 /64 */
    ADDR_NETS = 448,
    ADDR_CONTENT = ADDR_NETS, /* the network whose addresses are a content network's */
};

/* The n-th address of a network. */
static inline uint32_t trace_addr(uint32_t net, uint32_t n)
{
    return net << 16 | n;
}

struct line {
    double at_s;
    uint32_t addr;
    uint16_t user;
    uint16_t host; /* IPv6: which address of the /64 */
    uint8_t node;
    bool cdn;      /* came in through the inbound named CDN */
    float until_s; /* when its device leaves the address, 0 = never */
    float lasts_s; /* how long its stream is used; 0 = as streams of its kind do (lists.h) */
};

struct trace {
    struct line lines[TRACE_LINES];
    int n;
    uint64_t rng;
    double length_s;
    uint32_t next_net; /* for kinds that keep meeting new networks */
    bool
        carried; /* a gap that began at rest is finished before a spell of use has its first burst */
};

/* Empties the trace for another one. */
void trace_start(struct trace *t, uint64_t seed, bool carried, double length_s);

/* Puts the lines in the order of time. */
void trace_sort(struct trace *t);

/* Random numbers: 0…1, around a mean, and evenly between two. */
double trace_uniform(struct trace *t);
double trace_exponential(struct trace *t, double mean);
double trace_between(struct trace *t, double lo, double hi);

/* Appends a line of the person, on the first node; outside the time it is dropped. */
void trace_put(struct trace *t, double at_s, uint32_t addr);

/* How a device is used. */
struct habit {
    double on_gap_s, off_gap_s; /* mean gap between bursts in use and at rest */
    double on_s, off_s;         /* mean spells of use and of rest */
    double every_s;             /* > 0: one line every so many seconds instead */
    double sigma;               /* 0: exponential gaps; else lognormal ones */
};

extern const struct habit ordinary, light, heavy, alternating, busy1, busy2, uneven, long_spells,
    short_spells;

/* Where a device is: one stay after another. */
struct stay {
    uint32_t addr;
    double from_s;
    double mix_s; /* for so long after from_s lines of the stay before are mixed in */
};
struct roam {
    struct stay stays[TRACE_STAYS];
    int n;
    bool fades; /* mixed lines grow fewer, from all to none, instead of being half of all */
};

/* One more stay; beyond TRACE_STAYS it is dropped. */
void roam_stay(struct roam *r, uint32_t addr, double from_s, double mix_s);

/* Appends what a device leaves that is used by habit h and moves as r says. */
void trace_device(struct trace *t, const struct habit *h, const struct roam *r);

/* The same of a device that never moves. */
void trace_fixed(struct trace *t, const struct habit *h, uint32_t addr);

/*
 * Appends what a device leaves that has two streams at a time, each used for least…most seconds, and opens a
 * new one when one ends, or is broken by a move.
 */
void trace_streams(struct trace *t, const struct roam *r, double least_s, double most_s);

/* Gives each burst (or each line) from index start on one of the addresses first…first+n−1. */
void trace_spread(struct trace *t, int start, uint32_t first, uint32_t n, bool by_line);

/* Writes the address of a line, with a port, as Xray does. */
void trace_add_addr(struct buf *to, const struct line *line);

/* The ASN of an address as the trace's networks have it; 0 for others. */
struct addr;
uint32_t trace_asn(const struct addr *a);

#endif
