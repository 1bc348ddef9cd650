/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_CONTACT_H
#define PANEL_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"
#include "panel/gate.h"

/*
 * Whether the panel answers at all: the gate of every call to it, and who is told when that changes.
 * "Up" means that its last calls were answered, whatever the answer, short of 5xx.
 */
struct contact_opts {
    struct loop *loop;
    void (*on_up)(void *arg);                          /* answers, first or again */
    void (*on_down)(void *arg, const struct err *err); /* the gate shut, or the first call failed */
    void (*on_probe)(void *arg); /* shut, and a probe may go: make a call now */
    void *arg;
};

struct contact {
    struct contact_opts opts;
    struct gate gate;
    struct loop_timer *timer;
    bool up, ever;    /* ever: something was told */
    int64_t since_us; /* wall clock of the last change; STAMP_NONE before */
    struct err last;  /* the last fault; code 0: none since it is up */
};

/* Embedded. ERR_NOMEM. */
int contact_init(struct contact *c, const struct contact_opts *opts) MUST_CHECK;
void contact_release(struct contact *c);

/* Whether a call may be sent now; else writes why not. Each yes is followed by one of the next three. */
bool contact_enter(struct contact *c, struct err *err);
/* An answer came that is no 5xx. */
void contact_answered(struct contact *c);
/* No connection, no answer, or 5xx. */
void contact_fault(struct contact *c, const struct err *err);
/* The call told nothing: it was cancelled, or failed on our side. */
void contact_leave(struct contact *c);

#endif
