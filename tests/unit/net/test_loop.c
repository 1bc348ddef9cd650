/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "core/backoff.h"
#include "net/loop.h"

static struct loop *loop;
static int calls[8];

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void count_to_four(void *arg)
{
    count(arg);
    if (*(int *)arg == 4)
        loop_stop(loop);
}

static void count_and_stop(void *arg)
{
    count(arg);
    loop_stop(loop);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++)
        calls[i] = 0;
    return loop_new(&loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void timers_fire_once_or_often(void **state)
{
    struct loop_timer *once, *often, *never, *end;
    int64_t begun_us = loop_mono_us(loop);

    (void)state;
    assert_int_equal(loop_timer_new(loop, count, &calls[0], &once), ERR_OK);
    assert_int_equal(loop_timer_new(loop, count_to_four, &calls[1], &often), ERR_OK);
    assert_int_equal(loop_timer_new(loop, count, &calls[2], &never), ERR_OK);
    assert_int_equal(loop_timer_new(loop, count_and_stop, &calls[3], &end), ERR_OK);
    loop_timer_set(once, 5000);
    loop_timer_every(often, 10000);
    loop_timer_set(never, 5000);
    loop_timer_stop(never);
    assert_false(loop_timer_armed(never));
    assert_true(loop_timer_armed(once));
    loop_run(loop);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 4);
    assert_int_equal(calls[2], 0);
    assert_true(loop_mono_us(loop) - begun_us >= 40000);
    loop_timer_set_real(end, 5000);
    loop_run(loop);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[3], 1);
    loop_timer_free(once);
    loop_timer_free(often);
    loop_timer_free(never);
    loop_timer_free(end);
}

static int64_t seen[3];

static void slow_look(void *arg)
{
    seen[*(int *)arg] = loop_mono_us(loop);
    usleep(20000);
}

static void time_stands_still_in_a_turn(void **state)
{
    static int which[] = {0, 1, 2};
    struct loop_timer *a, *b;
    int64_t before;

    (void)state;
    assert_int_equal(loop_timer_new(loop, slow_look, &which[0], &a), ERR_OK);
    assert_int_equal(loop_timer_new(loop, slow_look, &which[1], &b), ERR_OK);
    loop_timer_set(a, 0);
    loop_timer_set(b, 0);
    assert_int_equal(loop_defer(loop, slow_look, &which[2]), ERR_OK);
    before = loop_mono_us(loop);
    loop_turn(loop, 1000000);
    assert_true(seen[0] >= before);
    assert_true(seen[0] == seen[1] && seen[1] == seen[2]);
    loop_turn(loop, 0);
    assert_true(loop_mono_us(loop) >= seen[0] + 60000);
    loop_timer_free(a);
    loop_timer_free(b);
}

static void defer_again(void *arg)
{
    count(arg);
    if (*(int *)arg < 3)
        assert_int_equal(loop_defer(loop, defer_again, arg), ERR_OK);
}

static void deferred_calls_come_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(loop_defer(loop, defer_again, &calls[0]), ERR_OK);
    assert_int_equal(loop_defer(loop, count, &calls[1]), ERR_OK);
    loop_defer_cancel(loop, count, &calls[1]);
    loop_turn(loop, 0);
    assert_int_equal(calls[0], 1);
    loop_turn(loop, 1000000000);
    loop_turn(loop, 1000000000);
    assert_int_equal(calls[0], 3);
    assert_int_equal(calls[1], 0);
}

static void *poster(void *arg)
{
    for (int i = 0; i < 1000; i++)
        if (loop_post(loop, count, arg) != ERR_OK)
            return arg;
    return NULL;
}

static void posts_come_from_any_thread(void **state)
{
    pthread_t threads[4];
    void *failed;
    int tasks = 0;
    struct loop_task task = {.fn = count, .arg = &tasks};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, poster, &calls[0]), 0);
    for (int i = 0; i < 200 && calls[0] < 4000; i++)
        loop_turn(loop, 50000);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    loop_turn(loop, 0);
    assert_int_equal(calls[0], 4000);
    loop_post_task(loop, &task);
    loop_unpost_task(loop, &task);
    loop_turn(loop, 0);
    assert_int_equal(tasks, 0);
    loop_post_task(loop, &task);
    loop_turn(loop, 0);
    assert_int_equal(tasks, 1);
    /* Left in the queue: loop_free must not leak it. */
    assert_int_equal(loop_post(loop, count, &calls[0]), ERR_OK);
}

static void on_pipe(void *arg, int fd, int what)
{
    char c;

    assert_int_equal(what, LOOP_READ);
    assert_int_equal(read(fd, &c, 1), 1);
    count(arg);
}

static void descriptors_and_signals(void **state)
{
    struct loop_signal *sig;
    struct loop_fd *f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(loop_fd_new(loop, fds[0], on_pipe, &calls[0], &f), ERR_OK);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    loop_turn(loop, 0);
    assert_int_equal(calls[0], 0);
    loop_fd_want(f, LOOP_READ);
    loop_turn(loop, 1000000);
    assert_int_equal(calls[0], 1);
    loop_fd_want(f, 0);
    loop_turn(loop, 0);
    assert_int_equal(calls[0], 1);
    loop_fd_want(f, LOOP_READ);
    loop_turn(loop, 1000000);
    assert_int_equal(calls[0], 2);
    loop_fd_free(f);
    close(fds[0]);
    close(fds[1]);

    assert_int_equal(loop_signal_new(loop, SIGUSR1, count, &calls[1], &sig), ERR_OK);
    raise(SIGUSR1);
    for (int i = 0; i < 10 && !calls[1]; i++)
        loop_turn(loop, 100000);
    assert_int_equal(calls[1], 1);
    loop_signal_free(sig);
}

static void backoff_doubles_to_its_end(void **state)
{
    const int64_t full[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct backoff b;

    (void)state;
    for (int high = 0; high < 2; high++) {
        backoff_init(&b, 1000000, 60000000);
        for (size_t i = 0; i < 9; i++) {
            /* random % (full/2 + 1) is full/2 for random = full/2, the upper end. */
            int64_t want = full[i] * 1000000, got = backoff_next(&b, high ? (uint64_t)want / 2 : 0);

            assert_int_equal(got, high ? want : want / 2);
        }
    }
    for (uint64_t r = 1; r < 1000; r++) {
        int64_t wait = backoff_next(&b, loop_random(loop));

        assert_in_range(wait, 30000000, 60000000);
    }
    backoff_reset(&b);
    assert_int_equal(backoff_next(&b, 0), 500000);
    for (int i = 0; i < 1000; i++)
        assert_in_range(loop_jitter(loop, 1000, 20), 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_once_or_often, setup, teardown),
        cmocka_unit_test_setup_teardown(time_stands_still_in_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(deferred_calls_come_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(posts_come_from_any_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_and_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(backoff_doubles_to_its_end, setup, teardown),
    };

    return cmocka_run_group_tests_name("net_loop", tests, NULL, NULL);
}
