/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_GATE_H
#define PANEL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backoff.h"

/*
 * The circuit breaker of a panel: after some faults in a row (no connection, no answer, 5xx) calls are
 * refused without being tried; then one probe at a time is let through, at growing distances, until
 * one is answered. Pure: time and randomness are parameters.
 */
enum { GATE_FAULTS = 3 };

struct gate {
    unsigned faults; /* in a row */
    bool shut;
    bool probing; /* one call was let through and has not ended */
    int64_t next_probe_us;
    struct backoff wait;
};

/* An open gate. */
void gate_init(struct gate *g);
/* Whether a call may be tried now; when shut, saying yes hands out the one probe. */
bool gate_enter(struct gate *g, int64_t now_us);
/* A call was answered. true when that opened the gate. */
bool gate_answered(struct gate *g);
/* A call met a fault. true when that shut the gate. */
bool gate_fault(struct gate *g, int64_t now_us, uint64_t random);
/* A call that entered ended without telling anything (cancelled): gives a probe back. */
void gate_leave(struct gate *g);

#endif
