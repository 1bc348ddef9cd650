/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/nodes.h"

#include <stdlib.h>

#include "base/limits.h"
#include "panel/jval.h"
#include "base/banned.h"

static void copy(char *out, size_t cap, const struct jval *node, const char *name)
{
    struct slice s = jval_opt_text(node, name);
    size_t n = s.n < cap ? s.n : cap - 1;

    /* Not inside a character of UTF-8. */
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static int parse_one(const struct jval *v, struct panel_node *node, struct err *err)
{
    struct slice status;
    int rc;

    *node = (struct panel_node){0};
    rc = jval_need_int(v, "id", &node->id, err);
    if (rc)
        return rc;
    rc = jval_need_text(v, "status", &status, err);
    if (rc)
        return rc;
    copy(node->name, sizeof(node->name), v, "name");
    copy(node->address, sizeof(node->address), v, "address");
    copy(node->status, sizeof(node->status), v, "status");
    copy(node->message, sizeof(node->message), v, "message");
    copy(node->xray_version, sizeof(node->xray_version), v, "xray_version");
    copy(node->node_version, sizeof(node->node_version), v, "node_version");
    node->enabled = !slice_eq(status, SLICE("disabled"));
    node->connected = slice_eq(status, SLICE("connected"));
    return ERR_OK;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct panel_node *)a)->id, y = ((const struct panel_node *)b)->id;

    return (x > y) - (x < y);
}

static int parse_list(const struct jval *list, struct nodes *nodes, struct err *err)
{
    size_t i;
    int rc;

    if (!jval_is_array(list))
        return err_set(err, ERR_PROTOCOL, "the list of nodes is no list");
    if (jval_len(list) > LIMIT_NODES)
        return err_set(err, ERR_TOO_BIG, "more than %d nodes", LIMIT_NODES);
    nodes->n = 0;
    nodes->at = calloc(jval_len(list) + 1, sizeof(*nodes->at));
    if (!nodes->at)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (i = 0; i < jval_len(list); i++) {
        rc = parse_one(jval_at(list, i), &nodes->at[i], err);
        if (rc)
            return rc;
        nodes->n++;
    }
    qsort(nodes->at, nodes->n, sizeof(*nodes->at), by_id);
    for (i = 1; i < nodes->n; i++)
        if (nodes->at[i].id == nodes->at[i - 1].id)
            return err_set(err, ERR_PROTOCOL, "node %lld is listed twice",
                           (long long)nodes->at[i].id);
    return ERR_OK;
}

int nodes_parse(struct slice body, struct nodes *ret_nodes, struct err *err)
{
    struct nodes nodes = {0};
    const struct jval *list;
    struct jval *doc;
    int64_t total;
    int rc;

    rc = jval_parse(body, &doc, err);
    if (rc)
        return rc;
    list = jval_is_array(doc) ? doc : jval_get(doc, "nodes");
    rc = parse_list(list, &nodes, err);
    if (!rc) {
        total = jval_opt_int(doc, "total", (int64_t)nodes.n);
        if (total > (int64_t)nodes.n)
            rc = err_set(err, ERR_PROTOCOL, "only %zu of %lld nodes came", nodes.n,
                         (long long)total);
    }
    jval_free(doc);
    if (rc) {
        nodes_release(&nodes);
        return rc;
    }
    *ret_nodes = nodes;
    return ERR_OK;
}

void nodes_release(struct nodes *nodes)
{
    free(nodes->at);
    *nodes = (struct nodes){0};
}

const struct panel_node *nodes_find(const struct nodes *nodes, int64_t id)
{
    struct panel_node key = {.id = id};

    return nodes->n ? bsearch(&key, nodes->at, nodes->n, sizeof(key), by_id) : NULL;
}

static unsigned compare(const struct panel_node *was, const struct panel_node *is)
{
    unsigned changes = 0;

    if (strcmp(was->status, is->status) != 0 || strcmp(was->message, is->message) != 0)
        changes |= NODE_STATUS;
    if (strcmp(was->xray_version, is->xray_version) != 0 ||
        strcmp(was->node_version, is->node_version) != 0)
        changes |= NODE_VERSION;
    if (strcmp(was->name, is->name) != 0 || strcmp(was->address, is->address) != 0)
        changes |= NODE_NAME;
    if (was->enabled != is->enabled)
        changes |= is->enabled ? NODE_ENABLED : NODE_DISABLED;
    return changes;
}

void nodes_diff(const struct nodes *was, const struct nodes *is, nodes_change_fn fn, void *arg)
{
    size_t i = 0, k = 0;
    unsigned changes;

    while (i < was->n || k < is->n) {
        if (k == is->n || (i < was->n && was->at[i].id < is->at[k].id)) {
            fn(arg, &was->at[i++], NODE_REMOVED);
        } else if (i == was->n || is->at[k].id < was->at[i].id) {
            changes = NODE_ADDED | (is->at[k].enabled ? NODE_ENABLED : NODE_DISABLED);
            fn(arg, &is->at[k++], changes);
        } else {
            changes = compare(&was->at[i], &is->at[k]);
            if (changes)
                fn(arg, &is->at[k], changes);
            i++;
            k++;
        }
    }
}
