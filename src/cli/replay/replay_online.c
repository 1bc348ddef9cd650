/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/replay/replay_online.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/stamp.h"
#include "base/banned.h"

struct reading {
    struct online_seen *seen;
    uint16_t *nodes;
    struct online_reading r;
};

bool replay_online_is(struct slice line)
{
    return slice_starts(line, SLICE("#online "));
}

int64_t replay_online_node(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct slice name = slice_of(slash ? slash + 1 : path), number;
    int64_t id;

    if (!slice_starts(name, SLICE("node-")))
        return 0;
    name = slice_skip(name, 5);
    number = slice_cut(&name, '.');
    if (!name.p || !slice_starts(name, SLICE("log")) || num_int(number, 1, INT64_MAX, &id))
        return 0;
    return id;
}

static int take_address(struct reading *g, uint16_t node, struct slice entry)
{
    struct online_seen *s = &g->seen[g->r.n];
    struct slice address = slice_cut(&entry, '=');
    int64_t value_s;

    if (!entry.p || addr_parse(address, &s->addr) ||
        num_int(entry, 0, INT64_MAX / STAMP_SECOND, &value_s))
        return ERR_INVALID;
    s->node = node;
    s->last_us = value_s * STAMP_SECOND;
    g->r.n++;
    return ERR_OK;
}

/* "3:203.0.113.7=1795448496,2001:db8::77=1795448400": what comes after the first colon may hold more. */
static int take_node(struct engine *e, struct reading *g, struct slice part)
{
    struct slice id = slice_cut(&part, ':');
    int64_t node_id;
    uint16_t node;
    int rc;

    if (!part.p || num_int(id, 1, INT64_MAX, &node_id))
        return ERR_INVALID;
    rc = engine_node(e, node_id, STAMP_NONE, &node);
    if (rc)
        return rc;
    g->nodes[g->r.n_nodes++] = node;
    while (part.p && part.n) {
        rc = take_address(g, node, slice_cut(&part, ','));
        if (rc)
            return rc;
    }
    return ERR_OK;
}

int replay_online_feed(struct engine *e, struct slice line, int64_t now_us)
{
    struct reading g = {.r = {.n = 0}};
    struct slice rest = slice_skip(line, 8), id = slice_cut(&rest, ' ');
    int64_t user;
    int rc = num_int(id, 1, INT64_MAX, &user) ? ERR_INVALID : ERR_OK;

    /* No entry is shorter than its separator. */
    g.seen = calloc(line.n + 1, sizeof(*g.seen));
    g.nodes = calloc(line.n + 1, sizeof(*g.nodes));
    if (!g.seen || !g.nodes)
        rc = ERR_NOMEM;
    while (!rc && rest.p && rest.n)
        rc = take_node(e, &g, slice_cut(&rest, ' '));
    g.r.seen = g.seen;
    g.r.nodes = g.nodes;
    if (!rc)
        engine_online(e, user, &g.r, now_us);
    free(g.seen);
    free(g.nodes);
    return rc;
}
