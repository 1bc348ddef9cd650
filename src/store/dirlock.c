/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/dirlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/banned.h"

enum { PATH = 4200, HOLDER = 64, WRITE_WAITS = 20, WRITE_REST_NS = 5000000 };

/* Of the open file, not of the process (fcntl(2), "Open file description locks"). */
static const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

/* "PID what" of the process that holds the lock, into pid; what it does, or NULL. */
static char *read_holder(int fd, char pid[HOLDER])
{
    ssize_t n = pread(fd, pid, HOLDER - 1, 0);
    char *what;

    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    what = strchr(pid, ' ');
    if (what)
        *what++ = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return what;
}

static int refuse(int fd, const char *data_dir, struct err *err)
{
    char pid[HOLDER], *what = read_holder(fd, pid);

    if (!what || strcmp(what, "daemon") == 0)
        return err_set(err, ERR_EXISTS,
                       "another pg-limiter runs on %s already (process %s): stop it first",
                       data_dir, pid[0] ? pid : "?");
    return err_set(err, ERR_BUSY, "%.32s is at work in %s (process %s)",
                   strcmp(what, "import") == 0 ? "an import" : "a restore", data_dir, pid);
}

/* DATA_DIR/run, with whatever is missing above it. */
static int make_directory(const char *data_dir, struct err *err)
{
    char path[PATH];
    size_t n, i;

    n = (size_t)snprintf(path, sizeof(path), "%s/run", data_dir);
    if (n >= sizeof(path))
        return err_set(err, ERR_INVALID, "the path of DATA_DIR is too long");
    for (i = 1; i <= n; i++) {
        char c = path[i];

        if (c != '/' && c != '\0')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0700) && errno != EEXIST)
            return err_set(err, ERR_IO, "cannot make %s: %s", path, strerror(errno));
        path[i] = c;
    }
    return ERR_OK;
}

/*
 * What the file says may be from whoever had it before: who has just taken it has still to write. So
 * that it is a daemon's is believed when it says so for a while.
 */
static int lock_file(int fd, const char *data_dir, struct err *err)
{
    const struct timespec rest = {0, WRITE_REST_NS};
    int i, rc = ERR_EXISTS;

    for (i = 0; i < WRITE_WAITS && rc == ERR_EXISTS; i++) {
        struct flock lock = whole;

        if (i > 0)
            nanosleep(&rest, NULL);
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return ERR_OK;
        rc = errno == EAGAIN || errno == EACCES
                 ? refuse(fd, data_dir, err)
                 : err_set(err, ERR_IO, "cannot lock %s/run/lock: %s", data_dir, strerror(errno));
    }
    return rc;
}

int dirlock_take(const char *data_dir, const char *what, int *ret_fd, struct err *err)
{
    char path[PATH], text[HOLDER];
    int fd, rc = make_directory(data_dir, err);

    if (rc)
        return rc;
    snprintf(path, sizeof(path), "%s/run/lock", data_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    rc = lock_file(fd, data_dir, err);
    if (rc) {
        close(fd);
        return rc;
    }
    snprintf(text, sizeof(text), "%lld %s\n", (long long)getpid(), what);
    if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0)
        text[0] = '\0'; /* the lock counts, not what is written in it */
    *ret_fd = fd;
    return ERR_OK;
}

/* The lock's file, to look at; -1: there is none. */
static int open_to_look(const char *data_dir)
{
    char path[PATH];

    if (snprintf(path, sizeof(path), "%s/run/lock", data_dir) >= (int)sizeof(path))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
}

static bool is_locked(int fd)
{
    struct flock lock = whole;

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool dirlock_is_held(const char *data_dir, int fd)
{
    struct stat ours, there;
    char path[PATH];

    return snprintf(path, sizeof(path), "%s/run/lock", data_dir) < (int)sizeof(path) &&
           fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

int64_t dirlock_daemon(const char *data_dir)
{
    const struct timespec rest = {0, WRITE_REST_NS};
    char pid[HOLDER] = "", *what = NULL;
    int fd = open_to_look(data_dir), i;
    int64_t number = 0;

    if (fd < 0)
        return 0;
    /* Whoever has just taken it has still to write who he is. */
    for (i = 0; i < WRITE_WAITS && !pid[0] && is_locked(fd); i++) {
        if (i > 0)
            nanosleep(&rest, NULL);
        what = read_holder(fd, pid);
    }
    close(fd);
    /* A restore or an import holds it, too. */
    if ((what && strcmp(what, "daemon") != 0) || num_int(slice_of(pid), 1, INT32_MAX, &number))
        return 0;
    return number;
}
