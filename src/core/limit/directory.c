/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit/directory.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

void directory_init(struct directory *d, struct hash_key key)
{
    *d = (struct directory){.key = key};
    groupsets_init(&d->groups, key);
    owners_init(&d->owners, key);
}

void directory_release(struct directory *d)
{
    free(d->rows);
    free(d->names);
    free(d->by_id);
    free(d->by_name);
    groupsets_release(&d->groups);
    owners_release(&d->owners);
    directory_init(d, d->key);
}

static struct slice row_name(const struct directory *d, uint32_t row)
{
    return (struct slice){d->names + d->rows[row].off, d->rows[row].len};
}

/* The slot of id in by_id: the one that holds it, or the free one where it would go. */
static uint32_t id_slot(const struct directory *d, int64_t id)
{
    uint32_t i = (uint32_t)hash_u64(&d->key, (uint64_t)id) & (d->slots - 1);

    while (d->by_id[i] && d->rows[d->by_id[i] - 1].id != id)
        i = (i + 1) & (d->slots - 1);
    return i;
}

static uint32_t name_home(const struct directory *d, struct slice name)
{
    return (uint32_t)hash_bytes(&d->key, name.p, name.n) & (d->slots - 1);
}

/* The slot of name in by_name, as id_slot. A row without name is not in it. */
static uint32_t name_slot(const struct directory *d, struct slice name)
{
    uint32_t i = name_home(d, name);

    while (d->by_name[i] && !slice_eq(row_name(d, d->by_name[i] - 1), name))
        i = (i + 1) & (d->slots - 1);
    return i;
}

/* Builds both indexes anew over `slots` slots. */
static int reindex(struct directory *d, uint32_t slots)
{
    uint32_t *by_id = calloc(slots, sizeof(*by_id)), *by_name = calloc(slots, sizeof(*by_name)),
             row;

    if (!by_id || !by_name) {
        free(by_id);
        free(by_name);
        return ERR_NOMEM;
    }
    free(d->by_id);
    free(d->by_name);
    d->by_id = by_id;
    d->by_name = by_name;
    d->slots = slots;
    for (row = 0; row < d->n; row++) {
        d->by_id[id_slot(d, d->rows[row].id)] = row + 1;
        if (d->rows[row].len)
            d->by_name[name_slot(d, row_name(d, row))] = row + 1;
    }
    return ERR_OK;
}

/* Takes a row's name away and closes the gap in by_name, so that probe runs stay whole. */
static void unname(struct directory *d, uint32_t row)
{
    uint32_t mask = d->slots - 1, hole, i, home;

    if (d->rows[row].len == 0)
        return;
    hole = name_slot(d, row_name(d, row));
    for (i = (hole + 1) & mask; d->by_name[i]; i = (i + 1) & mask) {
        home = name_home(d, row_name(d, d->by_name[i] - 1));
        /* Only an entry whose way from home leads over the hole may move into it. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            d->by_name[hole] = d->by_name[i];
            hole = i;
        }
    }
    d->by_name[hole] = 0;
    d->rows[row].len = 0;
}

/* Gives the row its name, stored at off. The panel knows a name once: who bore it has another now. */
static void take_name(struct directory *d, uint32_t row, struct slice name, uint32_t off)
{
    uint32_t bearer = d->by_name[name_slot(d, name)];

    if (bearer)
        unname(d, bearer - 1);
    d->rows[row].off = off;
    d->rows[row].len = (uint16_t)name.n;
    d->by_name[name_slot(d, name)] = row + 1;
}

static int store_name(struct directory *d, struct slice name, uint32_t *ret_off)
{
    if (d->names_n + name.n > d->names_cap) {
        uint64_t cap = d->names_cap ? (uint64_t)d->names_cap * 2 : 1024;
        char *p;

        while (cap < (uint64_t)d->names_n + name.n)
            cap *= 2;
        if (cap > UINT32_MAX)
            return ERR_TOO_BIG;
        p = realloc(d->names, cap);
        if (!p)
            return ERR_NOMEM;
        d->names = p;
        d->names_cap = (uint32_t)cap;
    }
    memcpy(d->names + d->names_n, name.p, name.n);
    *ret_off = d->names_n;
    d->names_n += (uint32_t)name.n;
    return ERR_OK;
}

static int rename_row(struct directory *d, uint32_t row, struct slice name)
{
    uint32_t off = d->rows[row].off;
    bool fits = name.n <= d->rows[row].len;

    if (!fits) {
        int rc = store_name(d, name, &off);

        if (rc)
            return rc;
    }
    unname(d, row);
    if (fits)
        memcpy(d->names + off, name.p, name.n);
    take_name(d, row, name, off);
    return ERR_OK;
}

static int add_row(struct directory *d, int64_t id, struct slice name)
{
    uint32_t off;
    int rc;

    if (d->n >= INT32_MAX)
        return ERR_TOO_BIG;
    if ((uint64_t)(d->n + 1) * 8 > (uint64_t)d->slots * 7) {
        rc = reindex(d, d->slots ? d->slots * 2 : 64);
        if (rc)
            return rc;
    }
    if (d->n == d->cap) {
        uint32_t cap = d->cap ? d->cap * 2 : 32;
        struct directory_row *p = realloc(d->rows, cap * sizeof(*p));

        if (!p)
            return ERR_NOMEM;
        d->rows = p;
        d->cap = cap;
    }
    rc = store_name(d, name, &off);
    if (rc)
        return rc;
    d->rows[d->n] = (struct directory_row){.id = id, .hwid = HWID_UNKNOWN};
    take_name(d, d->n, name, off);
    d->n++;
    d->by_id[id_slot(d, id)] = d->n;
    return ERR_OK;
}

int directory_put(struct directory *d, int64_t id, struct slice name)
{
    uint32_t at = d->slots ? d->by_id[id_slot(d, id)] : 0;
    int rc;

    if (id < 1 || name.n == 0)
        return ERR_INVALID;
    if (name.n > LIMIT_EMAIL)
        return ERR_TOO_BIG;
    if (at && slice_eq(row_name(d, at - 1), name))
        return 0;
    rc = at ? rename_row(d, at - 1, name) : add_row(d, id, name);
    return rc ? rc : 1;
}

struct directory_row *directory_row(const struct directory *d, int64_t id)
{
    uint32_t at = d->slots ? d->by_id[id_slot(d, id)] : 0;

    return at ? &d->rows[at - 1] : NULL;
}

struct slice directory_row_name(const struct directory *d, const struct directory_row *row)
{
    return row_name(d, (uint32_t)(row - d->rows));
}

struct slice directory_name(const struct directory *d, int64_t id)
{
    uint32_t at = d->slots ? d->by_id[id_slot(d, id)] : 0;

    return at && d->rows[at - 1].len ? row_name(d, at - 1) : (struct slice){NULL, 0};
}

int64_t directory_id(const struct directory *d, struct slice name)
{
    uint32_t at = d->slots && name.n ? d->by_name[name_slot(d, name)] : 0;

    return at ? d->rows[at - 1].id : 0;
}
