/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit/traits.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

/* ---- sets of groups ---- */

void groupsets_init(struct groupsets *g, struct hash_key key)
{
    *g = (struct groupsets){0};
    imap_init(&g->by_hash, key);
}

void groupsets_release(struct groupsets *g)
{
    struct hash_key key = g->by_hash.key;
    uint32_t i;

    for (i = 0; i < g->n; i++)
        free(g->sets[i].ids);
    free(g->sets);
    free(g->spare);
    imap_release(&g->by_hash);
    groupsets_init(g, key);
}

/* Ascending, each once; returns how many are left. Few: insertion is enough. */
static size_t in_order(int64_t *ids, size_t n)
{
    size_t i, k, out = 0;

    for (i = 0; i < n; i++) {
        int64_t id = ids[i];

        for (k = out; k > 0 && ids[k - 1] > id; k--)
            ;
        if (k > 0 && ids[k - 1] == id)
            continue;
        memmove(&ids[k + 1], &ids[k], (out - k) * sizeof(*ids));
        ids[k] = id;
        out++;
    }
    return out;
}

static int64_t hash_of(const struct groupsets *g, const int64_t *ids, size_t n)
{
    return (int64_t)(hash_bytes(&g->by_hash.key, ids, n * sizeof(*ids)) >> 2);
}

static bool same(const struct groupset *s, const int64_t *ids, size_t n)
{
    return s->n == n && (n == 0 || memcmp(s->ids, ids, n * sizeof(*ids)) == 0);
}

static int grow(struct groupsets *g)
{
    uint32_t cap = g->cap ? g->cap * 2 : 16;
    struct groupset *sets = realloc(g->sets, cap * sizeof(*sets));
    uint32_t *spare;

    if (!sets)
        return ERR_NOMEM;
    g->sets = sets;
    spare = realloc(g->spare, cap * sizeof(*spare));
    if (!spare)
        return ERR_NOMEM;
    g->spare = spare;
    g->cap = cap;
    return ERR_OK;
}

static int add_set(struct groupsets *g, const int64_t *ids, size_t n, int64_t hash,
                   uint32_t *ret_number)
{
    int64_t *copy = NULL;
    uint32_t at;
    int rc = g->n_spare == 0 && g->n == g->cap ? grow(g) : ERR_OK;

    if (rc)
        return rc;
    if (n) {
        copy = malloc(n * sizeof(*copy));
        if (!copy)
            return ERR_NOMEM;
        memcpy(copy, ids, n * sizeof(*copy));
    }
    at = g->n_spare ? g->spare[g->n_spare - 1] : g->n;
    rc = imap_put(&g->by_hash, hash, at);
    if (rc) {
        free(copy);
        return rc;
    }
    if (g->n_spare)
        g->n_spare--;
    else
        g->n++;
    g->sets[at] = (struct groupset){copy, (uint32_t)n, 1};
    *ret_number = at + 1;
    return ERR_OK;
}

int groupsets_take(struct groupsets *g, const int64_t *ids, size_t n, uint32_t *ret_number)
{
    int64_t sorted[LIMIT_GROUPS], hash;
    uint32_t at;

    if (n > LIMIT_GROUPS)
        return ERR_TOO_BIG;
    if (n)
        memcpy(sorted, ids, n * sizeof(*ids));
    n = in_order(sorted, n);
    /* Two sets of one hash stand side by side; losing sight of one costs memory, never a wrong set. */
    for (hash = hash_of(g, sorted, n); (at = imap_get(&g->by_hash, hash)) != MAP_FREE; hash++) {
        if (same(&g->sets[at], sorted, n)) {
            g->sets[at].users++;
            *ret_number = at + 1;
            return ERR_OK;
        }
    }
    return add_set(g, sorted, n, hash, ret_number);
}

void groupsets_drop(struct groupsets *g, uint32_t number)
{
    struct groupset *s;
    int64_t hash;
    uint32_t at = number - 1;

    if (number == 0)
        return;
    s = &g->sets[at];
    if (--s->users)
        return;
    hash = hash_of(g, s->ids, s->n);
    while (imap_get(&g->by_hash, hash) != at && imap_get(&g->by_hash, hash) != MAP_FREE)
        hash++;
    if (imap_get(&g->by_hash, hash) == at)
        imap_del(&g->by_hash, hash);
    free(s->ids);
    *s = (struct groupset){0};
    g->spare[g->n_spare++] = at;
}

/* ---- owners ---- */

char *trait_copy(struct slice name)
{
    char *copy = malloc(name.n + 1);

    if (!copy)
        return NULL;
    if (name.n)
        memcpy(copy, name.p, name.n);
    copy[name.n] = '\0';
    return copy;
}

void owners_init(struct owners *o, struct hash_key key)
{
    *o = (struct owners){0};
    imap_init(&o->by_id, key);
    smap_init(&o->by_name, key, LIMIT_ADMINS);
}

void owners_release(struct owners *o)
{
    struct hash_key key = o->by_id.key;
    uint32_t i;

    for (i = 0; i < o->n; i++)
        free(o->all[i].name);
    free(o->all);
    imap_release(&o->by_id);
    smap_release(&o->by_name);
    owners_init(o, key);
}

static int add_owner(struct owners *o, int64_t id, struct slice name, uint32_t *ret_number)
{
    uint32_t number = o->n + 2;
    char *copy;
    int rc;

    if (o->n >= LIMIT_ADMINS)
        return ERR_TOO_BIG;
    if (o->n == o->cap) {
        uint32_t cap = o->cap ? o->cap * 2 : 8;
        struct owner_trait *p = realloc(o->all, cap * sizeof(*p));

        if (!p)
            return ERR_NOMEM;
        o->all = p;
        o->cap = cap;
    }
    copy = trait_copy(name);
    if (!copy)
        return ERR_NOMEM;
    rc = id ? imap_put(&o->by_id, id, number)
            : smap_put(&o->by_name, name, (void *)(uintptr_t)number);
    if (rc) {
        free(copy);
        return rc;
    }
    o->all[o->n++] = (struct owner_trait){id, copy};
    *ret_number = number;
    return ERR_OK;
}

int owners_take(struct owners *o, int64_t id, struct slice name, uint32_t *ret_number)
{
    uint32_t number;
    char *copy;

    if (id == 0 && name.n == 0) {
        *ret_number = OWNER_NONE;
        return 0;
    }
    if (name.n > LIMIT_USER_NAME)
        return ERR_TOO_BIG;
    number = id ? imap_get(&o->by_id, id) : (uint32_t)(uintptr_t)smap_get(&o->by_name, name);
    if (number == MAP_FREE || number == 0)
        return add_owner(o, id, name, ret_number);
    if (name.n && !slice_eq(slice_of(o->all[number - 2].name), name)) {
        copy = trait_copy(name);
        if (!copy)
            return ERR_NOMEM;
        free(o->all[number - 2].name);
        o->all[number - 2].name = copy;
        *ret_number = number;
        return 1;
    }
    *ret_number = number;
    return 0;
}
