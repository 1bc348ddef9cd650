/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api_bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/control.h"

static void answers_with_json(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, false, 5000000);
    assert_int_equal(bed_talk(bed, GET("/status")), 200);
    assert_non_null(strstr(bed->answer, "Content-Type: application/json"));
    assert_non_null(strstr(bed->answer, "\r\n\r\n{\"up\":true}"));
    assert_int_equal(bed_talk(bed, GET("/nowhere?x=1")), 404);
    assert_non_null(strstr(bed->answer, "\"code\":\"not_found\""));
    assert_int_equal(bed_talk(bed, "DELETE /status HTTP/1.1\r\nConnection: close\r\n\r\n"), 405);
    assert_int_equal(bed_talk(bed, "BREW /status HTTP/1.1\r\nConnection: close\r\n\r\n"), 405);
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

    bed_start(bed, false, 5000000);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        int status = bed_talk(bed, cases[i].text);

        if (status != cases[i].status)
            fail_msg("case %zu: %d, answer \"%s\"", i, status, bed->answer);
    }
}

static void a_blank_in_a_header_name_is_refused(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, false, 5000000);
    assert_int_not_equal(bed_talk(bed,
                                  "GET /status HTTP/1.1\r\nX A: 1\r\nConnection: close\r\n\r\n"),
                         200);
    assert_int_not_equal(bed_talk(bed,
                                  "GET /status HTTP/1.1\r\nX-A : 1\r\nConnection: close\r\n\r\n"),
                         200);
}

static void host_is_asked_for_where_it_must_be(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, true, 5000000);
    assert_int_equal(bed_talk(bed, GET("/status")), 400);
    assert_int_equal(bed_talk(bed, "GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                     200);
    assert_int_equal(
        bed_talk(bed, "GET /status HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n"),
        400);
}

static void bodies_are_read_whole(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, false, 5000000);
    assert_int_equal(
        bed_talk(bed, "PATCH /config HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\n"
                      "Content-Length: 9\r\nConnection: close\r\n\r\n{\"tick\":0}"),
        400); /* cut by its own length */
    assert_int_equal(bed_talk(bed, "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 10\r\nConnection: close\r\n\r\n{\"tick\":0}"),
                     422);
    assert_int_equal(
        bed_talk(bed,
                 "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: "
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

    bed_start(bed, false, 5000000);
    fd = bed_dial(bed);
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
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS));
    assert_non_null(strstr(bed->answer, "HTTP/1.1 413"));
    close(fd);
}

/* Sends `at_once`, then a byte every 20 ms: never idle for long, never done in time. True: a 408 came. */
static bool drip(struct bed *bed, const char *at_once)
{
    int64_t begun = bed_ms();
    bool ended = false, told = false;
    int fd, i;

    fd = bed_dial(bed);
    assert_true(send(fd, at_once, strlen(at_once), MSG_NOSIGNAL) > 0);
    for (i = 0; i < 60 && !ended; i++) {
        if (send(fd, "a", 1, MSG_NOSIGNAL) != 1)
            break;
        ended = bed_read(bed, fd, 20);
        told = told || strstr(bed->answer, "HTTP/1.1 408 ") != NULL;
    }
    assert_true(i < 60);
    assert_true(bed_ms() - begun >= 190);
    close(fd);
    return told;
}

static void a_slow_client_is_shut_out(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, false, 200000);
    assert_true(drip(bed, "GET /status HTTP/1.1\r\nX: a"));
    assert_true(drip(bed, "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\n"
                          "Content-Length: 500\r\n\r\n{"));
    /* Before its first line is whole it is no request yet, and gets no answer. */
    assert_false(drip(bed, "G"));
}

static void a_client_that_says_nothing_is_told_nothing(void **state)
{
    struct bed *bed = *state;
    int fd;

    bed_start(bed, false, 100000);
    fd = bed_dial(bed);
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS));
    assert_string_equal(bed->answer, "");
    close(fd);
}

static void an_answer_is_not_followed_by_another(void **state)
{
    const char *text = "GET /status HTTP/1.1\r\n\r\n";
    struct bed *bed = *state;
    int fd;

    bed_start(bed, false, 1000000);
    fd = bed_dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS)); /* the pause after it is over */
    assert_non_null(strstr(bed->answer, "HTTP/1.1 200"));
    assert_null(strstr(bed->answer, "HTTP/1.1 408"));
    close(fd);
}

/* A head that announces n bytes, then as many; the answer stands in bed->answer. */
static void send_body(struct bed *bed, const char *head, int n)
{
    static char bytes[4096];
    int fd = bed_dial(bed), i;

    memset(bytes, ' ', sizeof(bytes));
    assert_true(send(fd, head, strlen(head), MSG_NOSIGNAL) > 0);
    for (i = 0; n > 0 && i < 100000; i++) {
        size_t most = n < (int)sizeof(bytes) ? (size_t)n : sizeof(bytes);
        ssize_t sent = send(fd, bytes, most, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN)
            break;
        n -= sent > 0 ? (int)sent : 0;
        loop_turn(bed->loop, 0);
    }
    assert_int_equal(n, 0);
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS));
    close(fd);
}

static void a_body_is_read_before_it_is_refused(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, false, 5000000);
    send_body(bed,
              "PATCH /config HTTP/1.1\r\nContent-Type: application/json\r\n"
              "Content-Length: 3000000\r\nConnection: close\r\n\r\n",
              3000000);
    assert_non_null(strstr(bed->answer, "HTTP/1.1 413 "));
    send_body(bed, "POST /nowhere HTTP/1.1\r\nContent-Length: 900000\r\nConnection: close\r\n\r\n",
              900000);
    assert_non_null(strstr(bed->answer, "HTTP/1.1 404 "));
    assert_int_equal(bed_talk(bed, "PATCH /config HTTP/1.1\r\nExpect: 100-continue\r\n"
                                   "Content-Length: 3000000\r\n\r\n"),
                     413); /* nothing was sent: at once */
}

static void a_refusal_does_not_wait_for_ever(void **state)
{
    struct bed *bed = *state;

    bed_start(bed, false, 200000);
    assert_int_equal(bed_talk(bed, "PATCH /config HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n"),
                     413);
}

static void an_operation_may_answer_later(void **state)
{
    const char *text = "POST /users/disabled/enable-all HTTP/1.1\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    int fd;

    bed_start(bed, false, 1000000);
    fd = bed_dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    bed_until_asked(bed);
    /* Longer than the deadline, which is the client's and not the operation's. */
    assert_false(bed_read(bed, fd, 1300));
    bed->waiting(bed->waiting_arg, ERR_OK, NULL, SLICE("[]"));
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS));
    assert_non_null(strstr(bed->answer, "{\"data\":[]}"));
    close(fd);
}

static void a_client_that_leaves_early_does_no_harm(void **state)
{
    const char *text = "POST /users/disabled/enable-all HTTP/1.1\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    int fd, i;

    bed_start(bed, false, 5000000);
    fd = bed_dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    bed_until_asked(bed);
    close(fd);
    for (i = 0; i < 10; i++)
        loop_turn(bed->loop, 1000);
    bed->waiting(bed->waiting_arg, ERR_OK, NULL, SLICE("[]"));
    assert_int_equal(bed_talk(bed, GET("/status")), 200);
}

static void stopping_answers_those_who_wait(void **state)
{
    const char *text = "POST /users/disabled/enable-all HTTP/1.1\r\nConnection: close\r\n\r\n";
    struct bed *bed = *state;
    int fd;

    bed_start(bed, false, 5000000);
    fd = bed_dial(bed);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    bed_until_asked(bed);
    server_free(bed->server);
    bed->server = NULL;
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS));
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

    bed_start(bed, false, 5000000);
    snprintf(path, sizeof(path), "%s/run/control.sock", bed->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(control_listen(bed->dir, &fd, &err), ERR_EXISTS);
    assert_int_equal(bed_talk(bed, GET("/status")), 200);
    /* A socket left by a daemon that died is replaced. */
    server_free(bed->server);
    bed->server = NULL;
    assert_int_equal(stat(path, &st), 0);
    bed_start(bed, false, 5000000);
    assert_int_equal(bed_talk(bed, GET("/status")), 200);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(control_listen(longest, &fd, &err), ERR_TOO_BIG);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

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
        WITH_BED(a_client_that_says_nothing_is_told_nothing),
        WITH_BED(an_answer_is_not_followed_by_another),
        WITH_BED(a_body_is_read_before_it_is_refused),
        WITH_BED(a_refusal_does_not_wait_for_ever),
        WITH_BED(an_operation_may_answer_later),
        WITH_BED(a_client_that_leaves_early_does_no_harm),
        WITH_BED(stopping_answers_those_who_wait),
        WITH_BED(the_socket_is_private_and_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
