/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/banned.h"

/* Days since 1970-01-01 of a date in the Gregorian calendar, counted from March so that the leap day
 * is the last of its year. */
static int64_t days_from_civil(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return (int64_t)era * 146097 + doe - 719468;
}

int64_t stamp_civil(int year, int month, int day, int hour, int min, int sec, int usec)
{
    int64_t days = days_from_civil(year, month, day);

    return ((days * 24 + hour) * 60 + min) * 60 * STAMP_SECOND + sec * STAMP_SECOND + usec;
}

/* The value of n digits at p, or -1. */
static int digits(const char *p, int n)
{
    int v = 0;

    while (n--) {
        unsigned d = (unsigned char)*p++ - (unsigned)'0';

        if (d > 9)
            return -1;
        v = v * 10 + (int)d;
    }
    return v;
}

/* Reads `.ddd…` (1-9 digits) at s; writes microseconds and bytes used; nothing there is zero. */
static void fraction(struct slice s, int *ret_us, size_t *ret_used)
{
    int us = 0, scale = 100000;
    size_t i = 1;

    *ret_us = 0;
    *ret_used = 0;
    if (s.n < 2 || s.p[0] != '.')
        return;
    while (i < s.n && i <= 9 && s.p[i] >= '0' && s.p[i] <= '9') {
        us += (s.p[i] - '0') * scale;
        scale /= 10;
        i++;
    }
    if (i == 1)
        return;
    *ret_us = us;
    *ret_used = i;
}

static int civil_time(const char *p, char dsep, char tsep, int64_t *ret_us)
{
    int y = digits(p, 4), mo = digits(p + 5, 2), d = digits(p + 8, 2);
    int h = digits(p + 11, 2), mi = digits(p + 14, 2), s = digits(p + 17, 2);

    if (p[4] != dsep || p[7] != dsep || p[10] != tsep || p[13] != ':' || p[16] != ':')
        return ERR_INVALID;
    if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 || mi > 59 ||
        s < 0 || s > 60)
        return ERR_INVALID;
    *ret_us = stamp_civil(y, mo, d, h, mi, s, 0);
    return ERR_OK;
}

int stamp_parse_log(struct slice s, int64_t *ret_us, size_t *ret_used)
{
    int64_t us;
    size_t used;
    int frac;

    if (s.n < 19 || civil_time(s.p, '/', ' ', &us))
        return ERR_INVALID;
    fraction(slice_skip(s, 19), &frac, &used);
    *ret_us = us + frac;
    *ret_used = 19 + used;
    return ERR_OK;
}

int stamp_parse_iso(struct slice s, int64_t *ret_us)
{
    int64_t us;
    size_t used;
    int frac, zh, zm, sign;

    if (s.n < 19 || (civil_time(s.p, '-', 'T', &us) && civil_time(s.p, '-', ' ', &us)))
        return ERR_INVALID;
    fraction(slice_skip(s, 19), &frac, &used);
    us += frac;
    s = slice_skip(s, 19 + used);
    if (s.n == 0 || (s.n == 1 && s.p[0] == 'Z')) {
        *ret_us = us;
        return ERR_OK;
    }
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
        return ERR_INVALID;
    sign = s.p[0] == '-' ? 1 : -1;
    zh = digits(s.p + 1, 2);
    zm = digits(s.p + 4, 2);
    if (zh < 0 || zh > 23 || zm < 0 || zm > 59)
        return ERR_INVALID;
    *ret_us = us + sign * (zh * 60 + zm) * 60 * STAMP_SECOND;
    return ERR_OK;
}

struct civil {
    int year, month, day, hour, min, sec, usec;
};

static struct civil to_civil(int64_t us)
{
    int64_t days = us / (86400 * STAMP_SECOND), rest = us % (86400 * STAMP_SECOND);
    int64_t era, doe, yoe, doy, mp;
    struct civil c;

    if (rest < 0) {
        rest += 86400 * STAMP_SECOND;
        days--;
    }
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = (int)(yoe + era * 400 + (c.month <= 2));
    c.usec = (int)(rest % STAMP_SECOND);
    rest /= STAMP_SECOND;
    c.sec = (int)(rest % 60);
    c.min = (int)(rest / 60 % 60);
    c.hour = (int)(rest / 3600);
    return c;
}

char *stamp_iso_plain(int64_t us, char *out)
{
    struct civil c = to_civil(us);

    snprintf(out, STAMP_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%06d", c.year, c.month, c.day, c.hour,
             c.min, c.sec, c.usec);
    return out;
}

char *stamp_iso(int64_t us, char *out)
{
    size_t n;

    stamp_iso_plain(us, out);
    n = strlen(out);
    if (n + 1 < STAMP_TEXT) {
        out[n] = 'Z';
        out[n + 1] = '\0';
    }
    return out;
}
