/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_REPLAY_LINEIN_H
#define CLI_REPLAY_LINEIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Reads a file or pipe line by line with bounded memory. A line ends at \n only; one over LIMIT_LINE
 * comes cut at LIMIT_LINE + 1 bytes, which the scanner names too_long.
 */
struct linein {
    int fd;
    char *p;
    size_t from, to; /* what is read but not given out */
    bool end;        /* nothing more will come from fd */
    bool skipping;   /* the rest of an overlong line is being dropped */
};

/* Opens path ("-": standard input). ERR_NOT_FOUND, ERR_IO with the reason, ERR_NOMEM. */
int linein_open(struct linein *in, const char *path, struct err *err) MUST_CHECK;
/*
 * The next line without its \n, valid until the next call. Returns 1 with a line, 0 at the end, ERR_IO.
 */
int linein_next(struct linein *in, struct slice *ret_line) MUST_CHECK;
/* Closes the file (not standard input) and frees the memory. A zeroed struct is fine. */
void linein_close(struct linein *in);

#endif
