/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli_bed.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/control.h"
#include "api/server.h"
#include "base/attr.h"
#include "base/stamp.h"
#include "cli/frame/cli.h"
#include "service/settings/settings_store.h"
#include "store/db.h"
#include "store/db_users.h"

/* A daemon's control socket on a thread of its own, and the command line talking to it. */
struct daemon {
    struct bed *bed;
    pthread_t thread;
    struct loop *loop;
    struct server *server;
    struct db *db;
    struct op_port port;
    struct settings settings;
    int asks; /* how often a change of settings was checked */
};

static struct daemon daemon_;

static const struct settings *get_settings(void *app)
{
    return &((struct daemon *)app)->settings;
}

static int64_t get_now(void *app)
{
    (void)app;
    return INT64_C(1795448496) * STAMP_SECOND;
}

static const char *get_env_file(void *app)
{
    (void)app;
    return "/x/.env";
}

static void status_json(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(
        out,
        "{\"uptime_s\":7,\"enforcement\":\"on\",\"paused\":false,"
        "\"panel\":{\"url\":\"https://p\\u001b[31m\",\"up\":false,\"error\":\"no route\","
        "\"login\":\"waiting\",\"with\":\"password\",\"version\":null},"
        "\"nodes\":{\"total\":2},\"users\":{},\"lines\":{\"per_s\":1.5,\"ignored\":{\"dns\":3}},"
        "\"problems\":[\"node-1 is down\"]}");
}

static void nodes_json(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(
        out,
        "{\"data\":[{\"id\":1,\"name\":\"frankfurt\",\"status\":\"connected\",\"stream_open\":true,"
        "\"lines_per_s\":12.25,\"lines\":10,\"counted\":8,\"last_line\":null}],\"total\":1}");
}

static void live_json(void *app, int64_t id, struct buf *out)
{
    (void)app;
    (void)id;
    buf_add_str(
        out,
        "{\"limit\":2,\"limit_from\":\"general\",\"state\":\"monitoring\",\"active_devices\":3,"
        "\"concurrent\":2,\"evidence_threshold\":7.0,\"devices\":["
        "{\"address\":\"5.6.7.8\",\"node_name\":\"frankfurt\",\"role\":\"counted\",\"lines\":4},"
        "{\"address\":\"9.9.9.1\",\"node_name\":\"frankfurt\",\"role\":\"counted\",\"lines\":4}],"
        "\"pairs\":[{\"a\":0,\"b\":1,\"score\":7.5,\"switches\":9,\"excused\":false}]}");
}

static void enable(void *app, const struct op_enable *what, op_enable_fn fn, void *arg)
{
    (void)app;
    if (what->all)
        fn(arg, ERR_OK, NULL,
           SLICE(
               "[{\"id\":12,\"username\":\"alice\",\"result\":\"enabled\",\"detail\":null},"
               "{\"id\":13,\"username\":\"bob\",\"result\":\"failed\",\"detail\":\"the panel is down\"}]"));
    else
        fn(arg, ERR_OK, NULL, SLICE("[{\"id\":12,\"username\":\"alice\",\"result\":\"enabled\"}]"));
}

static void check_settings(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                           void *arg)
{
    struct daemon *d = app;
    struct err err;

    d->asks++;
    if (settings_int(next, SET_GENERAL_LIMIT) == 1 && !confirmed)
        fn(arg, err_set(&err, ERR_CONFIRM, "40 of 100 users would be over the limit."), &err);
    else
        fn(arg, ERR_OK, NULL);
}

static void changed(void *app, unsigned what)
{
    struct daemon *d = app;
    struct err err;

    if (what & OP_CHANGED_SETTINGS)
        assert_int_equal(settings_load(&d->settings, d->db, NULL, &err), ERR_OK);
}

static void *serve(void *arg)
{
    loop_run(((struct daemon *)arg)->loop);
    return NULL;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static int start(void **state)
{
    struct db_user user = {12, SLICE("alice"), STAMP_NONE};
    struct server_opts so = {.who = "cli", .connections = 8, .deadline_us = 30 * STAMP_SECOND};
    struct daemon *d = &daemon_;
    struct err err;

    assert_int_equal(bed_setup(state), 0);
    *d = (struct daemon){.bed = *state};
    assert_int_equal(settings_init(&d->settings), ERR_OK);
    assert_int_equal(db_open(d->bed->dir, &d->db, &err), ERR_OK);
    assert_int_equal(db_users_put(d->db, &user, 1, get_now(d), &err), ERR_OK);
    d->port = (struct op_port){.app = d,
                               .submit = owner_submit_here,
                               .store = d->db,
                               .settings = get_settings,
                               .now_us = get_now,
                               .env_file = get_env_file,
                               .enable = enable,
                               .check_settings = check_settings,
                               .changed = changed,
                               .status_json = status_json,
                               .nodes_json = nodes_json,
                               .live_json = live_json};
    assert_int_equal(loop_new(&d->loop), ERR_OK);
    if (control_listen(d->bed->dir, &so.listen_fd, &err) ||
        server_new(d->loop, &so, &d->port, &d->server, &err))
        fail_msg("%s", err.text);
    assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
    return 0;
}

static void end_daemon(struct daemon *d)
{
    if (!d->loop)
        return;
    assert_int_equal(loop_post(d->loop, stop_loop, d->loop), ERR_OK);
    pthread_join(d->thread, NULL);
    server_free(d->server);
    control_remove(d->bed->dir);
    loop_free(d->loop);
    d->loop = NULL;
    db_close(d->db);
    settings_release(&d->settings);
}

static int stop(void **state)
{
    struct bed *bed = *state;
    char path[64];

    end_daemon(&daemon_);
    snprintf(path, sizeof(path), "%s/run", bed->dir);
    rmdir(path);
    return bed_teardown(state);
}

static void state_is_shown(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "health"), CLI_OK);
    assert_string_equal(bed->out, "ok\n");
    assert_int_equal(bed_run(bed, "status"), CLI_OK);
    assert_string_equal(bed->err, "");
    assert_non_null(strstr(bed->out, "not reachable"));
    assert_non_null(strstr(bed->out, "no route"));
    assert_non_null(strstr(bed->out, "! node-1 is down"));
    assert_non_null(strstr(bed->out, "dns 3"));
    assert_null(strchr(bed->out, '\033'));
    assert_int_equal(bed_run(bed, "nodes"), CLI_OK);
    assert_non_null(strstr(bed->out, "frankfurt"));
    assert_non_null(strstr(bed->out, "never"));
    assert_int_equal(bed_run(bed, "nodes --json"), CLI_OK);
    assert_true(bed_begins(bed->out, "{\"data\":[{\"id\":1,\"name\":\"frankfurt\""));
}

static void a_user_is_explained(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "explain alice"), CLI_OK);
    assert_non_null(strstr(bed->out, "alice  id:12"));
    assert_non_null(strstr(bed->out, "the general limit"));
    assert_non_null(strstr(bed->out, "A and B: score 7.5 of 7.0, 9 switches, in use at once"));
    assert_int_equal(bed_run(bed, "explain nobody"), CLI_FAILED);
    assert_int_equal(bed_run(bed, "explain id:12 --json"), CLI_OK);
    assert_non_null(strstr(bed->out, "\"daemon\":true"));
}

static void rules_go_through_the_daemon(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "user add alice 4"), CLI_OK);
    assert_non_null(strstr(bed->out, "special limit of alice set: 4 devices"));
    assert_string_equal(bed->err, "");
    assert_int_equal(bed_run(bed, "user show id:12"), CLI_OK);
    assert_non_null(strstr(bed->out, "4 devices (special)"));
    assert_int_equal(bed_run(bed, "except add alice --reason a~friend"), CLI_OK);
    assert_int_equal(bed_run(bed, "except list"), CLI_OK);
    assert_non_null(strstr(bed->out, "a friend"));
    /* A name that needs escaping on its way. */
    assert_int_equal(bed_run(bed, "except add a/b?c=%41"), CLI_OK);
    assert_int_equal(bed_run(bed, "except check a/b?c=%41"), CLI_OK);
    assert_non_null(strstr(bed->out, "a/b?c=%41 is excepted"));
}

static void enabling_tells_what_became_of_each(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "disabled enable alice"), CLI_OK);
    assert_non_null(strstr(bed->out, "enabled"));
    assert_int_equal(bed_run(bed, "disabled enable-all --yes --since 30m --forgive"), CLI_FAILED);
    assert_non_null(strstr(bed->out, "the panel is down"));
    assert_int_equal(bed_run(bed, "disabled enable-all --yes --since soon"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "30m"));
}

static void a_harmful_change_needs_a_yes(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "config set general_limit 1"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "40 of 100 users"));
    assert_non_null(strstr(bed->err, "--yes"));
    assert_int_equal(bed_run(bed, "config show general_limit"), CLI_OK);
    assert_non_null(strstr(bed->out, "general_limit = 2 devices"));
    assert_int_equal(bed_run(bed, "config set general_limit 1 --yes"), CLI_OK);
    assert_non_null(strstr(bed->out, "general_limit = 1 device  (database, was 2)"));
    assert_null(strstr(bed->out, "when the daemon starts"));
    assert_int_equal(daemon_.asks, 2);
}

static void without_the_daemon_the_database_takes_over(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "user add alice 6"), CLI_OK);
    end_daemon(&daemon_);
    assert_int_equal(bed_run(bed, "user show alice"), CLI_OK);
    assert_non_null(strstr(bed->out, "6 devices (special)"));
    assert_non_null(strstr(bed->err, "no daemon is running"));
    assert_int_equal(bed_run(bed, "status"), CLI_UNREACHABLE);
}

#define WITH_DAEMON(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DAEMON(state_is_shown),
        WITH_DAEMON(a_user_is_explained),
        WITH_DAEMON(rules_go_through_the_daemon),
        WITH_DAEMON(enabling_tells_what_became_of_each),
        WITH_DAEMON(a_harmful_change_needs_a_yes),
        WITH_DAEMON(without_the_daemon_the_database_takes_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
