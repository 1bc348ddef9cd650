/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cache/cache.h"
#include "cache/cache_seal.h"
#include "fake_redis.h"

static const unsigned char key[CACHE_KEY] = "a key of this installation alone";
static char url[64];
/* Nothing here takes so long, but where it never comes. */
static const int64_t patience_us = 60000000;

struct bed {
    struct loop *loop;
    struct worker *worker;
    struct cache *c;
    const struct cache_port *port;
    int changes;
};

struct answer {
    int told;
    bool some;
    char text[64];
};

static void on_change(void *arg)
{
    ((struct bed *)arg)->changes++;
}

static void got(void *arg, struct slice value)
{
    struct answer *a = arg;

    a->told++;
    a->some = value.p != NULL;
    snprintf(a->text, sizeof(a->text), "%.*s", (int)value.n, value.p ? value.p : "");
}

static void open_bed(struct bed *b, const char *at, const char *access, bool token)
{
    struct cache_opts o = {.url = at,
                           .key = key,
                           .panel = "https://panel",
                           .access = access,
                           .keep_token = token,
                           .on_change = on_change,
                           .arg = b};

    *b = (struct bed){0};
    assert_int_equal(loop_new(&b->loop), ERR_OK);
    assert_int_equal(worker_new(b->loop, 8, &b->worker), ERR_OK);
    o.loop = b->loop;
    o.worker = b->worker;
    assert_int_equal(cache_new(&o, &b->c, NULL), ERR_OK);
    b->port = cache_port(b->c);
    cache_start(b->c);
}

static void close_bed(struct bed *b)
{
    cache_stop(b->c);
    cache_free(b->c);
    worker_free(b->worker);
    loop_free(b->loop);
}

/* One turn; the milliseconds of it. A machine that stands still meanwhile takes none of them. */
static int64_t turn(struct bed *b)
{
    int64_t began_us = loop_clock_us(), took_us;

    loop_turn(b->loop, 5000);
    took_us = loop_clock_us() - began_us;
    return (took_us < 20000 ? took_us : 20000) / 1000;
}

/* Turns until the cache is where it should be; milliseconds it took. */
static int64_t until(struct bed *b, bool in_redis)
{
    int64_t began_us = loop_clock_us(), took_ms = 0;

    while (cache_facts(b->c).in_redis != in_redis || !cache_facts(b->c).settled) {
        took_ms += turn(b);
        assert_true(loop_clock_us() - began_us < patience_us);
    }
    return took_ms;
}

/* Turns until the server holds so many values. */
static void until_kept(struct bed *b, int values)
{
    int64_t began_us = loop_clock_us();

    while (fake_redis_values() != values) {
        turn(b);
        assert_true(loop_clock_us() - began_us < patience_us);
    }
}

static void turn_ms(struct bed *b, int64_t ms)
{
    int64_t began_us = loop_clock_us();

    while (loop_clock_us() - began_us < ms * 1000)
        loop_turn(b->loop, 2000);
}

static struct answer ask(struct bed *b, enum cache_kind kind, const char *name)
{
    struct answer a = {0};
    int64_t began_us = loop_clock_us();

    assert_non_null(b->port->get(b->port->ctx, kind, slice_of(name), got, &a));
    assert_int_equal(a.told, 0);
    while (!a.told && loop_clock_us() - began_us < patience_us)
        loop_turn(b->loop, 5000);
    assert_int_equal(a.told, 1);
    return a;
}

static void put(struct bed *b, enum cache_kind kind, const char *name, const char *value)
{
    b->port->put(b->port->ctx, kind, slice_of(name), slice_of(value));
}

static void memory_alone_keeps_and_forgets(void **state)
{
    struct bed b;

    (void)state;
    open_bed(&b, "", "bob", true);
    assert_false(ask(&b, CACHE_NODES, "").some);
    put(&b, CACHE_NODES, "", "list");
    assert_string_equal(ask(&b, CACHE_NODES, "").text, "list");
    assert_false(ask(&b, CACHE_CONFIG, "").some);
    b.port->drop(b.port->ctx, CACHE_NODES, SLICE(""));
    assert_false(ask(&b, CACHE_NODES, "").some);
    put(&b, CACHE_NODES, "", "");
    assert_true(ask(&b, CACHE_NODES, "").some);
    assert_false(cache_facts(b.c).configured);
    close_bed(&b);
}

static void another_process_finds_it_in_redis(void **state)
{
    struct answer early;
    struct bed b;
    int tries;

    (void)state;
    fake_redis_empty();
    open_bed(&b, url, "bob", true);
    put(&b, CACHE_TOKEN, "", "early"); /* before it is connected */
    until(&b, true);
    put(&b, CACHE_ISP, "192.0.2.0", "IR");
    until_kept(&b, 3); /* with the probe */
    assert_string_equal(cache_facts(b.c).redis.server, "Redis 9.8.7");
    close_bed(&b);

    open_bed(&b, url, "bob", true);
    for (tries = 1; !(early = ask(&b, CACHE_TOKEN, "")).some; tries++) {
        /* asked before it is connected: that is waited for, but not for ever */
        assert_true(tries < 5 && cache_facts(b.c).late > 0);
        close_bed(&b);
        open_bed(&b, url, "bob", true);
    }
    assert_string_equal(early.text, "early");
    until(&b, true);
    assert_string_equal(ask(&b, CACHE_ISP, "192.0.2.0").text, "IR");
    assert_false(ask(&b, CACHE_ISP, "192.0.3.0").some);
    b.port->drop(b.port->ctx, CACHE_TOKEN, SLICE(""));
    until_kept(&b, 2);
    close_bed(&b);

    open_bed(&b, url, "bob with another password", true);
    until(&b, true);
    assert_false(ask(&b, CACHE_ISP, "192.0.2.0").some);
    assert_int_equal(cache_facts(b.c).foreign, 1);
    close_bed(&b);
}

static void the_token_stays_here_when_told_so(void **state)
{
    struct bed b;

    (void)state;
    fake_redis_empty();
    open_bed(&b, url, "bob", false);
    until(&b, true);
    put(&b, CACHE_TOKEN, "", "secret");
    put(&b, CACHE_NODES, "", "list");
    until_kept(&b, 2);
    turn_ms(&b, 100);
    assert_int_equal(fake_redis_values(), 2);
    assert_string_equal(ask(&b, CACHE_TOKEN, "").text, "secret");
    close_bed(&b);
}

static void a_hanging_server_costs_nobody_time(void **state)
{
    struct answer a[50] = {{0}};
    struct bed b;
    int i;

    (void)state;
    fake_redis_empty();
    open_bed(&b, url, "bob", true);
    until(&b, true);
    put(&b, CACHE_NODES, "", "list");
    until_kept(&b, 2);
    fake_redis_mode(FAKE_HANG);
    for (i = 0; i < 50; i++)
        assert_non_null(b.port->get(b.port->ctx, CACHE_ISP, SLICE("x"), got, &a[i]));
    assert_true(until(&b, false) < 1000);
    for (i = 0; i < 50; i++)
        assert_true(a[i].told == 1 && !a[i].some);
    assert_int_equal(cache_facts(b.c).late, 50);
    assert_string_equal(ask(&b, CACHE_NODES, "").text, "list");
    b.port->drop(b.port->ctx, CACHE_NODES, SLICE(""));
    fake_redis_mode(FAKE_GOOD);
    until(&b, true);
    until_kept(&b, 1); /* dropped while it was away */
    close_bed(&b);
    fake_redis_mode(FAKE_GOOD);
}

static void every_fault_leads_to_memory_and_back(void **state)
{
    static const struct {
        enum fake_mode mode;
        const char *why;
        bool cured;
    } rows[] = {
        {FAKE_GARBAGE, "no Redis answers", true}, {FAKE_LOCKED, "asks for a password", true},
        {FAKE_FULL, "memory is full", true},      {FAKE_UNASKED, "not asked", false},
        {FAKE_HANG, "not answered", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed b;

        open_bed(&b, url, "bob", true);
        until(&b, true);
        fake_redis_mode(rows[i].mode);
        put(&b, CACHE_NODES, "", "list");
        assert_true(until(&b, false) < 1000);
        assert_non_null(strstr(cache_facts(b.c).why, rows[i].why));
        assert_int_equal(cache_facts(b.c).cure != NULL, rows[i].cured);
        assert_string_equal(ask(&b, CACHE_NODES, "").text, "list");
        fake_redis_mode(FAKE_GOOD);
        until(&b, true);
        assert_string_equal(cache_facts(b.c).why, "");
        close_bed(&b);
    }
}

static void a_cut_connection_is_opened_again(void **state)
{
    struct bed b;

    (void)state;
    open_bed(&b, url, "bob", true);
    until(&b, true);
    fake_redis_cut();
    until(&b, false);
    until(&b, true);
    assert_int_equal(cache_facts(b.c).redis.downs, 1);
    close_bed(&b);
}

static void nobody_is_hurried_after(void **state)
{
    struct bed b;
    int before = fake_redis_connections(), most;
    int64_t began_us = loop_clock_us();

    (void)state;
    fake_redis_mode(FAKE_GARBAGE);
    open_bed(&b, url, "bob", true);
    until(&b, false);
    while (fake_redis_connections() - before < 2) {
        turn(&b);
        assert_true(loop_clock_us() - began_us < patience_us);
    }
    turn_ms(&b, 2000);
    /* The waits are of 0.5 s at the least, and double. */
    most = 4 + (int)((loop_clock_us() - began_us) / 1000000);
    assert_in_range(fake_redis_connections() - before, 2, most);
    assert_true(b.changes <= 2);
    fake_redis_mode(FAKE_GOOD);
    close_bed(&b);
}

static void questions_are_bounded_and_may_be_taken_back(void **state)
{
    struct cache_get *first = NULL, *g;
    struct answer a = {0};
    struct bed b;
    int64_t began_us = loop_clock_us();
    int n = 0;

    (void)state;
    open_bed(&b, url, "bob", true);
    until(&b, true);
    fake_redis_mode(FAKE_HANG);
    while ((g = b.port->get(b.port->ctx, CACHE_ISP, SLICE("x"), got, &a)) != NULL) {
        if (!n++)
            first = g;
        assert_true(n <= LIMIT_CACHE_GETS);
    }
    assert_int_equal(n, LIMIT_CACHE_GETS);
    b.port->cancel(b.port->ctx, first);
    while (a.told < n - 1) {
        turn(&b);
        assert_true(loop_clock_us() - began_us < patience_us);
    }
    until(&b, false); /* what hangs there no longer counts */
    g = b.port->get(b.port->ctx, CACHE_ISP, SLICE("x"), got, &a);
    assert_non_null(g);
    b.port->cancel(b.port->ctx, g);
    b.port->cancel(b.port->ctx, NULL);
    assert_non_null(b.port->get(b.port->ctx, CACHE_ISP, SLICE("x"), got, &a));
    cache_stop(b.c);
    assert_int_equal(a.told, n);
    assert_null(b.port->get(b.port->ctx, CACHE_ISP, SLICE("x"), got, &a));
    close_bed(&b);
    fake_redis_mode(FAKE_GOOD);
}

static void a_wrong_url_is_a_fact(void **state)
{
    struct bed b;

    (void)state;
    open_bed(&b, "redis://:hunter2@h:x", "bob", true);
    assert_true(cache_facts(b.c).configured && !cache_facts(b.c).in_redis);
    assert_non_null(strstr(cache_facts(b.c).why, "REDIS_URL"));
    assert_non_null(cache_facts(b.c).cure);
    put(&b, CACHE_NODES, "", "list");
    assert_string_equal(ask(&b, CACHE_NODES, "").text, "list");
    close_bed(&b);
}

static void too_large_a_value_takes_the_old_one_away(void **state)
{
    char *big = calloc(1, LIMIT_CACHE_VALUE + 1);
    struct bed b;

    (void)state;
    assert_non_null(big);
    open_bed(&b, "", "bob", true);
    put(&b, CACHE_NODES, "", "list");
    b.port->put(b.port->ctx, CACHE_NODES, SLICE(""), (struct slice){big, LIMIT_CACHE_VALUE + 1});
    assert_false(ask(&b, CACHE_NODES, "").some);
    assert_int_equal(cache_facts(b.c).left_out, 1);
    free(big);
    close_bed(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_alone_keeps_and_forgets),
        cmocka_unit_test(another_process_finds_it_in_redis),
        cmocka_unit_test(the_token_stays_here_when_told_so),
        cmocka_unit_test(a_hanging_server_costs_nobody_time),
        cmocka_unit_test(every_fault_leads_to_memory_and_back),
        cmocka_unit_test(a_cut_connection_is_opened_again),
        cmocka_unit_test(nobody_is_hurried_after),
        cmocka_unit_test(questions_are_bounded_and_may_be_taken_back),
        cmocka_unit_test(a_wrong_url_is_a_fact),
        cmocka_unit_test(too_large_a_value_takes_the_old_one_away),
    };

    signal(SIGPIPE, SIG_IGN);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/0", fake_redis_start());
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
