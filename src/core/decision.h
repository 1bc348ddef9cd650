/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_DECISION_H
#define CORE_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/address/addr.h"
#include "core/policy.h"
#include "core/user/trust.h"

/* What the engine decides, as values in a queue: replay prints them, the daemon carries them out. */

enum decision_kind {
    DECISION_MONITOR, /* over the limit: watched from now on */
    DECISION_WARN,    /* there is evidence of sharing */
    DECISION_ACQUIT,  /* within the limit for a whole monitoring_period, or not limited any more */
    DECISION_UNKNOWN, /* closed: a node he was last seen on has been silent too long */
    DECISION_VERIFY,  /* convicted by the log: read the online list, then engine_verified() */
    DECISION_PUNISH,  /* convicted; `applied` says what becomes of it */
    DECISION_EXECUTE, /* a queued punishment's turn has come */
    DECISION_RESTORE, /* the punishment's term is over */
    DECISION_STILL_SEEN, /* lines still come from a punished user (told once) */
    DECISION_SHARED,     /* an address was marked as a shared source: keep it in the database */
    DECISION_BREAKER, /* the breaker paused enforcement: alarm; `dropped` waiting ones are CLEAR */
    DECISION_FAULTY,  /* node_id shows nearly everyone over his limit: alarm; verdicts on it wait */
    DECISION_KINDS
};

enum decision_applied { APPLIED_NOW, APPLIED_QUEUED, APPLIED_SHADOW, APPLIED_PAUSED };

/* Where a limit came from, first that applied. */
enum limit_source {
    LIMIT_FROM_EXCEPTION, /* never limited */
    LIMIT_FROM_SPECIAL,
    LIMIT_FROM_PATTERN,
    LIMIT_FROM_HWID,
    LIMIT_FROM_GROUP,
    LIMIT_FROM_NAME,
    LIMIT_FROM_GENERAL,
    LIMIT_FROM_FILTER,  /* not judged: a filter, or the mode of one of his groups; the limit is 0 */
    LIMIT_FROM_UNKNOWN, /* not judged: group, owner or hwid_limit is needed and not known; 0 */
};

/* How a device entered the count. */
enum device_role {
    DEVICE_COUNTED,
    DEVICE_SHARED,  /* a shared source: adds nothing beside another device */
    DEVICE_IDLE,    /* not seen within active_window */
    DEVICE_CDN,     /* through a CDN's inbound or node: as a shared source */
    DEVICE_CONTENT, /* of a content network: as a shared source */
    DEVICE_COUNTRY, /* known to be outside the countries counted: does not count */
    DEVICE_HELD,    /* counts by its long streams, which the online list shows (listing.h) */
    DEVICE_ROLES
};

/* One device in the evidence of a decision. */
struct device_view {
    struct addr addr; /* cut to its prefix */
    int64_t first_us, last_us;
    int64_t node_id;
    const char *inbound; /* lives as long as the engine; NULL = none seen */
    uint32_t lines;
    uint32_t asn; /* 0 = unknown */
    enum device_role role;
    bool online;      /* the online list showed it, too */
    bool one_address; /* its node tells one address a user at the most: another there goes unseen */
    int64_t listed_us; /* listed without a break since, 0 = not looked at so closely */
};

/* One pair in the evidence; a and b index the devices. */
struct pair_view {
    uint16_t a, b;
    float score; /* nats, as of the pair's last tick: the greatest of those below */
    float fixed, adaptive, near;
    uint16_t switches;
    bool excused; /* never a concurrent pair: families, or one carrier */
    bool held;    /* concurrent by long streams, whatever the score */
};

/* Everything a person needs to explain a decision. Bounded; devices are the most recent ones. */
struct evidence {
    enum limit_source limit_from;
    uint16_t n_devices, n_pairs;
    struct device_view devices[LIMIT_LANES];
    struct pair_view pairs[LIMIT_LANES * (LIMIT_LANES - 1) / 2];
    uint32_t devices_overflow; /* addresses that found no room */
    int networks;              /* active ones, merged by ASN and /16 */
    struct trust trust;
    int64_t monitored_since_us;
    int64_t line_us,
        read_us; /* the last line of his, and the last reading, to the second; 0 = none */
};

struct decision {
    enum decision_kind kind;
    enum decision_applied applied;
    int64_t at_us;
    int64_t id;  /* user; 0 for SHARED and BREAKER */
    bool warned; /* he was warned in this case */
    int limit;
    int devices;                 /* active and counted */
    int concurrent;              /* largest set of pairwise concurrent devices */
    enum decision_action action; /* PUNISH, EXECUTE: what is to be done */
    int step;           /* its number among the punishment steps, from 0; 0 without steps */
    int64_t for_us;     /* ACTION_DISABLE: how long; otherwise 0 */
    bool leaked;        /* PUNISH: convicted by the number of networks alone */
    int trust;          /* WARN, PUNISH: 0 (none) … 100; -1 where nothing was weighed */
    struct addr shared; /* DECISION_SHARED */
    struct addr seen;   /* STILL_SEEN: where, cut to its prefix */
    int64_t shared_until_us;
    int breaker_users; /* DECISION_BREAKER: users counted, the bound they passed, its window */
    int breaker_bound;
    int64_t breaker_window_us;
    int dropped;
    int64_t node_id;           /* FAULTY; STILL_SEEN, 0 = not known */
    char why[160];             /* one sentence for people */
    struct evidence *evidence; /* owned by the decision; NULL where there is none */
};

/* "monitor", "warn", …: the word in replay's output and the events table. */
const char *decision_name(enum decision_kind kind);
/* "now", "queued", "shadow", "paused". */
const char *decision_applied_name(enum decision_applied applied);
/* "disable", "warn", "hand", "revoke". */
const char *decision_action_name(enum decision_action action);
/* "except", "special", "pattern", "hwid", "group", "name", "general", "filter", "unknown". */
const char *limit_source_name(enum limit_source source);
/* Why a device counts or not, for people: "counted", "shared source", "idle", … */
const char *device_role_name(enum device_role role);
/* Frees what a decision taken from the queue owns. */
void decision_release(struct decision *d);

#endif
