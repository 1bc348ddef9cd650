/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ONLINE_READPLAN_H
#define CORE_ONLINE_READPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/engine.h"

/*
 * Whose online list is read next, one user a call at a bounded rate: who is looked at closely
 * (engine_read_every) when his time has come, the longest overdue first; and in turn everyone whom the
 * panel calls online though no line tells of him. Of three readings at least one is for these when there
 * are any, however many are looked at closely. Pure.
 */
struct readplan_close {
    int64_t id, asked_us;
};

struct readplan {
    struct readplan_close *close;
    size_t n_close, cap_close;
    struct readplan_close *round; /* the panel's online users in turn, by id */
    size_t n_round, at_round;
    unsigned turn;
};

/* Embedded: empty, nobody is to be read. */
void readplan_init(struct readplan *p);
/* Frees the memory; empty and usable afterwards. */
void readplan_release(struct readplan *p);
/*
 * Looks closely at the user as long as the engine asks for it. Harmless when he is looked at already.
 * ERR_TOO_BIG, ERR_NOMEM.
 */
int readplan_watch(struct readplan *p, int64_t id) MUST_CHECK;
/* The panel's online users from now on, by id. Who was there keeps his turn. ERR_NOMEM: as before. */
int readplan_online(struct readplan *p, const int64_t *ids, size_t n) MUST_CHECK;
/*
 * The user to be read at now_us, 0 when nobody's time has come. all: also those of whom lines tell.
 * O(looked at closely), and some hundred of the others at the most.
 */
int64_t readplan_next(struct readplan *p, const struct engine *e, bool all, int64_t now_us);

#endif
