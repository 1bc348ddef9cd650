/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_DAY_H
#define SERVICE_DAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* Days of the calendar in the zone of the process (TZ): 23, 24 or 25 hours long. */

struct day {
    int year, month, day;   /* 1-12, 1-31 */
    int64_t from_us, to_us; /* its midnight, and the next */
};

/* The day that a moment lies in; the one before another. */
struct day day_of(int64_t us);
struct day day_before(struct day d);
/* Reads 2026-11-25. ERR_INVALID. */
int day_parse(struct slice s, struct day *ret) MUST_CHECK;
/* Writes it so into out (11 bytes at least), and gives out back. */
const char *day_text(const struct day *d, char *out, size_t n);
/* -1, 0, 1: a lies before b, is the same, lies behind it. */
int day_compare(const struct day *a, const struct day *b);
/* The moment of an hour (0-23) of it; one that is left out by a change of clocks is the hour after. */
int64_t day_hour(const struct day *d, int hour);

/*
 * Whether the summary is due at now_us, for the day before: its hour (in 0-23, -1 never) of today is
 * over and none was sent today. last: the day on which the last one was sent, year 0 for none. A last
 * that lies more than a day ahead comes from a wrong clock and counts for nothing.
 */
bool day_summary_due(int64_t now_us, int hour, const struct day *last);

#endif
