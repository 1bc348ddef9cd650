/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/loop_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "base/banned.h"

struct deferred {
    loop_fn fn;
    void *arg;
};

struct loop {
    struct event_base *base;
    int wake_fd;
    struct event *wake;
    pthread_mutex_t lock; /* guards posted and posted_tail */
    struct loop_task *posted;
    struct loop_task **posted_tail;
    struct deferred *defer;
    size_t n_defer, cap_defer;
    bool stopped;
    bool fresh; /* the clocks were read in this turn */
    int64_t mono_us, wall_us, real_us;
    double scale;
    double step_after_s, step_by_s; /* of PG_TIME_STEP */
    int64_t real_mono0_us, real_wall0_us;
    uint64_t random;
    int64_t cpu_us; /* of this thread when the turn began */
    struct loop_load load;
};

struct loop_timer {
    struct loop *loop;
    struct event *ev;
    loop_fn fn;
    void *arg;
    int64_t period_us; /* 0: once */
};

struct loop_fd {
    struct loop *loop;
    struct event *ev;
    int fd;
    int want;
    loop_fd_fn fn;
    void *arg;
};

struct loop_signal {
    struct loop *loop;
    struct event *ev;
    loop_fn fn;
    void *arg;
};

/* A posted call of loop_post, which owns its memory. */
struct owned_task {
    struct loop_task task;
    loop_fn fn;
    void *arg;
};

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void read_clocks(struct loop *loop)
{
    int64_t mono = clock_us(CLOCK_MONOTONIC), wall = clock_us(CLOCK_REALTIME);

    loop->real_us = mono;
#ifdef PG_TEST_CLOCK
    mono = loop->real_mono0_us + (int64_t)((double)(mono - loop->real_mono0_us) * loop->scale);
    wall = loop->real_wall0_us + (int64_t)((double)(wall - loop->real_wall0_us) * loop->scale);
    if (loop->real_us - loop->real_mono0_us >= (int64_t)(loop->step_after_s * 1e6))
        wall += (int64_t)(loop->step_by_s * 1e6);
#endif
    loop->mono_us = mono;
    loop->wall_us = wall;
}

/* First thing in every call from libevent: the first one of a turn reads the clocks. */
static void turn_begins(struct loop *loop)
{
    if (loop->fresh)
        return;
    loop->fresh = true;
    read_clocks(loop);
    loop->cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

void loop_called(struct loop *loop)
{
    turn_begins(loop);
}

#ifdef PG_TEST_CLOCK
/* AFTER:BY: so many seconds from now (unscaled) somebody sets the machine's clock by so many. */
static void read_step(struct loop *loop)
{
    struct slice rest = slice_of(getenv("PG_TIME_STEP"));
    struct slice after = slice_cut(&rest, ':');

    if (num_real(after, 0, 1e6, &loop->step_after_s) || num_real(rest, -1e9, 1e9, &loop->step_by_s))
        loop->step_by_s = 0;
}
#endif

static void init_scale(struct loop *loop)
{
    loop->scale = 1;
    loop->real_mono0_us = clock_us(CLOCK_MONOTONIC);
    loop->real_wall0_us = clock_us(CLOCK_REALTIME);
#ifdef PG_TEST_CLOCK
    double scale, origin;

    if (num_real(slice_of(getenv("PG_TIME_SCALE")), 0.01, 100000, &scale) == ERR_OK)
        loop->scale = scale;
    /* Unix seconds when scaled and real time were the same: one clock for several runs. */
    if (num_real(slice_of(getenv("PG_TIME_ORIGIN")), 0, 1e11, &origin) == ERR_OK)
        loop->real_wall0_us = (int64_t)(origin * 1e6);
    read_step(loop);
#endif
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    struct loop_task *task, *next;
    uint64_t n;

    (void)what;
    turn_begins(loop);
    if (read(fd, &n, sizeof(n)) < 0)
        return;
    pthread_mutex_lock(&loop->lock);
    task = loop->posted;
    loop->posted = NULL;
    loop->posted_tail = &loop->posted;
    pthread_mutex_unlock(&loop->lock);
    for (; task; task = next) {
        next = task->next;
        task->fn(task->arg);
    }
}

static void on_library_log(int severity, const char *text)
{
    if (severity >= EVENT_LOG_WARN)
        log_warning("loop", "%s", text);
}

int loop_new(struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return ERR_NOMEM;
    event_set_log_callback(on_library_log);
    init_scale(loop);
    read_clocks(loop);
    loop->posted_tail = &loop->posted;
    if (getrandom(&loop->random, sizeof(loop->random), 0) < 0)
        loop->random = (uint64_t)loop->real_wall0_us;
    if (pthread_mutex_init(&loop->lock, NULL) != 0)
        goto fail_loop;
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        goto fail_lock;
    loop->base = event_base_new();
    if (!loop->base)
        goto fail_fd;
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    if (!loop->wake || event_add(loop->wake, NULL) != 0)
        goto fail_base;
    *ret_loop = loop;
    return ERR_OK;
fail_base:
    if (loop->wake)
        event_free(loop->wake);
    event_base_free(loop->base);
fail_fd:
    close(loop->wake_fd);
fail_lock:
    pthread_mutex_destroy(&loop->lock);
fail_loop:
    free(loop);
    return ERR_IO;
}

static void run_owned(void *arg)
{
    struct owned_task *own = arg;
    loop_fn fn = own->fn;
    void *fn_arg = own->arg;

    free(own);
    fn(fn_arg);
}

void loop_free(struct loop *loop)
{
    struct loop_task *task, *next;

    if (!loop)
        return;
    for (task = loop->posted; task; task = next) {
        next = task->next;
        if (task->fn == run_owned)
            free(task->arg);
    }
    event_free(loop->wake);
    event_base_free(loop->base);
    close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->defer);
    free(loop);
}

static void run_deferred(struct loop *loop)
{
    size_t n = loop->n_defer, i;

    for (i = 0; i < n; i++) {
        /* The array may move while a call defers another one. */
        struct deferred d = loop->defer[i];

        loop->defer[i].fn = NULL;
        if (d.fn)
            d.fn(d.arg);
    }
    for (i = n; i < loop->n_defer; i++)
        loop->defer[i - n] = loop->defer[i];
    loop->n_defer -= n;
}

static void on_nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    turn_begins(arg);
}

static void turn(struct loop *loop, int flags)
{
    loop->fresh = false;
    event_base_loop(loop->base, flags);
    turn_begins(loop);
    run_deferred(loop);
    hist_add(&loop->load.turns, clock_us(CLOCK_MONOTONIC) - loop->real_us);
    hist_add(&loop->load.cpu, clock_us(CLOCK_THREAD_CPUTIME_ID) - loop->cpu_us);
}

void loop_turn(struct loop *loop, int64_t wait_us)
{
    struct timeval tv = {wait_us / 1000000, wait_us % 1000000};

    if (wait_us > 0 && loop->n_defer == 0) {
        if (event_base_once(loop->base, -1, EV_TIMEOUT, on_nothing, loop, &tv) == 0) {
            turn(loop, EVLOOP_ONCE);
            return;
        }
    }
    turn(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void loop_run(struct loop *loop)
{
    while (!loop->stopped)
        turn(loop, loop->n_defer ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    event_base_loopbreak(loop->base);
}

int64_t loop_clock_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

const struct loop_load *loop_load(const struct loop *loop)
{
    return &loop->load;
}

int64_t loop_mono_us(const struct loop *loop)
{
    return loop->mono_us;
}

int64_t loop_real_us(const struct loop *loop)
{
    return loop->real_us;
}

int64_t loop_wall_us(const struct loop *loop)
{
    return loop->wall_us;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t loop_random(struct loop *loop)
{
    uint64_t z = loop->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t loop_jitter(struct loop *loop, int64_t us, unsigned percent)
{
    int64_t span = us / 100 * (int64_t)percent;

    if (span <= 0)
        return us;
    return us - span + (int64_t)(loop_random(loop) % (uint64_t)(2 * span + 1));
}

static void timer_arm(struct loop_timer *t, int64_t delay_us)
{
    struct timeval tv;

    if (delay_us < 0)
        delay_us = 0;
    tv = (struct timeval){delay_us / 1000000, delay_us % 1000000};
    /* Only memory can be short here; too early is then better than never. */
    if (event_add(t->ev, &tv) != 0)
        event_active(t->ev, EV_TIMEOUT, 0);
}

static int64_t scaled(const struct loop *loop, int64_t us)
{
    return loop->scale == 1 ? us : (int64_t)((double)us / loop->scale);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    (void)fd;
    (void)what;
    turn_begins(t->loop);
    if (t->period_us)
        timer_arm(t, scaled(t->loop, t->period_us));
    t->fn(t->arg);
}

int loop_timer_new(struct loop *loop, loop_fn fn, void *arg, struct loop_timer **ret_t)
{
    struct loop_timer *t = calloc(1, sizeof(*t));

    if (!t)
        return ERR_NOMEM;
    *t = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
    t->ev = event_new(loop->base, -1, 0, on_timer, t);
    if (!t->ev) {
        free(t);
        return ERR_NOMEM;
    }
    *ret_t = t;
    return ERR_OK;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_us)
{
    t->period_us = 0;
    timer_arm(t, scaled(t->loop, delay_us));
}

void loop_timer_set_real(struct loop_timer *t, int64_t delay_us)
{
    t->period_us = 0;
    timer_arm(t, delay_us);
}

void loop_timer_every(struct loop_timer *t, int64_t period_us)
{
    t->period_us = period_us > 0 ? period_us : 1;
    timer_arm(t, scaled(t->loop, t->period_us));
}

void loop_timer_stop(struct loop_timer *t)
{
    event_del(t->ev);
}

bool loop_timer_armed(const struct loop_timer *t)
{
    return event_pending(t->ev, EV_TIMEOUT, NULL) != 0;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    event_free(t->ev);
    free(t);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    struct loop_fd *f = arg;

    turn_begins(f->loop);
    f->fn(f->arg, fd, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

int loop_fd_new(struct loop *loop, int fd, loop_fd_fn fn, void *arg, struct loop_fd **ret_f)
{
    struct loop_fd *f = calloc(1, sizeof(*f));

    if (!f)
        return ERR_NOMEM;
    *f = (struct loop_fd){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
    f->ev = event_new(loop->base, fd, EV_PERSIST, on_fd, f);
    if (!f->ev) {
        free(f);
        return ERR_NOMEM;
    }
    *ret_f = f;
    return ERR_OK;
}

void loop_fd_want(struct loop_fd *f, int what)
{
    if (what == f->want)
        return;
    f->want = what;
    event_del(f->ev);
    if (what == 0)
        return;
    event_assign(f->ev, f->loop->base, f->fd,
                 (short)(EV_PERSIST | (what & LOOP_READ ? EV_READ : 0) |
                         (what & LOOP_WRITE ? EV_WRITE : 0)),
                 on_fd, f);
    if (event_add(f->ev, NULL) != 0)
        log_error("loop", "cannot watch descriptor %d", f->fd);
}

void loop_fd_free(struct loop_fd *f)
{
    if (!f)
        return;
    event_free(f->ev);
    free(f);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct loop_signal *s = arg;

    (void)fd;
    (void)what;
    turn_begins(s->loop);
    s->fn(s->arg);
}

int loop_signal_new(struct loop *loop, int signo, loop_fn fn, void *arg, struct loop_signal **ret_s)
{
    struct loop_signal *s = calloc(1, sizeof(*s));

    if (!s)
        return ERR_NOMEM;
    *s = (struct loop_signal){.loop = loop, .fn = fn, .arg = arg};
    s->ev = evsignal_new(loop->base, signo, on_signal, s);
    if (!s->ev || event_add(s->ev, NULL) != 0) {
        loop_signal_free(s);
        return ERR_NOMEM;
    }
    *ret_s = s;
    return ERR_OK;
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    if (s->ev)
        event_free(s->ev);
    free(s);
}

void loop_post_task(struct loop *loop, struct loop_task *task)
{
    uint64_t one = 1;

    task->next = NULL;
    pthread_mutex_lock(&loop->lock);
    *loop->posted_tail = task;
    loop->posted_tail = &task->next;
    /* Inside the lock, so that loop_free after the call was run finds nobody still writing. A full
     * counter means a wake-up is due anyway. */
    if (write(loop->wake_fd, &one, sizeof(one)) < 0)
        one = 0;
    pthread_mutex_unlock(&loop->lock);
}

void loop_unpost_task(struct loop *loop, struct loop_task *task)
{
    struct loop_task **at;

    pthread_mutex_lock(&loop->lock);
    for (at = &loop->posted; *at; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            if (loop->posted_tail == &task->next)
                loop->posted_tail = at;
            break;
        }
    }
    pthread_mutex_unlock(&loop->lock);
}

int loop_post(struct loop *loop, loop_fn fn, void *arg)
{
    struct owned_task *own = malloc(sizeof(*own));

    if (!own)
        return ERR_NOMEM;
    *own = (struct owned_task){.task = {.fn = run_owned, .arg = own}, .fn = fn, .arg = arg};
    loop_post_task(loop, &own->task);
    return ERR_OK;
}

int loop_defer(struct loop *loop, loop_fn fn, void *arg)
{
    if (loop->n_defer == loop->cap_defer) {
        size_t cap = loop->cap_defer ? 2 * loop->cap_defer : 16;
        struct deferred *p = realloc(loop->defer, cap * sizeof(*p));

        if (!p)
            return ERR_NOMEM;
        loop->defer = p;
        loop->cap_defer = cap;
    }
    loop->defer[loop->n_defer++] = (struct deferred){fn, arg};
    return ERR_OK;
}

void loop_defer_cancel(struct loop *loop, loop_fn fn, void *arg)
{
    size_t i;

    for (i = 0; i < loop->n_defer; i++)
        if (loop->defer[i].fn == fn && loop->defer[i].arg == arg)
            loop->defer[i].fn = NULL;
}
