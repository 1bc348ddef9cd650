/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /api/nodes: a whole list, sorted and without doubles, or a reason; and its differences add up. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "panel/nodes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t added, removed, other;
    int64_t last;
};

static void count(void *arg, const struct panel_node *node, unsigned changes)
{
    struct seen *s = arg;

    if (!changes || (s->added + s->removed + s->other && node->id <= s->last))
        abort();
    if ((changes & NODE_ENABLED) && (changes & NODE_DISABLED))
        abort();
    s->last = node->id;
    if (changes & NODE_ADDED)
        s->added++;
    else if (changes & NODE_REMOVED)
        s->removed++;
    else
        s->other++;
}

static struct seen differences(const struct nodes *was, const struct nodes *is)
{
    struct seen s = {0};

    nodes_diff(was, is, count, &s);
    return s;
}

static void check_node(const struct panel_node *n)
{
    if (!memchr(n->name, '\0', sizeof(n->name)) || !memchr(n->address, '\0', sizeof(n->address)) ||
        !memchr(n->status, '\0', sizeof(n->status)) ||
        !memchr(n->message, '\0', sizeof(n->message)) ||
        !memchr(n->xray_version, '\0', sizeof(n->xray_version)) ||
        !memchr(n->node_version, '\0', sizeof(n->node_version)))
        abort();
    if (n->connected && !n->enabled)
        abort();
}

static void check(const struct nodes *nodes)
{
    static const struct nodes none;
    struct nodes rest;
    struct seen s;
    size_t i;

    if (nodes->n > LIMIT_NODES)
        abort();
    for (i = 0; i < nodes->n; i++) {
        check_node(&nodes->at[i]);
        if (i && nodes->at[i - 1].id >= nodes->at[i].id)
            abort();
        if (nodes_find(nodes, nodes->at[i].id) != &nodes->at[i])
            abort();
    }
    s = differences(nodes, nodes);
    if (s.added || s.removed || s.other)
        abort();
    s = differences(&none, nodes);
    if (s.added != nodes->n || s.removed || s.other)
        abort();
    if (!nodes->n)
        return;
    rest = (struct nodes){nodes->at + 1, nodes->n - 1};
    s = differences(nodes, &rest);
    if (s.removed != 1 || s.added || s.other)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nodes nodes;
    struct err err = {0};

    if (nodes_parse((struct slice){(const char *)data, size}, &nodes, &err)) {
        if (!err.text[0])
            abort();
        return 0;
    }
    check(&nodes);
    nodes_release(&nodes);
    return 0;
}
