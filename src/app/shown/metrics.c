/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "cache/cache.h"
#include "telegram/outbox.h"
#include "webhook/webhook.h"
#include "base/banned.h"

/*
 * GET /metrics: Prometheus text format 0.0.4. Base units, counters end in _total. Labels are nodes and a
 * few fixed words, never users or addresses, so the number of series is bounded by that of the nodes.
 */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP pg_limiter_%s %s\n# TYPE pg_limiter_%s %s\n", name, help, name, type);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, double v)
{
    head(out, name, type, help);
    buf_addf(out, "pg_limiter_%s %.17g\n", name, v);
}

static void add_hist(struct buf *out, const char *name, const char *help, const struct hist *h)
{
    uint64_t n = 0;
    size_t i;

    head(out, name, "histogram", help);
    for (i = 0; i < HIST_STEPS; i++) {
        n += h->counts[i];
        buf_addf(out, "pg_limiter_%s_bucket{le=\"%.6g\"} %llu\n", name,
                 (double)hist_step_us(i) / STAMP_SECOND, (unsigned long long)n);
    }
    buf_addf(out,
             "pg_limiter_%s_bucket{le=\"+Inf\"} %llu\npg_limiter_%s_sum %.6f\n"
             "pg_limiter_%s_count %llu\n",
             name, (unsigned long long)h->n, name, (double)h->sum_us / STAMP_SECOND, name,
             (unsigned long long)h->n);
}

/* A label's value: backslash, quote and line end are escaped. */
static void label(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' || *s == '"')
            buf_add_char(out, '\\');
        if (*s == '\n')
            buf_add_str(out, "\\n");
        else
            buf_add_char(out, *s);
    }
}

static void add_panel(struct daemon *d, struct buf *out)
{
    static const char *const modes[] = {"on", "shadow", "off"};
    const char *mode = settings_text(&d->settings, SET_ENFORCEMENT);
    struct panel_state p = panel_state(d->panel);
    size_t i;

    one(out, "start_time_seconds", "gauge", "When the daemon began, unix time.",
        (double)d->started_us / STAMP_SECOND);
    one(out, "panel_up", "gauge", "Whether the panel answers.", p.up);
    head(out, "enforcement_mode", "gauge", "1 for the mode in force.");
    for (i = 0; i < ARRAY_LEN(modes); i++)
        buf_addf(out, "pg_limiter_enforcement_mode{mode=\"%s\"} %d\n", modes[i],
                 strcmp(mode, modes[i]) == 0);
    one(out, "enforcement_paused", "gauge", "Whether the breaker or a rebuilt panel holds it.",
        engine_paused(d->engine) || d->hold);
    if (p.cert_ends_us != STAMP_NONE)
        one(out, "panel_certificate_expiry_time_seconds", "gauge",
            "End of the panel's certificate, unix time.", (double)p.cert_ends_us / STAMP_SECOND);
}

static void add_users(struct daemon *d, const struct engine_stats *e, struct buf *out)
{
    uint32_t listed;
    int64_t synced_us = people_synced(d->people, &listed);
    const struct {
        const char *state;
        double n;
    } states[] = {{"listed", listed},
                  {"tracked", e->users},
                  {"active", e->active},
                  {"seen_last_hour", e->seen_hour},
                  {"monitoring", e->monitoring},
                  {"waiting", e->queued},
                  {"disabled", (double)enforce_count(d->enforce)}};
    size_t i;

    head(out, "users", "gauge", "Users by what they are at the moment; one may be several.");
    for (i = 0; i < ARRAY_LEN(states); i++)
        buf_addf(out, "pg_limiter_users{state=\"%s\"} %.17g\n", states[i].state, states[i].n);
    one(out, "users_evicted_total", "counter",
        "Users forgotten because max_tracked_users is reached.", (double)e->evicted);
    one(out, "users_listed_time_seconds", "gauge",
        "End of the last complete listing, unix time; 0: never.", (double)synced_us / STAMP_SECOND);
    one(out, "shared_sources", "gauge", "Addresses taken for relays, CDNs or carrier NAT.",
        e->shared);
    one(out, "lines_counted_total", "counter", "Log lines that counted for a user of the panel.",
        (double)e->counted);
    one(out, "lines_foreign_total", "counter", "Log lines of users the panel does not own.",
        (double)e->foreign);
}

struct node_metric {
    const char *name, *type, *help;
    double (*value)(struct daemon *d, const struct panel_node *n, const struct coverage *c);
};

static double is_connected(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)c;
    return n->connected;
}

static double is_open(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    struct panel_stream_state st;

    (void)c;
    return panel_stream(d->panel, n->id, &st) == 0 && st.open;
}

static double lost(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c && c->lost_known ? c->lost : 0;
}

static double is_quiet(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c && c->quiet;
}

static double has_list(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return !c || !c->listless;
}

static double dead(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c ? c->dead_streams : 0;
}

static double unknown(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c ? c->unknown_cases : 0;
}

static double lines(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c ? (double)c->lines : 0;
}

static double stale(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c ? (double)c->stale : 0;
}

static double reconnects(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c ? (double)c->reconnects : 0;
}

static double last_line(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    (void)d;
    (void)n;
    return c ? (double)c->last_line_us / STAMP_SECOND : 0;
}

static double clock_offset(struct daemon *d, const struct panel_node *n, const struct coverage *c)
{
    uint16_t node;
    int64_t us;

    (void)c;
    if (engine_node(d->engine, n->id, STAMP_NONE, &node))
        return 0;
    us = engine_clock_offset(d->engine, node);
    return us == STAMP_NONE ? 0 : (double)us / STAMP_SECOND;
}

static const struct node_metric node_metrics[] = {
    {"node_connected", "gauge", "Whether the panel says that the node is connected.", is_connected},
    {"node_stream_open", "gauge", "Whether the log stream of the node is open.", is_open},
    {"node_quiet", "gauge", "Whether it is silent although users are online there.", is_quiet},
    {"node_lines_lost_ratio", "gauge",
     "Part of its lines that never come, by the online list; 0 while not known.", lost},
    {"node_online_list", "gauge",
     "Whether its online list shows users; 0: statsUserOnline is switched off.", has_list},
    {"node_dead_streams_total", "counter",
     "Log streams that had looked alive: lines came at once when opened anew.", dead},
    {"node_cases_unknown_total", "counter",
     "Cases closed as unknown because it had been silent too long.", unknown},
    {"node_lines_total", "counter", "Log lines received.", lines},
    {"node_lines_stale_total", "counter", "Log lines too old to be evidence.", stale},
    {"node_reconnects_total", "counter", "Log streams opened anew.", reconnects},
    {"node_last_line_time_seconds", "gauge", "When the last line came, unix time; 0: never.",
     last_line},
    {"node_clock_offset_seconds", "gauge", "What is added to the node's stamps.", clock_offset},
};

static const struct coverage *coverage_of(struct daemon *d, int64_t id)
{
    uint16_t node;

    return engine_node(d->engine, id, STAMP_NONE, &node) ? NULL : engine_coverage(d->engine, node);
}

static void add_nodes(struct daemon *d, struct buf *out)
{
    uint64_t ignored[SCAN_REASONS] = {0};
    const struct panel_node *nodes;
    size_t n, i, m;
    int k;

    nodes = panel_nodes(d->panel, &n);
    head(out, "node_info", "gauge", "Names of the nodes.");
    for (i = 0; i < n; i++) {
        buf_addf(out, "pg_limiter_node_info{node=\"%lld\",name=\"", (long long)nodes[i].id);
        label(out, nodes[i].name);
        buf_add_str(out, "\"} 1\n");
    }
    for (m = 0; m < ARRAY_LEN(node_metrics); m++) {
        const struct node_metric *nm = &node_metrics[m];

        head(out, nm->name, nm->type, nm->help);
        for (i = 0; i < n; i++)
            buf_addf(out, "pg_limiter_%s{node=\"%lld\"} %.17g\n", nm->name, (long long)nodes[i].id,
                     nm->value(d, &nodes[i], coverage_of(d, nodes[i].id)));
    }
    for (i = 0; i < n; i++) {
        const struct coverage *c = coverage_of(d, nodes[i].id);

        for (k = 0; c && k < SCAN_REASONS; k++)
            ignored[k] += c->ignored[k];
    }
    head(out, "lines_ignored_total", "counter", "Log lines that did not count, by reason.");
    for (k = SCAN_COUNTED + 1; k < SCAN_REASONS; k++)
        buf_addf(out, "pg_limiter_lines_ignored_total{reason=\"%s\"} %llu\n", scan_reason_name(k),
                 (unsigned long long)ignored[k]);
}

/* The second number of /proc/self/statm; 0 when it cannot be read. */
static int64_t resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[128] = "";
    struct slice rest;
    int64_t pages = 0;

    if (!f)
        return 0;
    if (!fgets(line, sizeof(line), f))
        line[0] = '\0';
    fclose(f);
    rest = slice_of(line);
    slice_cut(&rest, ' ');
    if (num_int(slice_cut(&rest, ' '), 0, INT64_MAX, &pages))
        return 0;
    return pages;
}

/* The names that every Prometheus client library uses for its process. */
static void add_process(struct daemon *d, struct buf *out)
{
    int64_t pages = resident_pages();
    struct rusage ru;

    one(out, "store_jobs_waiting", "gauge", "Jobs waiting for the database.",
        (double)owner_waiting(d->owner));
    one(out, "history_left_out_total", "counter",
        "Sightings that found no room in the address history.",
        (double)history_left_out(d->history));
    one(out, "log_lines_lost_total", "counter",
        "Lines of the log that could not be written where they belong.", (double)log_lost());
    if (pages)
        buf_addf(out,
                 "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
                 "# TYPE process_resident_memory_bytes gauge\n"
                 "process_resident_memory_bytes %lld\n",
                 (long long)pages * sysconf(_SC_PAGESIZE));
    if (getrusage(RUSAGE_SELF, &ru) == 0)
        buf_addf(out,
                 "# HELP process_cpu_seconds_total User and system CPU time spent in seconds.\n"
                 "# TYPE process_cpu_seconds_total counter\n"
                 "process_cpu_seconds_total %.6f\n",
                 (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
                     (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
}

/* How long things take in this process, so that a slow machine can be told from a slow daemon. */
static void add_times(struct daemon *d, struct buf *out)
{
    const struct loop_load *load = loop_load(d->loop);
    const struct hist *took = rest_took(d->rest);

    add_hist(out, "loop_turn_seconds", "Turns of the event loop, waiting left out.", &load->turns);
    add_hist(out, "loop_turn_cpu_seconds", "Processor time of its thread in a turn.", &load->cpu);
    one(out, "loop_turn_longest_seconds", "gauge", "The longest turn since the start.",
        (double)load->turns.longest_us / STAMP_SECOND);
    if (took)
        add_hist(out, "api_request_seconds",
                 "API requests from the last byte read to the answer at hand.", took);
}

static void add_telegram(struct daemon *d, struct buf *out)
{
    struct telegram_stats st = {0};

    if (d->telegram)
        st = telegram_stats(d->telegram);
    one(out, "telegram_up", "gauge", "Whether updates of the bot are received.",
        d->telegram && telegram_state(d->telegram) == TELEGRAM_OK);
    one(out, "telegram_updates_total", "counter", "Messages and presses received.",
        (double)st.updates);
    head(out, "telegram_calls_total", "counter", "Calls of the Bot API by how they ended.");
    buf_addf(out,
             "pg_limiter_telegram_calls_total{result=\"ok\"} %llu\n"
             "pg_limiter_telegram_calls_total{result=\"refused\"} %llu\n"
             "pg_limiter_telegram_calls_total{result=\"throttled\"} %llu\n"
             "pg_limiter_telegram_calls_total{result=\"failed\"} %llu\n",
             (unsigned long long)st.calls, (unsigned long long)st.refused,
             (unsigned long long)st.throttled, (unsigned long long)st.failed);
    one(out, "outbox_messages", "gauge", "Messages not yet delivered to Telegram.",
        d->outbox ? (double)outbox_length(d->outbox) : 0);
    one(out, "outbox_delivered_total", "counter", "Messages delivered to Telegram.",
        d->outbox ? (double)outbox_delivered(d->outbox) : 0);
    one(out, "outbox_given_up_total", "counter", "Messages that could not be delivered.",
        d->outbox ? (double)outbox_given_up(d->outbox) : 0);
}

static void add_cache(struct daemon *d, struct buf *out)
{
    struct cache_facts f = caching_now(d);

    one(out, "cache_redis_up", "gauge", "Whether the cache is in Redis; 0: in memory.", f.in_redis);
    one(out, "cache_redis_lost_total", "counter", "Times that Redis was lost.",
        (double)f.redis.downs);
    head(out, "cache_gets_total", "counter", "Questions to the cache by how they ended.");
    buf_addf(out,
             "pg_limiter_cache_gets_total{result=\"hit\"} %llu\n"
             "pg_limiter_cache_gets_total{result=\"miss\"} %llu\n",
             (unsigned long long)f.hits, (unsigned long long)f.misses);
    one(out, "cache_late_total", "counter", "Questions that Redis did not answer in time.",
        (double)f.late);
    one(out, "cache_foreign_total", "counter", "Values in Redis that are not of this program.",
        (double)f.foreign);
    one(out, "cache_bytes", "gauge", "Bytes of the cache in memory.", (double)f.bytes);
    if (f.redis.answer_us >= 0)
        one(out, "cache_redis_answer_seconds", "gauge", "Time of the last answer of Redis.",
            (double)f.redis.answer_us / STAMP_SECOND);
}

static void add_webhook(struct daemon *d, struct buf *out)
{
    struct webhook_facts f = webhook_facts(d->webhook);

    one(out, "webhook_failing", "gauge",
        "Whether the last attempt failed, or there is no secret to sign with.",
        f.state == WEBHOOK_FAILING || f.state == WEBHOOK_UNSIGNED);
    one(out, "webhook_events_waiting", "gauge", "Events not yet delivered.", (double)f.waiting);
    one(out, "webhook_oldest_event_seconds", "gauge",
        "Age of the oldest event not yet delivered; 0: none waits.",
        f.oldest_us == STAMP_NONE ? 0 : (double)(daemon_now(d) - f.oldest_us) / STAMP_SECOND);
    one(out, "webhook_delivered_time_seconds", "gauge",
        "When the last event was delivered, unix time; 0: never.",
        f.delivered_us == STAMP_NONE ? 0 : (double)f.delivered_us / STAMP_SECOND);
    head(out, "webhook_attempts_total", "counter", "Attempts to deliver by how they ended.");
    buf_addf(out,
             "pg_limiter_webhook_attempts_total{result=\"delivered\"} %llu\n"
             "pg_limiter_webhook_attempts_total{result=\"refused\"} %llu\n"
             "pg_limiter_webhook_attempts_total{result=\"failed\"} %llu\n",
             (unsigned long long)f.delivered, (unsigned long long)f.refused,
             (unsigned long long)f.failed);
    one(out, "webhook_events_lost_total", "counter", "Events given up.", (double)f.given_up);
}

void metrics_text(void *app, struct buf *out)
{
    struct daemon *d = app;
    struct engine_stats e;

    engine_stats(d->engine, &e);
    add_panel(d, out);
    add_users(d, &e, out);
    add_nodes(d, out);
    add_process(d, out);
    add_telegram(d, out);
    add_cache(d, out);
    add_webhook(d, out);
    add_times(d, out);
}
