/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/banned.h"

enum { END_WAIT_S = 1 };

struct job {
    struct job *next;
    worker_job_fn fn;
    worker_done_fn done;
    void *arg;
};

struct worker {
    struct loop *loop;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t more;
    struct job *todo, **todo_tail;
    struct job *ended, **ended_tail;
    unsigned n, max;
    struct loop_task told;
    bool told_posted;
    bool stop;
    bool exited;
    bool abandoned; /* the owner went without waiting: the thread frees the worker */
};

static void destroy(struct worker *w)
{
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct job *job;
    bool abandoned;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->todo && !w->stop)
            pthread_cond_wait(&w->more, &w->lock);
        if (w->stop)
            break;
        job = w->todo;
        w->todo = job->next;
        if (!w->todo)
            w->todo_tail = &w->todo;
        pthread_mutex_unlock(&w->lock);
        job->fn(job->arg);
        pthread_mutex_lock(&w->lock);
        job->next = NULL;
        *w->ended_tail = job;
        w->ended_tail = &job->next;
        if (!w->told_posted && !w->abandoned) {
            w->told_posted = true;
            loop_post_task(w->loop, &w->told);
        }
    }
    w->exited = true;
    abandoned = w->abandoned;
    pthread_mutex_unlock(&w->lock);
    if (abandoned)
        destroy(w);
    return NULL;
}

static void tell(struct job *job, int rc)
{
    struct job *next;

    for (; job; job = next) {
        next = job->next;
        job->done(job->arg, rc);
        free(job);
    }
}

static void on_told(void *arg)
{
    struct worker *w = arg;
    struct job *ended, *job;

    pthread_mutex_lock(&w->lock);
    w->told_posted = false;
    ended = w->ended;
    w->ended = NULL;
    w->ended_tail = &w->ended;
    for (job = ended; job; job = job->next)
        w->n--;
    pthread_mutex_unlock(&w->lock);
    tell(ended, ERR_OK);
}

int worker_new(struct loop *loop, unsigned max_jobs, struct worker **ret_worker)
{
    struct worker *w = calloc(1, sizeof(*w));
    sigset_t all, old;
    int rc;

    if (!w)
        return ERR_NOMEM;
    *w = (struct worker){.loop = loop, .max = max_jobs};
    w->todo_tail = &w->todo;
    w->ended_tail = &w->ended;
    w->told = (struct loop_task){.fn = on_told, .arg = w};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        destroy(w);
        return ERR_IO;
    }
    *ret_worker = w;
    return ERR_OK;
}

int worker_submit(struct worker *w, worker_job_fn fn, worker_done_fn done, void *arg)
{
    struct job *job = malloc(sizeof(*job));
    int rc = ERR_OK;

    if (!job)
        return ERR_NOMEM;
    *job = (struct job){.fn = fn, .done = done, .arg = arg};
    pthread_mutex_lock(&w->lock);
    if (w->n >= w->max) {
        rc = ERR_BUSY;
    } else {
        w->n++;
        *w->todo_tail = job;
        w->todo_tail = &job->next;
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    if (rc)
        free(job);
    return rc;
}

void worker_free(struct worker *w)
{
    struct timespec until;
    struct job *todo, *ended;
    bool late;

    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    todo = w->todo;
    w->todo = NULL;
    w->todo_tail = &w->todo;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_WAIT_S;
    late = pthread_timedjoin_np(w->thread, NULL, &until) != 0;
    pthread_mutex_lock(&w->lock);
    if (late && w->exited) {
        pthread_join(w->thread, NULL);
        late = false;
    }
    w->abandoned = late;
    if (late)
        pthread_detach(w->thread);
    ended = w->ended;
    w->ended = NULL;
    w->ended_tail = &w->ended;
    loop_unpost_task(w->loop, &w->told);
    pthread_mutex_unlock(&w->lock);
    /* An abandoned worker may be gone from here on: its thread frees it. */
    if (late)
        log_debug("loop", "a job of the worker is still running: left behind");
    tell(ended, ERR_OK);
    tell(todo, ERR_CANCELLED);
    if (!late)
        destroy(w);
}
