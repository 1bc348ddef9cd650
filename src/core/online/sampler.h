/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ONLINE_SAMPLER_H
#define CORE_ONLINE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address/addr.h"
#include "core/online/loss.h"

/*
 * Lines of a few users at a time, counted by address and second; some seconds after a reading of the online
 * list the second that it names is looked up. A user weighs 5 KB while he is looked at.
 */
enum { SAMPLER_USERS = 64, SAMPLER_SECONDS = 64, SAMPLER_DONE = 16, SAMPLER_LOOKUPS = 256 };

/* Lines of one second from one address; the second is that of the node's clock, as unix time or local. */
struct sampled_second {
    struct addr addr;
    int64_t second, came_us; /* when the first line came */
    uint16_t node, lines;
};

struct sampled_user {
    int64_t id, since_us;
    struct sampled_second done[SAMPLER_DONE]; /* a ring: those that readings have named */
    unsigned next_done;
    struct sampled_second at[SAMPLER_SECONDS]; /* a ring */
    unsigned next;
    int64_t forgotten_us; /* when the first line came of the last second that the ring has lost */
};

struct sampled_lookup {
    int64_t id, second, at_us, due_us;
    struct addr addr;
    uint16_t node;
};

struct sampler {
    struct sampled_user *users[SAMPLER_USERS];
    struct sampled_lookup waiting[SAMPLER_LOOKUPS];
    unsigned n, n_waiting;
};

/* Frees all; empty and usable afterwards. */
void sampler_release(struct sampler *s);
/* Looks at the user from now on. False: there is no room, or no memory. */
bool sampler_add(struct sampler *s, int64_t id, int64_t now_us);
/* The user is looked at no more; seconds of his that wait are not looked up. */
void sampler_drop(struct sampler *s, int64_t id);
/* Whether a second of his waits to be looked up: dropped now, silent users would be missing. */
bool sampler_waits(const struct sampler *s, int64_t id);
/* A line of a user who is looked at came at now_us; stamp_us is its own time, of no known zone. */
void sampler_line(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t stamp_us,
                  int64_t now_us);
/*
 * A reading at now_us names a second of his, which by our clock began at at_us. Looked up once, and only when
 * his lines were counted then.
 */
void sampler_read(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t second,
                  int64_t at_us, int64_t now_us);
/* What has waited long enough is looked up: fn is told the node, and how many lines of that second came. */
void sampler_look(struct sampler *s, int64_t now_us,
                  void (*fn)(void *arg, uint16_t node, enum loss_kind kind, unsigned lines),
                  void *arg);

#endif
