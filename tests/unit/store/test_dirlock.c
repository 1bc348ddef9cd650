/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"
#include "store/dirlock.h"

static char dir[256];
static struct err err;

static int set_up(void **state)
{
    (void)state;
    if (scratch_make())
        return -1;
    snprintf(dir, sizeof(dir), "%s", scratch_path("data"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_clear();
    return 0;
}

static int take(const char *what)
{
    int fd;

    assert_int_equal(dirlock_take(dir, what, &fd, &err), ERR_OK);
    return fd;
}

static void one_at_a_time_and_everybody_sees_whose(void **state)
{
    int fd, other;

    (void)state;
    assert_int_equal(dirlock_daemon(dir), 0);
    fd = take("daemon");
    assert_int_equal(dirlock_daemon(dir), getpid());
    assert_int_equal(dirlock_take(dir, "restore", &other, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "runs on"));
    close(fd);
    assert_int_equal(dirlock_daemon(dir), 0); /* the file is still there */
    fd = take("restore");
    assert_int_equal(dirlock_daemon(dir), 0);
    assert_int_equal(dirlock_take(dir, "daemon", &other, &err), ERR_BUSY);
    close(fd);
}

static void a_lock_whose_file_is_gone_holds_nothing(void **state)
{
    char path[300];
    int fd, other;

    (void)state;
    assert_false(dirlock_is_held(dir, -1));
    fd = take("daemon");
    assert_true(dirlock_is_held(dir, fd));
    snprintf(path, sizeof(path), "%s/run/lock", dir);
    assert_int_equal(unlink(path), 0);
    assert_false(dirlock_is_held(dir, fd));
    other = take("restore");
    assert_false(dirlock_is_held(dir, fd));
    assert_true(dirlock_is_held(dir, other));
    close(fd);
    close(other);
}

/* Whoever has just taken it has still to write who he is: what stands there is of the holder before. */
static void the_holder_before_is_not_believed(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[300];
    pid_t other;
    int fd, none;

    (void)state;
    close(take("daemon"));
    snprintf(path, sizeof(path), "%s/run/lock", dir);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        usleep(20000);
        _exit(pwrite(fd, "77 restore\n", 11, 0) != 11);
    }
    assert_int_equal(dirlock_take(dir, "daemon", &none, &err), ERR_BUSY);
    assert_non_null(strstr(err.text, "restore"));
    assert_int_equal(waitpid(other, NULL, 0), other);
    close(fd);
}

enum { OTHERS = 400, LOOKS = 3000 };

/* Takes and leaves locks of its own all the time. */
static void churn(void)
{
    int fds[OTHERS], i;

    for (i = 0; i < OTHERS; i++) {
        char path[300];

        snprintf(path, sizeof(path), "%s/other%d", dir, i);
        fds[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    for (i = 0;; i = (i + 1) % OTHERS) {
        flock(fds[i], LOCK_EX | LOCK_NB);
        flock(fds[(i + OTHERS / 2) % OTHERS], LOCK_UN);
    }
}

/* As on a server with databases, whose locks come and go all the time. */
static void a_lock_is_seen_among_many_others(void **state)
{
    int fd, i, seen = 0, free = 0;
    pid_t other;

    (void)state;
    fd = take("daemon");
    other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        close(fd);
        churn();
        _exit(0);
    }
    for (i = 0; i < LOOKS; i++)
        seen += dirlock_daemon(dir) == getpid();
    close(fd);
    for (i = 0; i < LOOKS; i++)
        free += dirlock_daemon(dir) == 0;
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_int_equal(seen, LOOKS);
    assert_int_equal(free, LOOKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_at_a_time_and_everybody_sees_whose, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_whose_file_is_gone_holds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_holder_before_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_is_seen_among_many_others, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
