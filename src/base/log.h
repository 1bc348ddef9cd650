/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * The process's own log. May be called from any thread; one call is one line. Core never logs.
 * Until log_files is called, and in programs that never do, lines go to standard error at once.
 * Text that came from outside goes through "%s" of log_safe() or LOG_SLICE so that it cannot forge
 * a line: the whole line is escaped again before it is written, so a forgotten one is ugly, not
 * dangerous.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_ERROR_TOLD };

/* A copy of every written line, without time and colour, e.g. for a file or the admins. */
typedef void (*log_sink_fn)(void *arg, enum log_level level, const char *area, const char *text);

/*
 * Sets level, form and colour (text form only; under systemd, lines for the journal instead). Call
 * once before threads start; level may change later through log_set_level.
 */
void log_setup(enum log_level level, bool json, bool colour);
/*
 * Keeps the log in files of dir as well: limiter.log (what the console shows), telegram.log (of
 * that, what concerns the bot), api.log (log_request). From here on a thread writes everything, and
 * no call waits for a disk. Folder and files are made, rotated at max_bytes (5 old ones kept),
 * opened anew when somebody else moves them, and tried again and again while they cannot be
 * written. ERR_IO, ERR_TOO_BIG.
 */
int log_files(const char *dir, long long max_bytes, struct err *err) MUST_CHECK;
/* The files are opened anew: SIGHUP of an external logrotate. */
void log_reopen(void);
/* Writes what waits, within a second, and closes the files. The console goes on. */
void log_stop(void);
/* Lines that did not reach where they were to go. */
unsigned long long log_lost(void);
/*
 * What must not stand in any line: each occurrence is shown as ********. Copied; texts shorter than
 * 6 bytes would tear words apart and are not taken. log_forget_secrets empties the list.
 */
void log_secret(const char *text);
void log_forget_secrets(void);

/* A request to the REST API, as api.log shows it. */
struct log_request {
    const char *peer;   /* address */
    const char *who;    /* login name that was right; NULL: none */
    const char *method; /* as it came */
    const char *path;   /* without the query, in which anything may stand */
    int status;         /* 0: gone before it was answered */
    int64_t took_us;
    size_t bytes; /* of the answer */
};
/* Writes it to api.log: INFO, from status 400 on WARNING. The console is spared. */
void log_request(const struct log_request *r);

/* Changes the level from any thread. */
void log_set_level(enum log_level level);
/* Whether a line of this level would be written. */
bool log_enabled(enum log_level level);
/* Adds a sink (at most 4; further ones are ignored). Called with the log's lock held: no logging inside. */
void log_add_sink(log_sink_fn fn, void *arg);
/*
 * Who is to hear of every ERROR line but those of log_error_told; NULL ends it, and once this returns fn is
 * not called any more. Called as a sink is.
 */
void log_set_alarm(log_sink_fn fn, void *arg);
/* Parses DEBUG, INFO, WARNING, WARN, ERROR, CRITICAL in any case. ERR_INVALID. */
int log_parse_level(struct slice s, enum log_level *ret_level) MUST_CHECK;

/* Writes one line to standard error: local time, level, area (a word: "panel", "store"), text. */
void log_write(enum log_level level, const char *area, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_debug(area, ...) \
    do { \
        if (log_enabled(LOG_DEBUG)) \
            log_write(LOG_DEBUG, area, __VA_ARGS__); \
    } while (0)
#define log_info(area, ...) log_write(LOG_INFO, area, __VA_ARGS__)
#define log_warning(area, ...) log_write(LOG_WARNING, area, __VA_ARGS__)
#define log_error(area, ...) log_write(LOG_ERROR, area, __VA_ARGS__)
/* An error that the admins are told of by a message of its own: written, but no alarm. */
#define log_error_told(area, ...) log_write(LOG_ERROR_TOLD, area, __VA_ARGS__)

/* Prints a slice with "%.*s": LOG_SLICE(s) gives both arguments. */
#define LOG_SLICE(s) (int)((s).n > 256 ? 256 : (s).n), (s).p

#endif
