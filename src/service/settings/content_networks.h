/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_CONTENT_NETWORKS_H
#define SERVICE_CONTENT_NETWORKS_H

#include "core/address/addrset.h"

/*
 * Content networks: from their addresses come many people's devices, and one device from many of them, so
 * that they tell nothing of how many devices there are (engine.md 2).
 */

/* Adds the list built in to set (not sealed). ERR_NOMEM. */
int content_networks_builtin(struct addrset *set, struct err *err) MUST_CHECK;

/*
 * Adds what stands in the file to set (not sealed): one address or CIDR range a line, '#' begins a comment.
 * Reads the file at once: for the start, and for a change of settings. ERR_NOT_FOUND, ERR_IO, ERR_TOO_BIG
 * (1 MiB), ERR_INVALID with file and line, ERR_NOMEM; set may then hold a part.
 */
int content_networks_file(struct addrset *set, const char *path, struct err *err) MUST_CHECK;

#endif
