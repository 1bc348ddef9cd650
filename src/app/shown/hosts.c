/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/shown/hosts.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/stamp.h"
#include "core/address/addr.h"
#include "base/banned.h"

static const int64_t again_us = 3600 * STAMP_SECOND;
static const int64_t retry_us = 60 * STAMP_SECOND;
enum { HOST_ADDRS = 16, LIST_MAX = 1 << 20, HOST_TEXT = 256 };

struct host {
    int64_t node_id;
    char name[HOST_TEXT];
    struct addr addrs[HOST_ADDRS];
    size_t n;
    int64_t due_us; /* monotonic; the next look-up */
};

/* On its way through the worker. */
struct lookup {
    struct hosts *h; /* NULL: nobody waits */
    int64_t node_id;
    char name[HOST_TEXT];
    struct addr addrs[HOST_ADDRS];
    size_t n;
};

struct hosts {
    struct loop *loop;
    struct worker *worker;
    hosts_fn changed;
    void *arg;
    struct host **at;
    size_t n, cap;
    struct lookup *looking;
    struct buf list;
    bool telling; /* changed is about to be called */
};

struct hosts *hosts_new(struct loop *loop, struct worker *worker, hosts_fn changed, void *arg)
{
    struct hosts *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->loop = loop;
    h->worker = worker;
    h->changed = changed;
    h->arg = arg;
    buf_init(&h->list, LIST_MAX);
    return h;
}

static size_t find(const struct hosts *h, int64_t node_id)
{
    size_t i;

    for (i = 0; i < h->n && h->at[i]->node_id != node_id; i++)
        ;
    return i;
}

struct slice hosts_list(const struct hosts *h)
{
    return buf_slice(&h->list);
}

static void make_list(void *arg)
{
    struct hosts *h = arg;
    char text[ADDR_TEXT];
    size_t i, k;

    h->telling = false;
    buf_clear(&h->list);
    for (i = 0; i < h->n; i++)
        for (k = 0; k < h->at[i]->n; k++)
            buf_addf(&h->list, "%s%s", h->list.n ? "," : "", addr_text(h->at[i]->addrs[k], text));
    h->changed(h->arg);
}

/* Once a turn: a panel's whole list of nodes comes at once. */
static void tell(struct hosts *h)
{
    if (!h->telling)
        h->telling = loop_defer(h->loop, make_list, h) == 0;
}

void hosts_free(struct hosts *h)
{
    size_t i;

    if (!h)
        return;
    loop_defer_cancel(h->loop, make_list, h);
    if (h->looking)
        h->looking->h = NULL;
    for (i = 0; i < h->n; i++)
        free(h->at[i]);
    free(h->at);
    buf_release(&h->list);
    free(h);
}

/* In the worker. */
static void look_up(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL, *ai;
    char text[NI_MAXHOST];

    if (getaddrinfo(l->name, NULL, &hints, &list))
        return;
    for (ai = list; ai && l->n < HOST_ADDRS; ai = ai->ai_next)
        if (!getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text), NULL, 0,
                         NI_NUMERICHOST) &&
            !addr_parse(slice_of(text), &l->addrs[l->n]))
            l->n++;
    freeaddrinfo(list);
}

static bool same(const struct host *host, const struct lookup *l)
{
    size_t i;

    if (host->n != l->n)
        return false;
    for (i = 0; i < l->n; i++)
        if (!addr_eq(host->addrs[i], l->addrs[i]))
            return false;
    return true;
}

static void next_look_up(struct hosts *h);

static void looked_up(void *arg, int rc)
{
    struct lookup *l = arg;
    struct hosts *h = l->h;
    struct host *host;
    size_t i;

    if (h) {
        h->looking = NULL;
        i = find(h, l->node_id);
        host = i < h->n ? h->at[i] : NULL;
        if (host && strcmp(host->name, l->name) == 0) {
            host->due_us = loop_mono_us(h->loop) + (l->n ? again_us : retry_us);
            if (l->n && !same(host, l)) {
                memcpy(host->addrs, l->addrs, sizeof(l->addrs));
                host->n = l->n;
                tell(h);
            }
        }
        if (!rc)
            next_look_up(h);
    }
    free(l);
}

static void next_look_up(struct hosts *h)
{
    int64_t now_us = loop_mono_us(h->loop);
    struct lookup *l;
    size_t i;

    for (i = 0; i < h->n && h->at[i]->due_us > now_us; i++)
        ;
    if (i == h->n || h->looking)
        return;
    l = calloc(1, sizeof(*l));
    if (!l)
        return;
    l->h = h;
    l->node_id = h->at[i]->node_id;
    memcpy(l->name, h->at[i]->name, sizeof(l->name));
    if (worker_submit(h->worker, look_up, looked_up, l))
        free(l);
    else
        h->looking = l;
}

static struct host *add(struct hosts *h, int64_t node_id)
{
    struct host *host;

    if (h->n == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 16;
        struct host **p = h->n < LIMIT_NODES ? realloc(h->at, cap * sizeof(*p)) : NULL;

        if (!p)
            return NULL;
        h->at = p;
        h->cap = cap;
    }
    host = calloc(1, sizeof(*host));
    if (!host)
        return NULL;
    host->node_id = node_id;
    host->due_us = INT64_MAX; /* nothing to look up before it has a name */
    h->at[h->n++] = host;
    return host;
}

void hosts_set(struct hosts *h, int64_t node_id, const char *name)
{
    size_t i = find(h, node_id);
    struct host *host = i < h->n ? h->at[i] : add(h, node_id);

    if (!host || strcmp(host->name, name) == 0)
        return;
    snprintf(host->name, sizeof(host->name), "%s", name);
    host->due_us = INT64_MAX;
    if (addr_parse(slice_of(host->name), &host->addrs[0])) {
        if (host->name[0])
            host->due_us = 0;
        next_look_up(h);
        return;
    }
    host->n = 1;
    tell(h);
}

void hosts_remove(struct hosts *h, int64_t node_id)
{
    size_t i = find(h, node_id);
    bool had;

    if (i == h->n)
        return;
    had = h->at[i]->n > 0;
    free(h->at[i]);
    h->at[i] = h->at[--h->n];
    if (had)
        tell(h);
}

void hosts_look(struct hosts *h)
{
    next_look_up(h);
}
