/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/streams.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "core/backoff.h"
#include "panel/stream.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
enum {
    REOPEN_GAP_S = 2,
    DENIED_S = 300,
    LOGIN_S = 60,
    STEADY_S = 60,
    OPENING_S = 3600, /* far beyond every deadline of a call */
    REFRESH_JITTER = 10
};

/*
 * The stream of one node: at most one that works, one that is to take its place, and one that had it
 * before and is still read to its end, so that no line on its way is lost.
 */
struct node_stream {
    struct node_stream *next_node;
    struct node_stream *next_queued;
    struct streams *ss;
    int64_t node_id;
    struct stream *cur, *fresh, *old;
    uint32_t cur_no, fresh_no, old_no;
    bool queued; /* waits for its turn to open */
    bool again;  /* a reopening was asked for while one was on its way */
    struct backoff wait;
    struct loop_timer *timer; /* next try, or next refresh */
    int64_t started_us;       /* monotonic: last opening begun */
    int64_t opened_us;        /* monotonic: cur opened */
    struct panel_stream_state state;
};

struct streams {
    struct streams_opts opts;
    struct loop *loop;
    struct node_stream *nodes;
    struct node_stream *queue, **queue_tail;
    struct loop_timer *swap_timer;
    unsigned n_nodes, opening, open;
    uint32_t last_no;
    bool denied_told;
};

static void pump(struct streams *ss);

static struct node_stream *find(const struct streams *ss, int64_t node_id)
{
    struct node_stream *ns;

    for (ns = ss->nodes; ns; ns = ns->next_node)
        if (ns->node_id == node_id)
            return ns;
    return NULL;
}

static void enqueue(struct node_stream *ns)
{
    struct streams *ss = ns->ss;

    if (ns->queued)
        return;
    ns->queued = true;
    ns->next_queued = NULL;
    *ss->queue_tail = ns;
    ss->queue_tail = &ns->next_queued;
    pump(ss);
}

static void dequeue(struct node_stream *ns)
{
    struct streams *ss = ns->ss;
    struct node_stream **at;

    if (!ns->queued)
        return;
    for (at = &ss->queue; *at != ns; at = &(*at)->next_queued)
        ;
    *at = ns->next_queued;
    if (ss->queue_tail == &ns->next_queued)
        ss->queue_tail = at;
    ns->queued = false;
}

static void note_state(struct node_stream *ns, bool open, const char *why)
{
    if (ns->state.open != open || ns->state.since_us == STAMP_NONE)
        ns->state.since_us = loop_wall_us(ns->ss->loop);
    ns->state.open = open;
    ns->state.stream_no = open ? ns->cur_no : 0;
    snprintf(ns->state.last_error, sizeof(ns->state.last_error), "%.159s", why);
}

/* Tells that an opened stream is gone; the caller has taken it out of ns. */
static void tell_closed(struct node_stream *ns, uint32_t no, int rc, const char *why)
{
    struct streams *ss = ns->ss;

    ss->open--;
    ss->opts.on_close(ss->opts.arg, ns->node_id, no, rc, why);
}

static void schedule_refresh(struct node_stream *ns)
{
    int64_t us = ns->again ? REOPEN_GAP_S * SECOND
                           : loop_jitter(ns->ss->loop, ns->ss->opts.refresh_us, REFRESH_JITTER);

    ns->again = false;
    loop_timer_set(ns->timer, us);
}

static void retry_later(struct node_stream *ns, enum stream_end how)
{
    struct loop *loop = ns->ss->loop;
    int64_t wait;

    if (how == STREAM_DENIED)
        wait = loop_jitter(loop, DENIED_S * SECOND, 20);
    else if (how == STREAM_LOGIN || how == STREAM_REFUSED)
        wait = loop_jitter(loop, LOGIN_S * SECOND, 20);
    else
        wait = backoff_next(&ns->wait, loop_random(loop));
    if (ns->again && wait > REOPEN_GAP_S * SECOND)
        wait = REOPEN_GAP_S * SECOND;
    ns->again = false;
    loop_timer_set(ns->timer, wait);
}

static void close_old(struct node_stream *ns)
{
    struct stream *old = ns->old;

    if (!old)
        return;
    ns->old = NULL;
    stream_close(old);
    tell_closed(ns, ns->old_no, ERR_OK, "replaced by a new one");
}

/*
 * A stream opened beside a working one. That one is read until the panel ends it, however long a busy
 * panel takes to notice: what it still writes there comes nowhere else. One that is left of the swap
 * before has had its time; what has come of it is read.
 */
static void swap(struct node_stream *ns)
{
    if (ns->old)
        stream_retire(ns->old);
    close_old(ns);
    ns->old = ns->cur;
    ns->old_no = ns->cur_no;
    ns->cur = ns->fresh;
    ns->cur_no = ns->fresh_no;
    ns->fresh = NULL;
    ns->opened_us = loop_mono_us(ns->ss->loop);
    note_state(ns, true, "");
    schedule_refresh(ns);
    if (ns->old)
        stream_retire(ns->old);
}

/* Not inside the opening itself, where the library must not be entered again. */
static void on_swap(void *arg)
{
    struct streams *ss = arg;
    struct node_stream *ns;

    for (ns = ss->nodes; ns; ns = ns->next_node)
        if (ns->fresh && stream_is_open(ns->fresh))
            swap(ns);
}

static void on_open(void *arg, struct stream *s)
{
    struct node_stream *ns = arg;
    struct streams *ss = ns->ss;

    (void)s;
    ss->opening--;
    ss->open++;
    ss->denied_told = false;
    ns->state.opened++;
    loop_timer_set_real(ss->swap_timer, 0);
    ss->opts.on_open(ss->opts.arg, ns->node_id, ns->fresh_no);
    pump(ss);
}

static void on_data(void *arg, struct stream *s, struct slice bytes)
{
    struct node_stream *ns = arg;
    uint32_t no = s == ns->cur ? ns->cur_no : s == ns->fresh ? ns->fresh_no : ns->old_no;

    ns->ss->opts.on_bytes(ns->ss->opts.arg, ns->node_id, no, bytes);
}

static void on_end(void *arg, struct stream *s, enum stream_end how, const struct err *err)
{
    struct node_stream *ns = arg;
    struct streams *ss = ns->ss;
    bool was_open = stream_is_open(s);
    uint32_t no = s == ns->fresh ? ns->fresh_no : ns->cur_no;
    int64_t node_id = ns->node_id;

    if (s == ns->old) {
        ns->old = NULL;
        tell_closed(ns, ns->old_no, ERR_OK, "replaced by a new one");
        return;
    }
    if (s == ns->fresh)
        ns->fresh = NULL;
    else
        ns->cur = NULL;
    if (was_open && loop_mono_us(ss->loop) - ns->opened_us >= STEADY_S * SECOND && no == ns->cur_no)
        backoff_reset(&ns->wait);
    if (!was_open)
        ss->opening--;
    if (ns->cur)
        snprintf(ns->state.last_error, sizeof(ns->state.last_error), "%.159s", err->text);
    else
        note_state(ns, false, err->text);
    /* One that is on its way takes the place by itself. */
    if (!ns->fresh && !ns->queued)
        retry_later(ns, how);
    if (was_open)
        tell_closed(ns, no, err->code, err->text);
    if (how == STREAM_DENIED && !ss->denied_told) {
        ss->denied_told = true;
        ss->opts.on_denied(ss->opts.arg, err);
    }
    if (how == STREAM_MISSING)
        ss->opts.on_missing(ss->opts.arg, node_id);
    pump(ss);
}

static void start(struct node_stream *ns)
{
    struct streams *ss = ns->ss;
    struct stream_opts opts = {.node_id = ns->node_id,
                               .read_gap_us = ss->opts.read_gap_us,
                               .idle_us = ss->opts.idle_us,
                               .on_open = on_open,
                               .on_data = on_data,
                               .on_end = on_end,
                               .arg = ns};

    ns->started_us = loop_mono_us(ss->loop);
    loop_timer_stop(ns->timer);
    if (stream_new(ss->opts.calls, &opts, &ns->fresh) != ERR_OK) {
        retry_later(ns, STREAM_FAULT);
        return;
    }
    ns->fresh_no = ++ss->last_no;
    ss->opening++;
}

static void pump(struct streams *ss)
{
    struct node_stream *ns;

    while (ss->queue && ss->opening < STREAMS_OPENING) {
        ns = ss->queue;
        dequeue(ns);
        start(ns);
    }
}

static void on_timer(void *arg)
{
    struct node_stream *ns = arg;

    if (!ns->fresh)
        enqueue(ns);
}

int streams_new(const struct streams_opts *opts, struct streams **ret_ss)
{
    struct streams *ss = calloc(1, sizeof(*ss));

    if (!ss)
        return ERR_NOMEM;
    ss->opts = *opts;
    ss->loop = opts->calls->loop;
    ss->queue_tail = &ss->queue;
    if (loop_timer_new(ss->loop, on_swap, ss, &ss->swap_timer) != ERR_OK) {
        free(ss);
        return ERR_NOMEM;
    }
    *ret_ss = ss;
    return ERR_OK;
}

/* Takes a node out of the list and closes what it has. */
static void drop(struct node_stream *ns, const char *why)
{
    struct streams *ss = ns->ss;
    struct node_stream **at;

    for (at = &ss->nodes; *at != ns; at = &(*at)->next_node)
        ;
    *at = ns->next_node;
    ss->n_nodes--;
    dequeue(ns);
    close_old(ns);
    if (ns->fresh) {
        bool open = stream_is_open(ns->fresh);

        stream_close(ns->fresh);
        if (open)
            tell_closed(ns, ns->fresh_no, ERR_OK, why);
        else
            ss->opening--;
    }
    if (ns->cur) {
        stream_close(ns->cur);
        tell_closed(ns, ns->cur_no, ERR_OK, why);
    }
    loop_timer_free(ns->timer);
    free(ns);
}

void streams_free(struct streams *ss)
{
    if (!ss)
        return;
    while (ss->nodes)
        drop(ss->nodes, "shutting down");
    loop_timer_free(ss->swap_timer);
    free(ss);
}

int streams_add(struct streams *ss, int64_t node_id)
{
    struct node_stream *ns;

    if (find(ss, node_id))
        return ERR_OK;
    if (ss->n_nodes >= LIMIT_NODES)
        return ERR_TOO_BIG;
    ns = calloc(1, sizeof(*ns));
    if (!ns)
        return ERR_NOMEM;
    *ns = (struct node_stream){.ss = ss, .node_id = node_id, .next_node = ss->nodes};
    ns->state.since_us = STAMP_NONE;
    backoff_init(&ns->wait, SECOND, 60 * SECOND);
    if (loop_timer_new(ss->loop, on_timer, ns, &ns->timer) != ERR_OK) {
        free(ns);
        return ERR_NOMEM;
    }
    ss->nodes = ns;
    ss->n_nodes++;
    enqueue(ns);
    return ERR_OK;
}

void streams_remove(struct streams *ss, int64_t node_id, const char *why)
{
    struct node_stream *ns = find(ss, node_id);

    if (!ns)
        return;
    drop(ns, why);
    pump(ss);
}

int streams_reopen(struct streams *ss, int64_t node_id)
{
    struct node_stream *ns = find(ss, node_id);
    int64_t due;

    if (!ns)
        return ERR_NOT_FOUND;
    backoff_reset(&ns->wait);
    if (ns->fresh) {
        ns->again = true;
        return ERR_OK;
    }
    if (ns->queued)
        return ERR_OK;
    due = ns->started_us + REOPEN_GAP_S * SECOND - loop_mono_us(ss->loop);
    loop_timer_set(ns->timer, ns->started_us && due > 0 ? due : 0);
    return ERR_OK;
}

void streams_kick(struct streams *ss)
{
    struct node_stream *ns;

    for (ns = ss->nodes; ns; ns = ns->next_node) {
        if (ns->cur || ns->fresh || ns->queued)
            continue;
        backoff_reset(&ns->wait);
        loop_timer_set(ns->timer, (int64_t)(loop_random(ss->loop) % (uint64_t)SECOND));
    }
}

void streams_set_refresh(struct streams *ss, int64_t refresh_us)
{
    ss->opts.refresh_us = refresh_us;
}

int streams_state(const struct streams *ss, int64_t node_id, struct panel_stream_state *ret_state)
{
    const struct node_stream *ns = find(ss, node_id);

    if (!ns)
        return ERR_NOT_FOUND;
    *ret_state = ns->state;
    return ERR_OK;
}

unsigned streams_forgotten(const struct streams *ss)
{
    const struct node_stream *ns;
    unsigned n = 0;

    for (ns = ss->nodes; ns; ns = ns->next_node) {
        bool opening = ns->fresh && loop_mono_us(ss->loop) - ns->started_us < OPENING_S * SECOND;
        bool has_turn = ns->queued && (ss->opening > 0 || ss->queue == ns);

        n += !opening && !has_turn && !loop_timer_armed(ns->timer);
    }
    return n;
}

unsigned streams_open_count(const struct streams *ss)
{
    return ss->open;
}
