/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ENGINE_INT_H
#define CORE_ENGINE_INT_H

/* The inside of the engine, shared by its files only: engine, observe, place, judge, punish, sweep, … */

#include "base/attr.h"
#include "base/map.h"
#include "core/judge/breaker.h"
#include "core/line/clock.h"
#include "core/engine.h"
#include "core/online/loss.h"
#include "core/limit/peak.h"
#include "core/online/sampler.h"
#include "core/address/shared.h"
#include "core/address/sources.h"
#include "core/judge/timers.h"
#include "core/user/trust.h"
#include "core/user/user.h"
#include "core/judge/verdict.h"

enum {
    CHUNK_USERS = 256,
    MOST_BY_PAIRS = 15, /* greater limits are judged by number */
};

/* How many users a node shows over their limit; see faulty.c. */
struct node_fault {
    uint32_t active; /* users with a plain active device there, */
    uint32_t over;   /* of them over their limit by their devices there, */
    double usual;    /* part of the users over their limit, decaying average over checks */
    uint16_t usual_checks;
};

struct engine_node {
    struct clock clock;
    struct coverage cover;
    uint32_t users; /* with an active device there, as of the last check */
    struct node_fault fault;
    struct loss loss;
    bool cdn, disabled; /* by the sources */
    bool suspect;       /* its lines are compared first (loss.h) */
    bool many;          /* the online list has shown two addresses of one user on it */
    uint32_t read;      /* readings in which it answered */
};

struct engine {
    struct policy policy;
    struct hash_key key;
    struct scan_rules rules;
    struct sources sources;
    geo_fn geo; /* NULL: nothing is known of any network */
    void *geo_arg;
    struct limits *limits;
    uint32_t limits_gen;

    struct engine_node *nodes;
    uint32_t n_nodes, cap_nodes;
    struct imap node_by_id;

    char *tags[LIMIT_TAGS]; /* interned inbound tags */
    bool tag_cdn[LIMIT_TAGS];
    uint32_t n_tags;
    struct smap tag_by_text; /* values: index + 1 */

    struct user **chunks; /* slots in blocks that never move */
    uint32_t n_chunks, n_slots;
    uint32_t *free_slots;
    uint32_t n_free, cap_free;
    struct imap user_by_id;

    struct shared marks; /* addresses that are shared sources */
    struct timers due;   /* ends of terms */
    int64_t *waiting;    /* ids of queued punishments, a ring of LIMIT_QUEUE */
    uint32_t wait_head, n_waiting;
    struct pace pace;
    struct breaker breaker;

    struct decision *out; /* ring */
    uint32_t out_head, n_out, cap_out;

    uint32_t *suspects; /* scratch of a check: slots to be judged */
    uint32_t n_suspects, cap_suspects;
    uint8_t *touched;     /* scratch of a check: address counters */
    uint32_t locate_from; /* slot at which a check goes on asking for networks not known yet */
    uint32_t locate_left; /* scratch of a check: questions left */

    struct sampler sampler;
    uint32_t sample_from; /* slot at which the next to be sampled is looked for */

    struct peaks peaks;
    struct policy wide; /* the policy with the longest active_window, for them */

    int64_t now_us; /* the latest time told: no decision is dated before it */
    int64_t next_check_us;
    int64_t faulty_us; /* when the nodes were last compared */
    struct engine_stats stats;
};

/* ---- engine.c ---- */
/* The user of an id, NULL when not tracked. */
struct user *engine_user(const struct engine *e, int64_t id);
/* The same, made when not tracked yet; NULL when out of memory. */
struct user *engine_make_user(struct engine *e, int64_t id, int64_t now_us);
/* The user in a slot; id 0 marks a free one. */
static inline struct user *engine_slot(const struct engine *e, uint32_t slot)
{
    return &e->chunks[slot / CHUNK_USERS][slot % CHUNK_USERS];
}
/* Time has come to now_us. */
static inline void engine_at(struct engine *e, int64_t now_us)
{
    if (now_us > e->now_us)
        e->now_us = now_us;
}
/* Forgets a user. */
void engine_drop_user(struct engine *e, uint32_t slot);
/* Whether more than devices is remembered of the user, so that he must not be forgotten. */
bool engine_pinned(const struct engine *e, const struct user *u, int64_t now_us);
/* Makes room for so many more decisions. Ask before a state changes: what is decided must be told. */
bool engine_reserve(struct engine *e, uint32_t more);
/* A new decision at the end of the queue, filled with kind, time and user; NULL when out of memory. */
struct decision *engine_emit(struct engine *e, enum decision_kind kind, const struct user *u,
                             int64_t now_us);
/* Notes how many devices the user has active now. */
void engine_note_peak(struct engine *e, const struct user *u, int64_t now_us);
/* The user's limit, looked up again only after a change. */
int engine_limit_of(struct engine *e, struct user *u);

/* ---- observe.c ---- */
struct observation {
    int64_t at_us;    /* event time */
    struct addr addr; /* not cut */
    uint16_t node, inbound;
    bool online;
    bool old; /* a device it makes is one that is not in use: no tick of it */
};
/*
 * An observation of the user, who may be judged by it. Returns the index of its device, -1 when there is no
 * room. O(1), at most 16 pair updates.
 */
int observe(struct engine *e, struct user *u, const struct observation *o, int64_t now_us);

/* ---- sampling.c ---- */
/* A line of a user, who may be one of those whose lines are compared with the online list. */
void sampling_line(struct engine *e, uint16_t node, const struct record *rec, int64_t now_us);
/* A reading of one of them names a second of the node's clock, at_us by ours. */
void sampling_read(struct engine *e, const struct user *u, const struct online_seen *s,
                   int64_t at_us, int64_t now_us);

/* ---- judge.c ---- */
/* What the rule in force makes of a user now. */
struct finding {
    struct tally tally;
    int concurrent;
    int likely; /* the devices that a warning speaks of */
    bool over, warns, convicts;
    bool leaked; /* convicts by the number of networks alone, or as well */
};
/* Moves him to a state, and counts. */
void judge_set_state(struct engine *e, struct user *u, enum user_state state);
/* engine_emit, with the figures of f (may be NULL). */
struct decision *judge_emit(struct engine *e, enum decision_kind kind, const struct user *u,
                            const struct finding *f, int64_t now_us);
/* Sets the sentence for people; d may be NULL. */
void judge_explain(struct decision *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Judges a user at a line or check; cheap when nothing can have changed. */
void judge_user(struct engine *e, struct user *u, int64_t now_us, bool at_check);
/* Whether it is still to be told of a punished user that he is seen. */
bool judge_may_be_seen(const struct user *u);
/*
 * He was seen at seen_us, there (node NODE_NONE: not known): told once, some seconds after he was
 * disabled.
 */
void judge_still_seen(struct engine *e, struct user *u, struct addr at, uint16_t node,
                      int64_t seen_us, int64_t now_us);
/* Back to CLEAR without evidence; a verdict that waits for its turn is forgotten. */
void judge_clear(struct engine *e, struct user *u);

/* ---- punish.c ---- */
/* The user is convicted: what becomes of it, told. */
void punish_user(struct engine *e, struct user *u, const struct finding *f, int64_t now_us);
/* The step for a verdict of verdict_us, and its number among the steps. */
struct policy_step punish_next_step(const struct engine *e, const struct user *u,
                                    int64_t verdict_us, int64_t now_us, int *ret_number);
/* Ends terms and lets waiting punishments go, up to now_us. */
void punish_due(struct engine *e, int64_t now_us);
/* Ends the user's term if it is over at at_us. */
void punish_end_term(struct engine *e, int64_t id, int64_t at_us);
/* Empties the queue of waiting punishments; returns how many were dropped. */
int punish_drop_waiting(struct engine *e);
/* When the next waiting punishment may go, INT64_MAX without one. */
int64_t punish_next_turn(const struct engine *e, int64_t now_us);

/* ---- place.c ---- */
/* Whether what comes through this inbound of this node comes through a CDN. */
static inline bool place_cdn(const struct engine *e, uint16_t node, uint16_t inbound)
{
    return (node != NODE_NONE && e->nodes[node].cdn) ||
           (inbound != TAG_NONE && e->tag_cdn[inbound]);
}
/* Sets what follows from the device's address: ASN, country, marks, content networks. full: not cut. */
void place_device(const struct engine *e, struct device *d, struct addr full);
/* Whether two placed devices of one user are one, by group_by. */
bool place_is_one(const struct engine *e, const struct device *a, const struct device *b);
/* The user's device that d (placed, of no user) is part of by group_by subnet or isp, or -1. */
int place_find(const struct engine *e, const struct user *u, const struct device *d);
/* Makes one of devices that have come to be the same, and takes lanes from those that are plain no more. */
void place_settle(const struct engine *e, struct user *u);
/* Asks again for the networks of a user's active devices that are not known, while questions are left. */
void place_again(struct engine *e, struct user *u, uint32_t slot, int64_t now_us);
/* A check begins: so many questions may be asked, where the last one had to stop. */
void place_begin_check(struct engine *e);
/* Forgets everyone's devices: keys have another meaning now. Who was watched is CLEAR. */
void place_forget_all(struct engine *e);

/* ---- leak.c ---- */
/* Monitoring begins: nothing has been seen yet. */
void leak_begin(struct user *u);
/* Looks at a watched user at a check. */
void leak_check(struct engine *e, struct user *u, int64_t now_us);

/* ---- faulty.c ---- */
/* Compares the nodes and tells of one that stands out. O(users). */
void faulty_look(struct engine *e, int64_t now_us, bool at_check);
/* A change of settings: what the nodes usually show holds no more, and without node_guard no fault. */
void faulty_forget(struct engine *e);
/* Whether the user is over his limit only by devices on nodes that stood out when last compared. */
bool faulty_holds(const struct engine *e, const struct user *u, int64_t now_us);
/* The same after comparing them anew. O(users), every 5 s at most. */
bool faulty_rests_on(struct engine *e, const struct user *u, int64_t now_us);

/* ---- weigh.c ---- */
/* The user's trust score as he stands. */
void weigh_user(const struct engine *e, const struct user *u, int64_t now_us, struct trust *ret);

/* ---- sweep.c ---- */
/* The check at a multiple of check_interval. */
void sweep_check(struct engine *e, int64_t now_us);

/* ---- view.c ---- */
/* Fills the evidence of a user as it stands. */
void view_evidence(struct engine *e, const struct user *u, int64_t now_us, struct evidence *ret);

#endif
