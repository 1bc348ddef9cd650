/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_MACHINE_DOCKER_H
#define CLI_MACHINE_DOCKER_H

#include "base/attr.h"
#include "base/err.h"

/*
 * Copies the state files of the old program out of its container with `docker cp` into a new folder (0700)
 * under $TMPDIR, whose path (PATH_MAX) goes into ret_folder; give it to docker_drop. The container is only
 * read. ERR_NOT_FOUND: no docker here, no such container, or none of the files; ERR_INVALID, ERR_IO.
 */
int docker_copy(const char *container, char *ret_folder, struct err *err) MUST_CHECK;
/* Removes the folder and all in it. */
void docker_drop(const char *folder);

#endif
