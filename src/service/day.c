/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/day.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/num.h"
#include "base/stamp.h"
#include "base/banned.h"

/* The moment of an hour of a day, as the zone has it. */
static int64_t moment(int year, int month, int day, int hour)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_isdst = -1};

    return (int64_t)mktime(&tm) * STAMP_SECOND;
}

static struct day make(int year, int month, int day)
{
    /* Through noon, which no change of clocks leaves out, into a day that exists. */
    time_t noon = (time_t)(moment(year, month, day, 12) / STAMP_SECOND);
    struct day d = {0};
    struct tm tm;

    if (!localtime_r(&noon, &tm))
        return d;
    d.year = tm.tm_year + 1900;
    d.month = tm.tm_mon + 1;
    d.day = tm.tm_mday;
    d.from_us = moment(d.year, d.month, d.day, 0);
    d.to_us = moment(d.year, d.month, d.day + 1, 0);
    return d;
}

struct day day_of(int64_t us)
{
    time_t t = (time_t)(us / STAMP_SECOND);
    struct tm tm;

    if (!localtime_r(&t, &tm))
        return (struct day){0};
    return make(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

struct day day_before(struct day d)
{
    return make(d.year, d.month, d.day - 1);
}

int day_parse(struct slice s, struct day *ret)
{
    int64_t y, m, d;
    struct day day;

    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' ||
        num_int((struct slice){s.p, 4}, 1970, 9999, &y) ||
        num_int((struct slice){s.p + 5, 2}, 1, 12, &m) ||
        num_int((struct slice){s.p + 8, 2}, 1, 31, &d))
        return ERR_INVALID;
    day = make((int)y, (int)m, (int)d);
    if (day.month != m || day.day != d)
        return ERR_INVALID;
    *ret = day;
    return ERR_OK;
}

const char *day_text(const struct day *d, char *out, size_t n)
{
    snprintf(out, n, "%04d-%02d-%02d", d->year % 10000, d->month % 100, d->day % 100);
    return out;
}

int day_compare(const struct day *a, const struct day *b)
{
    int x = (a->year * 100 + a->month) * 100 + a->day,
        y = (b->year * 100 + b->month) * 100 + b->day;

    return x < y ? -1 : x > y;
}

int64_t day_hour(const struct day *d, int hour)
{
    return moment(d->year, d->month, d->day, hour);
}

bool day_summary_due(int64_t now_us, int hour, const struct day *last)
{
    struct day today = day_of(now_us), before;

    if (hour < 0 || now_us < day_hour(&today, hour))
        return false;
    if (!last->year)
        return true;
    before = day_before(*last);
    /* Tomorrow's was sent: the clock was set back a little. Later than that, it was wrong. */
    return day_compare(last, &today) < 0 || day_compare(&before, &today) > 0;
}
