/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/feed.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/stamp.h"
#include "core/line/sse.h"
#include "base/banned.h"

struct reader {
    uint64_t stream;
    int64_t node_id;
    uint16_t node;
    struct sse sse;
};

struct feed {
    struct engine *engine;
    struct history *history;
    struct recorder *recorder;
    feed_unknown_fn unknown;
    void *arg;
    struct reader **readers;
    size_t n, cap;
    /* of the bytes being fed */
    const struct reader *at;
    int64_t now_us;
};

struct feed *feed_new(struct engine *engine, struct history *history, struct recorder *recorder,
                      feed_unknown_fn unknown, void *arg)
{
    struct feed *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->engine = engine;
    f->history = history;
    f->recorder = recorder;
    f->unknown = unknown;
    f->arg = arg;
    return f;
}

static void reader_free(struct reader *r)
{
    sse_release(&r->sse);
    free(r);
}

void feed_free(struct feed *f)
{
    size_t i;

    if (!f)
        return;
    for (i = 0; i < f->n; i++)
        reader_free(f->readers[i]);
    free(f->readers);
    free(f);
}

/* Streams are some hundreds at the most: their readers are found by looking at each. */
static size_t find(const struct feed *f, uint64_t stream)
{
    size_t i;

    for (i = 0; i < f->n && f->readers[i]->stream != stream; i++)
        ;
    return i;
}

void feed_open(struct feed *f, int64_t node_id, uint64_t stream, int64_t now_us)
{
    struct reader *r = calloc(1, sizeof(*r));

    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        struct reader **p = realloc(f->readers, cap * sizeof(*p));

        if (p) {
            f->readers = p;
            f->cap = cap;
        }
    }
    if (!r || f->n == f->cap || engine_node(f->engine, node_id, STAMP_NONE, &r->node)) {
        log_error("stream", "node %lld: no memory for its stream", (long long)node_id);
        free(r);
        return;
    }
    r->stream = stream;
    r->node_id = node_id;
    sse_init(&r->sse);
    f->readers[f->n++] = r;
    engine_stream_opened(f->engine, r->node, now_us);
    if (f->recorder)
        recorder_mark(f->recorder, node_id, now_us, true);
}

static void take_line(void *arg, struct slice line)
{
    struct feed *f = arg;
    struct record rec;

    if (f->recorder)
        recorder_write(f->recorder, f->at->node_id, f->now_us, line);
    if (engine_line(f->engine, f->at->node, f->now_us, line, &rec) || rec.id == 0)
        return;
    if (f->history)
        history_add(f->history, f->at->node_id, &rec, f->now_us);
    if (limits_lacks(engine_limits(f->engine), rec.id))
        f->unknown(f->arg, rec.id);
}

void feed_bytes(struct feed *f, uint64_t stream, struct slice bytes, int64_t now_us)
{
    size_t i = find(f, stream);

    if (i == f->n)
        return;
    f->at = f->readers[i];
    f->now_us = now_us;
    if (sse_feed(&f->readers[i]->sse, bytes, take_line, f))
        log_error("stream", "node %lld: out of memory, a line was dropped",
                  (long long)f->at->node_id);
}

void feed_close(struct feed *f, uint64_t stream, int64_t now_us)
{
    size_t i = find(f, stream);

    if (i == f->n)
        return;
    engine_stream_closed(f->engine, f->readers[i]->node, now_us);
    if (f->recorder)
        recorder_mark(f->recorder, f->readers[i]->node_id, now_us, false);
    reader_free(f->readers[i]);
    f->readers[i] = f->readers[--f->n];
}
