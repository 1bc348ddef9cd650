/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_JUDGE_VERDICT_H
#define CORE_JUDGE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"
#include "core/user/user.h"

/*
 * The rules that look at a user's devices and say how many there are, and whether they are used at once
 * (engine.md 2 and 5). Nothing here changes anything.
 */

/* How many devices count at a time. */
struct tally {
    int plain;   /* active devices that count for themselves */
    int shared;  /* active shared sources, CDN and content networks */
    int devices; /* what is compared with the limit: plain ones, or one for all shared when alone */
};

/* Counts the devices present at now_us: active ones, and those that long streams hold. O(devices). */
void verdict_tally(const struct user *u, const struct policy *policy, int64_t now_us,
                   struct tally *ret);

/*
 * Until when the user's plain devices outnumber limit by what was seen of them, if nothing more comes: never
 * is INT64_MIN. Long streams that hold one do so as of now: the caller asks while he is within his limit.
 */
int64_t verdict_over_until(const struct user *u, const struct policy *policy, int limit);

/*
 * The size of the largest set of present devices that are pairwise concurrent, a pair being concurrent
 * when its evidence reaches threshold and it is not excused, or long streams hold both. Looks at the
 * devices that have lanes, and at those that are held.
 */
int verdict_concurrent(const struct user *u, const struct policy *policy, int64_t now_us,
                       double threshold);

/*
 * The rule of PG-Limiter: how many devices seen within persistent_window have spanned persistent_span
 * or were seen in persistent_checks checks. `share` (0…1) asks for that part of both.
 */
int verdict_persistent(const struct user *u, const struct policy *policy, int64_t now_us,
                       double share);

/* How many devices were active at every one of the last `checks` checks: for limits over 15. */
int verdict_every_check(const struct user *u, const struct policy *policy, int64_t now_us,
                        int checks);

/*
 * Whether two devices are never by themselves a concurrent pair (group_by auto): two families of one
 * provider, or of an unknown one; two addresses of one carrier whose addresses take turns inside bursts
 * (crowd_is_nat). a and b are devices of u.
 */
bool verdict_excused(const struct policy *policy, const struct user *u, const struct device *a,
                     const struct device *b);

/*
 * In how many networks the user is active: all devices of one ASN and /16 (IPv6: /32) are one, an unknown
 * ASN being that of the others there, and all shared sources, CDN and content networks together are one.
 * For the rule about leaked accounts. O(devices · log devices).
 */
int verdict_networks(const struct user *u, const struct policy *policy, int64_t now_us);

/* Whether the device has been seen within active_window before now_us. */
static inline bool verdict_active(const struct device *d, const struct policy *policy,
                                  int64_t now_us)
{
    return d->last_us > now_us - policy->active_window_us;
}

/* Whether the user's device is active, or held by long streams (listing.h). */
static inline bool verdict_present(const struct user *u, int index, const struct policy *policy,
                                   int64_t now_us)
{
    return verdict_active(&u->devices[index], policy, now_us) ||
           (u->listing && listing_present(u, policy, index, now_us));
}

#endif
