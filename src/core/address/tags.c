/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/address/tags.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/banned.h"

int tags_read(struct tags *t, struct slice list)
{
    struct tags next = {0};
    struct slice rest;
    size_t n = 1, i;

    for (i = 0; i < list.n; i++)
        n += list.p[i] == ',';
    next.text = malloc(list.n + 1);
    next.all = malloc(n * sizeof(*next.all));
    if (!next.text || !next.all) {
        tags_release(&next);
        return ERR_NOMEM;
    }
    if (list.n)
        memcpy(next.text, list.p, list.n);
    rest = (struct slice){next.text, list.n};
    while (rest.p) {
        struct slice tag = slice_trim(slice_cut(&rest, ','));

        if (tag.n)
            next.all[next.n++] = tag;
    }
    tags_release(t);
    *t = next;
    return ERR_OK;
}

void tags_release(struct tags *t)
{
    free(t->all);
    free(t->text);
    *t = (struct tags){0};
}

bool tags_has(const struct tags *t, struct slice tag)
{
    size_t i;

    for (i = 0; i < t->n && !slice_eq(t->all[i], tag); i++)
        ;
    return i < t->n;
}

bool tags_equal(const struct tags *a, const struct tags *b)
{
    size_t i;

    if (a->n != b->n)
        return false;
    for (i = 0; i < a->n && slice_eq(a->all[i], b->all[i]); i++)
        ;
    return i == a->n;
}
