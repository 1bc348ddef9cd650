/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef REPLAY_LISTS_H
#define REPLAY_LISTS_H

#include <stddef.h>

#include "trace.h"

/*
 * What the panel's online list says of the person of a trace: which addresses have a stream open, and when
 * the last new one was. Each line opens a stream. 70 % are used for 8 s on average, 25 % for a minute, 5 %
 * for ten (exponential), unless the trace says how long. A stream whose device has left is closed at once in
 * half the cases; else it stays for up to 300 s, as an idle one does, and one in 20 for up to 924 s, as one
 * with data waiting to be sent does.
 */
struct listed_stream {
    double from_s, to_s;
    uint32_t addr;
    uint16_t host;
    uint8_t node;
};

struct list_entry {
    struct line line; /* its address, as a line has it */
    int64_t value_s;  /* whole seconds from the beginning */
};

enum { LISTS_MAX = 4096 };

struct lists {
    const struct trace *t;
    struct listed_stream open[LISTS_MAX];
    int n, next; /* streams open, next line to look at */
    uint64_t rng;
    bool lingers;  /* nothing is closed by who leaves, and all of it stays long */
    bool last_one; /* a WireGuard node: of each node the last address, for good */
    struct list_entry last[TRACE_NODES];
    bool known[TRACE_NODES];
    struct list_entry values[LISTS_MAX]; /* last new stream of each address */
    int n_values;
};

/* Begins at the start of a trace, whose lines are in order of time. */
void lists_start(struct lists *l, const struct trace *t, uint64_t seed);
/* The list as read at at_s, which never goes back; returns how many entries. */
int lists_read(struct lists *l, double at_s, struct list_entry *ret, int max);

#endif
