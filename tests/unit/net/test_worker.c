/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/worker.h"

struct work {
    int order;
    bool held; /* until the worker is told to end */
    int ran;
    int rc;
    int told;
    pthread_t thread;
};

static int next_order;
static atomic_bool begun, ending;

int __real_pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *until);
int __wrap_pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *until);

/*
 * worker_free() waits for the job that runs, and has told the thread to take no other. Here as long
 * as it takes.
 */
int __wrap_pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *until)
{
    struct timespec later = *until;

    ending = true;
    later.tv_sec += 60;
    return __real_pthread_timedjoin_np(thread, ret, &later);
}

static void job(void *arg)
{
    struct work *w = arg;

    begun = true;
    while (w->held && !ending)
        usleep(1000);
    w->ran = 1;
    w->order = next_order++;
    w->thread = pthread_self();
}

static void done(void *arg, int rc)
{
    struct work *w = arg;

    w->rc = rc;
    w->told++;
}

static void jobs_run_in_order_elsewhere(void **state)
{
    struct work work[20] = {{0}};
    struct worker *w;
    struct loop *loop;

    (void)state;
    next_order = 0;
    assert_int_equal(loop_new(&loop), ERR_OK);
    assert_int_equal(worker_new(loop, 100, &w), ERR_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(worker_submit(w, job, done, &work[i]), ERR_OK);
    for (int i = 0; i < 1200 && !work[19].told; i++)
        loop_turn(loop, 50000);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(work[i].order, i);
        assert_int_equal(work[i].told, 1);
        assert_int_equal(work[i].rc, ERR_OK);
        assert_false(pthread_equal(work[i].thread, pthread_self()));
    }
    worker_free(w);
    loop_free(loop);
}

static void the_queue_has_an_end_and_so_has_the_worker(void **state)
{
    struct work first = {.held = true}, rest[3] = {{0}}, over = {0};
    struct worker *w;
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(&loop), ERR_OK);
    assert_int_equal(worker_new(loop, 4, &w), ERR_OK);
    begun = ending = false;
    assert_int_equal(worker_submit(w, job, done, &first), ERR_OK);
    while (!begun)
        usleep(1000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(worker_submit(w, job, done, &rest[i]), ERR_OK);
    assert_int_equal(worker_submit(w, job, done, &over), ERR_BUSY);
    worker_free(w);
    assert_int_equal(over.told, 0);
    assert_int_equal(first.told, 1);
    assert_int_equal(first.rc, ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rest[i].told, 1);
        assert_int_equal(rest[i].rc, ERR_CANCELLED);
        assert_int_equal(rest[i].ran, 0);
    }
    loop_turn(loop, 0);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_order_elsewhere),
        cmocka_unit_test(the_queue_has_an_end_and_so_has_the_worker),
    };

    return cmocka_run_group_tests_name("net_worker", tests, NULL, NULL);
}
