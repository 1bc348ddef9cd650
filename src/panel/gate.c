/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/gate.h"

#include "base/banned.h"

enum { WAIT_MIN_US = 1000000, WAIT_MAX_US = 30000000 };

void gate_init(struct gate *g)
{
    *g = (struct gate){0};
    backoff_init(&g->wait, WAIT_MIN_US, WAIT_MAX_US);
}

bool gate_enter(struct gate *g, int64_t now_us)
{
    if (!g->shut)
        return true;
    if (g->probing || now_us < g->next_probe_us)
        return false;
    g->probing = true;
    return true;
}

bool gate_answered(struct gate *g)
{
    bool opened = g->shut;

    gate_init(g);
    return opened;
}

bool gate_fault(struct gate *g, int64_t now_us, uint64_t random)
{
    bool shuts;

    if (g->faults < GATE_FAULTS)
        g->faults++;
    if (g->shut && !g->probing)
        return false; /* tried before the gate was shut: says nothing new */
    if (g->faults < GATE_FAULTS)
        return false;
    shuts = !g->shut;
    g->shut = true;
    g->probing = false;
    g->next_probe_us = now_us + backoff_next(&g->wait, random);
    return shuts;
}

void gate_leave(struct gate *g)
{
    g->probing = false;
}
