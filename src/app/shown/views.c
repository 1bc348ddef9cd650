/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

/* What the daemon shows of itself: the JSON of /status, /nodes and of one user. */

static const char *mode_name(enum policy_mode mode)
{
    return mode == MODE_ON ? "on" : mode == MODE_SHADOW ? "shadow" : "off";
}

static const char *session_name(enum session_state s)
{
    switch (s) {
    case SESSION_NEW:
        return "not tried";
    case SESSION_BUSY:
        return "logging in";
    case SESSION_READY:
        return "logged in";
    case SESSION_WAITING:
        return "waiting to try again";
    case SESSION_REFUSED:
        return "refused";
    }
    return "unknown";
}

static void add_panel(struct daemon *d, struct buf *out)
{
    struct panel_state s = panel_state(d->panel);

    jout_open(out, "panel", '{');
    jout_text(out, "url", s.base);
    jout_bool(out, "up", s.up);
    jout_time(out, "since", s.since_us);
    jout_text(out, "error", s.error[0] ? s.error : NULL);
    jout_text(out, "login", session_name(s.session));
    jout_text(out, "with", s.has_key ? "API key" : "password");
    jout_text(out, "version", s.version.known ? s.version.text : NULL);
    jout_time(out, "certificate_ends", s.cert_ends_us);
    jout_time(out, "key_ends", s.key_ends_us);
    jout_close(out, '}');
}

/* Sums over all nodes the panel lists. */
struct sums {
    size_t nodes, connected, open, quiet, stolen, listless, dead, unknown;
    double rate;
    uint64_t lines, ignored[SCAN_REASONS], stale;
};

static const struct coverage *coverage_of(struct daemon *d, int64_t node_id)
{
    uint16_t node;

    return engine_node(d->engine, node_id, STAMP_NONE, &node) ? NULL
                                                              : engine_coverage(d->engine, node);
}

static void sum_up(struct daemon *d, struct sums *s)
{
    const struct panel_node *nodes = panel_nodes(d->panel, &s->nodes);
    size_t i;
    int k;

    for (i = 0; i < s->nodes; i++) {
        const struct coverage *c = coverage_of(d, nodes[i].id);

        s->connected += nodes[i].connected;
        if (!c)
            continue;
        s->open += c->open_streams > 0;
        s->quiet += c->quiet;
        s->stolen += c->stolen;
        s->listless += c->listless;
        s->dead += c->dead_streams;
        s->unknown += c->unknown_cases;
        s->rate += coverage_rate(c, daemon_now(d));
        s->lines += c->lines;
        s->stale += c->stale;
        for (k = 0; k < SCAN_REASONS; k++)
            s->ignored[k] += c->ignored[k];
    }
}

static void add_ignored(struct buf *out, const uint64_t *ignored)
{
    int k;

    jout_open(out, "ignored", '{');
    for (k = SCAN_COUNTED + 1; k < SCAN_REASONS; k++)
        if (ignored[k])
            jout_int(out, scan_reason_name(k), (int64_t)ignored[k]);
    jout_close(out, '}');
}

static void add_lines(struct daemon *d, const struct sums *s, const struct engine_stats *e,
                      struct buf *out)
{
    jout_open(out, "lines", '{');
    jout_real(out, "per_s", s->rate, 2);
    jout_int(out, "total", (int64_t)e->lines);
    jout_int(out, "counted", (int64_t)e->counted);
    jout_int(out, "foreign", (int64_t)e->foreign);
    jout_int(out, "stale", (int64_t)s->stale);
    jout_int(out, "history_left_out", (int64_t)history_left_out(d->history));
    add_ignored(out, s->ignored);
    jout_close(out, '}');
}

static void add_users(struct daemon *d, const struct engine_stats *e, struct buf *out)
{
    uint32_t listed;
    int64_t synced_us = people_synced(d->people, &listed);

    jout_open(out, "users", '{');
    jout_int(out, "listed", listed);
    jout_time(out, "listed_at", synced_us ? synced_us : STAMP_NONE);
    jout_int(out, "tracked", e->users);
    jout_int(out, "active", e->active);
    jout_int(out, "seen_last_hour", e->seen_hour);
    jout_int(out, "monitoring", e->monitoring);
    jout_int(out, "waiting", e->queued);
    jout_int(out, "disabled", (int64_t)enforce_count(d->enforce));
    jout_int(out, "evicted", (int64_t)e->evicted);
    jout_int(out, "shared_sources", e->shared);
    jout_int(out, "recreated", d->heirs);
    jout_close(out, '}');
}

const char *views_setting_note(void *app, const struct settings *s, enum setting id)
{
    const struct daemon *d = app;

    if (id == SET_COUNTRY_CODE && settings_has(s, id) && !(d->atlas && atlas_has_country(d->atlas)))
        return "without effect: there is no country data, so every address counts";
    if (id == SET_GROUP_BY && !strcmp(settings_text(s, id), "isp") &&
        !(d->atlas && atlas_has_asn(d->atlas)))
        return "as ip: there is no data about providers (ASN)";
    if (id == SET_CONTENT_NETWORKS && s == &d->settings && d->sources_error[0])
        return "the file cannot be used: the list built in stands for it";
    return NULL;
}

static void add_setting_problems(struct daemon *d, struct buf *out)
{
    static const enum setting ids[] = {SET_COUNTRY_CODE, SET_GROUP_BY, SET_CONTENT_NETWORKS};
    size_t i;

    for (i = 0; i < ARRAY_LEN(ids); i++) {
        const char *note = views_setting_note(d, &d->settings, ids[i]);
        struct buf line;

        if (!note)
            continue;
        buf_init(&line, 1024);
        buf_addf(&line, "%s: %s", setting_def(ids[i])->key, note);
        jout_str(out, NULL, buf_slice(&line));
        buf_release(&line);
    }
}

/* The same of a node; nothing where all is well. */
static void node_problem(struct daemon *d, const struct panel_node *n, struct buf *line)
{
    const struct coverage *c = coverage_of(d, n->id);

    if (n->enabled && !n->connected)
        buf_addf(line, "%s is %s%s%s", n->name, n->status, n->message[0] ? ": " : "", n->message);
    else if (n->connected && c && c->open_streams == 0 && d->policy.sources != SOURCES_ONLINE)
        buf_addf(line, "%s: its log stream is not open", n->name);
    else if (c && c->quiet)
        buf_addf(line, "%s is quiet although users are online there", n->name);
    else if (c && c->stolen)
        buf_addf(line,
                 "%s: about %d %% of its lines never come: another program reads its log, or a "
                 "log page is open in the panel",
                 n->name, (int)(100 * c->lost + 0.5));
    else if (c && c->listless)
        buf_addf(line,
                 "%s: its online list shows nobody: set policy.levels.0.statsUserOnline to true "
                 "in the core",
                 n->name);
    else if (c && c->faulty_until_us > daemon_now(d))
        buf_addf(line,
                 "%s shows half of its users or more over their limit: verdicts that rest on it "
                 "wait (`config set node_guard off` ends that)",
                 n->name);
}

/* What an operator should look at, in words. */
static void add_problems(struct daemon *d, const struct sums *s, struct buf *out)
{
    struct panel_state p = panel_state(d->panel);
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(d->panel, &n);
    struct buf line;
    uint32_t unsure;

    jout_open(out, "problems", '[');
    buf_init(&line, 4096);
    if (p.error[0]) /* down, or it refuses the login */
        jout_text(out, NULL, p.error);
    if (messenger_problem(d))
        jout_text(out, NULL, messenger_problem(d));
    caching_problem(d, out);
    hook_problem(d, out);
    if (rest_problem(d->rest))
        jout_text(out, NULL, rest_problem(d->rest));
    if (engine_paused(d->engine))
        jout_text(out, NULL,
                  "the breaker has paused enforcement: `pg-limiter breaker resume` goes on, "
                  "`pg-limiter breaker undo` lets those off whom it counted");
    if (d->hold)
        jout_text(out, NULL,
                  "the panel's user ids mean other people than before: "
                  "`config set enforcement on` confirms them");
    if (d->offer[0])
        jout_text(out, NULL, d->offer);
    add_setting_problems(d, out);
    if (d->heirs) {
        buf_addf(
            &line,
            "%u users bear the name of one who is gone and had a special limit or an exception: "
            "`pg-limiter user recreated` shows them",
            d->heirs);
        jout_str(out, NULL, buf_slice(&line));
        buf_clear(&line);
    }
    unsure = limits_unsure(engine_limits(d->engine));
    if (unsure) {
        buf_addf(&line,
                 "%u of %u users are not judged: a filter or limit needs their groups, owner or "
                 "hwid_limit, which the panel has not told",
                 unsure, limits_known(engine_limits(d->engine)));
        jout_str(out, NULL, buf_slice(&line));
    }
    for (i = 0; i < n; i++) {
        buf_clear(&line);
        node_problem(d, &nodes[i], &line);
        if (line.n)
            jout_str(out, NULL, buf_slice(&line));
    }
    if (s->lines > 100 && s->ignored[SCAN_COUNTED] == 0 && s->ignored[SCAN_MASKED])
        jout_text(out, NULL,
                  "addresses are masked in the log (maskAddress): nobody can be counted");
    buf_release(&line);
    jout_close(out, ']');
}

void views_status(void *app, struct buf *out)
{
    struct daemon *d = app;
    struct sums s = {0};
    struct engine_stats e;

    engine_stats(d->engine, &e);
    sum_up(d, &s);
    jout_open(out, NULL, '{');
    jout_bool(out, "running", true);
    jout_time(out, "started", d->started_us);
    jout_int(out, "uptime_s", (daemon_now(d) - d->started_us) / STAMP_SECOND);
    jout_text(out, "enforcement", mode_name(d->policy.mode));
    jout_bool(out, "paused", engine_paused(d->engine) || d->hold);
    jout_bool(out, "journal_compared", d->recovered);
    add_panel(d, out);
    reader_json(d, out);
    jout_open(out, "nodes", '{');
    jout_int(out, "total", (int64_t)s.nodes);
    jout_int(out, "connected", (int64_t)s.connected);
    jout_int(out, "streams_open", (int64_t)s.open);
    jout_int(out, "quiet", (int64_t)s.quiet);
    jout_int(out, "another_reader", (int64_t)s.stolen);
    jout_int(out, "online_list_off", (int64_t)s.listless);
    jout_int(out, "dead_streams", (int64_t)s.dead);
    jout_int(out, "unknown_cases", (int64_t)s.unknown);
    jout_close(out, '}');
    add_users(d, &e, out);
    add_lines(d, &s, &e, out);
    jout_int(out, "store_waiting", (int64_t)owner_waiting(d->owner));
    jout_text(out, "api", rest_url(d->rest)[0] ? rest_url(d->rest) : NULL);
    messenger_json(d, out);
    caching_json(d, out);
    hook_status(d, out);
    add_problems(d, &s, out);
    jout_close(out, '}');
}

void views_coverage(struct daemon *d, const struct coverage *c, struct buf *out)
{
    if (c->lost_known) {
        jout_real(out, "lines_lost", c->lost, 3);
        jout_real(out, "lines_lost_error", c->lost_error, 3);
    }
    jout_bool(out, "another_reader", c->stolen);
    jout_bool(out, "online_list_off", c->listless);
    jout_int(out, "dead_streams", c->dead_streams);
    jout_int(out, "unknown_cases", c->unknown_cases);
    jout_bool(out, "faulty", c->faulty_until_us > daemon_now(d));
}

static void add_node(struct daemon *d, const struct panel_node *n, struct buf *out)
{
    const struct coverage *c = coverage_of(d, n->id);
    struct panel_stream_state st;
    bool followed = panel_stream(d->panel, n->id, &st) == 0;
    uint16_t node;

    jout_open(out, NULL, '{');
    jout_int(out, "id", n->id);
    jout_text(out, "name", n->name);
    jout_text(out, "address", n->address);
    jout_text(out, "status", n->status);
    jout_text(out, "message", n->message[0] ? n->message : NULL);
    jout_text(out, "xray_version", n->xray_version);
    jout_bool(out, "judged", !sources_is_disabled_node(engine_sources(d->engine), n->id));
    jout_bool(out, "behind_cdn", sources_is_cdn_node(engine_sources(d->engine), n->id));
    jout_bool(out, "stream_open", followed && st.open);
    jout_time(out, "stream_since", followed ? st.since_us : STAMP_NONE);
    jout_int(out, "stream_opened", followed ? st.opened : 0);
    jout_text(out, "stream_error", followed && !st.open && st.last_error[0] ? st.last_error : NULL);
    if (c) {
        jout_bool(out, "quiet", c->quiet);
        views_coverage(d, c, out);
        jout_real(out, "lines_per_s", coverage_rate(c, daemon_now(d)), 2);
        jout_int(out, "lines", (int64_t)c->lines);
        jout_int(out, "counted", (int64_t)c->ignored[SCAN_COUNTED]);
        jout_int(out, "stale", (int64_t)c->stale);
        jout_int(out, "warming", (int64_t)c->warming);
        jout_int(out, "reconnects", (int64_t)c->reconnects);
        jout_time(out, "last_line", c->last_line_us ? c->last_line_us : STAMP_NONE);
        add_ignored(out, c->ignored);
    }
    if (!engine_node(d->engine, n->id, STAMP_NONE, &node)) {
        jout_bool(out, "warming_up", engine_node_warming(d->engine, node));
        if (engine_clock_offset(d->engine, node) != STAMP_NONE)
            jout_real(out, "clock_offset_s",
                      (double)engine_clock_offset(d->engine, node) / STAMP_SECOND, 3);
    }
    jout_close(out, '}');
}

void views_nodes(void *app, struct buf *out)
{
    struct daemon *d = app;
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(d->panel, &n);

    jout_open(out, NULL, '{');
    jout_open(out, "data", '[');
    for (i = 0; i < n; i++)
        add_node(d, &nodes[i], out);
    jout_close(out, ']');
    jout_int(out, "total", (int64_t)n);
    jout_close(out, '}');
}

static const char *state_name(enum user_state s)
{
    return s == USER_CLEAR ? "clear" : s == USER_MONITORING ? "monitoring" : "punished";
}

void views_user(void *app, int64_t id, struct buf *out)
{
    struct daemon *d = app;
    struct user_view *v = malloc(sizeof(*v));
    struct enforce_view row;
    enum limit_source from;
    int limit = limits_of(engine_limits(d->engine), id, d->policy.general_limit, &from);

    jout_open(out, NULL, '{');
    jout_int(out, "limit", limit);
    jout_text(out, "limit_from", limit_source_name(from));
    if (v && !engine_view(d->engine, id, daemon_now(d), v)) {
        jout_text(out, "state", state_name(v->state));
        jout_time(out, "since", v->since_us ? v->since_us : STAMP_NONE);
        jout_time(out, "pardoned_until", v->pardon_us ? v->pardon_us : STAMP_NONE);
        jout_bool(out, "warned", v->warned);
        jout_bool(out, "verdict_waits", v->waits);
        jout_bool(out, "still_seen", v->still_seen);
        jout_text(out, "mode", mode_name(v->mode));
        jout_int(out, "violations", v->violations);
        jout_open(out, "next", '{');
        jout_int(out, "step", v->next_step);
        jout_text(out, "action", decision_action_name(v->next.action));
        if (v->next.action == ACTION_DISABLE)
            jout_int(out, "for_s", v->next.for_us / STAMP_SECOND);
        jout_close(out, '}');
        jout_int(out, "active_devices", v->devices);
        jout_int(out, "concurrent", v->concurrent);
        jout_real(out, "evidence_threshold", d->policy.evidence_threshold, 2);
        evidence_members(d, &v->evidence, out);
    } else {
        jout_text(out, "state", "not seen");
        jout_int(out, "active_devices", 0);
    }
    if (enforce_find(d->enforce, id, &row) == 0) {
        jout_open(out, "disabled", '{');
        jout_text(out, "state", row.state);
        jout_bool(out, "by_group", row.by_group);
        jout_time(out, "verdict", row.verdict_us);
        jout_time(out, "since", row.applied_us);
        jout_time(out, "until", row.due_us);
        jout_int(out, "failed_attempts", row.attempts);
        jout_close(out, '}');
    }
    jout_close(out, '}');
    free(v);
}
