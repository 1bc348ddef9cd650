/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geokeep.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "store/db_geo.h"
#include "base/banned.h"

struct row {
    struct addr block;
    struct provider_told told;
    int64_t until_us;
};

struct geokeep {
    struct row *rows;
    size_t n, cap;
    int64_t now_us;
    geokeep_fn fn; /* NULL: dropped, or a writing */
    void *arg;
};

static void keep_free(struct geokeep *k)
{
    free(k->rows);
    free(k);
}

struct geokeep *geokeep_new(size_t n)
{
    struct geokeep *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    k->rows = calloc(n ? n : 1, sizeof(*k->rows));
    k->cap = n;
    if (!k->rows) {
        free(k);
        return NULL;
    }
    return k;
}

void geokeep_add(struct geokeep *k, struct addr block, const struct provider_told *told,
                 int64_t until_us)
{
    if (k->n < k->cap)
        k->rows[k->n++] = (struct row){block, *told, until_us};
}

static struct slice text_or_null(const char *s)
{
    return s[0] ? slice_of(s) : (struct slice){NULL, 0};
}

static int write_rows(struct db *db, void *arg, struct err *err)
{
    const struct geokeep *k = arg;
    struct db_geo *rows = calloc(k->n, sizeof(*rows));
    char(*text)[ADDR_TEXT] = calloc(k->n, sizeof(*text));
    size_t i;
    int rc = rows && text ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");

    for (i = 0; !rc && i < k->n; i++)
        rows[i] = (struct db_geo){slice_of(addr_text(k->rows[i].block, text[i])),
                                  text_or_null(k->rows[i].told.country),
                                  text_or_null(k->rows[i].told.isp), k->rows[i].told.asn,
                                  k->rows[i].until_us};
    if (!rc)
        rc = db_geo_put(db, rows, k->n, k->now_us, err);
    free(rows);
    free(text);
    return rc;
}

static void written(void *arg, int rc, const struct err *err)
{
    if (rc && rc != ERR_CANCELLED)
        log_warning("geo", "what providers told is not kept: %s", err->text);
    keep_free(arg);
}

void geokeep_write(struct geokeep *k, owner_submit_fn submit, void *store, int64_t now_us)
{
    if (!k)
        return;
    k->now_us = now_us;
    if (k->n == 0 || submit(store, OWNER_WRITE, write_rows, written, k))
        keep_free(k);
}

static int each_row(void *arg, const struct db_geo *r)
{
    struct geokeep *k = arg;
    struct provider_told told = {.known = true};
    struct addr block;

    if (addr_parse(r->block, &block) || r->asn < 0 || r->asn > UINT32_MAX)
        return ERR_OK;
    told.asn = (uint32_t)r->asn;
    if (r->country.n == 2)
        memcpy(told.country, r->country.p, 2);
    if (r->isp.n < sizeof(told.isp) && r->isp.n)
        memcpy(told.isp, r->isp.p, r->isp.n);
    geokeep_add(k, block, &told, r->expires_us);
    return ERR_OK;
}

/* May be run twice, so it begins from nothing each time. */
static int read_rows(struct db *db, void *arg, struct err *err)
{
    struct geokeep *k = arg;

    k->n = 0;
    return db_geo_each(db, k->now_us, (int)k->cap, each_row, k, err);
}

static void were_read(void *arg, int rc, const struct err *err)
{
    struct geokeep *k = arg;

    if (rc && rc != ERR_CANCELLED)
        log_warning("geo", "what providers told before cannot be read: %s", err->text);
    if (!rc && k->fn)
        k->fn(k->arg, k);
    keep_free(k);
}

struct geokeep *geokeep_read(owner_submit_fn submit, void *store, int64_t now_us, geokeep_fn fn,
                             void *arg)
{
    struct geokeep *k = geokeep_new(LIMIT_GEO_CACHE);

    if (!k)
        return NULL;
    k->now_us = now_us;
    k->fn = fn;
    k->arg = arg;
    if (!submit(store, OWNER_READ, read_rows, were_read, k))
        return k;
    keep_free(k);
    return NULL;
}

void geokeep_drop(struct geokeep *k)
{
    if (k)
        k->fn = NULL;
}

int geokeep_each(const struct geokeep *k,
                 int (*fn)(void *arg, struct addr block, const struct provider_told *told,
                           int64_t until_us),
                 void *arg)
{
    size_t i;

    for (i = 0; i < k->n; i++)
        if (fn(arg, k->rows[i].block, &k->rows[i].told, k->rows[i].until_us))
            break;
    return (int)i;
}
