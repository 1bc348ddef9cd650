/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/online/loss.h"

#include <math.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

static const double shape = 1.3;
enum { OLDEST_S = 900, FEWEST = 20, TELLING = 40, PATIENT_S = 120, LATEST_S = 240 };
/* Log of how much likelier a change must make what was seen: by chance it seldom is. */
static const double change_gain = 12;
/* Told with an error of good, or of fair after PATIENT_S, or after LATEST_S: a figure within 10 points. */
static const double theft_part = 0.1, sure = 2.5, good = 0.035, fair = 0.045, whole_part = 0.06;

void loss_release(struct loss *l)
{
    free(l->ring);
    *l = (struct loss){.n = 0};
}

void loss_note(struct loss *l, enum loss_kind kind, unsigned lines, int64_t now_us)
{
    if (!l->ring)
        l->ring = calloc(LOSS_SAMPLES, sizeof(*l->ring));
    if (!l->ring)
        return;
    l->ring[l->n++ % LOSS_SAMPLES] =
        (struct loss_sample){.at_s = (uint32_t)(now_us / STAMP_SECOND),
                             .lines = (uint8_t)(lines < UINT8_MAX ? lines : UINT8_MAX),
                             .kind = (uint8_t)kind};
    /* Positions in the ring are told by the count; it must not wrap where the ring does not. */
    if (l->n == 2 * LOSS_SAMPLES)
        l->n = LOSS_SAMPLES;
}

/* The i-th last sample. */
static const struct loss_sample *back(const struct loss *l, unsigned i)
{
    return &l->ring[(l->n - 1 - i) % LOSS_SAMPLES];
}

/* Log-likelihood of k of n, by the part that suits them best. */
static double likely(double k, double n)
{
    return (k > 0 ? k * log(k / n) : 0) + (k < n ? (n - k) * log(1 - k / n) : 0);
}

/* How many of the last n samples lie after the last change among them. */
static unsigned after_change(const struct loss *l, unsigned n)
{
    for (;;) {
        double none = 0, all = 0, best = change_gain;
        unsigned i, at = n;

        for (i = 0; i < n; i++)
            all += back(l, i)->lines == 0;
        for (i = 0; i + FEWEST < n; i++) {
            double gain;

            none += back(l, i)->lines == 0;
            if (i + 1 < FEWEST)
                continue;
            gain = likely(none, i + 1) + likely(all - none, n - i - 1) - likely(all, n);
            if (gain > best) {
                best = gain;
                at = i + 1;
            }
        }
        if (at == n)
            return n;
        n = at;
    }
}

struct group {
    double n, none, lines, squares;
    double weight;
};

/* The part of seconds without a line that a part q of lost lines makes, when so many come on average. */
static double expected(double q, double mean)
{
    return q * pow(1 + fmax(mean - 1 + q, 0) / shape, -shape);
}

static double solve(const struct group *g)
{
    double lo = 0, hi = 1;
    int i, k;

    for (i = 0; i < 30; i++) {
        double q = (lo + hi) / 2, over = 0;

        for (k = 0; k < LOSS_KINDS; k++)
            if (g[k].n > 0)
                over += g[k].weight * (g[k].none - g[k].n * expected(q, g[k].lines / g[k].n));
        *(over > 0 ? &lo : &hi) = q;
    }
    return (lo + hi) / 2;
}

/*
 * What a group tells of q: slope² / variance a second, where the variance is that of "none came, less what
 * is expected of the mean". Sets its weight.
 */
static double information(struct group *g, double q)
{
    double mean = g->lines / g->n, spread = g->squares / g->n - mean * mean;
    double none = fmax(expected(q, mean), 0.5 / g->n);
    double by_mean = none / (1 + fmax(mean - 1 + q, 0) / shape);
    double most = fmin(fmax(q, 0.02), 0.98), slope = none / most - by_mean, variance;

    variance = none * (1 - none) + by_mean * by_mean * spread - 2 * by_mean * none * mean;
    /* None tells more than one whose lines were all single. */
    variance = fmax(variance, slope * slope * most * (1 - most));
    g->weight = slope / variance;
    return g->n * slope * slope / variance;
}

static void estimate(const struct loss *l, unsigned n, struct loss_look *ret)
{
    struct group g[LOSS_KINDS] = {{.n = 0}};
    double told;
    unsigned i;
    int k, round;

    for (i = 0; i < n; i++) {
        const struct loss_sample *s = back(l, i);

        g[s->kind].n++;
        g[s->kind].none += s->lines == 0;
        g[s->kind].lines += s->lines;
        g[s->kind].squares += (double)s->lines * s->lines;
    }
    for (k = 0; k < LOSS_KINDS; k++)
        g[k].weight = 1;
    for (round = 0; round < 3; round++) {
        ret->part = solve(g);
        told = 0;
        for (k = 0; k < LOSS_KINDS; k++)
            told += g[k].n > 0 ? information(&g[k], ret->part) : 0;
    }
    ret->error = fmin(1 / sqrt(fmax(told, 1)), 1);
}

struct loss_look loss_look(struct loss *l, int64_t now_us)
{
    struct loss_look look = {.theft = l->theft};
    uint32_t now_s = (uint32_t)(now_us / STAMP_SECOND), span_s;
    unsigned n = 0, kept = l->n < LOSS_SAMPLES ? l->n : LOSS_SAMPLES;

    while (n < kept && now_s - back(l, n)->at_s <= OLDEST_S)
        n++;
    n = look.seconds = after_change(l, n);
    if (n < FEWEST)
        return look;
    look.known = true;
    estimate(l, n, &look);
    span_s = now_s - back(l, n - 1)->at_s;
    if (look.part - sure * look.error > theft_part && n >= TELLING) {
        bool exact =
            look.error <= good || (span_s >= PATIENT_S && look.error <= fair) || span_s >= LATEST_S;

        look.theft |= exact;
        look.suspect = !exact;
    } else if (look.part + look.error < whole_part) {
        look.theft = false;
    } else {
        look.suspect = look.part - look.error > theft_part / 2 && look.error > good;
    }
    l->theft = look.theft;
    return look;
}
