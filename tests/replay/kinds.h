/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef REPLAY_KINDS_H
#define REPLAY_KINDS_H

#include "trace.h"

/* What is to be made of a kind of people. */
enum truth {
    HONEST,      /* nobody is to be cut off */
    LIKE_SHARED, /* honest, but hardly to be told from two devices: flaps or mixes without end */
    SHARED,      /* more devices at once than the limit */
    LIKE_HONEST, /* shared, but in a way that honest people show too */
};

struct kind {
    const char *name;
    int limit;
    enum truth truth;
    void (*make)(struct trace *t, const struct kind *k);
    double a, b, c; /* what make() makes of them is its own business */
    int n;
    const struct habit *habit;
    const char *set; /* a setting that the kind needs, KEY=VALUE; NULL = none */
    bool lingers;    /* see lists.h */
    bool wireguard;  /* nothing is logged, and of each node the last address is told, for good */
};

extern const struct kind kinds[];
extern const int n_kinds;
/* Whom only the online list shows well: run with readings, for two hours. */
extern const struct kind listed_kinds[];
extern const int n_listed_kinds;

#endif
