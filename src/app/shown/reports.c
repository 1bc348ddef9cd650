/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

/* What is connected now, in sums and by node and inbound: the reports of op_port. */

/* What one node, or one inbound, carries. */
struct place {
    int64_t node_id;
    const char *inbound;
    uint32_t users, addresses;
    uint32_t others; /* inbounds of the node, nodes of the inbound */
    int64_t last_user;
};

struct places {
    struct place *all;
    uint32_t n, cap;
    struct imap by_key;
};

struct survey {
    const struct db_scope *only;
    struct places nodes, inbounds, both;
    uint32_t users, devices, addresses, several, over, monitoring, disabled;
    int64_t last_user;
    bool failed;
};

static struct place *place_of(struct places *p, int64_t key)
{
    uint32_t at = imap_get(&p->by_key, key);

    if (at != MAP_FREE)
        return &p->all[at];
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 64;
        struct place *all = realloc(p->all, cap * sizeof(*all));

        if (!all)
            return NULL;
        p->all = all;
        p->cap = cap;
    }
    if (imap_put(&p->by_key, key, p->n))
        return NULL;
    p->all[p->n] = (struct place){0};
    return &p->all[p->n++];
}

/* Devices of one user come in a row: he is counted once in each place. */
static void count(struct place *p, int64_t user_id)
{
    p->addresses++;
    p->users += p->last_user != user_id;
    p->last_user = user_id;
}

/* Tags are kept once by the engine, so that their address is as good as their text. */
static int64_t key_of(const char *inbound)
{
    return (int64_t)(intptr_t)inbound;
}

static void see_device(void *arg, const struct device_brief *b)
{
    struct survey *s = arg;
    struct place *node, *inbound, *both;

    if (!db_scope_has(s->only, b->user_id))
        return;
    node = place_of(&s->nodes, b->node_id);
    inbound = place_of(&s->inbounds, key_of(b->inbound));
    s->addresses++;
    s->users += s->last_user != b->user_id;
    s->last_user = b->user_id;
    both = node && inbound
               ? place_of(&s->both,
                          (int64_t)((uint64_t)key_of(b->inbound) ^ (uint64_t)b->node_id << 48))
               : NULL;
    if (!both) {
        s->failed = true;
        return;
    }
    node->node_id = b->node_id;
    inbound->inbound = b->inbound;
    count(node, b->user_id);
    count(inbound, b->user_id);
    if (both->addresses++ == 0) {
        node->others++;
        inbound->others++;
    }
}

static void see_user(void *arg, const struct user_brief *b)
{
    struct survey *s = arg;

    if (!db_scope_has(s->only, b->id))
        return;
    s->devices += (uint32_t)b->devices;
    s->monitoring += b->state == USER_MONITORING;
    s->several += b->devices > 1;
    s->over += b->limit > 0 && b->devices > b->limit;
}

static int see_row(void *arg, const struct enforce_view *row)
{
    struct survey *s = arg;

    s->disabled += db_scope_has(s->only, row->user_id);
    return 0;
}

static void survey_take(struct daemon *d, const struct db_scope *only, struct survey *s)
{
    *s = (struct survey){.only = only};
    imap_init(&s->nodes.by_key, d->key);
    imap_init(&s->inbounds.by_key, d->key);
    imap_init(&s->both.by_key, d->key);
    engine_each_brief(d->engine, daemon_now(d), see_user, s);
    engine_each_device(d->engine, daemon_now(d), see_device, s);
    (void)!enforce_each(d->enforce, see_row, s);
}

static void places_release(struct places *p)
{
    imap_release(&p->by_key);
    free(p->all);
}

static void survey_release(struct survey *s)
{
    places_release(&s->nodes);
    places_release(&s->inbounds);
    places_release(&s->both);
}

static double rate_of(struct daemon *d, int64_t node_id, const struct coverage **ret_coverage)
{
    uint16_t node;

    *ret_coverage = engine_node(d->engine, node_id, STAMP_NONE, &node)
                        ? NULL
                        : engine_coverage(d->engine, node);
    return *ret_coverage ? coverage_rate(*ret_coverage, daemon_now(d)) : 0;
}

static void add_connections(struct daemon *d, const struct survey *s, struct buf *out)
{
    const struct coverage *c;
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(d->panel, &n);
    double rate = 0;

    for (i = 0; i < n; i++)
        rate += rate_of(d, nodes[i].id, &c);
    jout_open(out, NULL, '{');
    jout_time(out, "at", daemon_now(d));
    jout_int(out, "window_s", d->policy.active_window_us / STAMP_SECOND);
    jout_int(out, "users", s->users);
    jout_int(out, "devices", s->devices);
    jout_int(out, "addresses", s->addresses);
    jout_int(out, "several", s->several);
    jout_int(out, "over_limit", s->over);
    jout_int(out, "monitoring", s->monitoring);
    jout_int(out, "disabled", s->disabled);
    jout_int(out, "nodes", s->nodes.n);
    jout_int(out, "inbounds", s->inbounds.n);
    jout_real(out, "lines_per_s", rate, 2);
    jout_close(out, '}');
}

/* ---- lists ---- */

static int busiest(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->users != y->users)
        return x->users > y->users ? -1 : 1;
    if (x->node_id != y->node_id)
        return x->node_id < y->node_id ? -1 : 1;
    return strcmp(x->inbound ? x->inbound : "", y->inbound ? y->inbound : "");
}

static const struct panel_node *listed(struct daemon *d, int64_t id)
{
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(d->panel, &n);

    for (i = 0; i < n; i++)
        if (nodes[i].id == id)
            return &nodes[i];
    return NULL;
}

static void add_node(struct daemon *d, const struct place *p, struct buf *out)
{
    const struct panel_node *node = listed(d, p->node_id);
    const struct coverage *c;
    double rate = rate_of(d, p->node_id, &c);

    jout_open(out, NULL, '{');
    jout_int(out, "id", p->node_id);
    jout_text(out, "name", watch_name(d->watch, p->node_id));
    jout_bool(out, "connected", node && node->connected);
    jout_bool(out, "stream_open", c && c->open_streams > 0);
    jout_bool(out, "quiet", c && c->quiet);
    if (c)
        views_coverage(d, c, out);
    jout_bool(out, "judged", !sources_is_disabled_node(engine_sources(d->engine), p->node_id));
    jout_int(out, "users", p->users);
    jout_int(out, "addresses", p->addresses);
    jout_int(out, "inbounds", p->others);
    jout_real(out, "lines_per_s", rate, 2);
    jout_close(out, '}');
}

static void add_inbound(const struct place *p, struct buf *out)
{
    jout_open(out, NULL, '{');
    jout_text(out, "inbound", p->inbound);
    jout_int(out, "users", p->users);
    jout_int(out, "addresses", p->addresses);
    jout_int(out, "nodes", p->others);
    jout_close(out, '}');
}

/* Nodes that carry nobody stand in the list as well. */
static void add_idle_nodes(struct daemon *d, struct survey *s)
{
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(d->panel, &n);

    for (i = 0; i < n; i++) {
        struct place *p = place_of(&s->nodes, nodes[i].id);

        if (p)
            p->node_id = nodes[i].id;
        else
            s->failed = true;
    }
}

static void add_list(struct daemon *d, struct places *p, const struct op_report *what,
                     struct buf *out)
{
    size_t i;

    if (p->n)
        qsort(p->all, p->n, sizeof(*p->all), busiest);
    jout_open(out, NULL, '{');
    jout_open(out, "data", '[');
    for (i = (size_t)what->offset; i < p->n && i - (size_t)what->offset < (size_t)what->limit;
         i++) {
        if (what->kind == OP_REPORT_NODES)
            add_node(d, &p->all[i], out);
        else
            add_inbound(&p->all[i], out);
    }
    jout_close(out, ']');
    jout_int(out, "total", p->n);
    jout_close(out, '}');
}

void reports_json(void *app, const struct op_report *what, struct buf *out)
{
    struct daemon *d = app;
    struct survey s;

    if (d->stopping) {
        buf_add_str(out, "{}");
        return;
    }
    survey_take(d, what->only, &s);
    if (what->kind == OP_REPORT_NODES)
        add_idle_nodes(d, &s);
    if (s.failed)
        out->failed = true;
    else if (what->kind == OP_REPORT_CONNECTIONS)
        add_connections(d, &s, out);
    else
        add_list(d, what->kind == OP_REPORT_NODES ? &s.nodes : &s.inbounds, what, out);
    survey_release(&s);
}
