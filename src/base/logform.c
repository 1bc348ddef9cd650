/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/logform.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/banned.h"

/* Priorities as syslog numbers them. */
static const struct {
    const char *name, *colour;
    int priority;
} levels[] = {
    [LOG_DEBUG] = {"DEBUG", "\033[2m", 7},
    [LOG_INFO] = {"INFO", "\033[32m", 6},
    [LOG_WARNING] = {"WARNING", "\033[33m", 4},
    [LOG_ERROR] = {"ERROR", "\033[31m", 3},
};

const char *logform_level(enum log_level level)
{
    return levels[level].name;
}

static void add_time(struct buf *out, int64_t at_us)
{
    char when[40];
    time_t at = (time_t)(at_us / 1000000);
    struct tm tm;

    localtime_r(&at, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    buf_addf(out, "%s.%03d", when, (int)(at_us % 1000000 / 1000));
}

/* What came from outside, as far as it may look. */
static void add_word(struct buf *out, const char *s)
{
    if (s && s[0])
        buf_add_escaped(out, slice_of(s));
    else
        buf_add_char(out, '-');
}

static void add_request(struct buf *out, const struct log_request *r)
{
    add_word(out, r->peer);
    buf_add_char(out, ' ');
    add_word(out, r->who);
    buf_add_char(out, ' ');
    add_word(out, r->method);
    buf_add_char(out, ' ');
    add_word(out, r->path);
    if (r->status)
        buf_addf(out, " %d", r->status);
    else
        buf_add_str(out, " -");
    buf_addf(out, " %lld.%03lldms %zu", (long long)(r->took_us / 1000),
             (long long)(r->took_us % 1000), r->bytes);
}

static void add_text(struct buf *out, const struct logform_line *line)
{
    if (line->request)
        add_request(out, line->request);
    else
        buf_add_slice(out, line->text);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    if (value && value[0])
        buf_add_json(out, slice_of(value));
    else
        buf_add_str(out, "null");
}

static void add_json(struct buf *out, const struct logform_line *line)
{
    const struct log_request *r = line->request;

    buf_add_str(out, "{\"time\":\"");
    add_time(out, line->at_us);
    buf_addf(out, "\",\"level\":\"%s\",\"area\":\"%s\"", levels[line->level].name, line->area);
    if (r) {
        add_member(out, "peer", r->peer);
        add_member(out, "who", r->who);
        add_member(out, "method", r->method);
        add_member(out, "path", r->path);
        buf_addf(out, ",\"status\":%d,\"took_us\":%lld,\"bytes\":%zu", r->status,
                 (long long)r->took_us, r->bytes);
    } else {
        buf_add_str(out, ",\"text\":");
        buf_add_json(out, line->text);
    }
    buf_add_char(out, '}');
}

void logform_add(struct buf *out, const struct logform_line *line, enum logform form, bool json)
{
    const char *name = levels[line->level].name;

    if (form == LOGFORM_JOURNAL)
        buf_addf(out, "<%d>", levels[line->level].priority);
    if (json) {
        add_json(out, line);
    } else if (form == LOGFORM_JOURNAL) {
        buf_addf(out, "%s: ", line->area);
        add_text(out, line);
    } else if (form == LOGFORM_COLOUR) {
        buf_add_str(out, "\033[2m");
        add_time(out, line->at_us);
        buf_addf(out, "\033[0m %s%-7s\033[0m %-8s ", levels[line->level].colour, name, line->area);
        add_text(out, line);
    } else {
        add_time(out, line->at_us);
        buf_addf(out, " %-7s %-8s ", name, line->area);
        add_text(out, line);
    }
    buf_add_char(out, '\n');
}

bool logform_is_journal(void)
{
    struct slice inode = slice_of(getenv("JOURNAL_STREAM")), device = slice_cut(&inode, ':');
    int64_t dev, ino;
    struct stat st;

    return inode.p && num_int(device, 0, INT64_MAX, &dev) == 0 &&
           num_int(inode, 0, INT64_MAX, &ino) == 0 && fstat(STDERR_FILENO, &st) == 0 &&
           (int64_t)st.st_dev == dev && (int64_t)st.st_ino == ino;
}
