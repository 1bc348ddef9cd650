/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/online_list.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/num.h"
#include "panel/jval.h"
#include "base/banned.h"

struct reading {
    struct online_list *list;
    int64_t node_id;
    struct err *err;
    int rc;
};

static void count_ips(void *arg, struct slice name, const struct jval *v)
{
    (void)name;
    *(size_t *)arg += jval_len(jval_get(v, "ips"));
}

static void read_ip(void *arg, struct slice name, const struct jval *v)
{
    struct reading *r = arg;
    struct online_entry *e = &r->list->at[r->list->n];

    if (r->rc)
        return;
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
        name = slice_skip(name, 1);
        name.n--;
    }
    if (name.n == 0 || name.n >= sizeof(e->address)) {
        r->rc = err_set(r->err, ERR_PROTOCOL, "the online list holds what is no address");
        return;
    }
    if (jval_int(v, &e->last_s) != ERR_OK) {
        r->rc = err_set(r->err, ERR_PROTOCOL, "an address of the online list has no time");
        return;
    }
    e->node_id = r->node_id;
    memcpy(e->address, name.p, name.n);
    e->address[name.n] = '\0';
    r->list->n++;
}

static void read_node(void *arg, struct slice name, const struct jval *v)
{
    struct reading *r = arg;

    if (r->rc)
        return;
    if (num_int(name, 1, INT64_MAX, &r->node_id) != ERR_OK) {
        r->rc = err_set(r->err, ERR_PROTOCOL, "the online list holds a node whose id is no number");
        return;
    }
    /* A node that did not answer is not idle. */
    if (!jval_is_object(jval_get(v, "ips")))
        return;
    r->list->nodes[r->list->n_nodes++] = r->node_id;
    jval_each(jval_get(v, "ips"), read_ip, r);
}

int online_list_parse(struct slice body, struct online_list *ret_list, struct err *err)
{
    struct online_list list = {0};
    struct reading r = {.list = &list, .err = err};
    const struct jval *nodes;
    struct jval *doc;
    size_t n = 0;

    r.rc = jval_parse(body, &doc, err);
    if (r.rc)
        return r.rc;
    nodes = jval_get(doc, "nodes");
    if (!jval_is_object(nodes)) {
        jval_free(doc);
        return err_set(err, ERR_PROTOCOL, "the online list has no \"nodes\"");
    }
    jval_each(nodes, count_ips, &n);
    if (n > LIMIT_ONLINE || jval_len(nodes) > LIMIT_NODES) {
        r.rc = err_set(err, ERR_TOO_BIG, "an online list of %zu addresses", n);
    } else {
        list.at = calloc(n + 1, sizeof(*list.at));
        list.nodes = calloc(jval_len(nodes) + 1, sizeof(*list.nodes));
        if (!list.at || !list.nodes)
            r.rc = err_set(err, ERR_NOMEM, "out of memory");
        else
            jval_each(nodes, read_node, &r);
    }
    jval_free(doc);
    if (r.rc) {
        online_list_release(&list);
        return r.rc;
    }
    *ret_list = list;
    return ERR_OK;
}

void online_list_release(struct online_list *list)
{
    free(list->at);
    free(list->nodes);
    *list = (struct online_list){0};
}
