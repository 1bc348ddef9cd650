/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_LOGFORM_H
#define BASE_LOGFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"

/* The forms a line of the log has. Pure, but for the time zone and logform_is_journal. */
enum logform {
    LOGFORM_TEXT,    /* 2026-11-26 09:00:00.000 INFO    area     text */
    LOGFORM_COLOUR,  /* the same for a terminal */
    LOGFORM_JOURNAL, /* <6>area: text; the journal has a clock of its own */
};

/* One line in parts. */
struct logform_line {
    int64_t at_us;
    enum log_level level;
    const char *area;
    struct slice text;                 /* escaped, without an end of line */
    const struct log_request *request; /* a line of api.log, or NULL: then text is not looked at */
};

/*
 * Appends the line with its '\n'. json: {"time","level","area","text"}, for a request its parts
 * instead of text; the journal's priority stands before it.
 */
void logform_add(struct buf *out, const struct logform_line *line, enum logform form, bool json);
/* The name of a level, "INFO". */
const char *logform_level(enum log_level level);
/*
 * Whether standard error is the journal's: JOURNAL_STREAM=DEVICE:INODE names it (systemd.exec(5)).
 */
bool logform_is_journal(void);

#endif
