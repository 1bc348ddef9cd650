/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app_bed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../store/scratch.h"
#include "base/log.h"
#include "base/stamp.h"
#include "service/settings/settings_policy.h"
#include "store/db_users.h"
#include "store/sql.h"

int64_t bed_clock_us;

int64_t __wrap_loop_wall_us(const struct loop *loop);

int64_t __wrap_loop_wall_us(const struct loop *loop)
{
    (void)loop;
    return bed_clock_us;
}

static void post_to_loop(void *ctx, void (*fn)(void *arg), void *arg)
{
    if (loop_post(ctx, fn, arg))
        abort();
}

static int64_t now_of(void *ctx)
{
    return daemon_now(ctx);
}

static void no_unknown(void *arg, int64_t id)
{
    (void)arg;
    (void)id;
}

/* The panel's users are known from an earlier run. */
static void keep_users(struct db *db)
{
    struct db_user users[FP_USERS];
    char names[FP_USERS][16];
    struct err err;
    int i;

    for (i = 0; i < FP_USERS; i++) {
        snprintf(names[i], sizeof(names[i]), "user%d", i + 1);
        users[i] = (struct db_user){i + 1, slice_of(names[i]), STAMP_NONE};
    }
    assert_int_equal(db_users_put(db, users, FP_USERS, bed_clock_us, &err), ERR_OK);
}

static void build_core(struct app_bed *b)
{
    struct daemon *d = &b->d;
    struct db *db = NULL;
    struct err err = {0};

    assert_int_equal(loop_new(&d->loop), ERR_OK);
    assert_int_equal(worker_new(d->loop, 16, &d->worker), ERR_OK);
    d->started_us = daemon_now(d);
    settings_policy(&d->settings, &d->policy);
    d->engine = engine_new(&d->policy, d->key);
    d->carry = carry_new(d);
    d->watch = watch_new(d);
    assert_non_null(d->engine);
    assert_non_null(d->carry);
    assert_non_null(d->watch);
    assert_int_equal(db_open_file(scratch_path("app.db"), &db, &err), ERR_OK);
    keep_users(db);
    assert_int_equal(rules_load(d, db, &err), ERR_OK);
    assert_int_equal(owner_new(db, post_to_loop, d->loop, &d->owner, &err), ERR_OK);
}

static void build_panel(struct app_bed *b)
{
    static const struct panel_events none;
    struct daemon *d = &b->d;
    struct panel_opts po = {.domain = "http://127.0.0.1:1",
                            .password = "not sent",
                            .nodes_poll_s = 15,
                            .stream_refresh_s = 3600,
                            .online_rate = 3};
    struct enforce_opts eo = {.submit = owner_submit,
                              .store = d->owner,
                              .ctx = d,
                              .now = now_of,
                              .event = news_event,
                              .approve = news_approve,
                              .group = gone_group,
                              .seed = 7};
    struct panel_port port;
    struct err err = {0};

    assert_int_equal(panel_new(d->loop, d->worker, &po, &none, d, &d->panel, &err), ERR_OK);
    fp_init(&b->panel, daemon_now(d));
    b->line = (struct fp_line){.panel = &b->panel};
    port = fp_port(&b->line);
    d->people = people_new(d);
    assert_non_null(d->people);
    eo.panel = people_port(d->people, &port);
    assert_int_equal(enforce_new(&eo, &d->enforce), ERR_OK);
    rules_apply(d);
}

static void build_rest(struct app_bed *b)
{
    struct daemon *d = &b->d;

    ports_init(d);
    d->history = history_new(d->owner, d->key);
    d->feed = feed_new(d->engine, d->history, NULL, no_unknown, d);
    d->gone = gone_new(d);
    d->janitor = janitor_new(d);
    assert_non_null(d->history);
    assert_non_null(d->feed);
    assert_non_null(d->gone);
    assert_non_null(d->janitor);
}

int bed_setup(void **state)
{
    struct app_bed *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    bed_clock_us = INT64_C(1790000042) * STAMP_SECOND;
    log_setup(LOG_ERROR, false, false);
    assert_int_equal(scratch_make(), 0);
    b->d.opts = &b->opts;
    assert_int_equal(settings_init(&b->d.settings), ERR_OK);
    assert_int_equal(settings_set(&b->d.settings, SET_LOG_LEVEL, ORIGIN_FILE, SLICE("ERROR"), NULL),
                     ERR_OK);
    assert_int_equal(settings_set(&b->d.settings, SET_VERIFY_ONLINE, ORIGIN_FILE, SLICE("off"),
                                  NULL),
                     ERR_OK);
    build_core(b);
    build_panel(b);
    build_rest(b);
    assert_int_equal(engine_node(b->d.engine, 1, 0, &b->node), ERR_OK);
    engine_stream_opened(b->d.engine, b->node, bed_clock_us - 60 * STAMP_SECOND);
    enforce_recover(b->d.enforce);
    bed_settle(b);
    assert_true(b->d.recovered);
    *state = b;
    return 0;
}

void bed_stop(struct app_bed *b)
{
    struct daemon *d = &b->d;

    if (d->stopping)
        return;
    d->stopping = true;
    panel_free(d->panel);
    history_flush(d->history);
    enforce_free(d->enforce);
    carry_free(d->carry);
}

/* The order of the program's own end. */
int bed_teardown(void **state)
{
    struct app_bed *b = *state;
    struct daemon *d = &b->d;

    bed_stop(b);
    owner_free(d->owner);
    janitor_free(d->janitor);
    loop_turn(d->loop, 0);
    people_free(d->people);
    gone_free(d->gone);
    feed_free(d->feed);
    history_free(d->history);
    watch_free(d->watch);
    engine_free(d->engine);
    worker_free(d->worker);
    loop_free(d->loop);
    settings_release(&d->settings);
    scratch_clear();
    free(b);
    return 0;
}

void bed_set(struct app_bed *b, enum setting id, const char *value)
{
    struct err err = {0};

    assert_int_equal(settings_set(&b->d.settings, id, ORIGIN_FILE, slice_of(value), &err), ERR_OK);
    rules_apply(&b->d);
}

void bed_settle(struct app_bed *b)
{
    struct daemon *d = &b->d;
    int idle = 0;

    while (idle < 3) {
        bool any;

        owner_flush(d->owner);
        loop_turn(d->loop, 0);
        b->panel.now_us = daemon_now(d);
        any = fp_pump(&b->line);
        enforce_run(d->enforce);
        any |= owner_waiting(d->owner) > 0;
        idle = any ? 0 : idle + 1;
    }
}

static void line(struct app_bed *b, int64_t id, int nth)
{
    char when[STAMP_TEXT], text[256], *p;

    stamp_iso_plain(bed_clock_us, when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    snprintf(text, sizeof(text),
             "%s from %d.1.%d.%d:4242 accepted tcp:example.com:443 [IN -> OUT] email: %" PRId64,
             when, 60 + nth, (int)(id / 250), (int)(id % 250) + 1, id);
    assert_int_equal(engine_line(b->d.engine, b->node, bed_clock_us, slice_of(text), NULL),
                     SCAN_COUNTED);
}

void bed_share(struct app_bed *b, int64_t first, int users, int n, int seconds)
{
    int i;

    for (; seconds > 0; seconds -= 3) {
        for (i = 0; i < users; i++)
            line(b, first + i, (int)(bed_clock_us / (3 * STAMP_SECOND) % n));
        bed_clock_us += 3 * STAMP_SECOND;
        engine_advance(b->d.engine, bed_clock_us);
        carry_decisions(b->d.carry);
        bed_settle(b);
    }
}

void bed_wait(struct app_bed *b, int seconds)
{
    while (seconds-- > 0) {
        bed_clock_us += STAMP_SECOND;
        engine_advance(b->d.engine, bed_clock_us);
        carry_decisions(b->d.carry);
        bed_settle(b);
    }
}

const char *bed_path(const char *name)
{
    return scratch_path(name);
}

struct number {
    const char *sql;
    int64_t n;
};

static int read_number(struct db *db, void *arg, struct err *err)
{
    struct number *n = arg;

    return sql_number(db, &n->n, err, n->sql, "");
}

int64_t bed_number(struct app_bed *b, const char *sql)
{
    struct number n = {sql, -1};

    assert_int_equal(owner_submit(b->d.owner, OWNER_WRITE, read_number, NULL, &n), ERR_OK);
    owner_flush(b->d.owner);
    return n.n;
}

int bed_status;
char bed_said[1 << 20];

static void on_answer(void *arg, int status, struct slice json)
{
    (void)arg;
    bed_status = status;
    assert_true(json.n < sizeof(bed_said));
    memcpy(bed_said, json.p, json.n);
    bed_said[json.n] = '\0';
}

int bed_op(struct app_bed *b, const struct op_request *req)
{
    bed_status = 0;
    op_call(&b->d.port, req, on_answer, NULL);
    bed_settle(b);
    return bed_status;
}

void bed_load_again(struct app_bed *b)
{
    struct db *db = NULL;
    struct err err = {0};

    assert_int_equal(db_open_file(bed_path("app.db"), &db, &err), ERR_OK);
    if (rules_load(&b->d, db, &err))
        fail_msg("the daemon would not start: %s", err.text);
    db_close(db);
}
