/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/here/doctor_here.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/stamp.h"
#include "cli/here/cache_here.h"
#include "cli/here/telegram_here.h"
#include "core/engine.h"
#include "core/line/sse.h"
#include "net/worker.h"
#include "panel/checkup.h"
#include "panel/panel_opts.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

enum { STREAMS_MAX = 256, WORKER_JOBS = 16 };
static const int64_t hear_us = 5 * STAMP_SECOND;
static const int64_t open_us = STAMP_SECOND / 2; /* a stream that is refused ends at once */
static const int64_t answer_us = 10 * STAMP_SECOND;
static const int64_t list_us =
    3 * STAMP_SECOND; /* a list of nodes that may be read is there by then */
static const int64_t turn_us = STAMP_SECOND / 10;

struct ear {
    uint32_t stream_no; /* 0: free */
    uint16_t node;
    struct sse sse;
};

struct here {
    struct loop *loop;
    struct worker *worker;
    struct panel *panel;
    struct engine *engine;
    struct ear ears[STREAMS_MAX];
    struct ear *at;
    bool done;
};

static void on_open(void *arg, int64_t node_id, uint32_t stream_no, int64_t now_us)
{
    struct here *h = arg;
    size_t i;

    for (i = 0; i < STREAMS_MAX && h->ears[i].stream_no; i++)
        ;
    if (i == STREAMS_MAX || engine_node(h->engine, node_id, STAMP_NONE, &h->ears[i].node))
        return;
    h->ears[i].stream_no = stream_no;
    sse_init(&h->ears[i].sse);
    engine_stream_opened(h->engine, h->ears[i].node, now_us);
}

static struct ear *ear_of(struct here *h, uint32_t stream_no)
{
    size_t i;

    for (i = 0; i < STREAMS_MAX; i++)
        if (h->ears[i].stream_no == stream_no)
            return &h->ears[i];
    return NULL;
}

static void take_line(void *arg, struct slice line)
{
    struct here *h = arg;

    engine_line(h->engine, h->at->node, loop_wall_us(h->loop), line, NULL);
}

static void on_bytes(void *arg, int64_t node_id, uint32_t stream_no, int64_t arrival_us,
                     struct slice bytes)
{
    struct here *h = arg;

    (void)node_id;
    (void)arrival_us;
    h->at = ear_of(h, stream_no);
    if (h->at && sse_feed(&h->at->sse, bytes, take_line, h))
        return; /* Out of memory: the doctor hears less. */
}

static void on_close(void *arg, int64_t node_id, uint32_t stream_no, int64_t now_us, int rc,
                     const char *why)
{
    struct here *h = arg;
    struct ear *e = ear_of(h, stream_no);

    (void)node_id;
    (void)rc;
    (void)why;
    if (!e)
        return;
    engine_stream_closed(h->engine, e->node, now_us);
    sse_release(&e->sse);
    e->stream_no = 0;
}

static int open_panel(struct here *h, const struct settings *s, struct err *err)
{
    static const struct panel_events events = {.on_open = on_open,
                                               .on_bytes = on_bytes,
                                               .on_close = on_close};
    struct panel_opts po = panel_opts_of(s);
    static const struct hash_key key = {UINT64_C(0x646f63746f720001), 3};
    struct policy policy;
    int rc = settings_check_panel(s, err);

    po.online_rate = 10;
    if (rc)
        return rc;
    settings_policy(s, &policy);
    h->engine = engine_new(&policy, key);
    if (!h->engine || loop_new(&h->loop) || worker_new(h->loop, WORKER_JOBS, &h->worker))
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = settings_scan_rules(s, (struct slice){"", 0}, engine_scan_rules(h->engine), err);
    return rc ? rc : panel_new(h->loop, h->worker, &po, &events, h, &h->panel, err);
}

/* Whether there is nothing more to wait for but lines. */
static bool settled(const struct here *h)
{
    struct panel_state st = panel_state(h->panel);

    return st.session == SESSION_REFUSED || (st.since_us != STAMP_NONE && !st.up) ||
           (st.up && st.nodes_known && st.streams_open >= st.n_nodes) ||
           (st.up && loop_wall_us(h->loop) - st.since_us > list_us);
}

static void hear(struct here *h, int64_t how_long_us)
{
    int64_t began_us = loop_real_us(h->loop), settled_us = 0;

    panel_start(h->panel);
    for (;;) {
        int64_t now_us = loop_real_us(h->loop);

        if (!settled_us && settled(h))
            settled_us = now_us;
        if (now_us - began_us > answer_us + how_long_us ||
            (!settled_us && now_us - began_us > answer_us) ||
            (settled_us && (!panel_state(h->panel).up || now_us - settled_us > how_long_us)))
            return;
        loop_turn(h->loop, turn_us);
    }
}

static void finished(void *arg)
{
    ((struct here *)arg)->done = true;
}

void doctor_here(const struct settings *s, struct doctor_facts *facts)
{
    struct here *h = calloc(1, sizeof(*h));
    struct err err = {0};
    int64_t began_us;

    /* What the client of the panel would log is what the findings say. */
    log_set_level(LOG_ERROR + 1);
    if (!h || open_panel(h, s, &err)) {
        snprintf(facts->error, sizeof(facts->error), "%s",
                 err.text[0] ? err.text : "out of memory");
    } else {
        loop_turn(h->loop, 0);
        began_us = loop_real_us(h->loop);
        hear(h, facts->access ? open_us : hear_us);
        facts->watched_us = loop_real_us(h->loop) - began_us;
        facts->now_us = loop_wall_us(h->loop);
        if (checkup_start(h->panel, h->engine, facts->now_us, facts, finished, h) == ERR_OK)
            while (!h->done)
                loop_turn(h->loop, turn_us);
    }
    if (h) {
        panel_free(h->panel);
        if (h->loop)
            loop_turn(h->loop, 0);
        worker_free(h->worker);
        loop_free(h->loop);
        engine_free(h->engine);
    }
    free(h);
    telegram_here(s, facts);
    cache_here(s, facts);
}
