/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_CACHE_PORT_H
#define SERVICE_CACHE_PORT_H

#include "base/slice.h"

/*
 * The cache as its users see it: values that can be had again from where they came, kept a while in
 * Redis or in memory. Whoever uses it must work without it, and read what it gives as carefully as
 * anything from outside. All functions are for the loop thread.
 */

/* What is kept; the time each lives stands in cache/cache_kind.c. */
enum cache_kind {
    CACHE_TOKEN,  /* the panel's token */
    CACHE_NODES,  /* the panel's list of nodes, as it came */
    CACHE_CONFIG, /* lists of the panel that screens offer to choose from: groups, admins */
    CACHE_ISP,    /* what a provider told of an address block */
    CACHE_USERS,  /* lists of the panel's users that screens show */
    CACHE_KINDS
};

/* The value, p NULL when there is none. Valid during the call. */
typedef void (*cache_got_fn)(void *arg, struct slice value);
/* A question under way. */
struct cache_get;

struct cache_port {
    void *ctx;
    /*
     * Asks for what is kept of a kind under a name; fn is called once, later, after 300 ms at the
     * latest. NULL (no memory, or too many questions): fn will not be called.
     */
    struct cache_get *(*get)(void *ctx, enum cache_kind kind, struct slice name, cache_got_fn fn,
                             void *arg);
    /* Takes a question back whose fn has not been called: it will not be. NULL is allowed. */
    void (*cancel)(void *ctx, struct cache_get *get);
    /* Keeps a value from now on, in place of any before. Too large ones are left out. */
    void (*put)(void *ctx, enum cache_kind kind, struct slice name, struct slice value);
    /* Forgets it: it has changed, or was refused. */
    void (*drop)(void *ctx, enum cache_kind kind, struct slice name);
};

#endif
