/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/hist.h"

/*
 * The event loop of the one loop thread, on libevent; only src/net includes event2/. A turn is: wait
 * for something to be ready, read the clocks once, call what is ready, then what was deferred.
 * Everything here except loop_post and loop_post_task is for the loop thread alone.
 */
struct loop;
struct loop_timer;
struct loop_fd;
struct loop_signal;

typedef void (*loop_fn)(void *arg);
/* what is LOOP_READ, LOOP_WRITE or both. */
typedef void (*loop_fd_fn)(void *arg, int fd, int what);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* Makes a loop. ERR_NOMEM, ERR_IO. Free after everything made on it. */
int loop_new(struct loop **ret_loop) MUST_CHECK;
/* Frees the loop; posted and deferred calls not yet made are dropped. NULL is allowed. */
void loop_free(struct loop *loop);

/* Runs turns until loop_stop. */
void loop_run(struct loop *loop);
/* Ends loop_run after the present turn; called before loop_run it ends the first turn. */
void loop_stop(struct loop *loop);
/* One turn: waits at most wait_us (0: not at all) for something to be ready. For tests and shutdown. */
void loop_turn(struct loop *loop, int64_t wait_us);

/* Monotonic microseconds as read in this turn (scaled under PG_TEST_CLOCK). */
int64_t loop_mono_us(const struct loop *loop);
/* The same never scaled: for what the network does. */
int64_t loop_real_us(const struct loop *loop);
/* Microseconds since 1970 UTC as read in this turn (scaled under PG_TEST_CLOCK). */
int64_t loop_wall_us(const struct loop *loop);
/* 64 random bits, not for secrets. */
uint64_t loop_random(struct loop *loop);
/* us moved at random by up to percent of it in either direction. */
int64_t loop_jitter(struct loop *loop, int64_t us, unsigned percent);

/* The unscaled monotonic clock as it is now, not as read in this turn: to measure how long work takes. */
int64_t loop_clock_us(void);
/* How long the turns were, waiting left out. */
struct loop_load {
    struct hist turns; /* by the clock */
    struct hist cpu;   /* processor time of this thread; the rest, the machine ran something else */
};
/* The turns so far; valid as long as the loop. */
const struct loop_load *loop_load(const struct loop *loop);

/* Makes an unarmed timer. ERR_NOMEM. */
int loop_timer_new(struct loop *loop, loop_fn fn, void *arg, struct loop_timer **ret_t) MUST_CHECK;
/* Calls fn once, delay_us from now (negative is 0), never inside this call. Replaces what was set. */
void loop_timer_set(struct loop_timer *t, int64_t delay_us);
/* As loop_timer_set, in real time whatever the scale of a test clock: for the network. */
void loop_timer_set_real(struct loop_timer *t, int64_t delay_us);
/* Calls fn every period_us from now on, without catching up on missed ones. */
void loop_timer_every(struct loop_timer *t, int64_t period_us);
/* Disarms; fn is not called until it is set again. */
void loop_timer_stop(struct loop_timer *t);
/* Whether a call of fn is due. */
bool loop_timer_armed(const struct loop_timer *t);
/* Disarms and frees; allowed inside fn. NULL is allowed. */
void loop_timer_free(struct loop_timer *t);

/* Watches fd, which stays the caller's; wants nothing at first. ERR_NOMEM. */
int loop_fd_new(struct loop *loop, int fd, loop_fd_fn fn, void *arg,
                struct loop_fd **ret_f) MUST_CHECK;
/* Asks for LOOP_READ and/or LOOP_WRITE from now on (level triggered), or 0 for neither. */
void loop_fd_want(struct loop_fd *f, int what);
/* Stops watching and frees; call before closing the descriptor. NULL is allowed. */
void loop_fd_free(struct loop_fd *f);

/* Calls fn on the loop for every signal signo. ERR_NOMEM. */
int loop_signal_new(struct loop *loop, int signo, loop_fn fn, void *arg,
                    struct loop_signal **ret_s) MUST_CHECK;
void loop_signal_free(struct loop_signal *s);

/* A call to be made on the loop; embed it where memory must not be asked for at the time of posting. */
struct loop_task {
    struct loop_task *next;
    loop_fn fn;
    void *arg;
};

/* Calls fn(arg) on the loop thread. From any thread. ERR_NOMEM: it will not be called. */
int loop_post(struct loop *loop, loop_fn fn, void *arg) MUST_CHECK;
/* As loop_post without failing; task must live until its fn is called, and be posted once at a time. */
void loop_post_task(struct loop *loop, struct loop_task *task);
/* Takes a task that may be posted back: its fn is not called for that any more. O(posted). */
void loop_unpost_task(struct loop *loop, struct loop_task *task);

/*
 * Calls fn(arg) at the end of this turn. What a deferred call defers comes in the next turn, which
 * then does not wait. ERR_NOMEM: it will not be called.
 */
int loop_defer(struct loop *loop, loop_fn fn, void *arg) MUST_CHECK;
/* Drops every deferred call of fn with arg. */
void loop_defer_cancel(struct loop *loop, loop_fn fn, void *arg);

#endif
