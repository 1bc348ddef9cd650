/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "bot/bot.h"
#include "service/settings/settings_policy.h"
#include "service/settings/settings_store.h"
#include "store/db_journal.h"
#include "store/db_limits.h"
#include "store/db_nodes.h"
#include "store/db_pardons.h"
#include "store/db_patterns.h"
#include "store/db_settings.h"
#include "store/db_users.h"
#include "store/db_violations.h"
#include "base/banned.h"

/*
 * What operators entered, from the database into the engine. The database is read on its own thread into
 * a snapshot, which the loop then puts in force in one go.
 */

struct rule {
    int64_t id;
    int limit; /* -1: excepted */
    char name[LIMIT_USER_NAME + 1];
};

/* A shared source that was unmarked. */
struct bar {
    struct addr addr;
    int64_t until_us;
};

/* A row of limit_patterns or of admin_patterns. */
struct pattern {
    bool suffix;
    int limit;
    char text[LIMIT_USER_NAME + 1];
    char admin[LIMIT_USER_NAME + 1]; /* "": of limit_patterns */
};

struct snapshot {
    struct daemon *d;
    struct settings settings;
    struct buf warnings;
    struct rule *rules;
    size_t n, cap;
    struct bar *bars;
    size_t n_bars, cap_bars;
    int64_t now_us;
    struct pattern *patterns;
    size_t n_patterns, cap_patterns;
    int64_t switched_us; /* when the row `enforcement` was written */
    int rc;
};

static void snapshot_clear(struct snapshot *s)
{
    free(s->rules);
    s->rules = NULL;
    s->n = s->cap = 0;
    free(s->bars);
    s->bars = NULL;
    s->n_bars = s->cap_bars = 0;
    free(s->patterns);
    s->patterns = NULL;
    s->n_patterns = s->cap_patterns = 0;
    buf_clear(&s->warnings);
}

static void snapshot_free(struct snapshot *s)
{
    snapshot_clear(s);
    buf_release(&s->warnings);
    settings_release(&s->settings);
    free(s);
}

static struct snapshot *snapshot_new(struct daemon *d)
{
    struct snapshot *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->d = d;
    s->now_us = daemon_now(d);
    buf_init(&s->warnings, 1 << 20);
    if (settings_copy(&s->settings, &d->settings)) {
        snapshot_free(s);
        return NULL;
    }
    return s;
}

static int add_rule(struct snapshot *s, const struct db_limit *row, int limit)
{
    struct rule *r;

    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;

        r = realloc(s->rules, cap * sizeof(*r));
        if (!r)
            return ERR_NOMEM;
        s->rules = r;
        s->cap = cap;
    }
    r = &s->rules[s->n++];
    r->id = row->user_id;
    r->limit = limit;
    snprintf(r->name, sizeof(r->name), "%.*s", (int)row->name.n, row->name.p);
    return ERR_OK;
}

static int each_limit(void *arg, const struct db_limit *row)
{
    return add_rule(arg, row, row->max_devices);
}

static int each_exception(void *arg, const struct db_limit *row)
{
    return add_rule(arg, row, -1);
}

static int each_bar(void *arg, const struct db_shared *row)
{
    struct snapshot *s = arg;
    struct addr a;

    if (!row->barred || addr_parse(row->address, &a))
        return ERR_OK;
    if (s->n_bars == s->cap_bars) {
        size_t cap = s->cap_bars ? s->cap_bars * 2 : 16;
        struct bar *p = realloc(s->bars, cap * sizeof(*p));

        if (!p)
            return ERR_NOMEM;
        s->bars = p;
        s->cap_bars = cap;
    }
    s->bars[s->n_bars++] = (struct bar){a, row->until_us};
    return ERR_OK;
}

static int each_pattern(void *arg, const struct db_pattern *row)
{
    struct snapshot *s = arg;
    struct pattern *p;

    if (s->n_patterns == s->cap_patterns) {
        size_t cap = s->cap_patterns ? s->cap_patterns * 2 : 64;

        p = realloc(s->patterns, cap * sizeof(*p));
        if (!p)
            return ERR_NOMEM;
        s->patterns = p;
        s->cap_patterns = cap;
    }
    p = &s->patterns[s->n_patterns++];
    *p = (struct pattern){.suffix = row->suffix, .limit = row->max_devices};
    snprintf(p->text, sizeof(p->text), "%.*s", (int)row->text.n, row->text.p);
    snprintf(p->admin, sizeof(p->admin), "%.*s", (int)row->admin.n,
             row->admin.n ? row->admin.p : "");
    return ERR_OK;
}

static int each_setting(void *arg, const struct db_setting *row)
{
    struct snapshot *s = arg;

    if (slice_eq(row->key, SLICE("enforcement")))
        s->switched_us = row->updated_us;
    return ERR_OK;
}

/* A job: may be run twice, so it begins from nothing each time. */
static int read_snapshot(struct db *db, void *arg, struct err *err)
{
    struct snapshot *s = arg;
    int rc;

    snapshot_clear(s);
    rc = settings_load(&s->settings, db, &s->warnings, err);
    if (!rc)
        rc = db_limits_each(db, each_limit, s, err);
    if (!rc)
        rc = db_exceptions_each(db, each_exception, s, err);
    if (!rc)
        rc = db_limit_patterns_each(db, each_pattern, s, err);
    if (!rc)
        rc = db_admin_patterns_each(db, each_pattern, s, err);
    if (!rc)
        rc = db_settings_each(db, each_setting, s, err);
    if (!rc)
        rc = db_shared_each(db, s->now_us, each_bar, s, err);
    return rc;
}

static void put_limits(struct daemon *d, const struct snapshot *s)
{
    struct limits *l = engine_limits(d->engine);
    size_t i;

    limits_clear_rules(l);
    for (i = 0; i < s->n; i++) {
        const struct rule *r = &s->rules[i];
        struct slice name = slice_of(r->name);

        if (r->limit < 0 ? limits_except(l, r->id, name) : limits_special(l, r->id, name, r->limit))
            log_error("rules", "out of memory: the rule of %s is not in force", r->name);
    }
    for (i = 0; i < s->n_patterns; i++) {
        const struct pattern *p = &s->patterns[i];
        struct slice text = slice_of(p->text);

        if (p->admin[0] ? limits_owner_pattern(l, p->suffix, text, slice_of(p->admin))
                        : limits_pattern(l, p->suffix, text, p->limit))
            log_error("rules", "the pattern %s is not in force: there are too many", p->text);
    }
    engine_limits_changed(d->engine);
}

static void put_bars(struct daemon *d, const struct snapshot *s)
{
    char text[ADDR_TEXT];
    size_t i;

    for (i = 0; i < s->n_bars; i++)
        if (engine_bar_shared(d->engine, s->bars[i].addr, s->bars[i].until_us))
            log_error("rules", "out of memory: %s stays a shared source",
                      addr_text(s->bars[i].addr, text));
}

static void tell_warnings(struct slice text)
{
    while (text.n) {
        struct slice line = slice_cut(&text, '\n');

        if (line.n)
            log_warning("config", "%.*s", LOG_SLICE(line));
    }
}

static void take(struct daemon *d, struct snapshot *s, bool at_start)
{
    bool other_secrets = logs_differ(&d->settings, &s->settings);

    settings_release(&d->settings);
    d->settings = s->settings;
    s->settings = (struct settings){0};
    if (other_secrets)
        logs_secrets(&d->settings);
    tell_warnings(buf_slice(&s->warnings));
    put_limits(d, s);
    put_bars(d, s);
    rules_apply(d);
    if (s->switched_us > d->switched_us) {
        /* Setting `enforcement` is how an operator says: go on, I have looked. */
        if (!at_start)
            carry_resume(d->carry);
        d->switched_us = s->switched_us;
    }
}

static void snapshot_done(void *arg, int rc, const struct err *err)
{
    struct snapshot *s = arg;

    if (rc == 0 && !s->d->stopping) {
        take(s->d, s, false);
        if (s->d->bot)
            bot_changed(s->d->bot);
    } else if (rc && rc != ERR_CANCELLED) {
        log_error("store", "changes cannot be read, the old values stay in force: %s", err->text);
    }
    snapshot_free(s);
}

int rules_reload(struct daemon *d)
{
    struct snapshot *s = snapshot_new(d);
    int rc;

    if (!s)
        return ERR_NOMEM;
    rc = owner_submit(d->owner, OWNER_READ, read_snapshot, snapshot_done, s);
    if (rc)
        snapshot_free(s);
    return rc;
}

/* The special networks, inbounds, nodes and countries. */
static void apply_sources(struct daemon *d)
{
    struct sources sources;
    struct err err = {0};

    if (!settings_sources(&d->settings, &sources, &err))
        err.text[0] = '\0';
    /* Everything is read again whenever something changes: told once. */
    if (err.text[0] && strcmp(err.text, d->sources_error) != 0)
        log_error("config", "content_networks: %s; the list built in is used", err.text);
    snprintf(d->sources_error, sizeof(d->sources_error), "%s", err.text);
    engine_set_sources(d->engine, &sources, daemon_now(d));
}

void rules_apply(struct daemon *d)
{
    const struct settings *s = &d->settings;
    struct enforce_policy how = {.by_group =
                                     strcmp(settings_text(s, SET_DISABLE_METHOD), "group") == 0,
                                 .disabled_group_id = settings_int(s, SET_DISABLED_GROUP_ID),
                                 .fallback_group_id = settings_int(s, SET_FALLBACK_GROUP_ID),
                                 .note = settings_bool(s, SET_PANEL_NOTE)};
    enum policy_mode before = d->policy.mode;
    enum log_level level;
    struct err err = {0};

    settings_policy(s, &d->policy);
    if (settings_limits(s, engine_limits(d->engine)))
        log_error("rules", "out of memory: not all group limits, modes and filters are in force");
    engine_set_policy(d->engine, &d->policy, daemon_now(d));
    if (watch_scan_rules(d->watch, &err))
        log_error("config", "addresses: %s; the old ones stay in force", err.text);
    apply_sources(d);
    if (d->enforce)
        enforce_set_policy(d->enforce, &how);
    if (before == MODE_ON && d->policy.mode != MODE_ON)
        carry_drop_waiting(d->carry);
    if (d->panel)
        panel_set_timing(d->panel, (unsigned)settings_int(s, SET_NODES_POLL),
                         (unsigned)settings_int(s, SET_STREAM_REFRESH),
                         settings_real(s, SET_ONLINE_RATE));
    if (d->panel)
        panel_set_streaming(d->panel, d->policy.sources != SOURCES_ONLINE);
    engine_online_available(d->engine, d->policy.sources != SOURCES_LOG &&
                                           settings_real(s, SET_ONLINE_RATE) > 0);
    if (!log_parse_level(slice_of(settings_text(s, SET_LOG_LEVEL)), &level))
        log_set_level(level);
    if (d->atlas)
        atlas_configure(d->atlas);
    if (d->janitor)
        janitor_engine_due(d->janitor);
    hook_apply(d);
}

/* ---- what the engine is to remember from before ---- */

static int each_shared(void *arg, const struct db_shared *row)
{
    struct daemon *d = arg;
    struct addr a;

    /* What finds no room is learned again; it must not keep the program from starting. */
    if (!row->barred && !addr_parse(row->address, &a))
        (void)!engine_set_shared(d->engine, a, row->until_us);
    return ERR_OK;
}

static int each_clock(void *arg, const struct db_clock *row)
{
    struct daemon *d = arg;
    uint16_t node;

    (void)!engine_node(d->engine, row->node_id, row->offset_us, &node);
    return ERR_OK;
}

static int each_user(void *arg, const struct db_user *row)
{
    struct daemon *d = arg;
    int rc = limits_learn(engine_limits(d->engine), row->id, row->name);

    return rc == ERR_NOMEM ? rc : ERR_OK;
}

struct verdicts {
    struct daemon *d;
    int64_t last_id;
    int n;
};

/* A user of whom there is no room to know is new to the breaker: rather too careful. */
static int each_violation(void *arg, const struct db_violation *row)
{
    struct verdicts *v = arg;

    v->last_id = row->id;
    v->n++;
    if (!row->ordered_by.n && !row->shadow && row->outcome != DB_OUTCOME_CANCELLED &&
        row->forgiven_us == STAMP_NONE)
        (void)!engine_had_violation(v->d->engine, row->user_id, row->at_us);
    return ERR_OK;
}

/* Every verdict that a step or the breaker looks back to, a page at a time. */
static int load_verdicts(struct daemon *d, struct db *db, struct err *err)
{
    int64_t week_us = 7 * 86400 * STAMP_SECOND, window_us = d->policy.punishment_window_us;
    struct db_violation_filter f = {.since_us =
                                        daemon_now(d) - (window_us > week_us ? window_us : week_us),
                                    .limit = LIMIT_PAGE};
    struct verdicts v = {.d = d};
    int rc = ERR_OK;

    do {
        v.n = 0;
        rc = db_violations_each(db, &f, each_violation, &v, err);
        f.before_id = v.last_id;
    } while (!rc && v.n == LIMIT_PAGE);
    return rc;
}

/* Whether somebody has let the user go, so that he is pardoned. */
static bool let_go(const struct db_row *row)
{
    static const enum enforce_why whys[] = {ENFORCE_WHY_BY_HAND, ENFORCE_WHY_ENABLED,
                                            ENFORCE_WHY_GROUPS_CHANGED};
    size_t i;

    for (i = 0; i < ARRAY_LEN(whys); i++)
        if (slice_eq(row->why, slice_of(enforce_why_text(whys[i]))))
            return true;
    return false;
}

struct ends {
    struct daemon *d;
    int64_t last_id;
    int n;
};

static int each_end(void *arg, const struct db_row *row)
{
    struct ends *e = arg;
    struct daemon *d = e->d;
    int64_t until_us;

    e->last_id = row->id;
    e->n++;
    if (row->closed_us == STAMP_NONE || !let_go(row))
        return ERR_OK;
    until_us = row->closed_us + d->policy.pardon_us;
    if (until_us > daemon_now(d) && engine_pardon(d->engine, row->user_id, until_us))
        log_error("rules", "out of memory: the pardon of %.*s is forgotten", LOG_SLICE(row->name));
    return ERR_OK;
}

static int each_pardon(void *arg, int64_t user_id, int64_t until_us)
{
    struct daemon *d = arg;

    if (engine_pardon(d->engine, user_id, until_us))
        log_error("rules", "out of memory: the pardon of id %lld is forgotten", (long long)user_id);
    return ERR_OK;
}

/*
 * Pardons outlive a restart: they follow from the ends of punishments, however long ago these began, or
 * were given.
 */
static int load_pardons(struct daemon *d, struct db *db, struct err *err)
{
    struct db_row_filter f = {.limit = LIMIT_PAGE};
    struct ends e = {.d = d};
    int rc = ERR_OK;

    do {
        e.n = 0;
        rc = db_journal_each(db, &f, each_end, &e, err);
        f.before_id = e.last_id;
    } while (!rc && e.n == LIMIT_PAGE);
    return rc ? rc : db_pardons_each(db, daemon_now(d), each_pardon, d, err);
}

static void load_flags(struct daemon *d, struct db *db)
{
    struct err ignored = {0};
    char text[16];

    trip_load(d, db);
    restored_load(d, db);
    if (db_meta_get(db, "held", text, sizeof(text), &ignored) == 0) {
        d->hold = true;
        log_error("enforce",
                  "the panel's user ids meant other people before: nobody is disabled or "
                  "enabled until `pg-limiter config set enforcement on` confirms them");
    }
}

int rules_load(struct daemon *d, struct db *db, struct err *err)
{
    struct snapshot *s = snapshot_new(d);
    int rc;

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = read_snapshot(db, s, err);
    if (!rc)
        take(d, s, true);
    snapshot_free(s);
    if (!rc)
        rc = db_shared_each(db, daemon_now(d), each_shared, d, err);
    if (!rc)
        rc = db_clock_each(db, each_clock, d, err);
    if (!rc)
        rc = db_users_each(db, each_user, d, err);
    if (!rc)
        rc = load_verdicts(d, db, err);
    if (!rc)
        rc = load_pardons(d, db, err);
    if (!rc)
        load_flags(d, db);
    return rc;
}
