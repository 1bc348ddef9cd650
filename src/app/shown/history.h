/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_SHOWN_HISTORY_H
#define APP_SHOWN_HISTORY_H

#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "core/line/scan.h"
#include "store/owner.h"

/*
 * The addresses users come from, gathered in memory and written to ip_history in batches. Bounded: past
 * LIMIT_HISTORY_PENDING different ones between two flushes the rest is counted, not kept. Loop thread.
 */
struct history;

/* ERR through NULL: out of memory. owner is borrowed and must outlive the history. */
struct history *history_new(struct owner *owner, struct hash_key key);
/* Frees what was not flushed. NULL is fine. */
void history_free(struct history *h);
/* A counted line. O(1). */
void history_add(struct history *h, int64_t node_id, const struct record *rec, int64_t now_us);
/* The name of who runs an address, empty = unknown; valid until the next call. */
typedef struct slice (*history_isp_fn)(void *arg, struct addr addr);
/* Asks fn for each address when it is written; at most 20,000 at a time, which takes some milliseconds. */
void history_set_isp(struct history *h, history_isp_fn fn, void *arg);
/* Hands what was gathered to the database. */
void history_flush(struct history *h);
/* Lines left out for want of room since the start. */
uint64_t history_left_out(const struct history *h);

#endif
