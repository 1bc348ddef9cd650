/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/line/clock.h"

#include "base/stamp.h"
#include "base/banned.h"

static const int64_t settle_us = 2 * STAMP_SECOND;  /* after opening, and the gap of a live line */
static const int64_t step_us = STAMP_SECOND / 4;    /* stamps and arrivals in step differ by less */
static const int64_t warm_us = 30 * STAMP_SECOND;   /* a backlog takes no longer */
static const int64_t far_us = 30 * STAMP_SECOND;    /* further above the offset is another clock */
static const int64_t change_us = 60 * STAMP_SECOND; /* for so long, and the offset is given up */
static const int64_t minute_us = 60 * STAMP_SECOND;

static void forget(struct clock *c)
{
    int i;

    for (i = 0; i < CLOCK_MINUTES; i++)
        c->low_us[i] = STAMP_NONE;
}

void clock_init(struct clock *c, int64_t offset_us)
{
    *c = (struct clock){.offset_us = offset_us,
                        .last_stamp_us = STAMP_NONE,
                        .warm = offset_us != STAMP_NONE};
    forget(c);
}

void clock_opened(struct clock *c, int64_t now_us)
{
    c->opened_us = now_us;
    c->last_line_us = now_us;
    c->last_stamp_us = STAMP_NONE;
}

static void take_low(int64_t *low, int64_t diff_us)
{
    if (*low == STAMP_NONE || diff_us < *low)
        *low = diff_us;
}

/* Drops the minutes that have gone out of the window. */
static void age(struct clock *c, int64_t now_us)
{
    int64_t minute = now_us / minute_us, m;

    if (minute - c->minute >= CLOCK_MINUTES)
        forget(c);
    else
        for (m = c->minute + 1; m <= minute; m++)
            c->low_us[m % CLOCK_MINUTES] = STAMP_NONE;
    if (minute > c->minute)
        c->minute = minute;
}

/* Puts a difference into the minute it belongs to. */
static void note(struct clock *c, int64_t diff_us, int64_t now_us)
{
    take_low(&c->low_us[now_us / minute_us % CLOCK_MINUTES], diff_us);
}

static int64_t lowest(const struct clock *c)
{
    int64_t low = STAMP_NONE;
    int i;

    for (i = 0; i < CLOCK_MINUTES; i++)
        if (c->low_us[i] != STAMP_NONE)
            take_low(&low, c->low_us[i]);
    return low;
}

/*
 * A difference far above the offset is kept out of the window: it is a late line, or the first of a
 * clock that was set. Only when nothing else has come for change_us is it believed. And after a pause,
 * or a restart, the offset known from before stands in the window: the first line may be a late one.
 */
static void learn(struct clock *c, int64_t diff_us, int64_t now_us)
{
    age(c, now_us);
    if (c->offset_us != STAMP_NONE && diff_us > c->offset_us + far_us) {
        if (c->above_since_us == 0) {
            c->above_since_us = now_us;
            c->above_low_us = diff_us;
        }
        take_low(&c->above_low_us, diff_us);
        if (now_us - c->above_since_us < change_us)
            return;
        forget(c);
        diff_us = c->above_low_us;
    } else if (c->offset_us != STAMP_NONE && lowest(c) == STAMP_NONE) {
        note(c, c->offset_us, now_us);
    }
    c->above_since_us = 0;
    note(c, diff_us, now_us);
    c->offset_us = lowest(c);
}

/* A gap alone proves nothing: a backlog may stall. Live lines keep step with the clock on the wall. */
static bool in_step(const struct clock *c, int64_t stamp_us, int64_t now_us)
{
    int64_t gap_us = now_us - c->last_line_us, ahead_us;

    if (gap_us < settle_us || stamp_us == STAMP_NONE || c->last_stamp_us == STAMP_NONE)
        return false;
    ahead_us = stamp_us - c->last_stamp_us - gap_us;
    return ahead_us <= step_us && ahead_us >= -step_us;
}

int64_t clock_event(struct clock *c, int64_t stamp_us, int64_t now_us)
{
    int64_t event_us;

    if (!c->warm && (in_step(c, stamp_us, now_us) || now_us - c->opened_us >= warm_us))
        c->warm = true;
    c->last_line_us = now_us;
    c->last_stamp_us = stamp_us;
    if (stamp_us == STAMP_NONE)
        return c->warm ? now_us : STAMP_NONE;
    if (now_us - c->opened_us >= settle_us)
        learn(c, now_us - stamp_us, now_us);
    if (!c->warm || c->offset_us == STAMP_NONE)
        return STAMP_NONE;
    event_us = stamp_us + c->offset_us;
    return event_us < now_us ? event_us : now_us;
}
