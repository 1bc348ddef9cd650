/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/stamp.h"
#include "net/http.h"
#include "tiny_server.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define SSE_HEAD \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
/* What must come is waited for as long as that; who hangs does so for longer than a machine stands still. */
#define PATIENCE_US INT64_C(60000000)
enum { HANG_MS = 20000 };

#define PIECES(...) \
    (const struct tiny_piece[]) \
    { \
        __VA_ARGS__, \
        { \
            NULL, 0, 0 \
        } \
    }

static const struct tiny_route routes[] = {
    {"/ok", PIECES({OK_HEAD "Content-Length: 5\r\nDate: Mon, 23 Nov 2026 15:38:13 GMT\r\n\r\nhello",
                    0, 0})},
    {"/busy", PIECES({"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno", 0, 0})},
    {"/moved",
     PIECES({"HTTP/1.1 301 Moved\r\nLocation: https://x.example/\r\nContent-Length: 0\r\n\r\n", 0,
             0})},
    {"/big", PIECES({OK_HEAD "\r\n0123456789012345678901234567890123456789", 0, 0})},
    {"/hang", PIECES({"", 0, 0}), .hold_ms = HANG_MS},
    {"/slow",
     PIECES({OK_HEAD "Content-Length: 500\r\n\r\n", 0, 0}, {"x", 0, 100}, {"x", 0, 100},
            {"x", 0, 100}, {"x", 0, 100}, {"x", 0, 100}),
     .hold_ms = HANG_MS},
    {"/drop", PIECES({"", 0, 0})},
    {"/reset", PIECES({OK_HEAD "Content-Length: 500\r\n\r\nxx", 0, 0}), .abort = 1},
    {"/short", PIECES({OK_HEAD "Content-Length: 500\r\n\r\nxx", 0, 0})},
    {"/junk", PIECES({"SSH-2.0-OpenSSH\r\n", 0, 0}), .hold_ms = 50},
    {"/sse", PIECES({SSE_HEAD, 0, 0}, {"5\r\nhello\r\n", 0, 20}, {"3\r\nbye\r\n", 0, 20},
                    {"0\r\n\r\n", 0, 20})},
    {"/sse-cut", PIECES({SSE_HEAD "5\r\nhel", 0, 0})},
    {"/sse-dead", PIECES({SSE_HEAD "5\r\nhello\r\n", 0, 0}), .hold_ms = HANG_MS},
    {"/sse-404",
     PIECES({"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: "
             "27\r\n\r\n{\"detail\":\"Node not found\"}",
             0, 0})},
    {NULL},
};

static struct loop *loop;
static struct worker *worker;
static struct http *http;
static int port;

struct got {
    int ended, rc, status, opened;
    int64_t retry_after_s, date_us;
    char location[256], type[96];
    char text[512], body[4096];
    size_t n;
    struct http_call *cancel;
};

static void keep(struct got *g, int rc, const struct err *err, struct http_answer *a)
{
    g->ended++;
    g->rc = rc;
    snprintf(g->text, sizeof(g->text), "%s", err->text);
    if (!a)
        return;
    g->status = a->status;
    g->retry_after_s = a->retry_after_s;
    g->date_us = a->server_date_us;
    snprintf(g->location, sizeof(g->location), "%s", a->location);
    snprintf(g->type, sizeof(g->type), "%s", a->content_type);
    snprintf(g->body, sizeof(g->body), "%s", buf_str(a->body));
}

static void on_done(void *arg, int rc, const struct err *err, struct http_answer *a)
{
    keep(arg, rc, err, a);
}

static void on_open(void *arg, const struct http_answer *a)
{
    struct got *g = arg;

    g->opened++;
    snprintf(g->type, sizeof(g->type), "%s", a->content_type);
}

static void on_data(void *arg, struct slice bytes)
{
    struct got *g = arg;

    assert_true(g->n + bytes.n < sizeof(g->body));
    memcpy(g->body + g->n, bytes.p, bytes.n);
    g->n += bytes.n;
    if (g->cancel)
        http_cancel(g->cancel);
}

static void start_at(struct got *g, const char *host, const char *path, size_t max,
                     int64_t deadline_us)
{
    const struct http_header headers[] = {{"X-Api-Key", "pg_key_1"},
                                          {"Accept", "application/json"}};
    struct http_call *call;
    char url[256];
    struct http_request req = {.method = "PUT",
                               .url = url,
                               .headers = headers,
                               .n_headers = 2,
                               .body = SLICE("{\"a\":1}"),
                               .deadline_us = deadline_us,
                               .body_max = max};

    *g = (struct got){0};
    snprintf(url, sizeof(url), "http://%s:%d%s", host, port, path);
    assert_int_equal(http_start(http, &req, on_done, g, &call), ERR_OK);
    assert_int_equal(g->ended, 0);
}

static void wait_for(const struct got *g)
{
    int64_t begun_us = loop_clock_us();

    while (!g->ended && loop_clock_us() - begun_us < PATIENCE_US)
        loop_turn(loop, 10000);
    assert_int_equal(g->ended, 1);
}

static void ask(struct got *g, const char *path)
{
    start_at(g, "127.0.0.1", path, 1000, PATIENCE_US);
    wait_for(g);
}

static void answers_come_whole(void **state)
{
    struct got g;

    (void)state;
    ask(&g, "/ok");
    assert_int_equal(g.rc, ERR_OK);
    assert_int_equal(g.status, 200);
    assert_string_equal(g.body, "hello");
    assert_string_equal(g.type, "application/json");
    assert_int_equal(g.retry_after_s, -1);
    assert_true(g.date_us == stamp_civil(2026, 11, 23, 15, 38, 13, 0));
    assert_non_null(strstr(tiny_server_last(), "PUT /ok HTTP/1.1\r\n"));
    assert_non_null(strstr(tiny_server_last(), "X-Api-Key: pg_key_1\r\n"));
    assert_non_null(strstr(tiny_server_last(), "\r\n\r\n{\"a\":1}"));
    ask(&g, "/busy");
    assert_int_equal(g.rc, ERR_OK);
    assert_int_equal(g.status, 429);
    assert_int_equal(g.retry_after_s, 7);
    ask(&g, "/moved");
    assert_int_equal(g.status, 301);
    assert_string_equal(g.location, "https://x.example/");
}

static void names_are_resolved_in_the_worker(void **state)
{
    struct got g[5];
    struct addrinfo *known;

    (void)state;
    /* A root without /etc/hosts, as debootstrap leaves it, knows no localhost. */
    if (getaddrinfo("localhost", NULL, NULL, &known))
        skip();
    freeaddrinfo(known);
    for (int i = 0; i < 4; i++)
        start_at(&g[i], "localhost", "/ok", 1000, PATIENCE_US);
    for (int i = 0; i < 4; i++)
        wait_for(&g[i]);
    assert_int_equal(g[3].rc, ERR_OK);
    assert_string_equal(g[3].body, "hello");
    start_at(&g[4], "no-such-host.invalid", "/ok", 1000, PATIENCE_US);
    wait_for(&g[4]);
    assert_int_equal(g[4].rc, ERR_UNREACHABLE);
    assert_non_null(strstr(g[4].text, "no-such-host.invalid"));
}

static void every_fault_has_its_code(void **state)
{
    struct got g;
    int at;

    (void)state;
    start_at(&g, "127.0.0.1", "/big", 20, PATIENCE_US);
    wait_for(&g);
    assert_int_equal(g.rc, ERR_TOO_BIG);
    start_at(&g, "127.0.0.1", "/hang", 20, 200000);
    wait_for(&g);
    assert_int_equal(g.rc, ERR_TIMEOUT);
    assert_string_equal(g.text, "no answer came within 0.2 s");
    /* A byte now and then does not extend the deadline. */
    start_at(&g, "127.0.0.1", "/slow", 1000, 300000);
    wait_for(&g);
    assert_int_equal(g.rc, ERR_TIMEOUT);
    ask(&g, "/drop");
    assert_int_equal(g.rc, ERR_UNREACHABLE);
    ask(&g, "/reset");
    assert_int_equal(g.rc, ERR_UNREACHABLE);
    ask(&g, "/short");
    assert_int_equal(g.rc, ERR_UNREACHABLE);
    ask(&g, "/junk");
    assert_int_equal(g.rc, ERR_PROTOCOL);
    at = port;
    port = 1;
    ask(&g, "/ok");
    port = at;
    assert_int_equal(g.rc, ERR_UNREACHABLE);
}

static struct http_call *open_stream(struct got *g, const char *path, int64_t idle_us,
                                     int64_t gap_us)
{
    struct http_stream_opts opts = {.open_us = PATIENCE_US,
                                    .idle_us = idle_us,
                                    .read_gap_us = gap_us,
                                    .on_open = on_open,
                                    .on_data = on_data,
                                    .on_end = on_done};
    struct http_call *call;
    char url[256];

    *g = (struct got){0};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    opts.url = url;
    assert_int_equal(http_stream(http, &opts, g, &call), ERR_OK);
    return call;
}

static void streams_open_flow_and_end(void **state)
{
    struct got g;

    (void)state;
    for (int gap = 0; gap <= 50000; gap += 50000) {
        open_stream(&g, "/sse", PATIENCE_US, gap);
        wait_for(&g);
        assert_int_equal(g.rc, ERR_OK);
        assert_int_equal(g.opened, 1);
        assert_int_equal(g.status, 0);
        assert_string_equal(g.type, "text/event-stream");
        assert_int_equal(g.n, 8);
        assert_memory_equal(g.body, "hellobye", 8);
    }
    open_stream(&g, "/sse-cut", PATIENCE_US, 0);
    wait_for(&g);
    assert_int_equal(g.rc, ERR_UNREACHABLE);
    assert_int_equal(g.n, 3);
    open_stream(&g, "/sse-dead", 200000, 0);
    wait_for(&g);
    assert_int_equal(g.rc, ERR_TIMEOUT);
    assert_int_equal(g.n, 5);
    open_stream(&g, "/sse-404", PATIENCE_US, 0);
    wait_for(&g);
    assert_int_equal(g.rc, ERR_OK);
    assert_int_equal(g.opened, 0);
    assert_int_equal(g.status, 404);
    assert_string_equal(g.body, "{\"detail\":\"Node not found\"}");
}

static void cancelled_means_silent(void **state)
{
    struct got g, h;
    struct http_call *call;
    int64_t begun_us;

    (void)state;
    call = open_stream(&g, "/sse", PATIENCE_US, 0);
    g.cancel = call;
    call = open_stream(&h, "/hang", PATIENCE_US, 0);
    http_cancel(call);
    begun_us = loop_clock_us();
    while (g.n < 5 && loop_clock_us() - begun_us < PATIENCE_US)
        loop_turn(loop, 10000);
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 10000);
    assert_int_equal(g.n, 5);
    assert_int_equal(g.ended, 0);
    assert_int_equal(h.ended, 0);
}

static void the_end_of_the_client_tells_every_call(void **state)
{
    const struct http_opts opts = {0};
    struct http *kept = http;
    struct got g[3];
    struct err err;

    (void)state;
    assert_int_equal(http_new(loop, worker, &opts, &http, &err), ERR_OK);
    start_at(&g[0], "127.0.0.1", "/hang", 20, PATIENCE_US);
    open_stream(&g[1], "/sse-dead", PATIENCE_US, 50000);
    for (int i = 0; i < 10; i++)
        loop_turn(loop, 10000);
    start_at(&g[2], "localhost", "/hang", 20, PATIENCE_US);
    loop_turn(loop, 0);
    http_free(http);
    http = kept;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(g[i].ended, 1);
        assert_int_equal(g[i].rc, ERR_CANCELLED);
    }
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 10000);
}

static void pins_are_checked(void **state)
{
    struct http_opts opts = {.pins = "sha256//short="};
    struct http *other;
    struct err err;

    (void)state;
    assert_int_equal(http_check_pins(SLICE("sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;"
                                           "sha256//BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB+="),
                                     &err),
                     ERR_OK);
    assert_int_equal(http_check_pins(SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), &err),
                     ERR_INVALID);
    assert_int_equal(http_check_pins(SLICE("sha256//AAAA AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
                                     &err),
                     ERR_INVALID);
    assert_int_equal(http_check_pins(SLICE(""), &err), ERR_INVALID);
    assert_int_equal(http_new(loop, worker, &opts, &other, &err), ERR_INVALID);
    opts = (struct http_opts){.ca_file = "/no/such/file.pem"};
    assert_int_equal(http_new(loop, worker, &opts, &other, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "/no/such/file.pem"));
}

static void a_header_cannot_smuggle_another(void **state)
{
    const struct http_header evil = {"X-Api-Key", "a\r\nHost: b"};
    struct http_request req = {.method = "GET",
                               .url = "http://127.0.0.1:1/",
                               .headers = &evil,
                               .n_headers = 1,
                               .deadline_us = 1000000,
                               .body_max = 10};
    struct http_call *call;
    struct buf b;

    (void)state;
    assert_int_equal(http_start(http, &req, on_done, NULL, &call), ERR_INVALID);
    req =
        (struct http_request){.method = "GET", .url = "ht tp:///", .deadline_us = 1, .body_max = 1};
    assert_int_equal(http_start(http, &req, on_done, NULL, &call), ERR_INVALID);
    buf_init(&b, 100);
    http_add_escaped(&b, (struct slice){"a.b/c?\xc3\xa4 @\0", 10});
    assert_string_equal(buf_str(&b), "a.b%2Fc%3F%C3%A4%20%40");
    buf_release(&b);
}

static int setup(void **state)
{
    const struct http_opts opts = {.agent = "pg-limiter/test"};
    struct err err;

    (void)state;
    port = tiny_server_start(routes);
    assert_int_equal(loop_new(&loop), ERR_OK);
    assert_int_equal(worker_new(loop, 16, &worker), ERR_OK);
    return http_new(loop, worker, &opts, &http, &err);
}

static int teardown(void **state)
{
    (void)state;
    http_free(http);
    worker_free(worker);
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_whole),
        cmocka_unit_test(names_are_resolved_in_the_worker),
        cmocka_unit_test(every_fault_has_its_code),
        cmocka_unit_test(streams_open_flow_and_end),
        cmocka_unit_test(cancelled_means_silent),
        cmocka_unit_test(the_end_of_the_client_tells_every_call),
        cmocka_unit_test(pins_are_checked),
        cmocka_unit_test(a_header_cannot_smuggle_another),
    };

    return cmocka_run_group_tests_name("net_http", tests, setup, teardown);
}
