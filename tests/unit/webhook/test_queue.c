/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "../store/store_bed.h"

#include <string.h>

#include "../net/tiny_server.h"
#include "store/db_webhook.h"
#include "webhook/webhook.h"

/* The queue against a receiver in this process, the database on this thread: what is noted, and when. */

#define ANSWER(head) \
    ((const struct tiny_piece[]){{head "\r\nContent-Length: 0\r\n\r\n", 0, 0}, {NULL, 0, 0}})

static const struct tiny_route routes[] = {
    {.path = "/ok", .pieces = ANSWER("HTTP/1.1 204 Taken")},
    {.path = "/ill", .pieces = ANSWER("HTTP/1.1 500 Ill")},
    {.path = "/slow",
     .pieces = (const struct tiny_piece[]){{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 400},
                                           {NULL, 0, 0}}},
    {NULL, NULL, 0, 0},
};

static struct loop *loop;
static struct worker *worker;
static struct webhook *w;
static int port, failing, asked;

/* As owner_submit_here; `failing` jobs that write find the disk full. */
static int submit(void *ctx, enum owner_kind kind, owner_fn fn, owner_done_fn done, void *arg)
{
    struct err full = {.code = ERR_FULL, .text = "the disk is full"};

    asked += kind == OWNER_WRITE;
    if (kind == OWNER_WRITE && failing > 0) {
        failing--;
        done(arg, ERR_FULL, &full);
        return ERR_OK;
    }
    return owner_submit_here(ctx, kind, fn, done, arg);
}

static const char *url(const char *path)
{
    static char text[64];

    snprintf(text, sizeof(text), "http://127.0.0.1:%d%s", port, path);
    return text;
}

static void happen(int n)
{
    struct db_event ev = {.at_us = T0,
                          .kind = SLICE("limit"),
                          .who = SLICE("cli"),
                          .what = SLICE("x")};

    ev.at_us = loop_wall_us(loop);
    while (n--)
        assert_int_equal(db_events_add(db, &ev, NULL, &err), 0);
}

static int set_up(void **state)
{
    struct webhook_opts wo = {.submit = submit, .agent = "test"};

    failing = asked = 0;
    if (bed_open(state) || loop_new(&loop) || worker_new(loop, 4, &worker))
        return -1;
    wo.loop = loop;
    wo.worker = worker;
    wo.store = db;
    return webhook_new(&wo, &w);
}

static int tear_down(void **state)
{
    webhook_stop(w);
    webhook_halt(w);
    webhook_free(w);
    loop_turn(loop, 0);
    worker_free(worker);
    loop_free(loop);
    return bed_close(state);
}

/* Turns for so long, or until so many events are delivered. */
static void turn(int ms, uint64_t delivered)
{
    int64_t end_us = loop_clock_us() + ms * INT64_C(1000);

    while (loop_clock_us() < end_us && webhook_facts(w).delivered < delivered)
        loop_turn(loop, 10000);
}

static int64_t done_id(void)
{
    int64_t id = -1;

    assert_int_equal(sql_number(db, &id, &err, "SELECT done_id FROM webhook", ""), 0);
    return id;
}

static void they_go_one_after_another(void **state)
{
    int before = tiny_server_count();

    (void)state;
    webhook_configure(w, url("/ok"), "a key of it");
    turn(200, 1);
    happen(20);
    turn(5000, 20);
    turn(50, 99);
    assert_int_equal(tiny_server_count() - before, 20);
    assert_int_equal(done_id(), 20);
    assert_int_equal(webhook_facts(w).waiting, 0);
    assert_int_equal(webhook_facts(w).state, WEBHOOK_OK);
    assert_non_null(strstr(tiny_server_last(), "{\"id\":\"20-"));
    assert_non_null(strstr(tiny_server_last(), "X-PG-Limiter-Signature: v1="));
    assert_null(strstr(tiny_server_last(), "Expect"));
}

/* Delivered, and the disk is full: nothing else goes out before it is noted, and it does not go again. */
static void what_cannot_be_noted_holds_the_queue(void **state)
{
    int before;

    (void)state;
    webhook_configure(w, url("/ok"), "a key of it");
    turn(200, 1);
    before = tiny_server_count();
    failing = 1;
    happen(3);
    turn(1500, 99);
    assert_int_equal(tiny_server_count() - before, 1);
    assert_int_equal(done_id(), 0);
    turn(5000, 3);
    turn(50, 99);
    assert_int_equal(tiny_server_count() - before, 3);
    assert_int_equal(done_id(), 3);
}

static void without_a_key_nothing_goes_out(void **state)
{
    int before = tiny_server_count();

    (void)state;
    webhook_configure(w, url("/ok"), "");
    turn(200, 1);
    happen(2);
    webhook_configure(w, url("/slow"), ""); /* another address: it is looked at once */
    turn(300, 1);
    assert_int_equal(webhook_facts(w).state, WEBHOOK_UNSIGNED);
    assert_int_equal(webhook_facts(w).waiting, 2);
    assert_int_equal(tiny_server_count() - before, 0);
    webhook_configure(w, url("/ok"), "a key of it");
    turn(5000, 2);
    assert_int_equal(tiny_server_count() - before, 2);
}

/* Another address gets what the first did not take; none: it is forgotten. */
static void the_address_may_change(void **state)
{
    (void)state;
    webhook_configure(w, url("/ill"), "a key of it");
    turn(200, 1);
    happen(2);
    turn(800, 1);
    assert_in_range(webhook_facts(w).failed, 1, 2); /* the second after half a second at least */
    assert_int_equal(webhook_facts(w).state, WEBHOOK_FAILING);
    assert_string_equal(webhook_facts(w).error, "it answers 500");
    assert_int_equal(webhook_facts(w).waiting, 2);
    webhook_configure(w, url("/ok"), "a key of it");
    turn(5000, 2);
    turn(50, 99);
    assert_int_equal(done_id(), 2);
    webhook_configure(w, "", "a key of it");
    happen(2);
    webhook_configure(w, url("/ok"), "a key of it");
    turn(700, 3);
    assert_int_equal(webhook_facts(w).delivered, 2);
    assert_int_equal(done_id(), 4);
}

/* A stop lets the answer on its way come in and be noted, and sends nothing more. */
static void a_stop_leaves_nothing_in_doubt(void **state)
{
    int before = tiny_server_count(), i;

    (void)state;
    webhook_configure(w, url("/slow"), "a key of it");
    turn(200, 1);
    happen(3);
    for (i = 0; i < 500 && tiny_server_count() == before; i++)
        loop_turn(loop, 10000);
    webhook_stop(w);
    assert_false(webhook_idle(w));
    for (i = 0; i < 500 && !webhook_idle(w); i++)
        loop_turn(loop, 10000);
    assert_int_equal(done_id(), 1);
    assert_int_equal(tiny_server_count() - before, 1);
}

static void keep(void *arg, int rc, const struct err *e, struct slice json)
{
    (void)e;
    snprintf(arg, 256, "%s %.*s", err_name(rc), (int)json.n, json.n ? json.p : "");
}

static void a_test_says_what_came_back(void **state)
{
    char said[256] = "", again[256] = "";

    (void)state;
    webhook_test(w, SLICE("cli"), keep, said);
    assert_memory_equal(said, err_name(ERR_INVALID), strlen(err_name(ERR_INVALID)));
    webhook_configure(w, url("/ok"), "a key of it");
    said[0] = '\0';
    webhook_test(w, SLICE("cli"), keep, said);
    webhook_test(w, SLICE("cli"), keep, again);
    assert_memory_equal(again, err_name(ERR_BUSY), strlen(err_name(ERR_BUSY)));
    while (!said[0])
        loop_turn(loop, 10000);
    assert_non_null(strstr(said, " {\"ok\":true,\"url\":\"http://127.0.0.1:"));
    assert_non_null(strstr(said, "\"status\":204,"));
    assert_non_null(strstr(tiny_server_last(), "\"type\":\"test\""));
    said[0] = '\0';
    webhook_test(w, SLICE("cli"), keep, said);
    webhook_configure(w, url("/ill"), "a key of it"); /* changed meanwhile */
    assert_memory_equal(said, err_name(ERR_CANCELLED), strlen(err_name(ERR_CANCELLED)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_go_one_after_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_noted_holds_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_key_nothing_goes_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_address_may_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_leaves_nothing_in_doubt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_test_says_what_came_back, set_up, tear_down),
    };

    port = tiny_server_start(routes);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
