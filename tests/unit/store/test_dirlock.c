/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
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
    assert_false(dirlock_is_taken(dir));
    assert_int_equal(dirlock_daemon(dir), 0);
    fd = take("daemon");
    assert_true(dirlock_is_taken(dir));
    assert_int_equal(dirlock_daemon(dir), getpid());
    assert_int_equal(dirlock_take(dir, "restore", &other, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "runs on"));
    close(fd);
    assert_int_equal(dirlock_daemon(dir), 0); /* the file is still there */
    fd = take("restore");
    assert_true(dirlock_is_taken(dir));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_at_a_time_and_everybody_sees_whose, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_whose_file_is_gone_holds_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
