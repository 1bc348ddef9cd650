/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* The check at each multiple of check_interval: what no line announces. O(tracked users). */

static const int64_t hour_us = 3600 * STAMP_SECOND;
enum {
    TOUCHED = 1 << 18, /* cells of the first, rough count of users per address */
    FEWEST_SHARED = 4, /* no address is shared below this many users, unless the setting is lower */
};

/*
 * Two addresses in one cell cost no more than an exact count of theirs, so that a hash which outsiders could
 * see through is good enough here: twice for each device, the tables' own was a third of the check.
 */
static uint32_t cell(const struct engine *e, struct addr a)
{
    uint64_t x = (a.lo ^ e->key.k0) * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 32 ^ a.hi ^ e->key.k1) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(x >> 40) & (TOUCHED - 1);
}

static void suspect(struct engine *e, uint32_t slot)
{
    if (e->n_suspects == e->cap_suspects) {
        uint32_t cap = e->cap_suspects ? e->cap_suspects * 2 : 256;
        uint32_t *p = realloc(e->suspects, cap * sizeof(*p));

        /* Judged at the next check, or at his next line. */
        if (!p)
            return;
        e->suspects = p;
        e->cap_suspects = cap;
    }
    e->suspects[e->n_suspects++] = slot;
}

/* Counts one active device towards its address and node; a user's second one there counts no more. */
static void count_device(struct engine *e, const struct user *u, int index)
{
    const struct device *d = &u->devices[index];
    bool new_node = true, new_addr = true;
    int i;

    for (i = 0; i < index; i++) {
        if (u->devices[i].checks_run == 0)
            continue;
        new_node &= u->devices[i].node != d->node;
        new_addr &= !addr_eq(u->devices[i].addr, d->addr);
    }
    if (new_node && d->node != NODE_NONE)
        e->nodes[d->node].users++;
    if (new_addr && e->touched) {
        uint8_t *c = &e->touched[cell(e, d->addr)];

        *c = (uint8_t)(*c + (*c < UINT8_MAX));
    }
}

/* First pass over one user: activity, idle devices, counts. Returns whether he is to be judged. */
static bool look_at(struct engine *e, struct user *u, uint32_t slot, int64_t now_us)
{
    const struct policy *p = &e->policy;
    int64_t idle_us = now_us - p->pair_idle_us;
    bool idle = false;
    int active = 0, counted = 0, i;

    place_again(e, u, slot, now_us);
    for (i = 0; i < u->n; i++) {
        struct device *d = &u->devices[i];

        if (!verdict_active(d, p, now_us)) {
            d->checks_run = 0;
            idle |= d->last_us < idle_us;
            counted += u->listing && listing_present(u, p, i, now_us);
            continue;
        }
        active++;
        counted += !d->outside;
        d->checks += d->checks < UINT8_MAX;
        d->checks_run += d->checks_run < UINT8_MAX;
        count_device(e, u, i);
    }
    if (active)
        engine_note_peak(e, u, now_us);
    /* A watched user keeps what he had: the silence of a node must not empty his case. */
    if (idle && u->state != USER_MONITORING)
        user_drop_idle(u, idle_us);
    e->stats.active += active > 0;
    e->stats.seen_hour += u->last_us > now_us - hour_us;
    if (u->state == USER_MONITORING) {
        u->mon_checks = (uint8_t)(u->mon_checks + (u->mon_checks < UINT8_MAX));
        return true;
    }
    /* The end of a term has a timer, unless there was no memory for one. */
    if (u->state == USER_PUNISHED && u->until_us && u->until_us <= now_us)
        return true;
    return counted > engine_limit_of(e, u);
}

static void mark(struct engine *e, struct addr addr, int64_t now_us)
{
    struct shared_slot *slot = shared_find(&e->marks, addr, SHARED_ANY_NODE);
    bool fresh = !slot;
    struct decision *d;

    if ((slot && slot->barred) || !engine_reserve(e, 1))
        return;
    if (fresh)
        slot = shared_put(&e->marks, addr, SHARED_ANY_NODE);
    if (!slot)
        return;
    /* Told again once a day at most, so that the database keeps a mark that goes on. */
    if (!fresh && slot->until_us > now_us + e->policy.shared_memory_us - 24 * hour_us)
        return;
    slot->until_us = now_us + e->policy.shared_memory_us;
    d = engine_emit(e, DECISION_SHARED, NULL, now_us);
    if (d) {
        d->shared = addr;
        d->shared_until_us = slot->until_us;
    }
}

/* Counts exactly the users of those addresses that the rough count could not rule out. */
static bool count_exactly(struct engine *e, struct shared *counts, uint8_t least)
{
    bool any = false;
    uint32_t s;
    int i, k;

    for (s = 0; s < e->n_slots; s++) {
        const struct user *u = engine_slot(e, s);

        for (i = 0; i < u->n; i++) {
            const struct device *d = &u->devices[i];
            struct shared_slot *slot;

            if (d->checks_run == 0 || d->node == NODE_NONE || e->touched[cell(e, d->addr)] < least)
                continue;
            for (k = 0; k < i; k++)
                if (u->devices[k].checks_run && u->devices[k].node == d->node &&
                    addr_eq(u->devices[k].addr, d->addr))
                    break;
            slot = k == i ? shared_put(counts, d->addr, d->node) : NULL;
            if (slot)
                slot->users++;
            any |= slot != NULL;
        }
    }
    return any;
}

static bool is_shared(const struct engine *e, const struct shared_slot *count)
{
    return count->users >=
           shared_threshold(e->policy.shared_source_users, e->nodes[count->node].users);
}

static void find_shared(struct engine *e, int64_t now_us)
{
    int setting = e->policy.shared_source_users;
    uint8_t least = (uint8_t)(setting < FEWEST_SHARED ? setting : FEWEST_SHARED);
    struct shared counts;
    uint32_t i;

    shared_init(&counts, e->key);
    if (count_exactly(e, &counts, least))
        for (i = 0; i < counts.cap; i++)
            if (counts.slots[i].taken && is_shared(e, &counts.slots[i]))
                mark(e, counts.slots[i].addr, now_us);
    shared_release(&counts);
}

/* Puts the marks on the devices, or takes those of ended marks off. */
static void flag_devices(struct engine *e)
{
    uint32_t s;
    int i;

    for (s = 0; s < e->n_slots; s++) {
        struct user *u = engine_slot(e, s);
        bool changed = false;

        for (i = 0; i < u->n; i++) {
            struct device *d = &u->devices[i];
            bool shared = shared_marked(&e->marks, d->addr);

            changed |= d->shared != shared;
            d->shared = shared;
        }
        if (changed)
            place_settle(e, u);
    }
}

static void shared_pass(struct engine *e, int64_t now_us)
{
    uint32_t before = e->marks.n, ended = shared_expire(&e->marks, now_us);

    if (e->policy.shared_source_users && e->touched)
        find_shared(e, now_us);
    /* New users get their flags when their devices are made; here only a change of the marks matters. */
    if (ended || e->marks.n != before)
        flag_devices(e);
    e->stats.shared = shared_marks(&e->marks);
}

static void reset(struct engine *e, int64_t now_us)
{
    uint32_t i;

    e->stats.last_check_us = now_us;
    e->stats.active = e->stats.seen_hour = 0;
    e->n_suspects = 0;
    place_begin_check(e);
    for (i = 0; i < e->n_nodes; i++)
        e->nodes[i].users = 0;
    if (!e->touched)
        e->touched = malloc(TOUCHED);
    if (e->touched)
        memset(e->touched, 0, TOUCHED);
}

void sweep_check(struct engine *e, int64_t now_us)
{
    uint32_t i;

    reset(e, now_us);
    for (i = 0; i < e->n_slots; i++) {
        struct user *u = engine_slot(e, i);

        if (u->id == 0)
            continue;
        if (look_at(e, u, i, now_us))
            suspect(e, i);
        if (u->last_us <= now_us - hour_us && !engine_pinned(e, u, now_us))
            engine_drop_user(e, i);
    }
    shared_pass(e, now_us);
    for (i = 0; i < e->n_suspects; i++) {
        struct user *u = engine_slot(e, e->suspects[i]);

        if (u->id == 0)
            continue;
        if (u->state == USER_PUNISHED && u->until_us && u->until_us <= now_us)
            punish_end_term(e, u->id, now_us);
        judge_user(e, u, now_us, true);
    }
    e->stats.queued = e->n_waiting;
    faulty_look(e, now_us, true);
}

int engine_set_shared(struct engine *e, struct addr addr, int64_t until_us)
{
    struct shared_slot *slot = until_us ? shared_put(&e->marks, addr, SHARED_ANY_NODE)
                                        : shared_find(&e->marks, addr, SHARED_ANY_NODE);

    if (!slot)
        return until_us ? ERR_NOMEM : ERR_OK;
    slot->until_us = until_us;
    slot->barred = false;
    if (until_us == 0)
        shared_expire(&e->marks, 0);
    flag_devices(e);
    e->stats.shared = shared_marks(&e->marks);
    return ERR_OK;
}

int engine_bar_shared(struct engine *e, struct addr addr, int64_t until_us)
{
    struct shared_slot *slot = shared_put(&e->marks, addr, SHARED_ANY_NODE);

    if (!slot)
        return ERR_NOMEM;
    if (slot->barred && slot->until_us == until_us)
        return ERR_OK;
    slot->until_us = until_us;
    slot->barred = true;
    flag_devices(e);
    e->stats.shared = shared_marks(&e->marks);
    return ERR_OK;
}
