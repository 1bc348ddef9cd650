/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"
#include "base/banned.h"

void notify_say(const char *fmt, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    char text[1024];
    va_list ap;
    int fd, len;

    if (n == 0 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len < 0 || (size_t)len >= sizeof(text))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* There is nobody to tell that this failed: the manager's own watchdog acts when it hears nothing. */
    if (sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (const struct sockaddr *)&to,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        len = 0;
    close(fd);
}

int64_t notify_watchdog_us(void)
{
    const char *pid_text = getenv("WATCHDOG_PID");
    int64_t us, pid;

    if (pid_text && (num_int(slice_of(pid_text), 1, INT32_MAX, &pid) || pid != getpid()))
        return 0;
    return num_int(slice_of(getenv("WATCHDOG_USEC")), 1, INT64_MAX, &us) ? 0 : us;
}
