/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/banned.h"

static const int64_t again_us = 1000000;
static const int64_t unmoved_us = 60000000;

int logfile_init(struct logfile *f, const char *dir, const char *name, off_t max, struct err *err)
{
    int n;

    memset(f, 0, sizeof(*f));
    f->fd = -1;
    f->max = max;
    /* Room for ".5" as well. */
    n = snprintf(f->path, sizeof(f->path) - 4, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof(f->path) - 4)
        return err_set(err, ERR_TOO_BIG, "the path of the log directory is too long");
    return ERR_OK;
}

void logfile_close(struct logfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

void logfile_look(struct logfile *f)
{
    struct stat here, there;

    if (f->fd < 0)
        return;
    if (stat(f->path, &there) || there.st_dev != f->dev || there.st_ino != f->ino ||
        fstat(f->fd, &here))
        logfile_close(f);
    else
        f->size = here.st_size;
}

/* ---- opening ---- */

/* Only the folder of the files themselves is for a group's eyes. */
static int make_folder(const char *path)
{
    const char *last = strrchr(path, '/');
    char part[LOGFILE_PATH];
    size_t i, n = last ? (size_t)(last - path) : 0;

    memcpy(part, path, n);
    part[n] = '\0';
    for (i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, i == n ? 0750 : 0700) && errno != EEXIST)
            return -1;
        part[i] = path[i];
    }
    return 0;
}

static bool ends_whole(int fd, off_t size)
{
    char last = '\n';

    return size == 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

static int open_it(struct logfile *f)
{
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat st;

    f->fd = open(f->path, flags, 0640);
    if (f->fd < 0 && errno == ENOENT && make_folder(f->path) == 0)
        f->fd = open(f->path, flags, 0640);
    if (f->fd < 0)
        return -1;
    if (fstat(f->fd, &st)) {
        logfile_close(f);
        return -1;
    }
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    f->size = st.st_size;
    f->torn = S_ISREG(st.st_mode) && !ends_whole(f->fd, st.st_size);
    f->plain = S_ISREG(st.st_mode);
    return 0;
}

/* ---- rotating ---- */

static void old_name(const struct logfile *f, int number, char *out, size_t max)
{
    if (number)
        snprintf(out, max, "%s.%d", f->path, number);
    else
        snprintf(out, max, "%s", f->path);
}

/*
 * Moves up what stands below the first gap: a death between two of the renames leaves one, and the next
 * rotation then has no need to drop the oldest.
 */
static int shift(struct logfile *f)
{
    char from[LOGFILE_PATH + 8], to[LOGFILE_PATH + 8];
    struct stat st;
    int gap, i;

    for (gap = 1; gap < LOGFILE_OLD; gap++) {
        old_name(f, gap, to, sizeof(to));
        if (lstat(to, &st) && errno == ENOENT)
            break;
    }
    for (i = gap; i > 0; i--) {
        old_name(f, i - 1, from, sizeof(from));
        old_name(f, i, to, sizeof(to));
        if (rename(from, to) && errno != ENOENT)
            return -1;
        FAULT_POINT("log.rotate.moved");
    }
    return 0;
}

static int rotate(struct logfile *f, int64_t now_us)
{
    if (f->unmoved && now_us < f->again_us)
        return 0;
    if (shift(f)) {
        /* A file too large is better than none. */
        f->unmoved = true;
        f->again_us = now_us + unmoved_us;
        return 0;
    }
    f->unmoved = false;
    logfile_close(f);
    return open_it(f);
}

/* ---- writing ---- */

/* The whole line or nothing, as far as the disk lets us take a part back. */
static int append(struct logfile *f, struct slice line)
{
    size_t done = 0;
    ssize_t n;

    if (f->torn && write(f->fd, "\n", 1) == 1) {
        f->torn = false;
        f->size++;
    }
    while (done < line.n) {
        n = write(f->fd, line.p + done, line.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int no = n < 0 ? errno : ENOSPC;

            f->torn = done > 0 && ftruncate(f->fd, f->size) != 0;
            errno = no;
            return -1;
        }
        done += (size_t)n;
    }
    f->size += (off_t)line.n;
    return 0;
}

static int put(struct logfile *f, struct slice line, int64_t now_us)
{
    if (f->fd < 0 && open_it(f))
        return -1;
    if (f->plain && f->size > 0 && f->size + (off_t)line.n > f->max && rotate(f, now_us))
        return -1;
    return append(f, line);
}

enum logfile_event logfile_write(struct logfile *f, struct slice line, int64_t now_us,
                                 unsigned long long *ret_lost, struct err *err)
{
    bool was = f->failing;

    if (was && now_us < f->again_us) {
        f->lost++;
        return LOGFILE_LEFT_OUT;
    }
    if (put(f, line, now_us)) {
        err_set(err, ERR_IO, "%s cannot be written: %s", f->path, strerror(errno));
        logfile_close(f);
        f->failing = true;
        f->again_us = now_us + again_us;
        f->lost++;
        return was ? LOGFILE_LEFT_OUT : LOGFILE_FAILED;
    }
    f->failing = false;
    if (!was)
        return LOGFILE_WRITTEN;
    *ret_lost = f->lost;
    f->lost = 0;
    return LOGFILE_BACK;
}
