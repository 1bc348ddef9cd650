/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/owner.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/banned.h"

enum { STOP_LOCKS_MS = 1000 };

struct job {
    struct job *next;
    enum owner_kind kind;
    owner_fn fn;
    owner_done_fn done;
    void *arg;
    int rc;
    struct err err;
};

struct jobs {
    struct job *first, **last;
    size_t n;
};

struct owner {
    struct db *db;
    owner_post_fn post;
    void *post_ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;  /* jobs or stop for the thread */
    pthread_cond_t idle;  /* for owner_flush */
    struct jobs todo;     /* waiting */
    struct jobs finished; /* done not yet called */
    size_t running;
    bool stop;
    bool last;   /* a job of OWNER_LAST has succeeded */
    bool posted; /* deliver() is on its way */
    bool ended;  /* owner_stop has been called; of the loop's thread alone */
    bool freed;  /* owner_free has been called; deliver() frees */
};

static void jobs_init(struct jobs *q)
{
    *q = (struct jobs){.last = &q->first};
}

static void jobs_add(struct jobs *q, struct job *j)
{
    j->next = NULL;
    *q->last = j;
    q->last = &j->next;
    q->n++;
}

static struct job *jobs_take(struct jobs *q)
{
    struct job *j = q->first;

    if (!j)
        return NULL;
    q->first = j->next;
    if (!q->first)
        q->last = &q->first;
    q->n--;
    return j;
}

static void owner_destroy(struct owner *o)
{
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->wake);
    pthread_cond_destroy(&o->idle);
    free(o);
}

static void call_done(struct job *j)
{
    if (j->done)
        j->done(j->arg, j->rc, &j->err);
    free(j);
}

/* On the loop's thread. */
static void deliver(void *arg)
{
    struct owner *o = arg;
    struct job *j;

    pthread_mutex_lock(&o->lock);
    o->posted = false;
    if (o->freed) {
        pthread_mutex_unlock(&o->lock);
        owner_destroy(o);
        return;
    }
    /* Only what is here now: a done that submits again must not keep the loop's thread for ever. */
    size_t n = o->finished.n;
    while (n-- && (j = jobs_take(&o->finished))) {
        pthread_mutex_unlock(&o->lock);
        call_done(j);
        pthread_mutex_lock(&o->lock);
    }
    if (o->finished.n && !o->posted) {
        o->posted = true;
        o->post(o->post_ctx, deliver, o);
    }
    pthread_mutex_unlock(&o->lock);
}

/* With the lock held. */
static void finish(struct owner *o, struct job *j)
{
    jobs_add(&o->finished, j);
    o->running--;
    if (o->running == 0 && o->todo.n == 0)
        pthread_cond_broadcast(&o->idle);
    if (!o->posted && !o->stop) {
        o->posted = true;
        o->post(o->post_ctx, deliver, o);
    }
}

/* One job in a transaction of its own, or in none when it only reads. */
static int run_alone(struct db *db, enum owner_kind kind, owner_fn fn, void *arg, struct err *err)
{
    int rc;

    err->code = ERR_OK;
    err->text[0] = '\0';
    if (kind == OWNER_READ || kind == OWNER_LAST)
        return fn(db, arg, err);
    rc = db_begin(db, kind == OWNER_DURABLE ? DB_SYNC_FULL : DB_SYNC_NORMAL, err);
    if (rc)
        return rc;
    rc = fn(db, arg, err);
    if (kind == OWNER_DURABLE && !rc)
        FAULT_POINT("owner.durable.before_commit");
    rc = db_end(db, rc, err);
    if (kind == OWNER_DURABLE && !rc)
        FAULT_POINT("owner.durable.after_commit");
    return rc;
}

/*
 * The common transaction: each job in a part of its own. False when it was lost as a whole, so that
 * nothing of it is in the database. When it cannot be begun, all have failed: trying each one again
 * would wait for the same lock every time.
 */
static bool run_together(struct db *db, struct jobs *batch)
{
    struct job *j;
    struct err err;
    int rc = db_begin(db, DB_SYNC_NORMAL, &err);

    if (rc) {
        for (j = batch->first; j; j = j->next) {
            j->rc = rc;
            j->err = err;
        }
        return true;
    }
    for (j = batch->first; j; j = j->next) {
        j->err = (struct err){0};
        j->rc = db_begin(db, DB_SYNC_NORMAL, &j->err);
        if (!j->rc) {
            rc = j->fn(db, j->arg, &j->err);
            j->rc = db_end(db, rc, &j->err);
        }
        if (!db_in_transaction(db))
            break;
    }
    return db_end(db, ERR_OK, NULL) == ERR_OK;
}

/* With the lock held: what waits is for a database that is no more. */
static void cancel_all(struct owner *o)
{
    struct job *j;

    while ((j = jobs_take(&o->todo))) {
        j->rc = err_set(&j->err, ERR_CANCELLED, "the database was replaced");
        o->running++;
        finish(o, j);
    }
}

static void run_batch(struct owner *o, struct jobs *batch)
{
    struct job *j;

    /* Alone, so that the job at fault is the only one that fails. */
    if (batch->n == 1 || !run_together(o->db, batch))
        for (j = batch->first; j; j = j->next)
            j->rc = run_alone(o->db, j->kind, j->fn, j->arg, &j->err);
    FAULT_POINT("owner.before_done");
    pthread_mutex_lock(&o->lock);
    while ((j = jobs_take(batch))) {
        o->last = o->last || (j->kind == OWNER_LAST && !j->rc);
        finish(o, j);
    }
    if (o->last)
        cancel_all(o);
    pthread_mutex_unlock(&o->lock);
}

/* With the lock held: the next job, or the next run of OWNER_WRITE jobs. */
static void take_batch(struct owner *o, struct jobs *batch)
{
    struct job *j;

    jobs_init(batch);
    while ((j = o->todo.first)) {
        if (batch->n && (j->kind != OWNER_WRITE || batch->n >= LIMIT_STORE_BATCH))
            break;
        jobs_take(&o->todo);
        jobs_add(batch, j);
        if (j->kind != OWNER_WRITE)
            break;
    }
    o->running += batch->n;
}

static void *thread_main(void *arg)
{
    struct owner *o = arg;
    struct jobs batch;

    pthread_mutex_lock(&o->lock);
    for (;;) {
        while (o->todo.n == 0 && !o->stop)
            pthread_cond_wait(&o->wake, &o->lock);
        if (o->todo.n == 0)
            break;
        take_batch(o, &batch);
        pthread_mutex_unlock(&o->lock);
        run_batch(o, &batch);
        pthread_mutex_lock(&o->lock);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

int owner_new(struct db *db, owner_post_fn post, void *post_ctx, struct owner **ret_owner,
              struct err *err)
{
    struct owner *o = calloc(1, sizeof(*o));
    sigset_t all, old;
    int rc;

    if (!o) {
        db_close(db);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    o->db = db;
    o->post = post;
    o->post_ctx = post_ctx;
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->wake, NULL);
    pthread_cond_init(&o->idle, NULL);
    jobs_init(&o->todo);
    jobs_init(&o->finished);
    /* Signals are the loop's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&o->thread, NULL, thread_main, o);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc) {
        db_close(db);
        owner_destroy(o);
        return err_set(err, ERR_IO, "cannot start the thread of the database: %s", strerror(rc));
    }
    *ret_owner = o;
    return ERR_OK;
}

int owner_submit(void *owner, enum owner_kind kind, owner_fn fn, owner_done_fn done, void *arg)
{
    struct owner *o = owner;
    struct job *j = calloc(1, sizeof(*j));
    int rc = ERR_OK;

    if (!j)
        return ERR_NOMEM;
    *j = (struct job){.kind = kind, .fn = fn, .done = done, .arg = arg};
    pthread_mutex_lock(&o->lock);
    if (o->stop || o->last)
        rc = ERR_CANCELLED;
    else if (o->todo.n >= LIMIT_STORE_QUEUE)
        rc = ERR_TOO_BIG;
    else
        jobs_add(&o->todo, j);
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    if (rc)
        free(j);
    return rc;
}

void owner_flush(struct owner *o)
{
    pthread_mutex_lock(&o->lock);
    while (o->todo.n || o->running)
        pthread_cond_wait(&o->idle, &o->lock);
    pthread_mutex_unlock(&o->lock);
}

size_t owner_waiting(struct owner *o)
{
    size_t n;

    pthread_mutex_lock(&o->lock);
    n = o->todo.n + o->running;
    pthread_mutex_unlock(&o->lock);
    return n;
}

void owner_stop(struct owner *o)
{
    struct job *j;

    if (o->ended)
        return;
    o->ended = true;
    pthread_mutex_lock(&o->lock);
    o->stop = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    /* What is left hardly waits for anybody's lock any more: the next start finds it out. */
    db_hurry(o->db, STOP_LOCKS_MS);
    pthread_join(o->thread, NULL);
    db_close(o->db);
    while ((j = jobs_take(&o->finished)))
        call_done(j);
}

void owner_free(struct owner *o)
{
    bool posted;

    if (!o)
        return;
    owner_stop(o);
    pthread_mutex_lock(&o->lock);
    posted = o->posted;
    o->freed = true;
    pthread_mutex_unlock(&o->lock);
    if (!posted)
        owner_destroy(o);
}

int owner_submit_here(void *db, enum owner_kind kind, owner_fn fn, owner_done_fn done, void *arg)
{
    struct err err;
    int rc = run_alone(db, kind, fn, arg, &err);

    if (done)
        done(arg, rc, &err);
    return ERR_OK;
}
