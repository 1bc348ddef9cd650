/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_OWNER_H
#define STORE_OWNER_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "store/db.h"

/*
 * The one thread that owns the database in the daemon. Jobs are run in the order of their submission;
 * what they answer comes back on the caller's thread. Waiting jobs of kind OWNER_WRITE share one
 * transaction (LIMIT_STORE_BATCH at most); one that fails is undone alone.
 */
struct owner;

/*
 * A job, on the owner's thread, inside a transaction: 0, or a code with err filled, which undoes what
 * it wrote. It may be run a second time when the common transaction was lost, so it must set its
 * results in arg, never add to them.
 */
typedef int (*owner_fn)(struct db *db, void *arg, struct err *err);
/*
 * The end of a job, on the thread that `post` runs things on. rc 0: committed. Otherwise nothing of
 * the job is in the database, and err says why. Called exactly once for every accepted job.
 */
typedef void (*owner_done_fn)(void *arg, int rc, const struct err *err);
/* Makes the loop's thread call fn(arg) soon. Called from the owner's thread; must not fail or block. */
typedef void (*owner_post_fn)(void *ctx, void (*fn)(void *arg), void *arg);

enum owner_kind {
    OWNER_READ,    /* reads only: works as long as the file can be read */
    OWNER_WRITE,   /* committed with the jobs around it; survives the death of the process */
    OWNER_DURABLE, /* committed alone, on the disk before done is called: the journal */
    /*
     * Run alone, outside of any transaction. When it succeeds it is the last one: every other job is then
     * ERR_CANCELLED, since the database is no longer the one that it was meant for.
     */
    OWNER_LAST,
};

/*
 * owner_submit as others are given it, so that tests and a CLI without a daemon can put something
 * else in its place (owner_submit_here). ctx is then the struct owner.
 */
typedef int (*owner_submit_fn)(void *ctx, enum owner_kind kind, owner_fn fn, owner_done_fn done,
                               void *arg);

/* Starts the thread. The owner closes db in the end, also when this fails. ERR_NOMEM, ERR_IO. */
int owner_new(struct db *db, owner_post_fn post, void *post_ctx, struct owner **ret_owner,
              struct err *err) MUST_CHECK;
/*
 * Queues a job; done may be NULL. arg belongs to the job until done was called. ERR_TOO_BIG:
 * LIMIT_STORE_QUEUE jobs are waiting; ERR_CANCELLED: being stopped; ERR_NOMEM. On an error done is
 * not called.
 */
int owner_submit(void *owner, enum owner_kind kind, owner_fn fn, owner_done_fn done,
                 void *arg) MUST_CHECK;
/* Waits until every job submitted before is committed or has failed (their done may still be posted). */
void owner_flush(struct owner *o);
/* Jobs waiting or running, for the status page. */
size_t owner_waiting(struct owner *o);
/*
 * Runs what is queued, ends the thread, closes the database, and calls every outstanding done before
 * it returns. On the loop's thread. owner_submit gives ERR_CANCELLED from then on: what ends later, as a
 * job of the worker does, may still ask. Twice is as good as once.
 */
void owner_stop(struct owner *o);
/* owner_stop, if that is still to be done; frees o (as soon as a delivery posted earlier has come in). */
void owner_free(struct owner *o);

/* The same as owner_submit without a thread: runs the job at once on ctx, a struct db, and calls done. */
int owner_submit_here(void *db, enum owner_kind kind, owner_fn fn, owner_done_fn done,
                      void *arg) MUST_CHECK;

#endif
