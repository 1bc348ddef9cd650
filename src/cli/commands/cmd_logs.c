/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/machine/manage.h"
#include "cli/machine/child.h"
#include "base/banned.h"

/* logs: the end of a log file, and what comes. */

enum { LINES_MOST = 100000, LINES = 50, CHUNK = 65536, LOOK_MS = 250, LINE_MAX_BYTES = 1 << 17 };

struct tail {
    char path[PATH_MAX];
    int fd;
    off_t at;
    ino_t ino;
    struct buf line; /* the beginning of one that is not whole yet */
};

static void print_line(struct slice line)
{
    struct buf b;

    /* What was written is escaped; who else can write there is not to reach the terminal either. */
    buf_init(&b, (size_t)8 * LINE_MAX_BYTES);
    buf_add_escaped(&b, line);
    puts(buf_str(&b));
    buf_release(&b);
}

static void take(struct tail *t, struct slice bytes)
{
    while (bytes.n) {
        const char *end = memchr(bytes.p, '\n', bytes.n);
        size_t n = end ? (size_t)(end - bytes.p) : bytes.n;

        if (buf_add(&t->line, bytes.p, n))
            buf_clear(&t->line); /* no line of ours is so long */
        if (!end)
            return;
        print_line(buf_slice(&t->line));
        buf_clear(&t->line);
        bytes = slice_skip(bytes, n + 1);
    }
}

static void read_on(struct tail *t)
{
    char chunk[CHUNK];
    ssize_t n;

    while ((n = pread(t->fd, chunk, sizeof(chunk), t->at)) > 0) {
        take(t, (struct slice){chunk, (size_t)n});
        t->at += n;
    }
}

/* Where the last `lines` lines begin. */
static off_t begin_of(int fd, off_t size, int64_t lines)
{
    char chunk[CHUNK];
    off_t at = size;

    while (at > 0) {
        size_t n = at > CHUNK ? CHUNK : (size_t)at, i;

        if (pread(fd, chunk, n, at - (off_t)n) != (ssize_t)n)
            return at;
        for (i = n; i > 0; i--)
            /* The end of the last line begins none. */
            if (chunk[i - 1] == '\n' && at - (off_t)(n - i) != size && lines-- == 1)
                return at - (off_t)(n - i);
        at -= (off_t)n;
    }
    return 0;
}

static bool open_tail(struct tail *t)
{
    struct stat st;

    t->fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0)
        return false;
    if (fstat(t->fd, &st) == 0)
        t->ino = st.st_ino;
    t->at = 0;
    return true;
}

/* The file may be rotated, truncated or gone meanwhile: what it was is read to its end first. */
static void look_again(struct tail *t)
{
    struct stat st;

    if (t->fd >= 0)
        read_on(t);
    if (stat(t->path, &st))
        return;
    if (t->fd >= 0 && st.st_ino == t->ino) {
        if (st.st_size < t->at)
            t->at = 0;
        return;
    }
    if (t->fd >= 0)
        close(t->fd);
    buf_clear(&t->line);
    if (open_tail(t))
        read_on(t);
}

static int follow(struct tail *t)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = 0};

    for (;;) {
        if (fflush(stdout) != 0)
            return CLI_OK;
        /* Ends with its reader, too: `logs | head`. */
        if (poll(&p, 1, LOOK_MS) > 0 && p.revents & (POLLERR | POLLNVAL))
            return CLI_OK;
        look_again(t);
    }
}

/* There is no file: what the service's manager has kept. */
static int from_manager(const struct service *s, int64_t lines, bool on)
{
    static char journalctl[] = "journalctl", u[] = "-u", unit[] = SERVICE_UNIT, n[] = "-n",
                no_pager[] = "--no-pager", f[] = "-f";
    char count[24];
    char *argv[] = {journalctl, u, unit, n, count, no_pager, on ? f : NULL, NULL};
    const char *words[] = {"logs",          "--tail", count, on ? "-f" : "--no-color",
                           SERVICE_COMPOSE, NULL};
    struct err err;
    int rc;

    snprintf(count, sizeof(count), "%lld", (long long)lines);
    rc = s->kind == SERVICE_SYSTEMD ? child_run(argv, CHILD_SHOW, NULL, &err)
                                    : service_compose(s, words, &err);
    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    return rc ? CLI_FAILED : CLI_OK;
}

int cmd_logs(struct cli *cli)
{
    bool api = cli->opt[OPT_API], bot = cli->opt[OPT_TELEGRAM], on = !cli->opt[OPT_NO_FOLLOW];
    struct tail t = {.fd = -1};
    struct service s;
    int64_t lines;
    off_t size;
    int rc = cli_number(cli, OPT_LINES, 0, LINES_MOST, LINES, &lines);

    if (!rc && api && bot)
        rc = cli_fail(CLI_USAGE, "--api and --telegram are two files: one at a time");
    if (!rc)
        rc = manage_find(cli, &s);
    if (rc)
        return rc;
    snprintf(t.path, sizeof(t.path), "%.4000s/%s", s.log_dir,
             api   ? "api.log"
             : bot ? "telegram.log"
                   : "limiter.log");
    if (!open_tail(&t)) {
        if (!api && !bot && errno == ENOENT &&
            (s.kind == SERVICE_SYSTEMD || s.kind == SERVICE_DOCKER))
            return from_manager(&s, lines, on);
        return cli_fail(CLI_FAILED, "%s: %s%s", t.path, strerror(errno),
                        errno == EACCES   ? " (use sudo)"
                        : errno == ENOENT ? " (nothing was written there yet)"
                                          : "");
    }
    buf_init(&t.line, LINE_MAX_BYTES);
    size = lseek(t.fd, 0, SEEK_END);
    t.at = lines ? begin_of(t.fd, size, lines) : size;
    read_on(&t);
    rc = on ? follow(&t) : CLI_OK;
    buf_release(&t.line);
    close(t.fd);
    return rc;
}
