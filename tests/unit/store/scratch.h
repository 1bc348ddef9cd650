/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

/* A directory of a test's own, below TMPDIR. Header only: each test program is one file. */

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_dir[256];

/* Makes the directory; its path stands in scratch_dir. */
static inline int scratch_make(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(scratch_dir, sizeof(scratch_dir), "%s/pg-limiter-test-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(scratch_dir) ? 0 : -1;
}

/* Removes dir, its files and its directories, two levels deep. */
static inline void scratch_remove_dir(const char *dir, int depth)
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *d = opendir(dir);

    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
            continue;
        if (unlink(path) && depth > 0)
            scratch_remove_dir(path, depth - 1);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

/* Removes what scratch_make made. */
static inline void scratch_clear(void)
{
    scratch_remove_dir(scratch_dir, 2);
}

/* The path of a file in the directory; the last eight are kept. */
static inline char *scratch_path(const char *name)
{
    static char paths[8][PATH_MAX];
    static int at;
    char *p = paths[at++ % 8];

    snprintf(p, PATH_MAX, "%s/%s", scratch_dir, name);
    return p;
}

#endif
