/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/loss.h"

#include <math.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

static const double half_life_s = 300, fewest = 20, theft_part = 0.15, enough = 80;
static const int64_t zone_s = 15 * 60;           /* zones differ by multiples of it */
static const int64_t wait_us = 5 * STAMP_SECOND; /* lines on their way come by then */
static const int64_t settle_us =
    2 * STAMP_SECOND; /* the first whole second looked at, and clocks */
static const int64_t longest_us = 60 * STAMP_SECOND; /* seconds before that are not remembered */

static double left(const struct loss *l, int64_t now_us)
{
    double s = (double)(now_us - l->at_us) / STAMP_SECOND;

    return s > 0 ? exp2(-s / half_life_s) : 1;
}

void loss_note(struct loss *l, unsigned lines, int64_t now_us)
{
    double f = left(l, now_us);

    l->seconds = l->seconds * f + 1;
    l->none = l->none * f + (lines == 0);
    l->lines = l->lines * f + lines;
    l->at_us = now_us;
}

bool loss_estimate(const struct loss *l, int64_t now_us, double *ret_part, double *ret_error)
{
    double n = l->seconds * left(l, now_us), some = l->seconds - l->none, p0, mean;

    if (n < fewest)
        return false;
    p0 = l->none / l->seconds;
    mean = some > 0.5 ? l->lines / some : 1;
    *ret_part = fmin(p0 * mean, 1);
    *ret_error = fmin(mean * sqrt(fmax(p0 * (1 - p0), 0.5 / n) / n), 1);
    return true;
}

bool loss_is_theft(const struct loss *l, int64_t now_us)
{
    double part, error;

    /* Told once, with a figure: it must be a good one. */
    return loss_estimate(l, now_us, &part, &error) && l->seconds * left(l, now_us) >= enough &&
           part - 2 * error > theft_part;
}

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

static struct sampled_second *second_in(struct sampled_second *ring, uint16_t node,
                                        struct addr addr, int64_t second)
{
    unsigned i;

    for (i = 0; i < SAMPLER_SECONDS; i++) {
        struct sampled_second *x = &ring[i];

        if (x->lines && x->node == node && same_second(x->second, second) && addr_eq(x->addr, addr))
            return x;
    }
    return NULL;
}

void sampler_line(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t stamp_us)
{
    int i = find(s, id);
    struct sampled_second *x;
    struct sampled_user *u;

    if (i < 0 || stamp_us == STAMP_NONE)
        return;
    u = s->users[i];
    x = second_in(u->at, node, addr, stamp_us / STAMP_SECOND);
    if (!x) {
        x = &u->at[u->next++ % SAMPLER_SECONDS];
        *x = (struct sampled_second){.addr = addr, .second = stamp_us / STAMP_SECOND, .node = node};
    }
    x->lines = (uint16_t)(x->lines + (x->lines < UINT16_MAX));
}

void sampler_read(struct sampler *s, int64_t id, uint16_t node, struct addr addr, int64_t second,
                  int64_t at_us, int64_t now_us)
{
    int i = find(s, id);
    struct sampled_user *u = i < 0 ? NULL : s->users[i];

    if (!u || s->n_waiting == SAMPLER_LOOKUPS || now_us - at_us > longest_us ||
        at_us < u->since_us + settle_us || second_in(u->done, node, addr, second))
        return;
    u->done[u->next_done++ % SAMPLER_SECONDS] =
        (struct sampled_second){.addr = addr, .second = second, .node = node, .lines = 1};
    s->waiting[s->n_waiting++] = (struct sampled_lookup){id, second, now_us + wait_us, addr, node};
}

void sampler_look(struct sampler *s, int64_t now_us,
                  void (*fn)(void *arg, uint16_t node, unsigned lines), void *arg)
{
    unsigned i;

    for (i = s->n_waiting; i > 0; i--) {
        struct sampled_lookup w = s->waiting[i - 1];
        struct sampled_second *x;
        int k;

        if (w.due_us > now_us)
            continue;
        s->waiting[i - 1] = s->waiting[--s->n_waiting];
        k = find(s, w.id);
        if (k < 0)
            continue;
        x = second_in(s->users[k]->at, w.node, w.addr, w.second);
        fn(arg, w.node, x ? x->lines : 0);
    }
}
