/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct db;

/* Forgetting what has been kept long enough, in slices that keep nobody waiting. */

struct retention {
    int64_t evidence_us; /* age at which addresses in evidence are cut to prefixes */
    int64_t events_us;   /* age at which events, violations and closed journal rows go */
    int64_t history_us;  /* age at which addresses of ip_history go */
};

/*
 * Does one slice (at most 500 rows a table) and says whether there is more: call again, as a job of
 * its own, until *ret_more is false. Open journal rows and their violations always stay.
 */
int retention_slice(struct db *db, const struct retention *r, int64_t now_us, bool *ret_more,
                    struct err *err) MUST_CHECK;
/*
 * Appends text with every IP address in it cut: IPv4 to /24, IPv6 to /48, written as a network
 * ("203.0.113.0/24"). Works on any text, JSON as well. ERR_TOO_BIG, ERR_NOMEM.
 */
int retention_shorten(struct slice text, struct buf *out) MUST_CHECK;

#endif
