/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_RECORDER_H
#define APP_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "panel/online_list.h"

/*
 * `run --record DIR`: writes what the streams bring as recordings that replay reads: one file a node,
 * DIR/node-<id>.log, lines `@<arrival, unix µs> <line as sent>` and `@<µs> #open|#close`; readings of the
 * online list in DIR/online.log, as cli/replay_online.h reads them. A file that
 * reaches 64 MiB is set aside as .1, at most 4 of them are kept: 320 MiB a node at the most. Lines are
 * customers' addresses: directory 0700, files 0600. Loop thread.
 */
struct recorder;

/* Makes DIR when it is missing. ERR_IO with the reason, ERR_NOMEM. */
int recorder_new(const char *dir, struct recorder **ret_recorder, struct err *err) MUST_CHECK;
/* Writes out what is buffered and closes. NULL is fine. */
void recorder_free(struct recorder *r);
/*
 * One line of a node, at now_us, or some µs later where several nodes had lines at once: then replay takes
 * them in the same order. A file that cannot be written is told once in the log and given up.
 */
void recorder_write(struct recorder *r, int64_t node_id, int64_t now_us, struct slice line);
/* A reading of the user's online list, as it came at now_us. */
void recorder_reading(struct recorder *r, int64_t user_id, const struct online_list *list,
                      int64_t now_us);
/* A stream of the node was opened, or closed. */
void recorder_mark(struct recorder *r, int64_t node_id, int64_t now_us, bool open);
/* Writes out what is buffered; to be called about once a second. */
void recorder_flush(struct recorder *r);

#endif
