/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LOSS_H
#define CORE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/addr.h"

/*
 * What part of a node's lines never comes, by comparing both sources: where the online list says that an
 * address had its last new stream in a certain second, the log must hold a line of that second. A few users
 * at a time are looked at: their lines are counted by address and second, and some seconds after a reading
 * the second it names is looked up.
 *
 * A second may have had several lines, of which some came. With p0 the part of the seconds of which none came
 * and m the mean number in the others, p0 · m is the part lost, if each line is lost by chance and a second
 * has 1 + n lines, n geometrically distributed; exactly so where seconds have one line.
 */
struct loss {
    double seconds, none,
        lines; /* decaying counts: looked up, without a line, lines of the others */
    int64_t at_us;
};

/* One second was looked up at now_us: so many of its lines came. */
void loss_note(struct loss *l, unsigned lines, int64_t now_us);
/* The part lost, 0…1, and how many seconds tell of it; false: too few. error: one standard deviation. */
bool loss_estimate(const struct loss *l, int64_t now_us, double *ret_part, double *ret_error);
/* Whether so much is lost, beyond chance, that another reader must be taking lines. */
bool loss_is_theft(const struct loss *l, int64_t now_us);

enum { SAMPLER_USERS = 32, SAMPLER_SECONDS = 16, SAMPLER_LOOKUPS = 64 };

/* Lines of one second from one address; the second is that of the node's clock, as unix time or local. */
struct sampled_second {
    struct addr addr;
    int64_t second;
    uint16_t node, lines;
};

struct sampled_user {
    int64_t id, since_us;
    struct sampled_second done[SAMPLER_SECONDS]; /* a ring: those that readings have named */
    unsigned next_done;
    struct sampled_second at[SAMPLER_SECONDS]; /* a ring */
    unsigned next;
};

struct sampled_lookup {
    int64_t id, second, due_us;
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
/* The user is looked at no more. */
void sampler_drop(struct sampler *s, int64_t id);
/* A line of a user who is looked at; stamp_us is its own time, of no known zone. */
void sampler_line(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t stamp_us);
/*
 * A reading at now_us names a second of his, which by our clock began at at_us. Looked up once, and only when
 * his lines were counted then.
 */
void sampler_read(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t second,
                  int64_t at_us, int64_t now_us);
/* What has waited long enough is looked up: fn is told the node and how many lines of that second came. */
void sampler_look(struct sampler *s, int64_t now_us,
                  void (*fn)(void *arg, uint16_t node, unsigned lines), void *arg);

#endif
