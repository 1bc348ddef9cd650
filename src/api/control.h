/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_CONTROL_H
#define API_CONTROL_H

#include "base/attr.h"
#include "base/err.h"

/* The control socket DATA_DIR/run/control.sock, mode 0600, through which the CLI reaches the daemon. */

/*
 * Makes the directory (0700) and the listening socket, replacing one left by a daemon that died.
 * ERR_EXISTS: another daemon answers there. ERR_TOO_BIG: the path is longer than a socket's may be.
 * ERR_IO.
 */
int control_listen(const char *data_dir, int *ret_fd, struct err *err) MUST_CHECK;
/* Removes the socket from the directory: at the end of the daemon that made it. */
void control_remove(const char *data_dir);

#endif
