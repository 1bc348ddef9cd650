/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/dirlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/num.h"
#include "base/banned.h"

enum { PATH = 4200, HOLDER = 64, LOOKS = 4 };

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
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        rc = errno == EWOULDBLOCK
                 ? refuse(fd, data_dir, err)
                 : err_set(err, ERR_IO, "cannot lock %s: %s", path, strerror(errno));
        close(fd);
        return rc;
    }
    snprintf(text, sizeof(text), "%lld %s\n", (long long)getpid(), what);
    if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0)
        text[0] = '\0'; /* the lock counts, not what is written in it */
    *ret_fd = fd;
    return ERR_OK;
}

/* Whether /proc/locks has a line of a lock that is held, with want in it. */
static bool is_listed(const char *want)
{
    FILE *locks = fopen("/proc/locks", "re");
    char line[256];
    bool found = false;

    if (!locks)
        return false;
    /* "1: FLOCK  ADVISORY  WRITE 4711 08:01:123456 0 EOF"; one who waits has "->" before its kind. */
    while (!found && fgets(line, sizeof(line), locks))
        found = strstr(line, ": FLOCK ") && strstr(line, " WRITE ") && strstr(line, want);
    fclose(locks);
    return found;
}

bool dirlock_is_taken(const char *data_dir)
{
    char path[PATH], want[64];
    struct stat st;
    int looks;

    if (snprintf(path, sizeof(path), "%s/run/lock", data_dir) >= (int)sizeof(path) ||
        stat(path, &st))
        return false;
    snprintf(want, sizeof(want), " %02x:%02x:%llu ", major(st.st_dev), minor(st.st_dev),
             (unsigned long long)st.st_ino);
    /*
     * The list is read a page at a time, and moves up when other locks go meanwhile: ours may be
     * passed over.
     */
    for (looks = 0; looks < LOOKS; looks++)
        if (is_listed(want))
            return true;
    return false;
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
    char path[PATH], pid[HOLDER], *what;
    int64_t number = 0;
    int fd;

    if (!dirlock_is_taken(data_dir))
        return 0;
    snprintf(path, sizeof(path), "%s/run/lock", data_dir);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    what = read_holder(fd, pid);
    close(fd);
    /* A restore or an import holds it, too. */
    if ((what && strcmp(what, "daemon") != 0) || num_int(slice_of(pid), 1, INT32_MAX, &number))
        return 0;
    return number;
}
