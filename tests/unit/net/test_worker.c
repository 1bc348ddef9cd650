/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/worker.h"

struct work {
    int order;
    int sleep_ms;
    int ran;
    int rc;
    int told;
    pthread_t thread;
};

static int next_order;

static void job(void *arg)
{
    struct work *w = arg;

    usleep((useconds_t)w->sleep_ms * 1000);
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
    for (int i = 0; i < 100 && !work[19].told; i++)
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
    struct work first = {.sleep_ms = 200}, rest[3] = {{0}}, over = {0};
    struct worker *w;
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(&loop), ERR_OK);
    assert_int_equal(worker_new(loop, 4, &w), ERR_OK);
    assert_int_equal(worker_submit(w, job, done, &first), ERR_OK);
    usleep(50000);
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
