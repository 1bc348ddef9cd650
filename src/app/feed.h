/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_FEED_H
#define APP_FEED_H

#include <stdint.h>

#include "app/shown/history.h"
#include "app/recorder.h"
#include "core/engine.h"

/*
 * From the bytes of the log streams to the engine: one SSE reader a stream, since at a refresh two
 * streams of a node are open at once and each cuts its lines where it likes. Loop thread.
 */
struct feed;

/* A counted line named a user whose name is not known. */
typedef void (*feed_unknown_fn)(void *arg, int64_t id);

/* Feeds engine; history and recorder may be NULL. NULL when out of memory. Borrows all three. */
struct feed *feed_new(struct engine *engine, struct history *history, struct recorder *recorder,
                      feed_unknown_fn unknown, void *arg);
/* Frees the readers. NULL is fine. */
void feed_free(struct feed *f);

/* A stream of a node was opened (answered 200). stream is a number no other open stream has. */
void feed_open(struct feed *f, int64_t node_id, uint64_t stream, int64_t now_us);
/* Bytes of an open stream that arrived at now_us. */
void feed_bytes(struct feed *f, uint64_t stream, struct slice bytes, int64_t now_us);
/* The stream has ended; what it began is dropped. Harmless when it is not open. */
void feed_close(struct feed *f, uint64_t stream, int64_t now_us);

#endif
