/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api_bed.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/db_events.h"

/* The live stream of GET /events. */

static void add(struct bed *bed, const char *what)
{
    struct db_event row = {.at_us = 1,
                           .kind = SLICE("test"),
                           .who = SLICE("me"),
                           .what = slice_of(what)};
    struct err err;

    assert_int_equal(db_events_add(bed->db, &row, NULL, &err), ERR_OK);
}

static int open_stream(struct bed *bed, const char *header)
{
    char text[256];
    int fd = bed_dial(bed), n;

    n = snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\n%s\r\n", header);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

/* Reads on until the answer holds a text; false: it never came. */
static bool comes(struct bed *bed, int fd, const char *want)
{
    size_t have = 0;
    int64_t end = bed_ms() + BED_PATIENCE_MS;

    bed->answer[0] = '\0';
    while (!strstr(bed->answer, want) && bed_ms() < end) {
        ssize_t n;

        loop_turn(bed->loop, 5000);
        n = recv(fd, bed->answer + have, sizeof(bed->answer) - 1 - have, 0);
        have += n > 0 ? (size_t)n : 0;
        bed->answer[have] = '\0';
    }
    return strstr(bed->answer, want) != NULL;
}

static void a_new_stream_begins_with_what_comes(void **state)
{
    struct bed *bed = *state;
    int fd;

    bed_start(bed, false, 5000000);
    add(bed, "of before");
    fd = open_stream(bed, "");
    assert_true(comes(bed, fd, "retry: 3000"));
    assert_non_null(strstr(bed->answer, "Content-Type: text/event-stream"));
    add(bed, "at once after");
    assert_true(comes(bed, fd, "at once after"));
    assert_non_null(strstr(bed->answer, "id: 2\n"));
    assert_null(strstr(bed->answer, "of before"));
    close(fd);
}

static void last_event_id_goes_on_where_it_ended(void **state)
{
    struct bed *bed = *state;
    char what[16];
    int fd, i;

    bed_start(bed, false, 5000000);
    for (i = 1; i <= 5; i++) {
        snprintf(what, sizeof(what), "number %d", i);
        add(bed, what);
    }
    fd = open_stream(bed, "Last-Event-ID: 2\r\n");
    assert_true(comes(bed, fd, "number 5"));
    assert_non_null(strstr(bed->answer, "id: 3\n"));
    assert_non_null(strstr(bed->answer, "number 4"));
    assert_null(strstr(bed->answer, "number 2"));
    close(fd);
    /* An id that is not yet there: nothing of before comes. */
    fd = open_stream(bed, "Last-Event-ID: 5\r\n");
    assert_true(comes(bed, fd, "retry: 3000"));
    add(bed, "number 6");
    assert_true(comes(bed, fd, "number 6"));
    assert_null(strstr(bed->answer, "number 5"));
    close(fd);
}

static void a_wrong_last_event_id_is_refused(void **state)
{
    static const char *const wrong[] = {
        "x", "-1", "1 2", "0x10", "1e3", "", "99999999999999999999"};
    struct bed *bed = *state;
    char text[128];
    size_t i;

    bed_start(bed, false, 5000000);
    for (i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(text, sizeof(text),
                 "GET /events HTTP/1.1\r\nConnection: close\r\nLast-Event-ID: %s\r\n\r\n",
                 wrong[i]);
        assert_int_equal(bed_talk(bed, text), 422);
    }
}

static void streams_are_bounded(void **state)
{
    struct bed *bed = *state;
    int64_t end = bed_ms() + BED_PATIENCE_MS;
    int fds[LIMIT_EVENT_STREAMS], i;
    bool has_room;

    bed_start(bed, false, 5000000);
    for (i = 0; i < LIMIT_EVENT_STREAMS; i++) {
        fds[i] = open_stream(bed, "");
        assert_true(comes(bed, fds[i], "retry: 3000"));
    }
    assert_int_equal(bed_talk(bed, GET("/events")), 503);
    assert_non_null(strstr(bed->answer, "\"code\":\"busy\""));
    /* One that leaves is seen to leave, and makes room. */
    close(fds[0]);
    do {
        assert_true(bed_ms() < end);
        loop_turn(bed->loop, 50000);
        fds[0] = open_stream(bed, "");
        assert_true(comes(bed, fds[0], "\r\n\r\n"));
        has_room = strstr(bed->answer, "HTTP/1.1 200 ") != NULL;
        if (!has_room)
            close(fds[0]);
    } while (!has_room);
    for (i = 0; i < LIMIT_EVENT_STREAMS; i++)
        close(fds[i]);
}

static void who_does_not_read_is_cut_off(void **state)
{
    static char what[LIMIT_EVENT_TEXT];
    struct bed *bed = *state;
    int64_t end = bed_ms() + BED_PATIENCE_MS;
    struct pollfd gone;
    int fd, reader, i;
    char byte;

    bed_start(bed, false, 2000000);
    memset(what, 'a', sizeof(what) - 1);
    fd = open_stream(bed, "Last-Event-ID: 0\r\n");
    reader = open_stream(bed, "");
    assert_true(comes(bed, fd, "retry: 3000"));
    for (i = 0; i < 200; i++)
        add(bed, what);
    gone = (struct pollfd){.fd = fd, .events = POLLRDHUP};
    while (poll(&gone, 1, 0) == 0) {
        assert_true(bed_ms() < end);
        loop_turn(bed->loop, 5000);
        while (recv(reader, bed->answer, sizeof(bed->answer), 0) > 0)
            ;
    }
    /* 800 KB never went: the connection ended with what had been sent. */
    for (i = 0; recv(fd, &byte, 1, 0) == 1; i++)
        ;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    assert_in_range(i, 1, 600000);
    /* Who reads is served on. */
    add(bed, "and on it goes");
    assert_true(comes(bed, reader, "and on it goes"));
    close(fd);
    close(reader);
}

static void stopping_ends_the_streams(void **state)
{
    struct bed *bed = *state;
    int fd;

    bed_start(bed, false, 5000000);
    fd = open_stream(bed, "");
    assert_true(comes(bed, fd, "retry: 3000"));
    server_free(bed->server);
    bed->server = NULL;
    assert_true(bed_read(bed, fd, BED_PATIENCE_MS));
    close(fd);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(a_new_stream_begins_with_what_comes),
        WITH_BED(last_event_id_goes_on_where_it_ended),
        WITH_BED(a_wrong_last_event_id_is_refused),
        WITH_BED(streams_are_bounded),
        WITH_BED(who_does_not_read_is_cut_off),
        WITH_BED(stopping_ends_the_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
