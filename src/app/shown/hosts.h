/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_SHOWN_HOSTS_H
#define APP_SHOWN_HOSTS_H

#include <stdint.h>

#include "base/slice.h"
#include "net/loop.h"
#include "net/worker.h"

/*
 * The addresses of the panel's own nodes, which are nobody's devices: names are looked up in the worker,
 * one at a time, so that what else waits for the worker is not behind all of them; again every hour, and
 * after a minute where it failed. An address once known stays until the name tells another: a resolver
 * that fails must not turn a relay into a device of everyone behind it. Loop thread.
 */
struct hosts;

typedef void (*hosts_fn)(void *arg);

/* changed is called, later, when the list is another one. NULL: out of memory. Borrows the rest. */
struct hosts *hosts_new(struct loop *loop, struct worker *worker, hosts_fn changed, void *arg);
/* A look-up under way is dropped when it ends. NULL is fine. */
void hosts_free(struct hosts *h);
/* A node's host, as the panel has it: a name or an address. Looked up when it is new or another one. */
void hosts_set(struct hosts *h, int64_t node_id, const char *host);
/* The node is no more. */
void hosts_remove(struct hosts *h, int64_t node_id);
/* Looks up anew what is due; to be called now and then. */
void hosts_look(struct hosts *h);
/* All addresses, separated by commas; valid until the next turn. */
struct slice hosts_list(const struct hosts *h);

#endif
