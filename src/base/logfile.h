/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_LOGFILE_H
#define BASE_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * One log file that is appended to, in whole lines, and rotated: NAME becomes NAME.1, NAME.1
 * becomes NAME.2 and so on up to LOGFILE_OLD. Somebody else may rename, truncate or remove it at
 * any time (logrotate), or the folder: it is opened anew. A death at any instruction loses no file
 * but the oldest one that a rotation drops anyway; a line cut by it is ended before the next one.
 * Belongs to one thread.
 */
enum { LOGFILE_OLD = 5, LOGFILE_PATH = 4096 };

struct logfile {
    char path[LOGFILE_PATH];
    off_t max, size;
    int fd; /* -1: not open */
    dev_t dev;
    ino_t ino;
    bool plain;              /* no pipe or device, which are not rotated */
    bool torn;               /* the last line written is not whole */
    bool failing;            /* the last try failed */
    bool unmoved;            /* it is over its size, and could not be renamed */
    int64_t again_us;        /* when it is tried next */
    unsigned long long lost; /* lines left out since it fails */
};

enum logfile_event {
    LOGFILE_WRITTEN,
    LOGFILE_FAILED,   /* from now on lines are left out; err says why */
    LOGFILE_LEFT_OUT, /* that is still so */
    LOGFILE_BACK,     /* written again; ret_lost lines were left out */
};

/*
 * Makes f for dir/name with at most max bytes before it is rotated. Opens nothing yet. ERR_TOO_BIG:
 * the path is too long.
 */
int logfile_init(struct logfile *f, const char *dir, const char *name, off_t max,
                 struct err *err) MUST_CHECK;
/* Closes it; lines may be written again afterwards, to what then has its name. */
void logfile_close(struct logfile *f);
/* Closes it when its name means another file by now, or none. Before a batch of lines. */
void logfile_look(struct logfile *f);
/*
 * Appends a line with its '\n'; opens the file (0640) and makes its folder (0750) when they are not
 * there. What failed is tried again after a second at the earliest. now_us: any clock that only
 * goes forward. ret_lost is written with LOGFILE_BACK, err with LOGFILE_FAILED.
 */
enum logfile_event logfile_write(struct logfile *f, struct slice line, int64_t now_us,
                                 unsigned long long *ret_lost, struct err *err);

#endif
