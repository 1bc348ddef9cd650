/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ONLINE_LISTING_H
#define CORE_ONLINE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/limits.h"
#include "core/address/addr.h"
#include "core/policy.h"

/*
 * What readings of the online list tell of a user's long streams: which addresses have been listed
 * without a break, and which of them cannot be what a phone left behind (docs/rule.md). Kept only while
 * more addresses are listed than the user may have devices: 3 KB each.
 *
 * An address is listed as long as a stream from it is open, with the time of its last new stream. A phone
 * that left without closing stays listed for some minutes, a quarter of an hour at most. So an address
 * that is still listed, without a new stream of its own, `outlive` after another address had one, is in
 * use: whoever opened the new one has been away from it for longer than anything lingers.
 */
struct user;

struct listed {
    struct addr addr; /* cut to its prefix */
    int64_t since_us; /* listed without a break since this reading */
    int64_t seen_us;  /* the last reading that showed it */
    int64_t value_us; /* its last new stream */
    uint16_t device;  /* index of the user's device, LISTED_NONE = none */
    uint16_t node;    /* that showed the value */
    uint16_t after;   /* of others (bits): had a new stream after they appeared */
};

struct listing {
    int64_t read_us; /* last reading */
    struct listed at[LIMIT_LANES];
    uint32_t first_s[LIMIT_LANES]
                    [LIMIT_LANES]; /* first new stream of [j] after the last one of [i] */
    uint32_t proved_s[LIMIT_LANES]
                     [LIMIT_LANES]; /* when [i] was last listed too long after it; 0 = never */
    uint8_t n;
};

enum { LISTED_NONE = 0xffff };

/* One address of a reading, of a node whose addresses may be held. */
struct listed_now {
    struct addr addr; /* cut */
    int64_t value_us;
    uint16_t device, node;
};

/*
 * A reading at now_us showed these (by value, each address once, from the nodes of which `answered` says
 * that they did); limit devices are allowed. Without memory nothing is remembered. O(addresses²).
 */
void listing_take(struct user *u, const struct policy *policy, const struct listed_now *seen,
                  size_t n, bool (*answered)(void *arg, uint16_t node), void *arg, int limit,
                  int64_t now_us);
/* Forgets it all. */
void listing_drop(struct user *u);
/* The device at `index` is gone (to = LISTED_NONE), or has moved to `to`. */
void listing_moved(struct user *u, int index, int to);
/* The listed address of a device, NULL without, or when the last reading is too old to say so. */
const struct listed *listing_of(const struct user *u, int device, int64_t now_us);
/*
 * Whether both devices are present by their streams alone: listed without a break for online_hold, each with
 * a new stream after the other appeared, each listed too long after one of the other's to be left behind.
 */
bool listing_held(const struct user *u, const struct policy *policy, int a, int b, int64_t now_us);
/* Whether the device is so with any other. O(addresses). */
bool listing_present(const struct user *u, const struct policy *policy, int device, int64_t now_us);

#endif
