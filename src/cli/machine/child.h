/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_MACHINE_CHILD_H
#define CLI_MACHINE_CHILD_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Running other programs, without a shell: arguments are never taken apart. */

enum child_output {
    CHILD_SHOW, /* its output goes where ours goes */
    CHILD_HIDE,
};

/*
 * Runs argv[0] (looked for in PATH) with our standard input and waits for its end. With ret_out
 * (initialised) what it writes to standard output goes there instead, as far as it has room.
 * Returns its exit code (128 + signal when one ended it), ERR_NOT_FOUND when there is no such
 * program, or ERR_IO.
 */
int child_run(char *const *argv, enum child_output output, struct buf *ret_out, struct err *err);
/* The same for this very program, with arguments after its name (NULL-terminated, 12 at most). */
int child_self(const char *const *args, enum child_output output, struct buf *ret_out,
               struct err *err);
/* Whether a program of that name is in PATH. */
bool child_has(const char *name);

#endif
