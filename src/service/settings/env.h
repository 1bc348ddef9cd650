/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENV_H
#define SERVICE_ENV_H

#include <limits.h>

#include "base/buf.h"
#include "base/err.h"
#include "service/settings/settings.h"

/*
 * Reads the settings that stand outside the database: .env, secrets.env, the environment, NAME_FILE
 * and systemd credentials. Grammar of the files: service/settings/env_file.h. Unknown keys are
 * errors; keys of the Python program that mean nothing here are one warning.
 */

/* Where to read from. */
struct env_opts {
    const char *path;             /* --env FILE, or NULL */
    char *const *environ;         /* NULL-terminated NAME=VALUE list, e.g. the process's own */
    const char *const *fallbacks; /* files tried in order, NULL-terminated; NULL = the usual two */
};

/* What was read and what is to be said about it. */
struct env_report {
    char file[PATH_MAX]; /* the .env read; "" = none was found */
    struct buf warnings; /* one a line, each ended by '\n' */
    struct buf errors;   /* the same; with every mistake, not only the first */
    int n_warnings, n_errors;
};

/* Makes an empty report. */
void env_report_init(struct env_report *r);
/* Frees what it holds. */
void env_report_release(struct env_report *r);

/*
 * Replaces the ORIGIN_FILE, ORIGIN_SECRETS and ORIGIN_ENV values of s (initialised) by what stands
 * outside now. The file is opts->path, else $PG_LIMITER_ENV (both must exist), else the first fallback
 * that exists: /etc/opt/pg-limiter/.env, ./.env. secrets.env is read from DATA_DIR when it exists.
 * ERR_INVALID: mistakes, all of them in rep->errors, the first in err; s is then half filled and to be
 * thrown away (read into a copy to keep the old values). ERR_IO, ERR_NOT_FOUND: a file that must be
 * read cannot be. Does not cross-check: the database may still change things.
 */
int env_load(struct settings *s, const struct env_opts *opts, struct env_report *rep,
             struct err *err) MUST_CHECK;

#endif
