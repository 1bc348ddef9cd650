/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/breaker.h"

#include <stdlib.h>

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
    free(b->times);
    breaker_init(b);
}

static int64_t at(const struct breaker *b, uint32_t i)
{
    return b->times[(b->head + i) & (b->cap - 1)];
}

static bool push(struct breaker *b, int64_t now_us)
{
    while (b->n && at(b, 0) <= now_us - hour_us) {
        b->head = (b->head + 1) & (b->cap - 1);
        b->n--;
    }
    if (b->n == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 64, i;
        int64_t *p = malloc(cap * sizeof(*p));

        if (!p)
            return false;
        for (i = 0; i < b->n; i++)
            p[i] = at(b, i);
        free(b->times);
        b->times = p;
        b->cap = cap;
        b->head = 0;
    }
    b->times[(b->head + b->n) & (b->cap - 1)] = now_us;
    b->n++;
    return true;
}

static int count_since(const struct breaker *b, int64_t since_us)
{
    uint32_t i = b->n;

    while (i && at(b, i - 1) > since_us)
        i--;
    return (int)(b->n - i);
}

static int bound(int least, double percent, uint32_t users, int shown, bool raised)
{
    double share = percent * users / 100;
    int v = share > least ? (int)share : least;

    return raised && 2 * shown > v ? 2 * shown : v;
}

bool breaker_note(struct breaker *b, const struct policy *policy, uint32_t seen_hour,
                  int64_t now_us, struct breaker_trip *ret)
{
    bool raised = now_us < b->raised_until_us, kept = push(b, now_us);
    int n5 = count_since(b, now_us - five_minutes_us), n60 = (int)b->n;
    int b5 =
        bound(policy->breaker_5m_min, policy->breaker_5m_percent, seen_hour, b->shown_5m, raised);
    int b60 =
        bound(policy->breaker_1h_min, policy->breaker_1h_percent, seen_hour, b->shown_1h, raised);

    if (!policy->breaker || b->paused || (kept && n5 <= b5 && n60 <= b60))
        return false;
    b->paused = true;
    b->shown_5m = n5;
    b->shown_1h = n60;
    if (n5 > b5)
        *ret = (struct breaker_trip){n5, b5, five_minutes_us};
    else
        *ret = (struct breaker_trip){n60, b60, hour_us};
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
