/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "app/shown/hosts.h"
#include "app/recorder.h"
#include "base/log.h"
#include "base/stamp.h"
#include "core/line/unsteady.h"
#include "bot/notice/notice.h"
#include "service/jout.h"
#include "service/settings/settings_policy.h"
#include "store/db_nodes.h"
#include "base/banned.h"

/*
 * How well the nodes are seen. A stream can be dead and look alive: a silent one is opened anew, which
 * loses nothing, and when the online list shows traffic that no line tells of, the node is quiet.
 */

static const int64_t traffic_us = 10 * STAMP_SECOND; /* by so much newer than the last line */
static const int64_t fresh_us =
    120 * STAMP_SECOND; /* an online entry older than that says nothing */
static const int64_t down_us = 60 * STAMP_SECOND;
static const int64_t dead_us = 20 * STAMP_SECOND; /* lines that waited have come by the next look */
enum { SAMPLE = 2 };

struct seen_node {
    int64_t id;
    char name[sizeof(((struct panel_node *)0)->name)];
    uint16_t node;
    bool listed, connected, enabled;
    char status[sizeof(((struct panel_node *)0)->status) + 2 +
                sizeof(((struct panel_node *)0)->message)]; /* why it is not connected */
    int64_t down_us;                                        /* not seen since, 0: it is */
    bool down_told, loss_told, listless_told;
    int64_t reopened_us;
    bool reopened;      /* and no line has come since */
    int64_t pause_us;   /* between two openings of a silent stream: doubles */
    int64_t traffic_us; /* newest sign of traffic on it, from the online list */
    bool asking;
    struct unsteady unsteady;
};

struct watch {
    struct daemon *d;
    struct seen_node *nodes;
    size_t n, cap;
    char unknown[32];
    struct hosts *hosts;
};

static void on_addresses(void *arg);

struct watch *watch_new(struct daemon *d)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->d = d;
    w->hosts = hosts_new(d->loop, d->worker, on_addresses, w);
    if (!w->hosts) {
        free(w);
        return NULL;
    }
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    hosts_free(w->hosts);
    free(w->nodes);
    free(w);
}

static struct seen_node *find(const struct watch *w, int64_t id)
{
    size_t i;

    for (i = 0; i < w->n; i++)
        if (w->nodes[i].id == id)
            return &w->nodes[i];
    return NULL;
}

const char *watch_name(struct watch *w, int64_t node_id)
{
    const struct seen_node *n = find(w, node_id);

    if (n)
        return n->name;
    snprintf(w->unknown, sizeof(w->unknown), "node %lld", (long long)node_id);
    return w->unknown;
}

/* ---- the nodes' own addresses are nobody's devices ---- */

static void on_addresses(void *arg)
{
    struct watch *w = arg;
    struct err err = {0};

    if (watch_scan_rules(w, &err))
        log_error("panel", "addresses of the nodes: %s", err.text);
}

int watch_scan_rules(struct watch *w, struct err *err)
{
    struct scan_rules *rules = engine_scan_rules(w->d->engine);
    uint32_t before = rules->changes;
    int rc = settings_scan_rules(&w->d->settings, hosts_list(w->hosts), rules, err);

    if (rules->changes != before)
        engine_addresses_changed(w->d->engine, daemon_now(w->d));
    return rc;
}

/* ---- what the panel says of its nodes ---- */

struct node_job {
    int64_t id, seen_us;
    char name[sizeof(((struct panel_node *)0)->name)];
};

static int write_node(struct db *db, void *arg, struct err *err)
{
    const struct node_job *j = arg;

    return db_nodes_put(db, j->id, slice_of(j->name), j->seen_us, err);
}

static void node_done(void *arg, int rc, const struct err *err)
{
    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "a node was not kept: %s", err->text);
    free(arg);
}

static void keep(struct watch *w, const struct panel_node *node)
{
    struct node_job *j = calloc(1, sizeof(*j));

    if (!j)
        return;
    j->id = node->id;
    j->seen_us = daemon_now(w->d);
    memcpy(j->name, node->name, sizeof(j->name));
    if (owner_submit(w->d->owner, OWNER_WRITE, write_node, node_done, j))
        free(j);
}

static struct seen_node *add(struct watch *w, const struct panel_node *node)
{
    struct seen_node *n;

    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 16;

        n = realloc(w->nodes, cap * sizeof(*n));
        if (!n)
            return NULL;
        w->nodes = n;
        w->cap = cap;
    }
    n = &w->nodes[w->n];
    *n = (struct seen_node){.id = node->id};
    if (engine_node(w->d->engine, node->id, STAMP_NONE, &n->node))
        return NULL;
    w->n++;
    return n;
}

void watch_node(struct watch *w, const struct panel_node *node, unsigned changes)
{
    struct seen_node *n = find(w, node->id);

    if (!n)
        n = add(w, node);
    if (!n) {
        log_error("panel", "no memory for node %lld", (long long)node->id);
        return;
    }
    snprintf(n->name, sizeof(n->name), "%s", node->name);
    n->listed = !(changes & NODE_REMOVED);
    n->connected = n->listed && node->connected;
    n->enabled = n->listed && node->enabled;
    snprintf(n->status, sizeof(n->status), "%s%s%s", node->status, node->message[0] ? ": " : "",
             node->message);
    if (n->listed)
        hosts_set(w->hosts, n->id, node->address);
    else
        hosts_remove(w->hosts, n->id);
    if (changes & (NODE_ADDED | NODE_NAME))
        keep(w, node);
}

/* ---- silence ---- */

void watch_online(struct watch *w, int64_t user_id, const struct online_list *list)
{
    struct daemon *d = w->d;
    struct online_seen *seen = malloc((list->n + 1) * sizeof(*seen));
    uint16_t *nodes = malloc((list->n_nodes + 1) * sizeof(*nodes));
    struct online_reading r = {seen, 0, nodes, 0};
    size_t i;

    if (d->recorder)
        recorder_reading(d->recorder, user_id, list, daemon_now(d));
    for (i = 0; seen && nodes && i < list->n; i++) {
        struct online_seen *s = &seen[r.n];
        struct seen_node *n = find(w, list->at[i].node_id);

        s->last_us = list->at[i].last_s * STAMP_SECOND;
        if (addr_parse(slice_of(list->at[i].address), &s->addr) ||
            engine_node(d->engine, list->at[i].node_id, STAMP_NONE, &s->node))
            continue;
        if (n && s->last_us > n->traffic_us)
            n->traffic_us = s->last_us;
        r.n++;
    }
    for (i = 0; seen && nodes && i < list->n_nodes; i++)
        if (!engine_node(d->engine, list->nodes[i], STAMP_NONE, &nodes[r.n_nodes]))
            r.n_nodes++;
    if (seen && nodes)
        engine_online(d->engine, user_id, &r, daemon_now(d));
    free(seen);
    free(nodes);
}

struct probe {
    struct watch *w;
    int64_t user_id, node_id;
};

static void probe_answer(void *arg, int rc, const struct err *err, struct online_list *list)
{
    struct probe *p = arg;
    struct seen_node *n;

    (void)err; /* The next look asks again. */
    if (rc != ERR_CANCELLED) {
        n = find(p->w, p->node_id);
        if (n)
            n->asking = false;
        if (rc == 0) {
            watch_online(p->w, p->user_id, list);
            carry_decisions(p->w->d->carry);
        }
    }
    free(p);
}

/* Asks where users are online who were last seen on the silent node. */
static void ask(struct watch *w, struct seen_node *n, int64_t now_us)
{
    int64_t ids[SAMPLE];
    size_t k = engine_sample(w->d->engine, n->node, now_us - 600 * STAMP_SECOND, ids, SAMPLE), i;

    for (i = 0; i < k; i++) {
        struct probe *p = malloc(sizeof(*p));

        if (!p)
            return;
        *p = (struct probe){w, ids[i], n->id};
        if (panel_online(w->d->panel, ids[i], false, probe_answer, p)) {
            free(p);
            return;
        }
        n->asking = true;
    }
}

static void set_quiet(struct watch *w, struct seen_node *n, bool quiet, int64_t now_us)
{
    if (engine_coverage(w->d->engine, n->node)->quiet == quiet)
        return;
    engine_node_quiet(w->d->engine, n->node, quiet, now_us);
    if (quiet)
        log_warning("coverage",
                    "%s is quiet: users are online there by the online list, but no line comes. "
                    "Is its log level \"none\", or does another program read its log?",
                    n->name);
    else
        log_info("coverage", "%s is heard again", n->name);
    tell_node(w->d, n->id, n->name, quiet ? NOTICE_NODE_QUIET : NOTICE_NODE_HEARD, now_us, "");
}

/* In the events, with what the daily summary counts. */
static void keep_down(struct watch *w, const struct seen_node *n, const char *kind, int64_t seconds)
{
    struct buf data;
    char what[256];

    buf_init(&data, 380);
    jout_open(&data, NULL, '{');
    jout_int(&data, "node", n->id);
    jout_text(&data, "name", n->name);
    jout_int(&data, "seconds", seconds);
    jout_close(&data, '}');
    snprintf(what, sizeof(what), seconds ? "%s is heard of again after %lld s" : "%s is down",
             n->name, (long long)seconds);
    carry_event_data(w->d, kind, 0, (struct slice){NULL, 0}, what,
                     data.failed ? "" : buf_str(&data));
    buf_release(&data);
}

/* A node that nothing can be heard of for a minute is told, once, and when it can be again. */
static void look_if_down(struct watch *w, struct seen_node *n, int64_t now_us)
{
    bool up = n->connected && (w->d->policy.sources == SOURCES_ONLINE ||
                               engine_coverage(w->d->engine, n->node)->open_streams > 0);

    /* While the panel is away, that is what is told; a node somebody switched off is no news. */
    if (!n->enabled || !panel_state(w->d->panel).up) {
        n->down_us = 0;
        return;
    }
    if (!up && !n->down_us)
        n->down_us = now_us;
    if (!up && !n->down_told && now_us - n->down_us >= down_us) {
        n->down_told = true;
        tell_node(w->d, n->id, n->name, NOTICE_NODE_DOWN, n->down_us,
                  n->connected ? "" : n->status);
        keep_down(w, n, "node_down", 0);
    } else if (up && n->down_told) {
        n->down_told = false;
        tell_node(w->d, n->id, n->name, NOTICE_NODE_UP, n->down_us, "");
        keep_down(w, n, "node_up", (now_us - n->down_us) / STAMP_SECOND);
    }
    if (up)
        n->down_us = 0;
}

/* Whether lines had been waiting when a silent stream was opened anew: it was dead, and looked alive. */
static void look_if_dead(struct watch *w, struct seen_node *n, const struct coverage *c)
{
    if (!n->reopened || c->last_line_us <= n->reopened_us)
        return;
    n->reopened = false;
    if (c->last_line_us >= n->reopened_us + dead_us)
        return;
    engine_node_dead(w->d->engine, n->node);
    log_info("coverage",
             "%s: its silent stream was opened anew, and lines came at once: it was dead", n->name);
}

static void look_at(struct watch *w, struct seen_node *n, int64_t now_us)
{
    const struct coverage *c = engine_coverage(w->d->engine, n->node);
    int64_t silence_us = settings_int(&w->d->settings, SET_STREAM_SILENCE) * STAMP_SECOND;
    int64_t since_us = c->last_line_us ? c->last_line_us : c->first_open_us;

    if (!n->connected || c->open_streams == 0)
        return;
    look_if_dead(w, n, c);
    if (now_us - since_us < silence_us) {
        n->pause_us = silence_us;
        set_quiet(w, n, false, now_us);
        return;
    }
    if (n->traffic_us > since_us + traffic_us && now_us - n->traffic_us < fresh_us &&
        n->reopened_us > since_us)
        set_quiet(w, n, true, now_us);
    if (now_us - c->last_open_us >= n->pause_us && now_us - n->reopened_us >= n->pause_us) {
        n->reopened_us = now_us;
        n->pause_us = n->pause_us ? n->pause_us * 2 : silence_us;
        n->reopened = true;
        if (panel_streams_reopen(w->d->panel, n->id) == 0)
            log_debug("coverage", "%s: no line for %lld s, its stream is opened anew", n->name,
                      (long long)((now_us - since_us) / STAMP_SECOND));
    }
    if (!n->asking)
        ask(w, n, now_us);
}

/* A stream that does not hold, told once it has lasted, and when it holds again. */
static void look_if_unsteady(struct watch *w, struct seen_node *n, int64_t now_us)
{
    const struct coverage *c = engine_coverage(w->d->engine, n->node);
    uint64_t troubles = (uint64_t)c->dead_streams + c->breaks;
    int64_t silence_us = settings_int(&w->d->settings, SET_STREAM_SILENCE) * STAMP_SECOND;

    /* Away, or known to be: that is told already. */
    if (!n->enabled || !n->connected || n->down_told || !panel_state(w->d->panel).up) {
        unsteady_skip(&n->unsteady, troubles);
        return;
    }
    if (!unsteady_look(&n->unsteady, troubles, silence_us, now_us))
        return;
    if (n->unsteady.bad)
        log_warning("coverage",
                    "%s: its log stream does not hold: it has died or broken off again and again "
                    "for %lld min, and is opened anew each time",
                    n->name, (long long)((now_us - n->unsteady.first_us) / (60 * STAMP_SECOND)));
    else
        log_info("coverage", "%s: its log stream holds again", n->name);
    tell_node(w->d, n->id, n->name, n->unsteady.bad ? NOTICE_NODE_UNSTEADY : NOTICE_NODE_STEADY,
              n->unsteady.bad ? n->unsteady.first_us : now_us, "");
}

/* Another reader of the node's log, told once, and when there is none any more. */
static void look_for_loss(struct watch *w, struct seen_node *n, int64_t now_us)
{
    const struct coverage *c = engine_coverage(w->d->engine, n->node);
    char percent[16];

    if (c->stolen == n->loss_told || (!c->stolen && !c->lost_known))
        return;
    n->loss_told = c->stolen;
    snprintf(percent, sizeof(percent), "%d %%", (int)(100 * c->lost + 0.5));
    if (c->stolen)
        log_warning("coverage",
                    "%s: about %s of its lines never come, by the online list: another program "
                    "reads its log, or a log page is open in the panel",
                    n->name, percent);
    else
        log_info("coverage", "%s: its lines come again", n->name);
    tell_node(w->d, n->id, n->name, c->stolen ? NOTICE_NODE_LOSS : NOTICE_NODE_WHOLE, now_us,
              percent);
    carry_event(w->d, c->stolen ? "lines_lost" : "lines_whole", 0, slice_of(n->name),
                c->stolen ? percent : "");
}

/* A node that keeps no online list, told once, and when it does. */
static void look_for_list(struct watch *w, struct seen_node *n, int64_t now_us)
{
    bool off = engine_coverage(w->d->engine, n->node)->listless;

    if (off == n->listless_told || (off && !n->connected))
        return;
    n->listless_told = off;
    if (off)
        log_warning("coverage",
                    "%s: its online list shows nobody: set policy.levels.0.statsUserOnline to true "
                    "in the core; until then it is judged by its log alone",
                    n->name);
    else
        log_info("coverage", "%s: its online list works", n->name);
    tell_node(w->d, n->id, n->name, off ? NOTICE_NODE_UNLISTED : NOTICE_NODE_LISTED, now_us, "");
    carry_event(w->d, off ? "online_list_off" : "online_list_on", 0, slice_of(n->name), "");
}

void watch_look(struct watch *w)
{
    int64_t now_us = daemon_now(w->d);
    size_t i;

    for (i = 0; i < w->n; i++) {
        look_if_down(w, &w->nodes[i], now_us);
        look_at(w, &w->nodes[i], now_us);
        look_if_unsteady(w, &w->nodes[i], now_us);
        look_for_loss(w, &w->nodes[i], now_us);
        look_for_list(w, &w->nodes[i], now_us);
    }
    hosts_look(w->hosts);
}
