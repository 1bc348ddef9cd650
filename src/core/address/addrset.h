/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_ADDRSET_H
#define CORE_ADDRESS_ADDRSET_H

#include "base/err.h"
#include "core/address/addr.h"

/*
 * A set of address ranges (CIDR), e.g. ignored_ips, ip_allowlist, the nodes' own addresses. Filled
 * once, then sealed and only read: lookup is a binary search over disjoint intervals.
 */
struct addrset {
    struct addr_span *spans;
    size_t n, cap;
    bool sealed;
};

struct addr_span {
    struct addr first, last;
};

/* An empty set; allocates nothing. */
void addrset_init(struct addrset *s);
/* Frees the memory; the set is empty again. */
void addrset_release(struct addrset *s);
/*
 * Adds "1.2.3.4", "1.2.3.0/24", "2001:db8::/32" or "[::1]". ERR_INVALID with a text naming the entry,
 * ERR_TOO_BIG past LIMIT_CIDRS, ERR_NOMEM. Not after sealing.
 */
int addrset_add(struct addrset *s, struct slice cidr, struct err *err) MUST_CHECK;
/* Adds each entry of a list separated by commas or blanks; as addrset_add. */
int addrset_add_list(struct addrset *s, struct slice list, struct err *err) MUST_CHECK;
/* Sorts and merges; lookups are possible from then on. */
void addrset_seal(struct addrset *s);
/* Whether two sealed sets hold the same addresses. O(n). */
bool addrset_equal(const struct addrset *a, const struct addrset *b);
/* Whether a lies in the sealed set. O(log n), one compare when empty. */
bool addrset_has(const struct addrset *s, struct addr a);

#endif
