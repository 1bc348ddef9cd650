/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/replay/linein.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/banned.h"

enum { BUFFER = 4 * LIMIT_LINE };

int linein_open(struct linein *in, const char *path, struct err *err)
{
    *in = (struct linein){.fd = STDIN_FILENO};
    if (strcmp(path, "-") != 0) {
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (in->fd < 0)
            return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                           strerror(errno));
    }
    in->p = malloc(BUFFER);
    if (!in->p) {
        linein_close(in);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    return ERR_OK;
}

void linein_close(struct linein *in)
{
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    free(in->p);
    *in = (struct linein){0};
}

/* Reads more behind what is there, moving it to the front first. ERR_IO, or 0. */
static int fill(struct linein *in)
{
    ssize_t n;

    memmove(in->p, in->p + in->from, in->to - in->from);
    in->to -= in->from;
    in->from = 0;
    do {
        n = read(in->fd, in->p + in->to, BUFFER - in->to);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_IO;
    if (n == 0)
        in->end = true;
    in->to += (size_t)n;
    return ERR_OK;
}

/* Gives out n bytes from the front and drops them and `drop` more. */
static int give(struct linein *in, size_t n, size_t drop, struct slice *ret_line)
{
    *ret_line = (struct slice){in->p + in->from, n};
    in->from += n + drop;
    return 1;
}

int linein_next(struct linein *in, struct slice *ret_line)
{
    for (;;) {
        size_t have = in->to - in->from;
        const char *lf = have ? memchr(in->p + in->from, '\n', have) : NULL;
        size_t len = lf ? (size_t)(lf - (in->p + in->from)) : have;

        if (in->skipping) {
            in->from += lf ? len + 1 : len;
            in->skipping = !lf && !in->end;
        } else if (len > LIMIT_LINE) {
            in->skipping = !lf;
            return lf ? give(in, LIMIT_LINE + 1, len - LIMIT_LINE, ret_line)
                      : give(in, LIMIT_LINE + 1, have - LIMIT_LINE - 1, ret_line);
        } else if (lf) {
            return give(in, len, 1, ret_line);
        } else if (in->end) {
            return have ? give(in, have, 0, ret_line) : 0;
        }
        if (!in->end && in->to - in->from < BUFFER && (in->skipping || !lf)) {
            int rc = fill(in);

            if (rc)
                return rc;
        }
    }
}
