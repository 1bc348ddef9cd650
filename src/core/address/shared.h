/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_SHARED_H
#define CORE_ADDRESS_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "core/address/addr.h"

enum { SHARED_ANY_NODE = 0xffff }; /* the node of a mark */

/*
 * Shared sources: addresses used by many users at once (a relay, CDN, carrier NAT) and marked for
 * shared_memory_days. One table serves the marks and, during a check, the counts. A barred address was
 * unmarked by somebody who knew better, and is not marked again until the bar ends.
 */
struct shared_slot {
    struct addr addr;
    int64_t until_us; /* of the mark, or of the bar */
    uint32_t users;   /* of the count */
    uint16_t node;    /* of the count: users of one node are counted together */
    bool taken;
    bool barred;
};

struct shared {
    struct shared_slot *slots;
    uint32_t n, cap; /* cap: a power of two, or 0 */
    struct hash_key key;
};

/* An empty table; allocates nothing. */
void shared_init(struct shared *s, struct hash_key key);
/* Frees the memory; empty and usable afterwards. */
void shared_release(struct shared *s);
/* The slot of addr (and node), NULL when there is none. O(1). */
struct shared_slot *shared_find(const struct shared *s, struct addr addr, uint16_t node);
/* The slot of addr (and node), made when there was none. NULL: out of memory, or LIMIT_SHARED reached. */
struct shared_slot *shared_put(struct shared *s, struct addr addr, uint16_t node);
/* Whether addr is marked (and not barred). O(1). */
bool shared_marked(const struct shared *s, struct addr addr);
/* How many addresses are marked. O(slots). */
uint32_t shared_marks(const struct shared *s);
/* Removes every slot whose mark or bar ended at now_us or before; returns how many. O(slots). */
uint32_t shared_expire(struct shared *s, int64_t now_us);

/*
 * From how many users on an address is shared: the setting, but no more than 20 % of the node's active
 * users, though at least 4 (or the setting, when that is smaller).
 */
uint32_t shared_threshold(int setting, uint32_t node_users);

#endif
