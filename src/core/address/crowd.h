/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_CROWD_H
#define CORE_ADDRESS_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address/addr.h"
#include "core/policy.h"

struct user;
struct device;

/*
 * Addresses of one user in one carrier's /16 (IPv6: /32): the exits of a carrier NAT, which leave their
 * mark inside bursts, or people who happen to be neighbours? Pairs cannot tell when there are many exits,
 * as each pair is rarely met; all addresses of the carrier together can.
 */
struct crowd {
    struct addr place; /* cut to the /16 or /32 */
    uint32_t asn;      /* 0 = unknown so far */
    uint16_t mixed;    /* bursts that more than one address took part in */
    uint8_t run_ticks; /* ticks of `run` since no other address ticked, up to 255 */
    bool is_mixed;     /* the burst that began at burst_us already is */
    bool alone;        /* one address went on without any other for long */
    int64_t
        burst_us;   /* when the last burst began: the first tick 2 s or more after the one before */
    int64_t run_us; /* since when only `run` has ticked */
    struct addr run;
    float extra;  /* further ticks inside bursts, decaying with the evidence */
    float chance; /* as many would be met there if each address were a device by itself */
};

/*
 * A tick of the user's device (with a lane, not moved on yet) at at_us. Keeps count only once two devices
 * with lanes are in its carrier; without memory nothing is counted. O(lanes).
 */
void crowd_tick(struct user *u, const struct device *d, const struct policy *policy, int64_t at_us);

/*
 * Whether the devices of d's carrier look like exits of one NAT: in at least 3 bursts more than one took
 * part, and either none ever went on alone (for more than 60 s and 6 ticks, or for 10 ticks), or the
 * bursts hold clearly more ticks of different addresses than independent devices so busy would put there.
 */
bool crowd_is_nat(const struct user *u, const struct device *d);

#endif
