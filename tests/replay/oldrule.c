/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "oldrule.h"

#include <stdlib.h>

#include "base/attr.h"
#include "base/banned.h"

enum {
    CYCLE_S = 60,
    MONITORING_S = 180,
    CONFIRM_S = 120,
    CONFIRM_CHECKS = 2,
    ADDRESSES_MAX = 4096
};

struct seen {
    uint64_t address;   /* it compares texts: every IPv6 address is one of its own */
    double first, last; /* checks that found it, while monitored */
    int checks;
};

struct set {
    struct seen all[ADDRESSES_MAX];
    int n;
};

static struct seen *find(struct set *s, uint64_t address, bool add)
{
    int i;

    for (i = 0; i < s->n; i++)
        if (s->all[i].address == address)
            return &s->all[i];
    if (!add || s->n == ADDRESSES_MAX)
        return NULL;
    s->all[s->n] = (struct seen){.address = address};
    return &s->all[s->n++];
}

/* What a check finds: the minute's addresses become part of the monitored ones. */
static void note(struct set *monitored, const struct set *minute, double now)
{
    int i;

    for (i = 0; i < minute->n; i++) {
        struct seen *s = find(monitored, minute->all[i].address, true);

        if (!s)
            continue;
        if (s->checks == 0)
            s->first = now;
        s->last = now;
        s->checks++;
    }
}

static int confirmed(const struct set *monitored, double now)
{
    int n = 0, i;

    for (i = 0; i < monitored->n; i++) {
        const struct seen *s = &monitored->all[i];

        n += now - s->last <= CONFIRM_S &&
             (s->last - s->first >= CONFIRM_S || s->checks >= CONFIRM_CHECKS);
    }
    return n;
}

double oldrule_run(const struct trace *t, int limit, bool *ret_warned)
{
    static struct set minute, monitored;
    double now, until = 0;
    int i = 0;

    *ret_warned = false;
    for (now = CYCLE_S; now <= (int64_t)t->length_s; now += CYCLE_S) {
        minute.n = 0;
        for (; i < t->n && t->lines[i].at_s < now; i++)
            if (t->lines[i].user == TRACE_USER)
                (void)find(&minute, (uint64_t)t->lines[i].addr << 16 | t->lines[i].host, true);
        if (until > 0 && now >= until) {
            until = 0;
            if (minute.n && confirmed(&monitored, now) > limit)
                return now;
        } else if (minute.n > limit) {
            *ret_warned = true;
            if (until == 0) {
                until = now + MONITORING_S;
                monitored.n = 0;
            }
            note(&monitored, &minute, now);
        }
    }
    return -1;
}
