/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/banned.h"

/*
 * Whose users are whose, for admins of ours who see those of one panel admin only. The panel's own word
 * alone counts: patterns of names, which filters go by as well, must not open an account to somebody.
 */

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int mine_users(void *app, int64_t panel_admin_id, struct db_scope *ret)
{
    struct daemon *d = app;
    const struct limits *l = d->stopping ? NULL : engine_limits(d->engine);
    uint32_t known = l ? limits_known(l) : 0, i;
    int64_t *ids = malloc((known + 1) * sizeof(*ids));
    struct limit_person p;
    size_t n = 0;

    if (!ids)
        return ERR_NOMEM;
    for (i = 0; i < known; i++) {
        limits_person_at(l, i, &p);
        if (p.owner_known && p.owner_id == panel_admin_id && panel_admin_id > 0)
            ids[n++] = p.id;
    }
    qsort(ids, n, sizeof(*ids), by_id);
    *ret = (struct db_scope){ids, n};
    return ERR_OK;
}
