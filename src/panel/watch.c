/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/panel_int.h"

#include "base/log.h"
#include "base/stamp.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
enum { KEEP_MINUTES = 20 }; /* the list stays in the cache while it is read */
enum { SOON_S = 1, JITTER = 10, TELL_DAYS = 14, NODES_BYTES = 32 << 20 };

static void poll_later(struct panel *p)
{
    loop_timer_set(p->poll_timer, loop_jitter(p->loop, p->poll_us, JITTER));
}

static void follow(struct panel *p, const struct panel_node *node, unsigned changes)
{
    if (p->no_streams)
        return;
    if (changes & (NODE_REMOVED | NODE_DISABLED)) {
        streams_remove(p->streams, node->id,
                       changes & NODE_REMOVED ? "node removed" : "node disabled");
    } else if (node->enabled && (changes & (NODE_ADDED | NODE_ENABLED))) {
        if (streams_add(p->streams, node->id) != ERR_OK)
            log_error("panel", "node %lld cannot be followed: too many nodes or no memory",
                      (long long)node->id);
    } else if (changes & (NODE_STATUS | NODE_VERSION)) {
        /* An old stream may be dead after each of these, and show nothing of it. */
        if (streams_reopen(p->streams, node->id) != ERR_OK)
            log_debug("panel", "node %lld is not followed", (long long)node->id);
    }
}

void watch_streaming(struct panel *p, bool on)
{
    size_t i;

    p->no_streams = !on;
    for (i = 0; i < p->nodes.n; i++) {
        const struct panel_node *node = &p->nodes.at[i];

        if (!on)
            streams_remove(p->streams, node->id, "the online list alone is watched");
        else
            follow(p, node, NODE_ADDED);
    }
}

static void tell_node(const struct panel_node *node, unsigned changes)
{
    long long id = (long long)node->id;

    if (changes & NODE_ADDED)
        log_info("panel", "node %lld \"%s\": %s", id, node->name, node->status);
    else if (changes & NODE_REMOVED)
        log_info("panel", "node %lld \"%s\" is gone", id, node->name);
    else if (changes & NODE_STATUS)
        log_write(node->connected ? LOG_INFO : LOG_WARNING, "panel", "node %lld \"%s\": %s%s%s", id,
                  node->name, node->status, node->message[0] ? ": " : "", node->message);
    else if (changes & NODE_VERSION)
        log_info("panel", "node %lld \"%s\" runs node %s, Xray %s now", id, node->name,
                 node->node_version, node->xray_version);
}

static void on_change(void *arg, const struct panel_node *node, unsigned changes)
{
    struct panel *p = arg;

    p->nodes_kept_us = 0;
    tell_node(node, changes);
    follow(p, node, changes);
    if (p->events.on_node)
        p->events.on_node(p->arg, node, changes);
}

static void take_nodes(struct panel *p, struct nodes *fresh)
{
    struct nodes was = p->nodes;

    p->nodes = *fresh;
    p->nodes_us = loop_wall_us(p->loop);
    p->poll_told = ERR_OK;
    if (!p->probe.version.known)
        probe_version(&p->probe);
    nodes_diff(&was, &p->nodes, on_change, p);
    nodes_release(&was);
    if (p->events.on_nodes)
        p->events.on_nodes(p->arg, p->nodes.at, p->nodes.n);
}

/* Told of a change, and now and then; not every poll, which would be a write every 15 s. */
static void keep_nodes(struct panel *p, struct slice body)
{
    int64_t now_us = loop_mono_us(p->loop);

    if (!p->cache || (p->nodes_kept_us && now_us - p->nodes_kept_us < KEEP_MINUTES * 60 * SECOND))
        return;
    p->nodes_kept_us = now_us;
    p->cache->put(p->cache->ctx, CACHE_NODES, SLICE(""), body);
}

/*
 * The nodes as they were before the last end: their streams open while the panel is asked, and though it
 * does not tell them. The first list that comes stands in their place.
 */
static void on_kept(void *arg, struct slice value)
{
    struct panel *p = arg;
    struct nodes kept, none = {0};
    struct err err = {0};

    p->nodes_asked = NULL;
    if (!value.p || p->closing || p->nodes_us != STAMP_NONE || nodes_parse(value, &kept, &err))
        return;
    nodes_release(&p->nodes);
    p->nodes = kept;
    if (kept.n)
        log_info("panel", "%zu nodes known from before, until the panel lists them", kept.n);
    nodes_diff(&none, &p->nodes, on_change, p);
}

static void on_answer(void *arg, const struct call_result *r)
{
    struct panel *p = arg;
    struct nodes fresh;
    struct err err = *r->err;
    int rc = r->rc;

    p->poll_call = NULL;
    if (p->closing)
        return;
    if (p->poll_again)
        loop_timer_set(p->poll_timer, SOON_S * SECOND);
    else
        poll_later(p);
    p->poll_again = false;
    if (!rc)
        rc = nodes_parse(buf_slice(r->body), &fresh, &err);
    if (!rc) {
        take_nodes(p, &fresh);
        keep_nodes(p, buf_slice(r->body));
        return;
    }
    /* Outages and refused logins are told where they are noticed. */
    if (rc != p->poll_told && rc != ERR_UNREACHABLE && rc != ERR_TIMEOUT && rc != ERR_TLS &&
        rc != ERR_AUTH)
        log_error("panel", "the nodes cannot be listed: %s", err.text);
    p->poll_told = rc;
}

static void poll(void *arg)
{
    struct panel *p = arg;
    struct call_opts opts = {.method = "GET",
                             .path = "/api/nodes",
                             .what = "list of nodes",
                             .body_max = NODES_BYTES};

    if (p->poll_call)
        return;
    if (call_start(&p->calls, &opts, on_answer, p, &p->poll_call) != ERR_OK) {
        p->poll_call = NULL;
        poll_later(p);
    }
}

static void on_expiry_timer(void *arg)
{
    struct panel *p = arg;

    /* Once a day; what is due follows when the version was read. */
    probe_version(&p->probe);
}

int watch_init(struct panel *p)
{
    int rc = loop_timer_new(p->loop, poll, p, &p->poll_timer);

    return rc ? rc : loop_timer_new(p->loop, on_expiry_timer, p, &p->expiry_timer);
}

void watch_start(struct panel *p)
{
    if (p->cache)
        p->nodes_asked = p->cache->get(p->cache->ctx, CACHE_NODES, SLICE(""), on_kept, p);
    loop_timer_set(p->poll_timer, 0);
}

void watch_release(struct panel *p)
{
    if (p->cache)
        p->cache->cancel(p->cache->ctx, p->nodes_asked);
    loop_timer_free(p->poll_timer);
    loop_timer_free(p->expiry_timer);
    nodes_release(&p->nodes);
}

void watch_now(struct panel *p)
{
    if (p->poll_call)
        p->poll_again = true;
    else
        loop_timer_set(p->poll_timer, 0);
}

void watch_soon(struct panel *p)
{
    if (p->poll_call)
        p->poll_again = true;
    else if (p->nodes_us == STAMP_NONE || loop_wall_us(p->loop) - p->nodes_us > 5 * SECOND)
        loop_timer_set(p->poll_timer, SOON_S * SECOND);
}

static void tell_end(struct panel *p, const char *what, int64_t ends_us)
{
    int64_t left = ends_us - loop_wall_us(p->loop);
    char day[STAMP_TEXT];

    if (ends_us == STAMP_NONE || left > TELL_DAYS * DAY)
        return;
    stamp_iso(ends_us, day);
    day[10] = '\0';
    if (left <= 0)
        log_error("panel", "%s ended on %s", what, day);
    else
        log_warning("panel", "%s ends on %s, in %d days", what, day, (int)(left / DAY));
}

void watch_key_end(void *arg, int64_t ends_us)
{
    tell_end(arg, "the panel's API key", ends_us);
}

void watch_expiry(struct panel *p)
{
    const struct http_peer *peer = http_peer(p->http);

    if (loop_timer_armed(p->expiry_timer))
        return;
    loop_timer_set(p->expiry_timer, DAY);
    if (peer->known)
        tell_end(p, "the panel's certificate", peer->not_after_us);
    probe_key(&p->probe);
}
