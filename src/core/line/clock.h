/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LINE_CLOCK_H
#define CORE_LINE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When a line happened: its own stamp plus the node's clock offset (engine.md 3). The offset is the
 * smallest (arrival − stamp) of the last 10 minutes of lines that came at least 2 s after their
 * stream opened, so that a backlog lands in the past, where it belongs. It covers zone and wrong clock.
 * After a pause or restart the offset known before counts as one of these differences.
 *
 * Lines of the very first stream are evidence once its backlog is over: after 30 s, or as soon as a line
 * comes 2 s or more after the one before it and its stamp is as much later. A backlog that stalls, or
 * comes late, shows itself by stamps that do not keep step with the arrivals.
 */
enum { CLOCK_MINUTES = 10 };

struct clock {
    int64_t offset_us;             /* STAMP_NONE while unknown */
    int64_t opened_us;             /* of the newest stream */
    int64_t last_line_us;          /* arrival of the last line, or the opening */
    int64_t last_stamp_us;         /* stamp of that line, STAMP_NONE before the first and without */
    int64_t low_us[CLOCK_MINUTES]; /* smallest difference of that minute, STAMP_NONE = none */
    int64_t minute;                /* which minute of unix time is newest in low_us */
    int64_t above_since_us;        /* differences have been far above the offset since; 0 = not */
    int64_t above_low_us;          /* the smallest of those */
    bool warm;                     /* lines are evidence */
};

/* A clock with an offset kept from earlier, or STAMP_NONE: then the first stream has to warm up. */
void clock_init(struct clock *c, int64_t offset_us);
/* A stream was opened at now_us. */
void clock_opened(struct clock *c, int64_t now_us);
/*
 * A line with this stamp (STAMP_NONE: without) came at now_us. Returns the time of its event, never
 * after now_us, or STAMP_NONE while the node's very first stream may still be handing out its backlog.
 */
int64_t clock_event(struct clock *c, int64_t stamp_us, int64_t now_us);

#endif
