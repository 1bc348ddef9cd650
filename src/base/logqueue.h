/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_LOGQUEUE_H
#define BASE_LOGQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * Where finished lines of the log go: the console (standard error) and the files of a folder. A
 * thread of its own writes them, so that neither a slow disk nor a console that nobody reads keeps
 * anyone waiting; what waits is bounded (LIMIT_LOG_QUEUE), and what finds no room is left out,
 * counted and said. Only base/log.c calls this. From any thread, but for start and stop.
 */
enum {
    LOGQUEUE_CONSOLE = 1,
    LOGQUEUE_MAIN = 2,     /* limiter.log */
    LOGQUEUE_API = 4,      /* api.log */
    LOGQUEUE_TELEGRAM = 8, /* telegram.log */
};

/* Called from the thread when a file fails (bad) or is written again, with what is to be said. */
typedef void (*logqueue_say_fn)(bool bad, const char *text);

/*
 * Starts the thread, which keeps files below dir, each at most max_bytes before it is rotated.
 * ERR_IO (no thread), ERR_TOO_BIG (path).
 */
int logqueue_start(const char *dir, off_t max_bytes, logqueue_say_fn say,
                   struct err *err) MUST_CHECK;
/* Hands a line over (each with its '\n'); without a thread only the console is written, at once. */
void logqueue_put(unsigned where, struct slice console, struct slice file);
/* The files are opened anew at their next line. */
void logqueue_reopen(void);
/* Writes what waits, for a second at most, and ends the thread. Does nothing when there is none. */
void logqueue_stop(void);
/* Lines left out since the start of the process: no room in the queue, file or console not writable. */
unsigned long long logqueue_lost(void);

#endif
