/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_REPLAY_REPLAY_ONLINE_H
#define CLI_REPLAY_REPLAY_ONLINE_H

#include "base/attr.h"
#include "base/slice.h"
#include "core/engine.h"

/*
 * A reading of the online list in a recording (app/recorder.h):
 *
 *     #online <user id> <node id>:[<address>=<unix s>[,<address>=<unix s>]…] …
 *
 * with the nodes that answered, by their ids at the panel, as the files node-<id>.log are theirs.
 */

/* Whether a line of a recording, without its time, is one. */
bool replay_online_is(struct slice line);
/* Feeds it. ERR_INVALID: not of this form, nothing was fed. ERR_NOMEM, ERR_TOO_BIG. */
int replay_online_feed(struct engine *e, struct slice line, int64_t now_us) MUST_CHECK;
/* The node id in a file's name "…/node-<id>.log" or "…/node-<id>.log.<n>", 0 for other names. */
int64_t replay_online_node(const char *path);

#endif
