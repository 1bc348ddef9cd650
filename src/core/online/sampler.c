/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/online/sampler.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

static const int64_t zone_s = 15 * 60;           /* zones differ by multiples of it */
static const int64_t wait_us = 5 * STAMP_SECOND; /* lines on their way come by then */
static const int64_t settle_us =
    2 * STAMP_SECOND; /* the first whole second looked at, and clocks */
static const int64_t longest_us = 60 * STAMP_SECOND; /* seconds before that are not remembered */
/* Lines a second, of a user's other seconds: at most so many are single, few. */
static const double single = 1.3, few = 2.5;

static int find(const struct sampler *s, int64_t id)
{
    unsigned i;

    for (i = 0; i < s->n; i++)
        if (s->users[i]->id == id)
            return (int)i;
    return -1;
}

void sampler_release(struct sampler *s)
{
    while (s->n)
        free(s->users[--s->n]);
    s->n_waiting = 0;
}

bool sampler_add(struct sampler *s, int64_t id, int64_t now_us)
{
    struct sampled_user *u;

    if (s->n == SAMPLER_USERS || find(s, id) >= 0)
        return false;
    u = calloc(1, sizeof(*u));
    if (!u)
        return false;
    u->id = id;
    u->since_us = now_us;
    s->users[s->n++] = u;
    return true;
}

void sampler_drop(struct sampler *s, int64_t id)
{
    int i = find(s, id);

    if (i < 0)
        return;
    free(s->users[i]);
    s->users[i] = s->users[--s->n];
}

/* The same second, whatever the zone of either. */
static bool same_second(int64_t a, int64_t b)
{
    return (a - b) % zone_s == 0;
}

static struct sampled_second *second_in(struct sampled_second *ring, unsigned n, uint16_t node,
                                        struct addr addr, int64_t second)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        struct sampled_second *x = &ring[i];

        if (x->lines && x->node == node && same_second(x->second, second) && addr_eq(x->addr, addr))
            return x;
    }
    return NULL;
}

bool sampler_waits(const struct sampler *s, int64_t id)
{
    unsigned i;

    for (i = 0; i < s->n_waiting; i++)
        if (s->waiting[i].id == id)
            return true;
    return false;
}

void sampler_line(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t stamp_us,
                  int64_t now_us)
{
    int i = find(s, id);
    struct sampled_second *x;
    struct sampled_user *u;

    if (i < 0 || stamp_us == STAMP_NONE)
        return;
    u = s->users[i];
    x = second_in(u->at, SAMPLER_SECONDS, node, addr, stamp_us / STAMP_SECOND);
    if (!x) {
        x = &u->at[u->next++ % SAMPLER_SECONDS];
        if (x->lines)
            u->forgotten_us = x->came_us;
        *x = (struct sampled_second){.addr = addr,
                                     .second = stamp_us / STAMP_SECOND,
                                     .came_us = now_us,
                                     .node = node};
    }
    x->lines = (uint16_t)(x->lines + (x->lines < UINT16_MAX));
}

void sampler_read(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t second,
                  int64_t at_us, int64_t now_us)
{
    int i = find(s, id);
    struct sampled_user *u = i < 0 ? NULL : s->users[i];

    if (!u || s->n_waiting == SAMPLER_LOOKUPS || now_us - at_us > longest_us ||
        at_us < u->since_us + settle_us || second_in(u->done, SAMPLER_DONE, node, addr, second))
        return;
    u->done[u->next_done++ % SAMPLER_DONE] =
        (struct sampled_second){.addr = addr, .second = second, .node = node, .lines = 1};
    s->waiting[s->n_waiting++] =
        (struct sampled_lookup){id, second, at_us, now_us + wait_us, addr, node};
}

/* By the address's other seconds: what the looked-up one holds must not decide with whom it is counted. */
static enum loss_kind kind_of(const struct sampled_user *u, const struct sampled_lookup *w)
{
    unsigned lines = 0, seconds = 0, i;
    double mean;

    for (i = 0; i < SAMPLER_SECONDS; i++) {
        const struct sampled_second *x = &u->at[i];

        if (!x->lines || x->node != w->node || !addr_eq(x->addr, w->addr) ||
            same_second(x->second, w->second))
            continue;
        lines += x->lines;
        seconds++;
    }
    if (seconds < 2)
        return LOSS_UNKNOWN;
    mean = (double)lines / seconds;
    return mean <= single ? LOSS_SINGLE : mean <= few ? LOSS_FEW : LOSS_BURST;
}

void sampler_look(struct sampler *s, int64_t now_us,
                  void (*fn)(void *arg, uint16_t node, enum loss_kind kind, unsigned lines),
                  void *arg)
{
    unsigned i;

    for (i = s->n_waiting; i > 0; i--) {
        struct sampled_lookup w = s->waiting[i - 1];
        struct sampled_second *x;
        struct sampled_user *u;
        int k;

        if (w.due_us > now_us)
            continue;
        s->waiting[i - 1] = s->waiting[--s->n_waiting];
        k = find(s, w.id);
        u = k < 0 ? NULL : s->users[k];
        /* Of somebody in use in many places the ring may no longer hold it. */
        if (!u || u->forgotten_us > w.at_us - settle_us)
            continue;
        x = second_in(u->at, SAMPLER_SECONDS, w.node, w.addr, w.second);
        fn(arg, w.node, kind_of(u, &w), x ? x->lines : 0);
    }
}
