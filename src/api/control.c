/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/banned.h"

enum { BACKLOG = 64 };

static int make_address(const char *data_dir, struct sockaddr_un *ret, struct err *err)
{
    int n;

    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/run/control.sock", data_dir);
    if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
        return err_set(
            err, ERR_TOO_BIG,
            "DATA_DIR %s is too long: the path of the control socket below it may have %zu "
            "bytes",
            data_dir, sizeof(ret->sun_path) - 1);
    return ERR_OK;
}

/* Whether a daemon answers there. */
static bool is_served(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return false;
    rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
    close(fd);
    return rc == 0;
}

static int make_directory(const char *data_dir, struct err *err)
{
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];

    snprintf(path, sizeof(path), "%s/run", data_dir);
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_set(err, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    return ERR_OK;
}

static int bind_private(int fd, const struct sockaddr_un *addr)
{
    /* The file is born with its mode: a chmod afterwards would leave a gap. */
    mode_t old = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

    umask(old);
    return rc;
}

int control_listen(const char *data_dir, int *ret_fd, struct err *err)
{
    struct sockaddr_un addr;
    int fd, rc = make_address(data_dir, &addr, err);

    if (!rc)
        rc = make_directory(data_dir, err);
    if (rc)
        return rc;
    if (is_served(&addr))
        return err_set(err, ERR_EXISTS,
                       "another pg-limiter runs on %s already (it answers on %s): stop it first",
                       data_dir, addr.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot make the control socket: %s", strerror(errno));
    unlink(addr.sun_path);
    if (bind_private(fd, &addr) || listen(fd, BACKLOG)) {
        rc = err_set(err, ERR_IO, "cannot listen on %s: %s", addr.sun_path, strerror(errno));
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return ERR_OK;
}

void control_remove(const char *data_dir)
{
    struct sockaddr_un addr;

    if (make_address(data_dir, &addr, NULL) == ERR_OK)
        unlink(addr.sun_path);
}
