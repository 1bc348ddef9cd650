/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LINE_SCAN_H
#define CORE_LINE_SCAN_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/address/addrset.h"
#include "core/address/tags.h"

/*
 * The access-log scanner. Source of the format: Xray-core common/log/access.go and
 * app/dispatcher/default.go; one line per dispatched request:
 *
 *   2026/11/02 10:00:00.123456 from tcp:5.6.7.8:51234 accepted tcp:host:443 [IN -> OUT] email: 12
 *
 * The destination is the attacker's text: nothing is ever taken from it.
 */

/* Why a line is not counted; SCAN_COUNTED for one that is. */
enum scan_reason {
    SCAN_COUNTED,
    SCAN_EMPTY,
    SCAN_NOT_ACCESS,
    SCAN_REJECTED,
    SCAN_NO_EMAIL,
    SCAN_BAD_EMAIL,
    SCAN_NO_SOURCE,
    SCAN_MASKED,
    SCAN_UNIX,
    SCAN_DNS,
    SCAN_DOMAIN,
    SCAN_BAD_ADDRESS,
    SCAN_NOT_PUBLIC,
    SCAN_IGNORED_IP,
    SCAN_BLOCKED,
    SCAN_TOO_LONG,
    SCAN_DISABLED_NODE, /* of disabled_nodes: found by the engine, never by scan_line() */
    SCAN_REASONS        /* how many there are */
};

/* What the scanner needs of the settings. Built by scan_rules_set, read by any number of scans. */
struct scan_rules {
    bool count_private;     /* count_private_ips */
    struct addrset ignored; /* ignored_ips, ip_allowlist, the nodes' own addresses; sealed */
    struct tags blocked;    /* block_outbounds */
    uint32_t
        changes; /* counts how often the addresses were changed, for those who have to look again */
};

/* One scanned line; slices point into the line and live as long as it does. */
struct record {
    enum scan_reason reason;
    int64_t stamp_us;      /* the line's own time read as UTC; STAMP_NONE when it has none */
    int64_t id;            /* panel user id; 0 = none: a foreign user, never limited */
    struct slice name;     /* what follows `id.`, or a foreign user's whole text; may be empty */
    struct addr ip;        /* the client, IPv4-mapped taken as IPv4, not cut */
    bool from_header;      /* its port is 0: Xray took the address from a proxy's header */
    struct slice inbound;  /* p NULL when the bracket holds only the outbound, or there is none */
    struct slice outbound; /* p NULL when there is no bracket */
};

/* Empty rules: nothing ignored, nothing blocked, private addresses not counted. */
void scan_rules_init(struct scan_rules *r);
/* Frees what the rules own. */
void scan_rules_release(struct scan_rules *r);
/* Sets the block list from text separated by commas. ERR_NOMEM leaves the old list. */
int scan_rules_block(struct scan_rules *r, struct slice list) MUST_CHECK;

/*
 * Scans one line (without or with its line end) and returns the reason, which stands in ret too. With
 * SCAN_COUNTED all of ret is set; otherwise only reason is promised. Pure, no allocation, O(length);
 * any bytes may come in.
 */
enum scan_reason scan_line(const struct scan_rules *rules, struct slice line, struct record *ret);

/* The word for a reason in output and metrics: "not_access"; "counted" for SCAN_COUNTED. */
const char *scan_reason_name(enum scan_reason reason);

#endif
