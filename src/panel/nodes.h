/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_NODES_H
#define PANEL_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* A node as GET /api/nodes tells it; texts that are longer are cut. */
struct panel_node {
    int64_t id;
    char name[128];
    char address[128];
    char status[24]; /* connected, connecting, error, disabled, limited */
    char message[256];
    char xray_version[32];
    char node_version[32];
    bool enabled;   /* status is not "disabled" */
    bool connected; /* status is "connected" */
};

/* What differs between two polls; bits. */
enum panel_node_change {
    NODE_ADDED = 1,
    NODE_REMOVED = 2,
    NODE_STATUS = 4,   /* status or message */
    NODE_VERSION = 8,  /* xray or node version */
    NODE_ENABLED = 16, /* was disabled, or is new and not disabled */
    NODE_DISABLED = 32,
    NODE_NAME = 64, /* name or address */
};

/* The nodes of one poll, by id. */
struct nodes {
    struct panel_node *at;
    size_t n;
};

/*
 * Reads the answer of GET /api/nodes: a list (panel up to 1.7) or {"nodes","total"}. ERR_PROTOCOL
 * when any part is not as it must be (a partial list is never returned), ERR_TOO_BIG past LIMIT_NODES.
 */
int nodes_parse(struct slice body, struct nodes *ret_nodes, struct err *err) MUST_CHECK;
/* Frees the memory; empty and usable afterwards. */
void nodes_release(struct nodes *nodes);
/* The node with this id, or NULL. O(log n). */
const struct panel_node *nodes_find(const struct nodes *nodes, int64_t id);

/* changes is a set of panel_node_change; of a removed node the last known state is given. */
typedef void (*nodes_change_fn)(void *arg, const struct panel_node *node, unsigned changes);
/* Calls fn for every node that differs between the two, in order of id. */
void nodes_diff(const struct nodes *was, const struct nodes *is, nodes_change_fn fn, void *arg);

#endif
