/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The online list of a user: every address belongs to a node that answered, and fits its field. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "panel/online_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct online_list list;
    struct err err = {0};
    size_t i, k = 0;

    if (online_list_parse((struct slice){(const char *)data, size}, &list, &err)) {
        if (!err.text[0])
            abort();
        return 0;
    }
    if (list.n > LIMIT_ONLINE || list.n_nodes > LIMIT_NODES)
        abort();
    for (i = 0; i < list.n; i++) {
        const struct online_entry *e = &list.at[i];

        if (!e->address[0] || !memchr(e->address, '\0', sizeof(e->address)) || e->node_id < 1)
            abort();
        while (k < list.n_nodes && list.nodes[k] != e->node_id)
            k++;
        if (k == list.n_nodes)
            abort();
    }
    online_list_release(&list);
    return 0;
}
