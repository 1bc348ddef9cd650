/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "base/attr.h"
#include "net/loop.h"

/*
 * The one thread for heavy or blocking work: names, big JSON, archives. Jobs run one after another in
 * the order given. All functions are for the loop thread.
 */
struct worker;

/* Runs on the worker's thread: touches nothing but arg. */
typedef void (*worker_job_fn)(void *arg);
/* Runs on the loop after the job: rc 0, or ERR_CANCELLED when the job was never begun. Frees arg. */
typedef void (*worker_done_fn)(void *arg, int rc);

/* Starts the thread. At most max_jobs wait at a time. ERR_NOMEM, ERR_IO. */
int worker_new(struct loop *loop, unsigned max_jobs, struct worker **ret_worker) MUST_CHECK;
/*
 * Hands a job over; done is called exactly once. ERR_BUSY (too many wait), ERR_NOMEM: done will not
 * be called and arg stays the caller's.
 */
int worker_submit(struct worker *w, worker_job_fn job, worker_done_fn done, void *arg) MUST_CHECK;
/*
 * Ends the thread and calls done for whatever has not been told yet. A job that does not end within
 * a second (a name server that does not answer) is abandoned with its memory: for the end of the process.
 * NULL is allowed.
 */
void worker_free(struct worker *w);

#endif
