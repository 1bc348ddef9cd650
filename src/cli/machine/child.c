/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/machine/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

enum { ARGS_MOST = 12 };

static void take_output(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        /* What has no room is read all the same: a full pipe would hold the program up. */
        if (buf_add(out, chunk, (size_t)n))
            continue;
    }
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return ERR_IO;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(char *const *argv, enum child_output output, struct buf *ret_out, struct err *err)
{
    posix_spawn_file_actions_t fa;
    int pipes[2] = {-1, -1}, rc;
    pid_t pid;

    if (ret_out && pipe2(pipes, O_CLOEXEC))
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    fflush(stdout);
    posix_spawn_file_actions_init(&fa);
    if (ret_out)
        posix_spawn_file_actions_adddup2(&fa, pipes[1], 1);
    else if (output == CHILD_HIDE)
        posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    if (output == CHILD_HIDE)
        posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
    rc = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    if (ret_out)
        close(pipes[1]);
    if (!rc && ret_out)
        take_output(pipes[0], ret_out);
    if (ret_out)
        close(pipes[0]);
    if (rc)
        return err_set(err, rc == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be started: %s",
                       argv[0], strerror(rc));
    return wait_for(pid);
}

int child_self(const char *const *args, enum child_output output, struct buf *ret_out,
               struct err *err)
{
    static char self[] = "/proc/self/exe";
    char *argv[ARGS_MOST + 2] = {self};
    int i;

    for (i = 0; i < ARGS_MOST && args[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)args[i];
    return child_run(argv, output, ret_out, err);
}

bool child_has(const char *name)
{
    const char *path = getenv("PATH");
    struct slice rest = slice_of(path ? path : "/usr/bin:/bin");
    char full[PATH_MAX];

    while (rest.p) {
        struct slice dir = slice_cut(&rest, ':');

        snprintf(full, sizeof(full), "%.*s/%s", (int)dir.n, dir.p, name);
        if (dir.n && access(full, X_OK) == 0)
            return true;
    }
    return false;
}
