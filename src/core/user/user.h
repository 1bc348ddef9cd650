/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_USER_USER_H
#define CORE_USER_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/limits.h"
#include "core/address/addr.h"
#include "core/address/crowd.h"
#include "core/online/listing.h"
#include "core/user/pair.h"
#include "core/user/past.h"

/*
 * What the engine remembers of one user: his devices, and, once they outnumber his limit, the pairs of
 * the most recent of them. Kept small: 100,000 users with two addresses each take some 18 MB.
 */

enum {
    LANE_NONE = 0x1f,
    TAG_NONE = 0x1fff,
    NODE_NONE = 0x1fff,
    ASN_MAX = 0xffffff,   /* a greater one counts as unknown: none is in use so far */
    LINES_MAX = 0xffffff, /* not counted further */
};
_Static_assert((int)LIMIT_LANES < LANE_NONE && (int)LIMIT_TAGS < TAG_NONE &&
                   (int)LIMIT_NODES < NODE_NONE,
               "room");

/* Two of them to a user are the greater part of all memory: 48 bytes, not one to spare. */
struct device {
    struct addr addr;          /* cut to its prefix */
    int64_t last_us;           /* last observation */
    uint32_t first_s;          /* first one, unix seconds */
    float rate;                /* ticks, decaying, as of the last tick */
    uint32_t tick_ago_us : 25; /* the last tick began so long before last_us (at most 33 s) */
    uint32_t lane : 5;         /* place among the pairs, LANE_NONE = none */
    uint32_t shared : 1;       /* its address is a shared source */
    uint32_t online : 1;       /* seen in an online list */
    uint32_t lines : 24;       /* of the log, up to LINES_MAX */
    uint32_t checks : 8;       /* checks at which it was active, up to 255 */
    uint32_t asn : 24;         /* of its address; 0 = unknown */
    uint32_t checks_run : 8;   /* checks without a break, up to 255 */
    uint32_t node : 13;        /* where seen last */
    uint32_t inbound : 13;     /* interned tag, TAG_NONE = none */
    uint32_t cdn : 1;     /* seen through a CDN's inbound or node: part of what it is known by */
    uint32_t content : 1; /* its address is in a content network */
    uint32_t outside : 1; /* known to be in a country that is not counted */
    uint32_t located : 1; /* nothing more is to be learned of its address's network */
};
_Static_assert(sizeof(struct device) == 48, "a device has grown");

/* Whether the device counts for itself, and may make pairs. */
static inline bool device_plain(const struct device *d)
{
    return !(d->shared || d->cdn || d->content || d->outside);
}

/* Whether it is one of those that add nothing beside a plain one, and are one device together. */
static inline bool device_common(const struct device *d)
{
    return (d->shared || d->cdn || d->content) && !d->outside;
}

/* What the device of an observation is known by. */
struct device_key {
    struct addr addr;
    uint16_t inbound;
    bool by_inbound;  /* group_by ip_inbound: the inbound, too */
    bool any_inbound; /* whichever it is: the online list tells of none */
    bool cdn;
};

/* Whether the account looks leaked, as of the last check while watched (leak.c). */
struct leak {
    int64_t since_us;  /* first check in a row with too many networks */
    uint32_t overflow; /* of the user then */
    uint16_t checks;   /* such checks in a row */
    uint16_t networks; /* at the last of them */
    bool half;         /* for half a monitoring_period, */
    bool whole;        /* for a whole one */
};

/* The pairs of up to LIMIT_LANES devices; pair of lanes i < j stands at j(j−1)/2 + i. */
struct lanes {
    uint16_t device[LIMIT_LANES]; /* index into the user's devices */
    float near[LIMIT_LANES]; /* ticks since the lane was taken, fast decaying, as of the last one */
    uint8_t n;
    uint8_t cap;
    uint8_t n_crowds;
    struct pair *pairs;
    struct crowd *crowds; /* of carriers in which he has had several devices at once */
    struct leak leak;
};

/* So many devices live inside the user: most have no more, and looking at them costs no other cache line. */
enum { USER_FEW = 2 };

struct user {
    int64_t id;
    struct device *devices;  /* few, or allocated; never copy a user who has devices */
    struct lanes *lanes;     /* NULL while devices do not outnumber the limit */
    struct past *past;       /* his violations, NULL without any */
    struct listing *listing; /* his long streams, NULL while he may have as many as are listed */
    int64_t last_us;         /* last observation */
    uint32_t limits_gen;     /* of the limit below */
    uint16_t n, cap;         /* devices */
    uint16_t limit;
    uint16_t limit_from : 4; /* enum limit_source */
    uint16_t state : 2;      /* enum user_state */
    uint16_t warned : 1;
    uint16_t really : 1;    /* PUNISHED in the panel, not only in shadow */
    uint16_t queued : 1;    /* PUNISHED, waiting for its turn */
    uint16_t told_seen : 1; /* that he is still seen */
    uint16_t mode : 2;      /* enum policy_mode for him, as of limits_gen */
    uint16_t restart : 1;   /* that became MODE_ON: to start CLEAR */
    uint16_t sampled : 1;   /* his lines are compared with the online list (loss.h) */
    uint8_t mon_checks;     /* MONITORING: checks since it began, up to 255 */
    uint8_t hot;            /* the device looked up last, of the first 256 */
    uint16_t case_limit;    /* in force when MONITORING began; PUNISHED: convicted under */
    int64_t since_us;       /* of MONITORING or PUNISHED */
    int64_t until_us;       /* PUNISHED: due, 0 = by hand; CLEAR: pardoned until */
    uint32_t verify_s;      /* online list asked for at, unix seconds; 0 = not */
    uint32_t overflow;      /* observations of addresses that found no room */
    uint32_t line_s;        /* last line of his, unix seconds; 0 = none */
    uint32_t read_s;        /* last reading of his online list; 0 = none */
    struct device few[USER_FEW];
};

/* The most devices that are remembered of a user with this limit. */
static inline uint32_t user_room(int limit)
{
    uint32_t max = 2 * (uint32_t)limit;

    if (max < LIMIT_DEVICES_MIN)
        max = LIMIT_DEVICES_MIN;
    return max > LIMIT_DEVICES_MAX ? LIMIT_DEVICES_MAX : max;
}

/* Frees his devices and pairs (not the struct, nor his past). */
void user_release(struct user *u);

/*
 * The index of the device with this key, or -1. A device that only the online list has shown so far is
 * found by any inbound. Looks at the hot one first, then at all: O(devices).
 */
int user_find(struct user *u, const struct device_key *key);

/*
 * Makes room for one more device and returns its index, zeroed but for lane; at most max devices. When
 * they are all there, those not seen since idle_us give way, and else the one seen longest ago of those
 * not active since active_us that hold no evidence (no lane): a spray of addresses can neither push
 * evidence out nor hide behind its own traces. ERR_TOO_BIG: none may go. ERR_NOMEM.
 */
int user_add_device(struct user *u, uint32_t max, int64_t idle_us, int64_t active_us,
                    int *ret_index) MUST_CHECK;
/* Removes the device seen longest ago of those that are not plain. False: there is none. */
bool user_drop_uncounted(struct user *u);
/* Keeps room for one more device outside the countries counted (else: for one more of the common ones) by
 * removing the one seen longest ago, so that no more than most are there afterwards. O(devices). */
void user_bound_uncounted(struct user *u, bool outside, int most);
/* Removes a device and its pairs; the last device takes its index. */
void user_drop_device(struct user *u, int index);
/* Removes all devices not seen since idle_us, but for those that the online list still shows. */
void user_drop_idle(struct user *u, int64_t idle_us);

/* Gives the device a lane; when all are taken, the one seen longest ago loses its own. ERR_NOMEM. */
int user_take_lane(struct user *u, int index) MUST_CHECK;
/* Takes the device's lane away with its pairs, if it has one: it is no plain one any more. */
void user_leave_lane(struct user *u, int index);
/* Makes one device of two (a ≠ b), which keeps the evidence of the one that has a lane. All may change their
 * index, as in user_drop_device(). */
void user_merge_devices(struct user *u, int a, int b);
/* Forgets all pairs. */
void user_drop_lanes(struct user *u);

/* The pair of two lanes (i ≠ j); side 0 is the lower lane. */
struct pair *lanes_pair(struct lanes *l, int i, int j);

/* Moves the device's last_us on to at_us while the tick that began earlier goes on. */
static inline void device_extend(struct device *d, int64_t at_us)
{
    int64_t ago = at_us - d->last_us + d->tick_ago_us;

    d->tick_ago_us = (ago > 0x1ffffff ? 0x1ffffffu : (uint32_t)ago) & 0x1ffffff;
    d->last_us = at_us;
}

/* The device's decayed count of ticks as of at_us. */
double device_rate(const struct device *d, int64_t at_us, double half_life_s);

/* When the device's last tick began. */
static inline int64_t device_tick_us(const struct device *d)
{
    return d->last_us - d->tick_ago_us;
}

#endif
