/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "api/control.h"
#include "api/server.h"

/* A server on a control socket in a directory of its own, and operations that answer by rote. */
struct bed {
    char dir[32];
    struct loop *loop;
    struct server *server;
    struct op_port port;
    struct settings settings;
    op_enable_fn waiting; /* of an enable that has not been answered yet */
    void *waiting_arg;
    char answer[4096];
};

static const struct settings *get_settings(void *app)
{
    return &((struct bed *)app)->settings;
}

static int64_t get_now(void *app)
{
    (void)app;
    return 1;
}

static const char *get_env_file(void *app)
{
    (void)app;
    return "";
}

static void state_json(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(out, "{\"up\":true}");
}

static void enable(void *app, const struct op_enable *what, op_enable_fn fn, void *arg)
{
    struct bed *bed = app;

    (void)what;
    bed->waiting = fn;
    bed->waiting_arg = arg;
}

static void start(struct bed *bed, bool need_host, int64_t deadline_us)
{
    struct server_opts opts = {.need_host = need_host,
                               .who = "cli",
                               .connections = 8,
                               .deadline_us = deadline_us};
    struct err err;

    if (control_listen(bed->dir, &opts.listen_fd, &err))
        fail_msg("%s", err.text);
    assert_int_equal(server_new(bed->loop, &opts, &bed->port, &bed->server, &err), ERR_OK);
}

static int setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    snprintf(bed->dir, sizeof(bed->dir), "/tmp/pg-api-XXXXXX");
    assert_non_null(mkdtemp(bed->dir));
    assert_int_equal(settings_init(&bed->settings), ERR_OK);
    assert_int_equal(loop_new(&bed->loop), ERR_OK);
    bed->port = (struct op_port){
        .app = bed,
        .submit = owner_submit_here,
        .settings = get_settings,
        .now_us = get_now,
        .env_file = get_env_file,
        .enable = enable,
        .status_json = state_json,
        .nodes_json = state_json,
    };
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;
    char path[64];

    server_free(bed->server);
    loop_free(bed->loop);
    control_remove(bed->dir);
    snprintf(path, sizeof(path), "%s/run", bed->dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(bed->dir), 0);
    settings_release(&bed->settings);
    free(bed);
    return 0;
}

static int dial(struct bed *bed)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/run/control.sock", bed->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static int64_t milliseconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads until the other side ends or ms have passed; true when it ended. */
static bool read_answer(struct bed *bed, int fd, int64_t ms)
{
    int64_t end = milliseconds() + ms;
    size_t have = 0;
    ssize_t n;

    bed->answer[0] = '\0';
    while (milliseconds() < end) {
        loop_turn(bed->loop, 2000);
        n = recv(fd, bed->answer + have, sizeof(bed->answer) - 1 - have, 0);
        if (n == 0)
            return true;
        if (n < 0 && errno != EAGAIN)
            return true;
        if (n > 0)
            have += (size_t)n;
        bed->answer[have] = '\0';
    }
    return false;
}

/* Sends text whole, reads the answer up to the end of the connection, and returns its status. */
static int talk(struct bed *bed, const char *text)
{
    int fd = dial(bed), status = 0;

    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    assert_true(read_answer(bed, fd, 3000));
    close(fd);
    if (strncmp(bed->answer, "HTTP/1.1 ", 9) == 0)
        status =
            (bed->answer[9] - '0') * 100 + (bed->answer[10] - '0') * 10 + bed->answer[11] - '0';
    return status;
}

#define GET(path) "GET " path " HTTP/1.1\r\nConnection: close\r\n\r\n"

static void answers_with_json(void **state)
{
    struct bed *bed = *state;

    start(bed, false, 5000000);
    assert_int_equal(talk(bed, GET("/status")), 200);
    assert_non_null(strstr(bed->answer, "Content-Type: application/json"));
    assert_non_null(strstr(bed->answer, "\r\n\r\n{\"up\":true}"));
    assert_int_equal(talk(bed, GET("/nowhere?x=1")), 404);
    assert_non_null(strstr(bed->answer, "\"code\":\"not_found\""));
    assert_int_equal(talk(bed, "DELETE /status HTTP/1.1\r\nConnection: close\r\n\r\n"), 405);
    assert_int_equal(talk(bed, "BREW /status HTTP/1.1\r\nConnection: close\r\n\r\n"), 405);
}

static void ambiguous_requests_are_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET /status HTTP/1.1\r\nX-A: 1\r\nx-a: 2\r\n\r\n", 400},
        {"GET /status HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
        {"GET /status HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"GET /status HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
        {"GET /a%00b HTTP/1.1\r\n\r\n", 400},
        {"GET http://x/status HTTP/1.1\r\n\r\n", 400},
        {"PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n",
         413},
        {"PATCH /config HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 415},
        {"PATCH /config HTTP/1.1\r\nContent-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}",
         415},
    };
    struct bed *bed = *state;
    size_t i;

    start(bed, false, 300000);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        int status = talk(bed, cases[i].text);

        if (status != cases[i].status)
            fail_msg("case %zu: %d, answer \"%s\"", i, status, bed->answer);
    }
}

static void a_blank_in_a_header_name_is_refused(void **state)
{
    struct bed *bed = *state;

    start(bed, false, 300000);
    assert_int_not_equal(talk(bed, "GET /status HTTP/1.1\r\nX A: 1\r\nConnection: close\r\n\r\n"),
                         200);
    assert_int_not_equal(talk(bed, "GET /status HTTP/1.1\r\nX-A : 1\r\nConnection: close\r\n\r\n"),
                         200);
}

static void host_is_asked_for_where_it_must_be(void **state)
{
    struct bed *bed = *state;

    start(bed, true, 5000000);
    assert_int_equal(talk(bed, GET("/status")), 400);
    assert_int_equal(talk(bed, "GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                     200);
    assert_int_equal(
        talk(bed, "GET /status HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n"), 400);
}

static void bodies_are_read_whole(void **state)
{
    struct bed *bed = *state;

    start(bed, false, 5000000);
    assert_int_equal(
        talk(bed, "PATCH /config HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\n"
                  "Content-Length: 9\r\nConnection: close\r\n\r\n{\"tick\":0}"),
        400); /* cut by its own length */
    assert_int_equal(talk(bed, "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\n"
                               "Content-Length: 10\r\nConnection: close\r\n\r\n{\"tick\":0}"),
                     422);
    assert_int_equal(
        talk(bed, "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: "
                  "chunked\r\nConnection: close\r\n\r\n4\r\n{\"ti\r\n6\r\nck\":0}\r\n0\r\n\r\n"),
        422);
}

static void an_endless_chunked_body_is_refused(void **state)
{
    const char *head = "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\n"
                       "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    char chunk[8 + 4096 + 2];
    int fd, i, sent = 0;

    start(bed, false, 5000000);
    fd = dial(bed);
    memcpy(chunk, "001000\r\n", 8);
    memset(chunk + 8, ' ', 4096);
    memcpy(chunk + 8 + 4096, "\r\n", 2);
    assert_true(send(fd, head, strlen(head), MSG_NOSIGNAL) > 0);
    for (i = 0; i < 4000 && sent < 300; i++) {
        size_t at = 0;

        while (at < sizeof(chunk)) {
            ssize_t n = send(fd, chunk + at, sizeof(chunk) - at, MSG_NOSIGNAL);

            loop_turn(bed->loop, 0);
            if (n > 0)
                at += (size_t)n;
            else
                assert_int_equal(errno, EAGAIN);
        }
        sent++;
    }
    assert_true(send(fd, "0\r\n\r\n", 5, MSG_NOSIGNAL) == 5);
    assert_true(read_answer(bed, fd, 3000));
    assert_non_null(strstr(bed->answer, "HTTP/1.1 413"));
    close(fd);
}

static void a_slow_client_is_shut_out(void **state)
{
    const char *text =
        "GET /status HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct bed *bed = *state;
    int64_t begun = milliseconds();
    bool ended = false;
    size_t i;
    int fd;

    start(bed, false, 200000);
    fd = dial(bed);
    /* A byte every 20 ms: never idle for long, never done in time. */
    for (i = 0; i < strlen(text) && !ended; i++) {
        if (send(fd, text + i, 1, MSG_NOSIGNAL) != 1)
            break;
        ended = read_answer(bed, fd, 20);
    }
    assert_true(milliseconds() - begun < 1000);
    assert_true(milliseconds() - begun >= 190);
    close(fd);
}

static void an_operation_may_answer_later(void **state)
{
    const char *text = "POST /users/disabled/enable-all HTTP/1.1\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    int fd;

    start(bed, false, 150000);
    fd = dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    /* Longer than the deadline, which is the client's and not the operation's. */
    assert_false(read_answer(bed, fd, 300));
    assert_non_null(bed->waiting);
    bed->waiting(bed->waiting_arg, ERR_OK, NULL, SLICE("[]"));
    assert_true(read_answer(bed, fd, 2000));
    assert_non_null(strstr(bed->answer, "{\"data\":[]}"));
    close(fd);
}

static void a_client_that_leaves_early_does_no_harm(void **state)
{
    const char *text = "POST /users/disabled/enable-all HTTP/1.1\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    int fd, i;

    start(bed, false, 5000000);
    fd = dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    assert_false(read_answer(bed, fd, 50));
    close(fd);
    for (i = 0; i < 10; i++)
        loop_turn(bed->loop, 1000);
    bed->waiting(bed->waiting_arg, ERR_OK, NULL, SLICE("[]"));
    assert_int_equal(talk(bed, GET("/status")), 200);
}

static void stopping_answers_those_who_wait(void **state)
{
    const char *text = "POST /users/disabled/enable-all HTTP/1.1\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    int fd;

    start(bed, false, 5000000);
    fd = dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    assert_false(read_answer(bed, fd, 50));
    server_free(bed->server);
    bed->server = NULL;
    assert_true(read_answer(bed, fd, 1000));
    assert_non_null(strstr(bed->answer, "HTTP/1.1 503"));
    /* The operation ends after the server: nobody is there to hear it. */
    bed->waiting(bed->waiting_arg, ERR_OK, NULL, SLICE("[]"));
    close(fd);
}

static void the_socket_is_private_and_single(void **state)
{
    struct bed *bed = *state;
    struct stat st;
    struct err err;
    char path[64], longest[200];
    int fd;

    start(bed, false, 5000000);
    snprintf(path, sizeof(path), "%s/run/control.sock", bed->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(control_listen(bed->dir, &fd, &err), ERR_EXISTS);
    assert_int_equal(talk(bed, GET("/status")), 200);
    /* A socket left by a daemon that died is replaced. */
    server_free(bed->server);
    bed->server = NULL;
    assert_int_equal(stat(path, &st), 0);
    start(bed, false, 5000000);
    assert_int_equal(talk(bed, GET("/status")), 200);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(control_listen(longest, &fd, &err), ERR_TOO_BIG);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(answers_with_json),
        WITH_BED(ambiguous_requests_are_refused),
        WITH_BED(a_blank_in_a_header_name_is_refused),
        WITH_BED(host_is_asked_for_where_it_must_be),
        WITH_BED(bodies_are_read_whole),
        WITH_BED(an_endless_chunked_body_is_refused),
        WITH_BED(a_slow_client_is_shut_out),
        WITH_BED(an_operation_may_answer_later),
        WITH_BED(a_client_that_leaves_early_does_no_harm),
        WITH_BED(stopping_answers_those_who_wait),
        WITH_BED(the_socket_is_private_and_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
