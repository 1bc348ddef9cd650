/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/*
 * Points in time. Everywhere in the program a wall-clock time is int64_t microseconds since
 * 1970-01-01 UTC, named …_us; the database and JSON of the panel use other units and convert at
 * their edge. STAMP_NONE stands for "never".
 */
#define STAMP_NONE INT64_MIN
#define STAMP_SECOND INT64_C(1000000)

enum { STAMP_TEXT = 96 }; /* room for any int, so that no text is ever cut */

/* Microseconds since 1970 of a civil UTC time; year 1970…9999, month 1…12, day 1…31, not checked. */
int64_t stamp_civil(int year, int month, int day, int hour, int min, int sec, int usec);

/*
 * Parses the head of an Xray log line, `YYYY/MM/DD hh:mm:ss` with or without `.` and 1-9 digits
 * (Go's log package, Ldate|Ltime|Lmicroseconds), as if it were UTC. On success writes the time and
 * the number of bytes used. ERR_INVALID when s does not begin with one or a field is out of range.
 */
int stamp_parse_log(struct slice s, int64_t *ret_us, size_t *ret_used) MUST_CHECK;

/*
 * Parses an ISO 8601 time as the panel writes them (`2026-11-23T15:42:35.895434Z`, `+00:00`, or no
 * zone, which means UTC). ERR_INVALID.
 */
int stamp_parse_iso(struct slice s, int64_t *ret_us) MUST_CHECK;

/* Writes `2026-11-23T15:42:35.895434Z` into out (at least STAMP_TEXT bytes) and returns out. */
char *stamp_iso(int64_t us, char *out);
/* As stamp_iso without zone and `Z`: the form of scan's output. */
char *stamp_iso_plain(int64_t us, char *out);

#endif
