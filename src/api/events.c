/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server_int.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "service/ops/op_event.h"
#include "store/db_events.h"
#include "base/banned.h"

/*
 * GET /events as server-sent events. The table `events` is the queue: each stream reads on from the last
 * id it has sent, so nothing is lost, a stream taken up again with Last-Event-ID goes on where it ended,
 * and memory is bounded whatever the client does. Who does not read for a while is shut down.
 */

enum { BATCH = 256 };
static const int64_t look_us = STAMP_SECOND / 2;
static const int64_t ping_us = 15 * STAMP_SECOND;

/* A reading under way; outlives the stream that asked. */
struct reading {
    struct stream *stream;
    int64_t after_id, last_id;
    bool newest; /* only the id of the newest event is wanted */
    int n;
    struct buf out;
};

struct stream {
    struct stream *prev, *next;
    struct events *events;
    struct MHD_Connection *mhd;
    struct reading *reading;
    int64_t last_id; /* sent or waiting in out; -1: begins with the newest */
    int64_t spoke_us;
    struct buf out;
    size_t sent; /* of out */
    bool suspended, more;
};

struct events {
    struct server *server;
    struct loop_timer *timer;
    struct stream *streams;
    int n;
    bool stopping;
};

/* ---- to the client ---- */

static void wake(struct stream *st)
{
    if (!st->suspended)
        return;
    st->suspended = false;
    MHD_resume_connection(st->mhd);
    server_wake(st->events->server);
}

static void say(struct stream *st, struct slice text)
{
    struct conn *c = conn_of(st->mhd);

    if (st->out.n == st->sent && c)
        loop_timer_set_real(c->timer, st->events->server->opts.stuck_us);
    st->spoke_us = loop_real_us(st->events->server->loop);
    if (buf_add_slice(&st->out, text) && c)
        shutdown(c->fd, SHUT_RDWR);
    wake(st);
}

static ssize_t give(void *arg, uint64_t pos, char *to, size_t max)
{
    struct stream *st = arg;
    size_t n = st->out.n - st->sent;
    struct conn *c;

    (void)pos;
    if (n == 0) {
        if (st->events->stopping)
            return MHD_CONTENT_READER_END_OF_STREAM;
        /* Nobody is waited for while there is nothing to say. */
        c = conn_of(st->mhd);
        if (c)
            loop_timer_stop(c->timer);
        st->suspended = true;
        MHD_suspend_connection(st->mhd);
        return 0;
    }
    n = n < max ? n : max;
    memcpy(to, st->out.p + st->sent, n);
    st->sent += n;
    if (st->sent == st->out.n) {
        buf_clear(&st->out);
        st->sent = 0;
    }
    return (ssize_t)n;
}

static void drop(void *arg)
{
    struct stream *st = arg;

    if (st->reading)
        st->reading->stream = NULL;
    if (st->prev)
        st->prev->next = st->next;
    else
        st->events->streams = st->next;
    if (st->next)
        st->next->prev = st->prev;
    st->events->n--;
    buf_release(&st->out);
    free(st);
}

/* ---- from the table ---- */

static int add_event(void *arg, const struct db_event *row)
{
    struct reading *rd = arg;

    rd->last_id = row->id > rd->last_id ? row->id : rd->last_id;
    if (rd->newest)
        return ERR_OK;
    rd->n++;
    buf_addf(&rd->out, "id: %lld\ndata: ", (long long)row->id);
    op_event_json(&rd->out, row);
    buf_add_str(&rd->out, "\n\n");
    return ERR_OK;
}

static int read_events(struct db *db, void *arg, struct err *err)
{
    struct reading *rd = arg;
    struct db_event_filter f = {.after_id = rd->newest ? 0 : rd->after_id,
                                .limit = rd->newest ? 1 : BATCH,
                                .oldest_first = !rd->newest};

    rd->last_id = rd->after_id < 0 ? 0 : rd->after_id;
    rd->n = 0;
    buf_clear(&rd->out);
    return db_events_each(db, &f, add_event, rd, err);
}

static void look(struct stream *st);

static void events_read(void *arg, int rc, const struct err *err)
{
    struct reading *rd = arg;
    struct stream *st = rd->stream;

    (void)err; /* A database that is busy is asked again in half a second. */
    if (st) {
        st->reading = NULL;
        if (rc == 0) {
            st->last_id = rd->last_id;
            st->more = rd->n == BATCH;
            if (rd->out.n)
                say(st, buf_slice(&rd->out));
        }
    }
    buf_release(&rd->out);
    free(rd);
}

/* Reads on, unless the client still has much to take. */
static void look(struct stream *st)
{
    const struct op_port *port = st->events->server->port;
    struct reading *rd;

    if (st->reading || st->out.n - st->sent > LIMIT_EVENT_QUEUE / 2)
        return;
    rd = calloc(1, sizeof(*rd));
    if (!rd)
        return;
    rd->stream = st;
    rd->after_id = st->last_id;
    rd->newest = st->last_id < 0;
    buf_init(&rd->out, (size_t)BATCH * (LIMIT_EVENT_TEXT * 8));
    st->reading = rd;
    if (port->submit(port->store, OWNER_READ, read_events, events_read, rd)) {
        st->reading = NULL;
        buf_release(&rd->out);
        free(rd);
    }
}

/* A connection at rest is not read by libmicrohttpd, which so would not see its end before the next ping. */
static bool has_left(const struct stream *st)
{
    struct conn *c = conn_of(st->mhd);
    char byte;

    return c && st->suspended && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_look(void *arg)
{
    struct events *e = arg;
    struct stream *st, *next;
    int64_t now_us = loop_real_us(e->server->loop);

    for (st = e->streams; st; st = next) {
        next = st->next;
        if (st->out.n == st->sent && (now_us - st->spoke_us >= ping_us || has_left(st)))
            say(st, SLICE(": ping\n\n"));
        look(st);
    }
    if (e->n == 0)
        loop_timer_stop(e->timer);
}

/* ---- life ---- */

struct events *events_new(struct server *s)
{
    struct events *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->server = s;
    if (loop_timer_new(s->loop, on_look, e, &e->timer)) {
        free(e);
        return NULL;
    }
    return e;
}

void events_stop(struct events *e)
{
    struct stream *st;

    e->stopping = true;
    loop_timer_stop(e->timer);
    for (st = e->streams; st; st = st->next) {
        buf_clear(&st->out);
        st->sent = 0;
        wake(st);
    }
}

void events_free(struct events *e)
{
    if (!e)
        return;
    loop_timer_free(e->timer);
    free(e);
}

int events_open(struct events *e, struct request *r, int64_t after_id)
{
    struct MHD_Response *resp;
    struct stream *st;
    enum MHD_Result ok;

    if (e->n >= LIMIT_EVENT_STREAMS || e->stopping)
        return ERR_BUSY;
    st = calloc(1, sizeof(*st));
    if (!st)
        return ERR_NOMEM;
    resp = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 8192, give, st, drop);
    if (!resp) {
        free(st);
        return ERR_NOMEM;
    }
    st->events = e;
    st->mhd = r->mhd;
    st->last_id = after_id;
    buf_init(&st->out, (size_t)BATCH * (LIMIT_EVENT_TEXT * 8) + LIMIT_EVENT_QUEUE);
    st->next = e->streams;
    if (st->next)
        st->next->prev = st;
    e->streams = st;
    e->n++;
    say(st, SLICE("retry: 3000\n\n"));
    r->type = "text/event-stream";
    r->queued = true;
    ok = answer_headers(r, resp);
    if (ok == MHD_YES)
        ok = MHD_queue_response(r->mhd, 200, resp);
    MHD_destroy_response(resp); /* frees the stream as well when it was not queued */
    if (ok != MHD_YES)
        return ERR_NOMEM;
    if (!loop_timer_armed(e->timer))
        loop_timer_every(e->timer, look_us);
    /* At once: a stream without Last-Event-ID begins with what comes after this moment. */
    look(st);
    return ERR_OK;
}
