/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "api/control.h"
#include "app/daemon.h"
#include "app/recorder.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "panel/panel_opts.h"
#include "service/settings/settings_policy.h"
#include "store/dirlock.h"
#include "telegram/outbox.h"
#include "webhook/webhook.h"
#include "base/banned.h"

/* Builds the daemon from its parts, runs the loop, takes it apart again. */

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, WORKER_JOBS = 256, CONTROL_CLIENTS = 64 };
enum { LOCK_WAITS = 1200 }; /* tenths of a second */
static const int64_t control_deadline_us = 30 * STAMP_SECOND;

/* ---- the panel's news ---- */

static void on_open(void *arg, int64_t node_id, uint32_t stream_no, int64_t now_us)
{
    struct daemon *d = arg;

    feed_open(d->feed, node_id, stream_no, now_us);
}

static void on_bytes(void *arg, int64_t node_id, uint32_t stream_no, int64_t arrival_us,
                     struct slice bytes)
{
    struct daemon *d = arg;

    (void)node_id;
    feed_bytes(d->feed, stream_no, bytes, arrival_us);
    carry_decisions(d->carry);
}

static void on_unknown(void *arg, int64_t id)
{
    struct daemon *d = arg;

    people_unknown(d->people, id);
}

static void on_close(void *arg, int64_t node_id, uint32_t stream_no, int64_t now_us, int rc,
                     const char *why)
{
    struct daemon *d = arg;

    (void)node_id;
    (void)rc;
    (void)why;
    feed_close(d->feed, stream_no, now_us);
}

static void on_node(void *arg, const struct panel_node *node, unsigned changes)
{
    struct daemon *d = arg;

    watch_node(d->watch, node, changes);
}

static void on_state(void *arg)
{
    struct daemon *d = arg;
    uint32_t users;

    /* The first listing starts once the panel answers; after an outage the map is read again. */
    if (panel_state(d->panel).up && panel_state(d->panel).session == SESSION_READY) {
        (void)people_synced(d->people, &users);
        people_sync(d->people);
        enforce_run(d->enforce);
    }
}

static bool name_of(void *arg, int64_t id, struct slice *ret_name)
{
    *ret_name = limits_name(engine_limits(((struct daemon *)arg)->engine), id);
    return ret_name->n > 0;
}

/* ---- building ---- */

static void post_to_loop(void *ctx, void (*fn)(void *arg), void *arg)
{
    /* Without memory for one node of a list nothing else works either; the owner tries no second time. */
    if (loop_post(ctx, fn, arg))
        abort();
}

static int64_t enforce_now(void *ctx)
{
    return daemon_now(ctx);
}

static int build_core(struct daemon *d, struct err *err)
{
    const char *data_dir = settings_text(&d->settings, SET_DATA_DIR);
    struct db *db = NULL;
    int rc;

    if (getrandom(&d->key, sizeof(d->key), 0) != sizeof(d->key))
        return err_set(err, ERR_IO, "no random numbers from the kernel");
    settings_policy(&d->settings, &d->policy);
    d->engine = engine_new(&d->policy, d->key);
    d->carry = carry_new(d);
    d->watch = watch_new(d);
    if (!d->engine || !d->carry || !d->watch)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = db_open(data_dir, &db, err);
    if (rc)
        return rc;
    rc = rules_load(d, db, err);
    if (!rc)
        rc = served_load(d, db, err);
    if (!rc)
        rc = caching_load(d, db, err);
    if (!rc)
        backups_load(d, db);
    if (rc) {
        db_close(db);
        return rc;
    }
    offer_look(d, db);
    return owner_new(db, post_to_loop, d->loop, &d->owner, err);
}

static void geo_changed(void *arg)
{
    struct daemon *d = arg;

    engine_geo_changed(d->engine, daemon_now(d));
    carry_decisions(d->carry);
    janitor_engine_due(d->janitor);
}

static int build_geo(struct daemon *d, struct err *err)
{
    struct atlas_opts ao = {.loop = d->loop,
                            .worker = d->worker,
                            .settings = &d->settings,
                            .submit = owner_submit,
                            .store = d->owner,
                            .key = d->key,
                            .cache = caching_port(d),
                            .changed = geo_changed,
                            .arg = d};

    d->atlas = atlas_new(&ao);
    if (!d->atlas)
        return err_set(err, ERR_NOMEM, "out of memory");
    engine_set_geo(d->engine, atlas_geo, d->atlas, daemon_now(d));
    return ERR_OK;
}

/* How long a stream's socket rests between two readings; builds for measuring may ask for another. */
static int64_t read_gap_us(void)
{
#ifdef PG_TEST_CLOCK
    const char *text = getenv("PG_READ_GAP_US");
    int64_t us;

    if (text && !num_int(slice_of(text), -1, STAMP_SECOND, &us))
        return us;
#endif
    return 0;
}

/*
 * How late a call may land that was not answered. The machine's time, as the deadline of the call is: with a
 * clock that runs faster, a test says how much of its own that is. 0: as enforce.h has it.
 */
static int64_t late_us(void)
{
#ifdef PG_TEST_CLOCK
    int64_t seconds;

    if (!num_int(slice_of(getenv("PG_LATE_S")), 1, 86400, &seconds))
        return seconds * STAMP_SECOND;
#endif
    return 0;
}

static int build_panel(struct daemon *d, struct err *err)
{
    const struct settings *s = &d->settings;
    struct panel_opts po = panel_opts_of(s);
    static const struct panel_events events = {.on_state = on_state,
                                               .on_node = on_node,
                                               .on_open = on_open,
                                               .on_bytes = on_bytes,
                                               .on_close = on_close};
    int rc;

    po.online_rate = settings_real(s, SET_ONLINE_RATE);
    po.no_streams = d->policy.sources == SOURCES_ONLINE;
    po.read_gap_us = read_gap_us();
    po.cache = caching_port(d);
    rc = panel_new(d->loop, d->worker, &po, &events, d, &d->panel, err);
    if (!rc)
        panel_set_names(d->panel, name_of, d);
    return rc;
}

static int build_enforce(struct daemon *d, struct err *err)
{
    struct enforce_opts eo = {.submit = owner_submit,
                              .store = d->owner,
                              .ctx = d,
                              .now = enforce_now,
                              .event = news_event,
                              .approve = news_approve,
                              .group = gone_group,
                              .doubt_us = late_us(),
                              .seed = loop_random(d->loop)};

    d->people = people_new(d);
    if (!d->people)
        return err_set(err, ERR_NOMEM, "out of memory");
    eo.panel = people_port(d->people, panel_port(d->panel));
    if (enforce_new(&eo, &d->enforce))
        return err_set(err, ERR_NOMEM, "out of memory");
    rules_apply(d); /* the method of disabling, now that there is someone to tell */
    if (d->hold)
        enforce_hold(d->enforce, true);
    return ERR_OK;
}

static int build_control(struct daemon *d, struct err *err)
{
    struct server_opts so = {.who = "cli",
                             .stuck_us = 30 * STAMP_SECOND,
                             .connections = CONTROL_CLIENTS,
                             .deadline_us = control_deadline_us};

    ports_init(d);
    d->rest = rest_new(d->loop, &d->port);
    if (!d->rest)
        return err_set(err, ERR_NOMEM, "out of memory");
    return control_listen(d->data_dir, &so.listen_fd, err)
               ? err->code
               : server_new(d->loop, &so, &d->port, &d->server, err);
}

static struct slice isp_of(void *arg, struct addr addr)
{
    struct slice isp;
    struct geo geo;

    atlas_look(((struct daemon *)arg)->atlas, addr, &geo, &isp);
    return isp;
}

static int build_feed(struct daemon *d, struct err *err)
{
    int rc = ERR_OK;

    d->history = history_new(d->owner, d->key);
    if (d->opts->record_dir)
        rc = recorder_new(d->opts->record_dir, &d->recorder, err);
    if (rc)
        return rc;
    d->feed = feed_new(d->engine, d->history, d->recorder, on_unknown, d);
    d->gone = gone_new(d);
    d->reader = reader_new(d);
    d->janitor = janitor_new(d);
    if (!d->history || !d->feed || !d->gone || !d->reader || !d->janitor)
        return err_set(err, ERR_NOMEM, "out of memory");
    history_set_isp(d->history, isp_of, d);
    if (d->recorder)
        log_warning("record", "every line goes to %s, customers' addresses with it",
                    d->opts->record_dir);
    return ERR_OK;
}

static void take_apart(struct daemon *d)
{
    bool served = d->server != NULL;
    int64_t began_us = d->loop ? loop_real_us(d->loop) : 0;

    hook_stop(d);
    messenger_stop(d);
    hook_settle(d, began_us);
    d->stopping = true;
    caching_stop(d);
    access_stop(d);
    loop_timer_free(d->again_due);
    rest_free(d->rest);
    server_free(d->server);
    if (served)
        control_remove(d->data_dir);
    panel_free(d->panel); /* closes the streams: feed is still there */
    reader_free(d->reader);
    d->reader = NULL;
    if (d->history)
        history_flush(d->history);
    enforce_free(d->enforce);
    carry_free(d->carry);
    notify_free(d);
    if (d->engine)
        engine_set_geo(d->engine, NULL, NULL, daemon_now(d));
    atlas_free(d->atlas);
    if (d->owner)
        owner_stop(d->owner);
    janitor_free(
        d->janitor); /* its jobs have ended with the owner, its timers end before the last turn */
    if (d->owner)
        loop_turn(d->loop, 0); /* takes in what the owner's thread had posted last */
    outbox_free(d->outbox);
    webhook_free(d->webhook);
    people_free(d->people);
    gone_free(d->gone);
    feed_free(d->feed);
    recorder_free(d->recorder);
    history_free(d->history);
    watch_free(d->watch);
    engine_free(d->engine);
    caching_free(d);
    worker_free(d->worker); /* tells of its jobs, and some go on with one of the database's */
    owner_free(d->owner);
    backups_free(d->backups);
    loop_free(d->loop);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    settings_release(&d->settings);
    roster_release(&d->roster);
    free(d);
}

/* ---- running ---- */

static void on_stop(void *arg)
{
    struct daemon *d = arg;

    pulse_stopping();
    if (enforce_count(d->enforce))
        log_info("run",
                 "stopping; %zu users stay disabled until their time, which the next start keeps",
                 enforce_count(d->enforce));
    else
        log_info("run", "stopping");
    tell_count(d, NOTICE_STOPPED, (int)enforce_count(d->enforce), "");
    d->again = false;
    loop_stop(d->loop);
}

static void on_hup(void *arg)
{
    pulse_reloading();
    config_reload(arg);
    pulse_reloaded();
}

/*
 * That of the life before, when it is still the lock. A restore or an import without a daemon is let
 * end: what it replaces must not be read before.
 */
static int take_directory(struct daemon *d, struct err *err)
{
    const struct timespec rest = {0, 100000000};
    int i, rc;

    if (dirlock_is_held(d->data_dir, d->lock_fd))
        return ERR_OK;
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    d->lock_fd = -1;
    rc = dirlock_take(d->data_dir, "daemon", &d->lock_fd, err);
    for (i = 0; rc == ERR_BUSY && i < LOCK_WAITS; i++) {
        if (i == 0)
            log_warning("run", "waiting: %s", err->text);
        nanosleep(&rest, NULL);
        rc = dirlock_take(d->data_dir, "daemon", &d->lock_fd, err);
    }
    return rc;
}

static int build(struct daemon *d, struct err *err)
{
    int rc = loop_new(&d->loop);

    if (!rc)
        rc = worker_new(d->loop, WORKER_JOBS, &d->worker);
    if (rc)
        return err_set(err, rc, "the event loop cannot be set up: %s", err_name(rc));
    d->started_us = daemon_now(d);
    snprintf(d->data_dir, sizeof(d->data_dir), "%s", settings_text(&d->settings, SET_DATA_DIR));
    rc = take_directory(d, err);
    if (!rc)
        rc = build_core(d, err);
    if (!rc)
        rc = caching_new(d, err);
    if (!rc)
        rc = build_geo(d, err);
    if (!rc)
        rc = build_panel(d, err);
    if (!rc)
        rc = build_enforce(d, err);
    if (!rc)
        rc = build_control(d, err);
    if (!rc)
        rc = messenger_new(d, err);
    if (!rc)
        rc = hook_new(d, err);
    if (!rc) {
        d->backups = backups_new(d);
        if (!d->backups)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    return rc ? rc : build_feed(d, err);
}

/* anew: a backup was put in place of the database. */
/*
 * Until the loop has its handlers, and between two lives, a signal waits: by itself it would end the process
 * there and then.
 */
static void hold_signals(bool hold)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static int run(struct daemon *d, bool anew)
{
    struct loop_signal *term = NULL, *interrupt = NULL, *hup = NULL;
    int rc = loop_signal_new(d->loop, SIGTERM, on_stop, d, &term);

    if (!rc)
        rc = loop_signal_new(d->loop, SIGINT, on_stop, d, &interrupt);
    if (!rc)
        rc = loop_signal_new(d->loop, SIGHUP, on_hup, d, &hup);
    d->pulse = rc ? NULL : pulse_new(d);
    if (!rc && !d->pulse)
        rc = ERR_NOMEM;
    if (!rc) {
        hold_signals(false);
        config_tell(d);
        rest_apply(d->rest, &d->settings);
        enforce_recover(d->enforce);
        panel_start(d->panel);
        tell_start(d, anew);
        loop_run(d->loop);
    }
    hold_signals(true);
    pulse_free(d->pulse);
    loop_signal_free(term);
    loop_signal_free(interrupt);
    loop_signal_free(hup);
    return rc ? EXIT_FAILED : 0;
}

/*
 * One life of the daemon. restored: it begins with the database of a backup. *ret_again: another one is
 * to begin, *ret_accessed: because of other access to the panel. *lock_fd is handed from each life
 * to the next, so that whoever looks finds the directory taken (dirlock.h).
 */
static int live(const struct run_opts *opts, bool restored, int *lock_fd, bool *ret_again,
                bool *ret_accessed)
{
    struct daemon *d = calloc(1, sizeof(*d));
    struct err err = {0};
    int rc;

    *ret_again = false;
    signal(SIGPIPE, SIG_IGN);
    hold_signals(true);
    log_setup(LOG_INFO, false, isatty(STDERR_FILENO));
    if (!d || settings_init(&d->settings)) {
        free(d);
        log_error("run", "out of memory");
        return EXIT_FAILED;
    }
    d->opts = opts;
    d->lock_fd = *lock_fd;
    if (config_read(opts, &d->settings, d->env_file, &err)) {
        settings_release(&d->settings);
        free(d);
        return EXIT_USAGE;
    }
    setenv("TZ", settings_text(&d->settings, SET_TZ), 1);
    tzset();
    logs_start(&d->settings);
    rc = build(d, &err);
    if (rc) {
        log_error("run", "%s", err.text[0] ? err.text : err_name(rc));
        rc = EXIT_FAILED;
    } else {
        rc = run(d, restored);
    }
    *ret_again = rc == 0 && d->again;
    *ret_accessed = d->accessed;
    *lock_fd = *ret_again ? d->lock_fd : -1;
    if (*ret_again)
        d->lock_fd = -1;
    take_apart(d);
    if (rc == 0 && !*ret_again)
        log_info("run", "stopped");
    log_stop();
    return rc;
}

int app_run(const struct run_opts *opts)
{
    const struct sigaction reap = {.sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT};
    bool again = false, accessed = false;
    int rc, lock_fd = -1;

    /* The first process of a container inherits every orphan in it, and has no children of its own. */
    if (getpid() == 1)
        sigaction(SIGCHLD, &reap, NULL);
    do {
        rc = live(opts, again && !accessed, &lock_fd, &again, &accessed);
    } while (again);
    return rc;
}
