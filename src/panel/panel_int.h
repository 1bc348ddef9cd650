/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PANEL_INT_H
#define PANEL_PANEL_INT_H

/* What the parts of the panel client share; nobody else includes this. */

#include "panel/contact.h"
#include "panel/listing.h"
#include "panel/panel.h"
#include "panel/panel_url.h"
#include "panel/probe.h"

struct panel {
    struct loop *loop;
    struct worker *worker;
    struct panel_events events;
    void *arg;
    struct panel_url url;
    char *api_key;
    bool unverified, closing, was_down;
    bool no_streams;
    struct http *http;
    struct contact contact;
    struct session *session;
    struct calls calls;
    struct acts acts;
    struct probe probe;
    struct asker lookups, onlines;
    struct streams *streams;
    struct panel_port port;
    struct err down, login; /* code 0: none */
    char told_version[32];
    int64_t odd_us;

    const struct cache_port *cache; /* or NULL */
    struct cache_get *nodes_asked;
    int64_t nodes_kept_us; /* monotonic: when the cache was told of them; 0: not since a change */
    struct nodes nodes;    /* of the last complete poll; before the first, as they were kept */
    int64_t nodes_us;      /* wall clock of it */
    int64_t poll_us;
    struct loop_timer *poll_timer;
    struct call *poll_call;
    bool poll_again; /* asked for while one was under way */
    int poll_told;   /* code of the failure last logged */
    struct loop_timer *expiry_timer;

    struct listing *listing;
    panel_page_fn page_fn;
    panel_listed_fn listed_fn;
    void *list_arg;

    bool (*name_of)(void *arg, int64_t id, struct slice *ret_name);
    void *name_arg;
};

/* watch.c: the list of nodes, and what ends one day. */
int watch_init(struct panel *p) MUST_CHECK;
void watch_start(struct panel *p);
void watch_release(struct panel *p);
/* Polls at once, or again right after the poll under way. */
void watch_now(struct panel *p);
/* Polls within a second or so. */
void watch_soon(struct panel *p);
/* Follows the streams of all enabled nodes, or of none. */
void watch_streaming(struct panel *p, bool on);
/* Tells once a day of a certificate or key that ends within 14 days. */
void watch_expiry(struct panel *p);
void watch_key_end(void *arg, int64_t ends_us);

/* port.c: the port of the operations, and the questions of panel.h. */
void port_init(struct panel *p);
void listing_cancel(struct panel *p);

#endif
