/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/judge/timers.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/banned.h"

void timers_init(struct timers *t)
{
    *t = (struct timers){0};
}

void timers_release(struct timers *t)
{
    free(t->items);
    timers_init(t);
}

static bool before(struct timers_item a, struct timers_item b)
{
    return a.at_us != b.at_us ? a.at_us < b.at_us : a.id < b.id;
}

int timers_add(struct timers *t, int64_t at_us, int64_t id)
{
    struct timers_item item = {at_us, id};
    uint32_t i, up;

    if (t->n == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 16;
        struct timers_item *p = realloc(t->items, cap * sizeof(*p));

        if (!p)
            return ERR_NOMEM;
        t->items = p;
        t->cap = cap;
    }
    for (i = t->n++; i > 0; i = up) {
        up = (i - 1) / 2;
        if (!before(item, t->items[up]))
            break;
        t->items[i] = t->items[up];
    }
    t->items[i] = item;
    return ERR_OK;
}

int64_t timers_next(const struct timers *t)
{
    return t->n ? t->items[0].at_us : INT64_MAX;
}

bool timers_take(struct timers *t, int64_t now_us, struct timers_item *ret)
{
    struct timers_item last;
    uint32_t i = 0, child;

    if (t->n == 0 || t->items[0].at_us > now_us)
        return false;
    *ret = t->items[0];
    last = t->items[--t->n];
    while ((child = 2 * i + 1) < t->n) {
        if (child + 1 < t->n && before(t->items[child + 1], t->items[child]))
            child++;
        if (!before(t->items[child], last))
            break;
        t->items[i] = t->items[child];
        i = child;
    }
    if (t->n)
        t->items[i] = last;
    return true;
}
