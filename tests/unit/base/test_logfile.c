/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/logfile.h"
#include "base/logform.h"
#include "base/num.h"

enum { LINE = 8, MOST = 4096 };

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/pg-logfile-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int empty(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    char path[512];

    while (d && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    return rmdir(dir);
}

static int tear_down(void **state)
{
    char sub[96];

    (void)state;
    snprintf(sub, sizeof(sub), "%s/logs", folder);
    empty(sub);
    return empty(folder);
}

static const char *in_folder(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* The numbers that stand in a file, one a line; how many. */
static int read_numbers(const char *name, int *out)
{
    char text[1 << 16] = "";
    int fd = open(in_folder(name), O_RDONLY | O_CLOEXEC), n = 0;
    struct slice rest;
    ssize_t got;

    if (fd < 0)
        return -1;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    assert_true(got >= 0);
    rest = (struct slice){text, (size_t)got};
    while (rest.p && rest.n) {
        struct slice line = slice_cut(&rest, '\n');
        int64_t v;

        if (!line.n)
            continue;
        assert_int_equal(num_int(slice_trim(line), 0, 1000000, &v), 0);
        out[n++] = (int)v;
    }
    return n;
}

static enum logfile_event put(struct logfile *f, int number, int64_t now_us)
{
    unsigned long long lost = 0;
    char line[16];
    struct err err = {0};

    snprintf(line, sizeof(line), "%7d\n", number);
    return logfile_write(f, slice_of(line), now_us, &lost, &err);
}

static void open_file(struct logfile *f, off_t max)
{
    assert_int_equal(logfile_init(f, folder, "a.log", max, NULL), 0);
}

static void rotates_and_keeps_five(void **state)
{
    int numbers[MOST], i, k, want = 99;
    struct logfile f;

    (void)state;
    open_file(&f, 10 * LINE);
    for (i = 0; i < 100; i++)
        assert_int_equal(put(&f, i, 0), LOGFILE_WRITTEN);
    logfile_close(&f);
    for (k = 0; k <= LOGFILE_OLD; k++) {
        char name[16];
        int n;

        snprintf(name, sizeof(name), k ? "a.log.%d" : "a.log", k);
        n = read_numbers(name, numbers);
        assert_int_equal(n, 10);
        for (i = n - 1; i >= 0; i--)
            assert_int_equal(numbers[i], want--);
    }
    assert_int_equal(want, 39);
    assert_int_equal(read_numbers("a.log.6", numbers), -1);
}

/* Every number written, in any file, must be there but for those of the oldest that was dropped. */
static void lives_through_a_death_while_rotating(void **state)
{
#ifdef PG_FAULT_POINTS
    int death;

    (void)state;
    for (death = 1; death <= 12; death++) {
        bool seen[200] = {false};
        int numbers[MOST], i, k, status, last = 0;
        struct logfile f;
        char name[64];
        pid_t pid = fork();

        if (pid == 0) {
            snprintf(name, sizeof(name), "log.rotate.moved:%d", death);
            setenv("PG_FAULT", name, 1);
            fault_reset();
            open_file(&f, 10 * LINE);
            for (i = 0; i < 50; i++)
                (void)put(&f, i, 0);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        open_file(&f, 10 * LINE);
        for (i = 50; i < 60; i++)
            assert_int_equal(put(&f, i, 0), LOGFILE_WRITTEN);
        logfile_close(&f);
        for (k = 0; k <= LOGFILE_OLD + 1; k++) {
            int n;

            snprintf(name, sizeof(name), k ? "a.log.%d" : "a.log", k);
            n = read_numbers(name, numbers);
            for (i = 0; i < n; i++)
                seen[numbers[i]] = true;
        }
        while (last < 50 && seen[last])
            last++;
        for (i = last; i < 50; i++)
            assert_false(seen[i]); /* nothing but the end is missing */
        if (WIFSIGNALED(status))
            assert_true(last >= 9 && last % 10 == 0);
        else
            assert_int_equal(last, 50);
        for (i = 50; i < 60; i++)
            assert_true(seen[i]);
        for (k = 0; k <= LOGFILE_OLD; k++) {
            snprintf(name, sizeof(name), k ? "a.log.%d" : "a.log", k);
            unlink(in_folder(name));
        }
    }
#else
    (void)state;
    skip();
#endif
}

static void follows_what_others_do(void **state)
{
    int numbers[MOST], fd;
    struct logfile f;
    char moved[128];

    (void)state;
    open_file(&f, 1 << 20);
    put(&f, 1, 0);
    snprintf(moved, sizeof(moved), "%s", in_folder("moved"));
    assert_int_equal(rename(in_folder("a.log"), moved), 0);
    logfile_look(&f);
    put(&f, 2, 0);
    assert_int_equal(read_numbers("a.log", numbers), 1);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(read_numbers("moved", numbers), 1);
    assert_int_equal(truncate(in_folder("a.log"), 0), 0);
    logfile_look(&f);
    put(&f, 3, 0);
    assert_int_equal(read_numbers("a.log", numbers), 1);
    assert_int_equal(numbers[0], 3);
    assert_int_equal(f.size, LINE);
    assert_int_equal(unlink(in_folder("a.log")), 0);
    logfile_look(&f);
    put(&f, 4, 0);
    assert_int_equal(read_numbers("a.log", numbers), 1);
    logfile_close(&f);
    /* A line that a death has cut is ended before the next. */
    fd = open(in_folder("a.log"), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "5", 1), 1);
    close(fd);
    put(&f, 6, 0);
    assert_int_equal(read_numbers("a.log", numbers), 3);
    assert_int_equal(numbers[2], 6);
    logfile_close(&f);
}

static void says_once_and_comes_back(void **state)
{
    unsigned long long lost = 0;
    struct err err = {0};
    struct logfile f;
    char dir[96];

    (void)state;
    snprintf(dir, sizeof(dir), "%s/logs", folder);
    assert_int_equal(logfile_init(&f, dir, "a.log", 1000, NULL), 0);
    assert_int_equal(symlink("/dev/full", in_folder("logs")), 0); /* no folder can be made there */
    assert_int_equal(logfile_write(&f, SLICE("x\n"), 0, &lost, &err), LOGFILE_FAILED);
    assert_non_null(strstr(err.text, "a.log cannot be written"));
    assert_int_equal(put(&f, 1, 100), LOGFILE_LEFT_OUT);
    assert_int_equal(put(&f, 2, 2000000), LOGFILE_LEFT_OUT);
    assert_int_equal(unlink(in_folder("logs")), 0);
    assert_int_equal(put(&f, 3, 2000001), LOGFILE_LEFT_OUT); /* not tried within the second */
    assert_int_equal(logfile_write(&f, SLICE("y\n"), 4000000, &lost, &err), LOGFILE_BACK);
    assert_int_equal(lost, 4);
    assert_int_equal(put(&f, 5, 4000001), LOGFILE_WRITTEN);
    logfile_close(&f);
    /* A disk that is full. */
    assert_int_equal(symlink("/dev/full", in_folder("a.log")), 0);
    open_file(&f, 1000);
    assert_int_equal(put(&f, 6, 0), LOGFILE_FAILED);
    unlink(in_folder("a.log"));
    assert_int_equal(put(&f, 7, 1000000), LOGFILE_BACK);
    logfile_close(&f);
}

static void forms(void **state)
{
    const struct log_request r = {.peer = "::1",
                                  .who = "a\"b\n",
                                  .method = "GET",
                                  .path = "/x\x1b[0m",
                                  .status = 200,
                                  .took_us = 3204,
                                  .bytes = 7};
    struct logform_line line = {.at_us = 1500,
                                .level = LOG_WARNING,
                                .area = "store",
                                .text = SLICE("a \"word\"")};
    struct buf b;

    (void)state;
    setenv("TZ", "UTC", 1);
    buf_init(&b, 4096);
    logform_add(&b, &line, LOGFORM_TEXT, false);
    assert_string_equal(buf_str(&b), "1970-01-01 00:00:00.001 WARNING store    a \"word\"\n");
    buf_clear(&b);
    logform_add(&b, &line, LOGFORM_JOURNAL, false);
    assert_string_equal(buf_str(&b), "<4>store: a \"word\"\n");
    buf_clear(&b);
    logform_add(&b, &line, LOGFORM_JOURNAL, true);
    assert_string_equal(buf_str(&b),
                        "<4>{\"time\":\"1970-01-01 00:00:00.001\",\"level\":\"WARNING\","
                        "\"area\":\"store\",\"text\":\"a \\\"word\\\"\"}\n");
    line.request = &r;
    buf_clear(&b);
    logform_add(&b, &line, LOGFORM_TEXT, false);
    assert_non_null(strstr(buf_str(&b), " ::1 a\"b\\x0a GET /x\\x1b[0m 200 3.204ms 7\n"));
    buf_clear(&b);
    logform_add(&b, &line, LOGFORM_TEXT, true);
    assert_non_null(strstr(buf_str(&b), "\"who\":\"a\\\"b\\u000a\",\"method\":\"GET\""));
    buf_release(&b);
}

/* A console that nobody reads must keep neither the caller nor the file waiting for long. */
static void nobody_reads_the_console(void **state)
{
    int pipes[2], old = dup(2), i, numbers[MOST];
    struct timespec begun, ended;
    struct err err;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    fflush(stderr);
    dup2(pipes[1], 2);
    log_setup(LOG_INFO, false, false);
    log_secret("hunter2-hunter2");
    log_secret("short");
    assert_int_equal(log_files(folder, 1 << 20, &err), 0);
    for (i = 0; i < 3000; i++)
        log_info("test", "a line of some length, so that a pipe is full soon %d", i);
    log_info("test", "said hunter2-hunter2, and short");
    clock_gettime(CLOCK_MONOTONIC, &begun);
    log_stop();
    clock_gettime(CLOCK_MONOTONIC, &ended);
    log_forget_secrets();
    dup2(old, 2);
    close(old);
    close(pipes[0]);
    close(pipes[1]);
    assert_true(log_lost() > 100);
    {
        char text[1 << 19] = "", *at = text;
        int fd = open(in_folder("limiter.log"), O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, text, sizeof(text) - 1);

        close(fd);
        assert_true(n > 0);
        for (i = 0; (at = strchr(at, '\n')) != NULL; i++)
            at++;
        assert_int_equal(i, 3001);
        /*
         * The file's lines are not kept waiting for a console, or they would be late for the end:
         * half a second altogether, and not for each of them.
         */
        assert_true(ended.tv_sec - begun.tv_sec + (ended.tv_nsec - begun.tv_nsec) / 1e9 < 10);
        assert_null(strstr(text, "hunter2"));
        assert_non_null(strstr(text, "said ******, and short\n"));
    }
    assert_int_equal(read_numbers("api.log", numbers), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rotates_and_keeps_five, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lives_through_a_death_while_rotating, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follows_what_others_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_once_and_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_reads_the_console, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
