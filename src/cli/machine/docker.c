/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/machine/docker.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

enum { FDS_MAX = 16 };

/* Where the old program keeps what: its working folder, and the volume with the database. */
static const struct {
    const char *from, *to;
} places[] = {
    {"/app/.disable_users.json", ".disable_users.json"},
    {"/app/.user_groups_backup.json", ".user_groups_backup.json"},
    {"/app/.violation_history.json", ".violation_history.json"},
    {"/app/config.json", "config.json"},
    {"/app/.env", ".env"},
    {"/app/data", "app-data"},
    {"/var/lib/pg-limiter/data", "data"},
};

/* The last line of what it said. */
static void last_line(int fd, char *out, size_t max)
{
    ssize_t n, total = 0;
    char *at;

    while (total < (ssize_t)max - 1 && (n = read(fd, out + total, max - 1 - (size_t)total)) > 0)
        total += n;
    out[total] = '\0';
    while (total > 0 && (out[total - 1] == '\n' || out[total - 1] == '\r'))
        out[--total] = '\0';
    at = strrchr(out, '\n');
    if (at)
        memmove(out, at + 1, strlen(at));
}

/* Whether docker (or podman) says that only the file is not there. */
static bool is_missing_file(const char *said)
{
    static const char *const words[] = {"Could not find the file", "No such container:path",
                                        "no such file or directory",
                                        "could not be found on container"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(said, words[i]))
            return true;
    return false;
}

/* 0: copied; ERR_NOT_FOUND: the container has no such file; ERR_IO: docker says no, and what. */
static int copy_one(const char *container, const char *from, const char *to, char *said, size_t max,
                    struct err *err)
{
    char source[256], *argv[] = {"docker", "cp", source, NULL, NULL};
    posix_spawn_file_actions_t fa;
    int pipes[2], status = 0, rc;
    pid_t pid;

    snprintf(source, sizeof(source), "%s:%s", container, from);
    argv[3] = (char *)(uintptr_t)to;
    if (pipe2(pipes, O_CLOEXEC))
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, pipes[1], 1);
    posix_spawn_file_actions_adddup2(&fa, pipes[1], 2);
    rc = posix_spawnp(&pid, "docker", &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(pipes[1]);
    if (rc) {
        close(pipes[0]);
        return err_set(err, rc == ENOENT ? ERR_UNREACHABLE : ERR_IO,
                       rc == ENOENT
                           ? "docker is not installed here: copy the files out of the container "
                             "yourself, and name their folder"
                           : "docker cannot be started");
    }
    last_line(pipes[0], said, max);
    close(pipes[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ERR_OK;
    if (is_missing_file(said))
        return ERR_NOT_FOUND;
    /* One file that is there and does not come may be the list of everybody who is disabled. */
    return err_set(err, ERR_IO,
                   "%s could not be copied out of container %s, so nothing is imported: %.300s",
                   from, container, said[0] ? said : "docker gave no reason");
}

static bool is_name(const char *s)
{
    return s[0] && s[0] != '-' && strlen(s) < 128 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
               strlen(s);
}

int docker_copy(const char *container, char *ret_folder, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char folder[PATH_MAX], to[PATH_MAX], said[512] = "";
    size_t i, copied = 0;
    int rc = ERR_OK;

    if (!is_name(container))
        return err_set(err, ERR_INVALID, "%.64s is no name of a container", container);
    if (snprintf(folder, sizeof(folder), "%s/pg-limiter-docker-XXXXXX",
                 tmp && tmp[0] ? tmp : "/tmp") >= (int)sizeof(folder) ||
        !mkdtemp(folder))
        return err_set(err, ERR_IO, "no folder for copies: %s", strerror(errno));
    for (i = 0; i < ARRAY_LEN(places); i++) {
        if (snprintf(to, sizeof(to), "%s/%s", folder, places[i].to) >= (int)sizeof(to))
            continue;
        rc = copy_one(container, places[i].from, to, said, sizeof(said), err);
        if (rc && rc != ERR_NOT_FOUND)
            break;
        copied += rc == ERR_OK;
    }
    if (rc && rc != ERR_NOT_FOUND) {
        docker_drop(folder);
        return rc;
    }
    if (copied == 0) {
        docker_drop(folder);
        return err_set(err, ERR_NOT_FOUND,
                       "container %s has none of the old program's files: is it the right one?",
                       container);
    }
    snprintf(ret_folder, PATH_MAX, "%s", folder);
    return ERR_OK;
}

static int drop_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

void docker_drop(const char *folder)
{
    if (nftw(folder, drop_one, FDS_MAX, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "pg-limiter: copies are left in %s: %s\n", folder, strerror(errno));
}
