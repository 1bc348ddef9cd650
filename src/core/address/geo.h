/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_GEO_H
#define CORE_ADDRESS_GEO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address/addr.h"

/*
 * What is known of the network an address belongs to. The engine asks through a function it is given,
 * once when a device is made or has moved to another address, again at checks while an answer lacks, and
 * for all after engine_geo_changed(); not for each line.
 */
struct geo {
    uint32_t asn;    /* autonomous system number; 0 = unknown */
    char country[3]; /* ISO 3166-1 alpha-2 in capitals, NUL-ended; "" = unknown */
};

/*
 * Tells what is known of addr (not cut to a prefix yet) at once, from memory or a mapped file; both
 * members stay unknown where nothing is. Must not wait for anything.
 */
typedef void (*geo_fn)(void *arg, struct addr addr, struct geo *ret);

#endif
