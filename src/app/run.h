/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_RUN_H
#define APP_RUN_H

#include <stdbool.h>

/* `pg-limiter run`: the daemon. */
struct run_opts {
    const char *env_path;   /* --env FILE, or NULL */
    const char *record_dir; /* --record DIR, or NULL */
};

/*
 * Runs until SIGTERM or SIGINT, then ends within 5 s with nothing lost. Returns the exit code: 0 after a
 * signal, 1 when it could not start or its database failed, 2 when the configuration is wrong. Says what
 * is wrong, with file and line, and the cure, on standard error.
 */
int app_run(const struct run_opts *opts);

#endif
