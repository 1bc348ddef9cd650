/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DIRLOCK_H
#define STORE_DIRLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/*
 * Whose a DATA_DIR is at the moment: the daemon's for all of its life, since two on one database would undo
 * each other's work; or that of a command which without a daemon changes what a daemon reads at its start
 * only (restore, import). So none of them begins while another is at it. A lock of the kernel on
 * DATA_DIR/run/lock: it ends with the process.
 */

/*
 * Takes it, making DATA_DIR/run (0700) when it is missing; close(*ret_fd) gives it back. what, one word, says
 * for others what the process does: "daemon", "restore", "import". ERR_EXISTS: a daemon has it, and which;
 * ERR_BUSY: a command has it; ERR_IO.
 */
int dirlock_take(const char *data_dir, const char *what, int *ret_fd, struct err *err) MUST_CHECK;
/*
 * Whether fd, of dirlock_take(), is still the lock of this DATA_DIR: its file may have been removed.
 * -1: no.
 */
bool dirlock_is_held(const char *data_dir, int fd);
/*
 * The process of the daemon that has it; 0: no daemon has, or it cannot be known, as where the file is not
 * ours to read. There is no moment in which nobody else could take it: the kernel is asked for that one lock
 * (F_OFD_GETLK, fcntl(2)).
 */
int64_t dirlock_daemon(const char *data_dir);

#endif
