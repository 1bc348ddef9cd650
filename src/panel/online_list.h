/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_ONLINE_LIST_H
#define PANEL_ONLINE_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* The online list of one user: GET /api/node/online_stats/{user}/ip (spec/panel.md 3). */

enum { ONLINE_ADDRESS = 46 };

struct online_entry {
    int64_t node_id;
    char address[ONLINE_ADDRESS]; /* IPv4 or IPv6 text without brackets, not checked further */
    int64_t last_s;               /* unix second of the address's last new stream */
};

struct online_list {
    struct online_entry *at; /* by node as the panel lists them */
    size_t n;
    int64_t *nodes; /* nodes that answered, also with no address (idle) */
    size_t n_nodes;
};

/*
 * Reads the answer, `{"nodes":{"1":{"ips":{"203.0.113.7":1795448496,"[2001:db8::77]":…}}}}`.
 * ERR_PROTOCOL, ERR_TOO_BIG (LIMIT_ONLINE entries), ERR_NOMEM: never a part of a list.
 */
int online_list_parse(struct slice body, struct online_list *ret_list, struct err *err) MUST_CHECK;
/* Frees the memory; empty and usable afterwards. */
void online_list_release(struct online_list *list);

#endif
