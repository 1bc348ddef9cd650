/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/slice.h"
#include "core/line/coverage.h"
#include "core/decision.h"
#include "core/address/geo.h"
#include "core/limit/limit.h"
#include "core/policy.h"
#include "core/line/scan.h"
#include "core/address/sources.h"

/*
 * The engine: from log lines to decisions. Pure: no clock, socket, file or random source; it is fed
 * lines, readings and ticks with the time they came, and answers with decisions in a queue. The same
 * input gives the same decisions, always. One thread.
 *
 * Unless said otherwise `now_us` is the wall clock as the caller reads it, never running backwards.
 */
struct engine;

/* An engine with this policy (copied). key seeds its hash tables. NULL when out of memory. */
struct engine *engine_new(const struct policy *policy, struct hash_key key);
/* Frees all. NULL is fine. */
void engine_free(struct engine *e);

/* ---- what it judges by ---- */

/* Puts a policy in force from now on. Going to MODE_ON from another mode starts everyone CLEAR who is
 * not really punished. Another group_by or ipv6_prefix forgets all devices, and starts those CLEAR who are
 * watched: what was one device may be two by the new rule. */
void engine_set_policy(struct engine *e, const struct policy *policy, int64_t now_us);
/* The policy in force. */
const struct policy *engine_policy(const struct engine *e);
/* The scanner's rules, to be changed in place between lines (addresses, blocked outbounds). */
struct scan_rules *engine_scan_rules(struct engine *e);
/* The scanner's rules were changed: devices whose address does not count any more go. O(users). */
void engine_addresses_changed(struct engine *e, int64_t now_us);
/*
 * Networks, inbounds, nodes and countries that are special, from now on; takes what s owns and leaves it
 * empty. Devices of nodes that are disabled now, or that come through a CDN now (or no longer), go; the
 * others are looked at anew. O(users), unless they are the same as before.
 */
void engine_set_sources(struct engine *e, struct sources *s, int64_t now_us);
/* The sources in force. */
const struct sources *engine_sources(const struct engine *e);
/*
 * Asks fn from now on for the network of an address: when a device is made or moves to another address,
 * again at checks while nothing is known (a few thousand questions a check), and for everyone at once now.
 * NULL: nothing is known of any network any more. O(users).
 */
void engine_set_geo(struct engine *e, geo_fn fn, void *arg, int64_t now_us);
/* What is known of networks has changed: all devices are asked for anew. O(users). */
void engine_geo_changed(struct engine *e, int64_t now_us);
/* The limits, exceptions and the known users; call engine_limits_changed() after a change. */
struct limits *engine_limits(struct engine *e);
/* Limits are looked up anew for every user from now on. O(1). */
void engine_limits_changed(struct engine *e);

/* ---- nodes ---- */

/*
 * The engine's handle of a panel node, made at first use; ERR_TOO_BIG past LIMIT_NODES. clock_us: its
 * clock offset kept from an earlier run, or STAMP_NONE.
 */
int engine_node(struct engine *e, int64_t node_id, int64_t clock_us, uint16_t *ret_node) MUST_CHECK;
/* A log stream of the node was opened, or closed. A node without open stream is not silent evidence. */
void engine_stream_opened(struct engine *e, uint16_t node, int64_t now_us);
void engine_stream_closed(struct engine *e, uint16_t node, int64_t now_us);
/* The caller believes the node quiet although users are online there (engine.md 7), or no longer. */
void engine_node_quiet(struct engine *e, uint16_t node, bool quiet, int64_t now_us);
/* Its stream had been dead though it looked alive: counted. */
void engine_node_dead(struct engine *e, uint16_t node);
/* Counters and state of a node; valid until the next call. */
const struct coverage *engine_coverage(const struct engine *e, uint16_t node);
/* The node's clock offset in µs (arrival − stamp), STAMP_NONE while unknown: to be kept over restarts. */
int64_t engine_clock_offset(const struct engine *e, uint16_t node);
/* Whether its lines are no evidence yet: they may be a backlog (core/line/clock.h). */
bool engine_node_warming(const struct engine *e, uint16_t node);
/* Takes the node's clock as known from the start: replay of plain logs, where arrival = stamp. */
void engine_clock_trust(struct engine *e, uint16_t node);

/* ---- input ---- */

/*
 * One line of a node's log, as it arrived. O(1), at most 16 pair updates. Returns why it was not
 * counted, SCAN_COUNTED otherwise; ret_rec (may be NULL) receives the record.
 */
enum scan_reason engine_line(struct engine *e, uint16_t node, int64_t now_us, struct slice line,
                             struct record *ret_rec);

/* One address of an online-list reading: last_us is the panel's last new stream of that address. */
struct online_seen {
    uint16_t node;
    struct addr addr;
    int64_t last_us;
};
/* A whole reading; addresses of nodes that are not in `nodes` are neither there nor gone. */
struct online_reading {
    const struct online_seen *seen;
    size_t n;
    const uint16_t *nodes; /* that answered, also with no address */
    size_t n_nodes;
};
/*
 * The online list of a user as read now. Entries are observations at their last_us, corrected by what the
 * node's log tells of its clock, in the order of these times; those over 5 s ahead of now tell nothing: that
 * clock is wrong. Readings in a row show long streams (listing.h). May decide. Nothing by sources=log.
 */
void engine_online(struct engine *e, int64_t id, const struct online_reading *r, int64_t now_us);
/*
 * How long after the last reading the user should be read again: 5 s while he is watched, more while his
 * streams are counted or he has changed address and no line tells of him; 0: not for his own sake. O(his
 * devices). The last reading is in ret_us, 0 = none.
 */
int64_t engine_read_every(const struct engine *e, int64_t id, int64_t now_us, int64_t *ret_us);
/* When the last line of the user came, and the last reading of his list; 0 = none. */
void engine_heard(const struct engine *e, int64_t id, int64_t *ret_line_us, int64_t *ret_read_us);
enum { SAMPLE_MOST = 64 };
/*
 * Chooses whose lines are compared with the online list from now on: at most `most` active users, in turn,
 * for a minute each; most_suspect while a node seems to lose lines and how many is not known well, three of
 * four on such nodes then. The new ones are in ret_ids (SAMPLE_MOST), to be read every 10 s as
 * engine_read_every() says. Brings the coverage of all nodes up to date. O(20,000 users) when few are active.
 */
size_t engine_sample_lines(struct engine *e, unsigned most, unsigned most_suspect, int64_t now_us,
                           int64_t *ret_ids);
/* How many users' lines are compared now. */
unsigned engine_sampled(const struct engine *e);
/*
 * Whether the node seems to tell one address a user at the most, as WireGuard nodes do: it has been read,
 * never showed two, and never logged anybody. Streams hold nothing there.
 */
bool engine_node_one_address(const struct engine *e, uint16_t node);
/* Whether the online list can be read at all; verify_online=auto asks it only then. False at first. */
void engine_online_available(struct engine *e, bool available);
/* The answer to DECISION_VERIFY, after engine_online() or without an answer. May decide PUNISH. */
void engine_verified(struct engine *e, int64_t id, bool answered, int64_t now_us);

/*
 * Lets time pass: checks at multiples of check_interval, terms that end, queued punishments whose turn
 * has come. Call it when engine_next_us() is reached, and before feeding lines of a later time in replay.
 */
void engine_advance(struct engine *e, int64_t now_us);
/* When engine_advance() has something to do next. */
int64_t engine_next_us(const struct engine *e);

/*
 * The wall clock was set by step_us (less than 0: back), now_us being the new time: everyone is looked at
 * anew, who is punished stays so, the nodes' clock offsets move along. Without this call a clock set back
 * would stop the checks, and one set forward cost a check for every interval that never was. O(users).
 */
void engine_clock_stepped(struct engine *e, int64_t step_us, int64_t now_us);

/* ---- output ---- */

/* Takes the oldest decision off the queue; false when there is none. Release it when done. */
bool engine_take(struct engine *e, struct decision *ret);

/* ---- what the daemon tells ---- */

/* The user is punished by us until due_us (0: by hand): from the journal at start, or once applied. */
int engine_set_punished(struct engine *e, int64_t id, int64_t due_us, int64_t now_us) MUST_CHECK;
/* The punishment did not come about, or has ended early: CLEAR without evidence. */
void engine_clear_user(struct engine *e, int64_t id);
/* Enabled by hand: CLEAR, and not judged until until_us. */
int engine_pardon(struct engine *e, int64_t id, int64_t until_us) MUST_CHECK;
/*
 * The user had a violation at at_us (from the database at start: a verdict that was carried out or
 * warned of, not forgiven). It counts for his next step, and the breaker does not count him anew.
 */
int engine_had_violation(struct engine *e, int64_t id, int64_t at_us) MUST_CHECK;
/*
 * Forgets his violations from since_us to until_us: they were forgiven, or the verdict of that time did
 * not come about. Times are compared by the millisecond. Returns how many.
 */
int engine_forgive(struct engine *e, int64_t id, int64_t since_us, int64_t until_us);
/* An address known as a shared source until until_us (from the database), or removed (0). */
int engine_set_shared(struct engine *e, struct addr addr, int64_t until_us) MUST_CHECK;
/* Not a shared source whatever is counted until until_us: somebody took its mark away. */
int engine_bar_shared(struct engine *e, struct addr addr, int64_t until_us) MUST_CHECK;

/* ---- breaker ---- */

/* Whether the breaker has paused enforcement: verdicts go on as shadow ones. */
bool engine_paused(const struct engine *e);

/* How the breaker stands. */
struct breaker_view {
    bool paused;
    int64_t paused_us;      /* since when, or when it paused last; 0 = never */
    int now_5m, now_1h;     /* verdicts on new users now, */
    int bound_5m, bound_1h; /* and how many it lets pass */
    int shown_5m, shown_1h; /* the counts when it paused last */
    int64_t
        raised_until_us;  /* the bounds are at twice those until then; past: as the settings say */
    const int64_t *users; /* whom it counted when it paused last, until they are let off */
    size_t n_users;
};
/* Fills ret; users is valid until the engine is fed. O(verdicts of an hour). */
void engine_breaker(const struct engine *e, int64_t now_us, struct breaker_view *ret);
/* Takes over how it stood when the process ended; counts are not read. ERR_NOMEM: users are lost. */
int engine_breaker_was(struct engine *e, const struct breaker_view *v) MUST_CHECK;
/* Whom it counted has been let off: there is nobody more to undo. */
void engine_breaker_undone(struct engine *e);
/* Resumes after the breaker: counters cleared, bounds at twice the number shown for 24 h. */
void engine_resume(struct engine *e, int64_t now_us);

/* ---- views ---- */

enum user_state { USER_CLEAR, USER_MONITORING, USER_PUNISHED };

struct user_view {
    int64_t id;
    enum user_state state;
    int limit;
    enum limit_source limit_from;
    int devices; /* active and counted */
    int concurrent;
    int64_t since_us;  /* of the state; 0 for CLEAR */
    int64_t due_us;    /* PUNISHED: end of the term, 0 = by hand */
    int64_t pardon_us; /* not judged until; 0 = not pardoned */
    bool warned;
    bool still_seen;         /* PUNISHED: that he was seen afterwards has been told */
    bool waits;              /* MONITORING: a verdict would wait for a node that looks faulty */
    enum policy_mode mode;   /* what holds for him: enforcement, or milder by his groups */
    int violations;          /* inside punishment_window */
    struct policy_step next; /* what a verdict would bring now, */
    int next_step;           /* and its number among the steps, from 0 */
    struct evidence evidence;
};
/* How a user stands now. ERR_NOT_FOUND when nothing is known of him. */
int engine_view(struct engine *e, int64_t id, int64_t now_us, struct user_view *ret) MUST_CHECK;

struct engine_stats {
    uint32_t users;                /* tracked */
    uint32_t active;               /* with a device in active_window, as of the last check */
    uint32_t seen_hour;            /* seen in the last hour, as of the last check */
    uint32_t monitoring, punished; /* now; punished in shadow, too */
    uint32_t queued, shared;
    uint64_t lines, counted, evicted;
    uint64_t foreign; /* counted lines of users the panel does not own */
    int64_t last_check_us;
    bool online; /* the online list can be read: engine_online_available() */
};
/* Copies the figures as they stand. O(1). */
void engine_stats(const struct engine *e, struct engine_stats *ret);

/* Up to max users who have been seen on a node since since_us; returns how many. O(users). */
size_t engine_sample(const struct engine *e, uint16_t node, int64_t since_us, int64_t *ret_ids,
                     size_t max);

/*
 * Calls fn for every user seen active in the last day with the most devices he had at once: `most` by
 * active_window as it was, `wide` if it had been as long as it can be. Only what this process has seen, at
 * its checks and now. O(users).
 */
void engine_each_peak(struct engine *e, int64_t now_us,
                      void (*fn)(void *arg, int64_t id, int most, int wide), void *arg);

/* Other settings, to learn what would come of them. */
struct engine_supposed {
    const struct sources *sources;
    bool unmarked; /* no address is a shared source */
};
/*
 * Calls fn for every user active now (by either) with his devices as they count now, and as they would.
 * Devices that are not held cannot come to count: those of nodes or addresses left out so far. What
 * group_by has made one of stays one. ERR_NOMEM: fn was not called. O(devices), each looked up where a
 * country filter is supposed. fn must not feed the engine.
 */
int engine_suppose(const struct engine *e, const struct engine_supposed *what, int64_t now_us,
                   void (*fn)(void *arg, int64_t id, int now, int supposed), void *arg) MUST_CHECK;

/* Calls fn for every tracked user that is active, watched or punished. fn must not feed the engine. */
void engine_each(struct engine *e, int64_t now_us, void (*fn)(void *arg, const struct user_view *v),
                 void *arg);
/* What a list of users is sorted by. */
struct user_brief {
    int64_t id;
    enum user_state state;
    int limit;
    int devices;
};
/* As engine_each without weighing any pair: O(users), for lists of which only a page is shown. */
void engine_each_brief(struct engine *e, int64_t now_us,
                       void (*fn)(void *arg, const struct user_brief *b), void *arg);
/* The same of one user. ERR_NOT_FOUND when nothing is known of him. O(his devices). */
int engine_brief(struct engine *e, int64_t id, int64_t now_us, struct user_brief *ret) MUST_CHECK;

/* One active device, as reports count it. */
struct device_brief {
    int64_t user_id;
    int64_t node_id;     /* where it was seen last, 0 = not known */
    const char *inbound; /* there; lives as long as the engine; NULL = none seen */
    enum device_role role;
};
/* Calls fn for every device active now, all of one user in a row. O(devices). */
void engine_each_device(struct engine *e, int64_t now_us,
                        void (*fn)(void *arg, const struct device_brief *b), void *arg);

#endif
