/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/judge/breaker.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stamp.h"
#include "base/banned.h"

static const int64_t five_minutes_us = 300 * STAMP_SECOND;
static const int64_t hour_us = 3600 * STAMP_SECOND;
static const int64_t day_us = 86400 * STAMP_SECOND;

void breaker_init(struct breaker *b)
{
    *b = (struct breaker){0};
}

void breaker_release(struct breaker *b)
{
    free(b->verdicts);
    free(b->caught);
    breaker_init(b);
}

static const struct breaker_verdict *at(const struct breaker *b, uint32_t i)
{
    return &b->verdicts[(b->head + i) & (b->cap - 1)];
}

static bool push(struct breaker *b, int64_t id, int64_t now_us)
{
    while (b->n && at(b, 0)->at_us <= now_us - hour_us) {
        b->head = (b->head + 1) & (b->cap - 1);
        b->n--;
    }
    if (b->n == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 64, i;
        struct breaker_verdict *p = malloc(cap * sizeof(*p));

        if (!p)
            return false;
        for (i = 0; i < b->n; i++)
            p[i] = *at(b, i);
        free(b->verdicts);
        b->verdicts = p;
        b->cap = cap;
        b->head = 0;
    }
    b->verdicts[(b->head + b->n) & (b->cap - 1)] = (struct breaker_verdict){now_us, id};
    b->n++;
    return true;
}

static int count_since(const struct breaker *b, int64_t since_us)
{
    uint32_t i = b->n;

    while (i && at(b, i - 1)->at_us > since_us)
        i--;
    return (int)(b->n - i);
}

static int bound(int least, double percent, uint32_t users, int shown, bool raised)
{
    double share = percent * users / 100;
    int v = share > least ? (int)share : least;

    return raised && 2 * shown > v ? 2 * shown : v;
}

void breaker_look(const struct breaker *b, const struct policy *policy, uint32_t seen_hour,
                  int64_t now_us, struct breaker_count *ret)
{
    bool raised = now_us < b->raised_until_us;

    ret->now_5m = count_since(b, now_us - five_minutes_us);
    ret->now_1h = count_since(b, now_us - hour_us);
    ret->bound_5m =
        bound(policy->breaker_5m_min, policy->breaker_5m_percent, seen_hour, b->shown_5m, raised);
    ret->bound_1h =
        bound(policy->breaker_1h_min, policy->breaker_1h_percent, seen_hour, b->shown_1h, raised);
}

int breaker_set_caught(struct breaker *b, const int64_t *ids, size_t n)
{
    int64_t *p = n ? malloc(n * sizeof(*p)) : NULL;

    free(b->caught);
    b->caught = p;
    b->n_caught = 0;
    if (n && !p)
        return ERR_NOMEM;
    if (n)
        memcpy(p, ids, n * sizeof(*p));
    b->n_caught = (uint32_t)n;
    return ERR_OK;
}

/* Remembers the newest n verdicts' users; without memory the journal still knows who was disabled. */
static void remember(struct breaker *b, uint32_t n)
{
    int64_t *p = n ? malloc(n * sizeof(*p)) : NULL;
    uint32_t i;

    free(b->caught);
    b->caught = p;
    b->n_caught = p ? n : 0;
    for (i = 0; i < b->n_caught; i++)
        p[i] = at(b, b->n - n + i)->id;
}

bool breaker_note(struct breaker *b, const struct policy *policy, uint32_t seen_hour, int64_t id,
                  int64_t now_us, struct breaker_trip *ret)
{
    bool kept = push(b, id, now_us);
    struct breaker_count c;

    breaker_look(b, policy, seen_hour, now_us, &c);
    if (!policy->breaker || b->paused || (kept && c.now_5m <= c.bound_5m && c.now_1h <= c.bound_1h))
        return false;
    b->paused = true;
    b->paused_us = now_us;
    b->shown_5m = c.now_5m;
    b->shown_1h = c.now_1h;
    if (c.now_5m > c.bound_5m)
        *ret = (struct breaker_trip){c.now_5m, c.bound_5m, five_minutes_us};
    else
        *ret = (struct breaker_trip){c.now_1h, c.bound_1h, hour_us};
    remember(b, (uint32_t)ret->users);
    return true;
}

void breaker_resume(struct breaker *b, int64_t now_us)
{
    b->paused = false;
    b->n = 0;
    b->head = 0;
    b->raised_until_us = now_us + day_us;
}

int64_t pace_next(const struct pace *p, int rate, int64_t now_us)
{
    int64_t due;

    if (p->n < (uint32_t)rate)
        return now_us;
    due = p->times[(p->head + PACE_MAX - (uint32_t)rate) % PACE_MAX] + 60 * STAMP_SECOND;
    return due > now_us ? due : now_us;
}

void pace_take(struct pace *p, int64_t now_us)
{
    p->times[p->head] = now_us;
    p->head = (p->head + 1) % PACE_MAX;
    if (p->n < PACE_MAX)
        p->n++;
}
