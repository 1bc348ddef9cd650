/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/logqueue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/logfile.h"
#include "base/banned.h"

/* A disk that is full one second and not the next is no news twice a second. */
static const int64_t say_again_us = 60000000;

enum { FILES = 3, END_WAIT_S = 1, CONSOLE_CHUNK = 4096, CONSOLE_WAIT_MS = 1000, STEP_MS = 100 };

static const struct {
    unsigned bit;
    const char *name;
} names[FILES] = {
    {LOGQUEUE_MAIN, "limiter.log"},
    {LOGQUEUE_API, "api.log"},
    {LOGQUEUE_TELEGRAM, "telegram.log"},
};

struct item {
    struct item *next;
    unsigned where;
    size_t n_console, n_file;
    char bytes[];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    struct item *head, **tail;
    size_t bytes;
    unsigned long long no_room; /* since it was last said */
    bool running, stop, reopen;
    atomic_ullong lost;
    atomic_bool ending;
    /* Of the thread alone. */
    struct logfile files[FILES];
    int64_t said_us[FILES]; /* when it was last said that a file fails */
    bool said[FILES];       /* and no word since that it is well again */
    bool deaf;              /* the console takes nothing */
    unsigned long long unheard;
    logqueue_say_fn say;
} q = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

/* ---- the console ---- */

static void console_at_once(struct slice line)
{
    /* A log that cannot be written must not stop the limiter. */
    while (line.n) {
        ssize_t n = write(STDERR_FILENO, line.p, line.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        line = slice_skip(line, (size_t)n);
    }
}

/* At the end it is not waited for: what the files are still to get has a second. */
static bool console_ready(int wait_ms)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    for (;; wait_ms -= STEP_MS) {
        if (poll(&p, 1, wait_ms < STEP_MS ? wait_ms : STEP_MS) != 0)
            return true;
        if (wait_ms <= STEP_MS || q.ending)
            return false;
    }
}

/* False: nobody reads there. A pipe that may be written takes CONSOLE_CHUNK bytes without waiting. */
static bool console_put(struct slice line, int wait_ms)
{
    ssize_t n;

    while (line.n) {
        if (!console_ready(wait_ms))
            return false;
        n = write(STDERR_FILENO, line.p, line.n > CONSOLE_CHUNK ? CONSOLE_CHUNK : line.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errno != EAGAIN; /* closed or broken: there is nobody to tell */
        line = slice_skip(line, (size_t)n);
    }
    return true;
}

static void to_console(struct slice line)
{
    char text[128];

    if (q.deaf && q.unheard) {
        snprintf(text, sizeof(text), "(%llu lines are not here: nobody read them)\n", q.unheard);
        if (console_put(slice_of(text), 0))
            q.unheard = 0;
    }
    q.deaf = q.unheard > 0 || !console_put(line, CONSOLE_WAIT_MS);
    if (q.deaf) {
        q.unheard++;
        q.lost++;
    }
}

/* ---- the files ---- */

static int64_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void say_failed(int i, int64_t now_us, const struct err *err)
{
    char text[ERR_TEXT_MAX + 128];

    if (q.said_us[i] && now_us - q.said_us[i] < say_again_us)
        return;
    q.said_us[i] = now_us;
    q.said[i] = true;
    snprintf(text, sizeof(text), "%s; the console goes on, and the file when it can be written",
             err->text);
    q.say(true, text);
}

static void say_back(int i, unsigned long long lost)
{
    char text[ERR_TEXT_MAX + 128];

    if (!q.said[i])
        return;
    q.said[i] = false;
    snprintf(text, sizeof(text), "%.400s is written again; %llu lines are not in it",
             q.files[i].path, lost);
    q.say(false, text);
}

static void to_file(int i, struct slice line)
{
    unsigned long long lost = 0;
    int64_t now_us = clock_us();
    struct err err = {0};

    switch (logfile_write(&q.files[i], line, now_us, &lost, &err)) {
    case LOGFILE_WRITTEN:
        break;
    case LOGFILE_LEFT_OUT:
        q.lost++;
        break;
    case LOGFILE_FAILED:
        q.lost++;
        say_failed(i, now_us, &err);
        break;
    case LOGFILE_BACK:
        say_back(i, lost);
        break;
    }
}

static void write_item(struct item *it)
{
    struct slice console = {it->bytes, it->n_console};
    struct slice file = {it->bytes + it->n_console, it->n_file};
    int i;

    if (it->where & LOGQUEUE_CONSOLE)
        to_console(console);
    for (i = 0; i < FILES; i++)
        if (it->where & names[i].bit)
            to_file(i, file);
}

static void write_batch(struct item *batch, bool reopen)
{
    struct item *next;
    int i;

    for (i = 0; i < FILES; i++) {
        if (reopen)
            logfile_close(&q.files[i]);
        logfile_look(&q.files[i]);
    }
    for (; batch; batch = next) {
        next = batch->next;
        write_item(batch);
        free(batch);
    }
}

static void *run(void *arg)
{
    char text[128];

    pthread_mutex_lock(&q.lock);
    while (!q.stop || q.head) {
        struct item *batch = q.head;
        unsigned long long no_room = q.no_room;
        bool reopen = q.reopen;

        if (!batch && !reopen) {
            pthread_cond_wait(&q.more, &q.lock);
            continue;
        }
        q.head = NULL;
        q.tail = &q.head;
        q.bytes = 0;
        q.reopen = false;
        q.no_room = 0;
        pthread_mutex_unlock(&q.lock);
        write_batch(batch, reopen);
        if (no_room) {
            snprintf(text, sizeof(text),
                     "%llu lines are not in the log: it came faster than it "
                     "could be written",
                     no_room);
            q.say(false, text);
        }
        pthread_mutex_lock(&q.lock);
    }
    q.running = false;
    pthread_mutex_unlock(&q.lock);
    return arg;
}

/* ---- life ---- */

int logqueue_start(const char *dir, off_t max_bytes, logqueue_say_fn say, struct err *err)
{
    sigset_t all, old;
    int i, rc = ERR_OK;

    if (q.running)
        return err_set(err, ERR_BUSY, "the log is being written still");
    for (i = 0; !rc && i < FILES; i++)
        rc = logfile_init(&q.files[i], dir, names[i].name, max_bytes, err);
    if (rc)
        return rc;
    q.tail = q.head ? q.tail : &q.head;
    q.say = say;
    q.stop = false;
    q.ending = false;
    q.running = true;
    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&q.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc) {
        q.running = false;
        return err_set(err, ERR_IO, "no thread for the log");
    }
    return ERR_OK;
}

void logqueue_put(unsigned where, struct slice console, struct slice file)
{
    struct item *it = malloc(sizeof(*it) + console.n + file.n);
    bool taken = false, running;

    if (it) {
        it->next = NULL;
        it->where = where;
        it->n_console = console.n;
        it->n_file = file.n;
        if (console.n)
            memcpy(it->bytes, console.p, console.n);
        memcpy(it->bytes + console.n, file.p, file.n);
    }
    pthread_mutex_lock(&q.lock);
    running = q.running && !q.stop;
    if (running && it && q.bytes + console.n + file.n <= LIMIT_LOG_QUEUE) {
        *q.tail = it;
        q.tail = &it->next;
        q.bytes += console.n + file.n;
        taken = true;
        pthread_cond_signal(&q.more);
    } else if (running) {
        q.no_room++;
        q.lost++;
    }
    pthread_mutex_unlock(&q.lock);
    if (!running && where & LOGQUEUE_CONSOLE)
        console_at_once(console);
    if (!taken)
        free(it);
}

void logqueue_reopen(void)
{
    pthread_mutex_lock(&q.lock);
    q.reopen = true;
    pthread_cond_signal(&q.more);
    pthread_mutex_unlock(&q.lock);
}

void logqueue_stop(void)
{
    struct timespec until;
    int i;

    pthread_mutex_lock(&q.lock);
    if (!q.running) {
        pthread_mutex_unlock(&q.lock);
        return;
    }
    q.stop = true;
    q.ending = true;
    pthread_cond_signal(&q.more);
    pthread_mutex_unlock(&q.lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_WAIT_S;
    /* One that hangs in a write is left to the end of the process. */
    if (pthread_timedjoin_np(q.thread, NULL, &until) != 0) {
        pthread_detach(q.thread);
        return;
    }
    for (i = 0; i < FILES; i++)
        logfile_close(&q.files[i]);
}

unsigned long long logqueue_lost(void)
{
    return q.lost;
}
