/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/mmwrite.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/banned.h"

enum { BITS = 128, IPV4_AT = 96, DATA_MAX = 64 << 20, RECORD_SIZE_SMALL = 24, SEPARATOR = 16 };
/* A slot holds 0 (nothing known), the number of a node, or DATA with the offset of a record. */
#define DATA UINT32_C(0x80000000)
static const uint32_t nodes_max = UINT32_C(1) << 27;

__extension__ typedef unsigned __int128 wide;

struct mmwrite {
    uint32_t (*nodes)[2];
    uint32_t n, cap;
    struct buf data;
    struct smap records; /* encoded record → offset + 1 */
    struct buf record;   /* the one being made */
    uint32_t keys[2];    /* offsets of the names of members, once written */
};

struct mmwrite *mmwrite_new(void)
{
    static const struct hash_key key = {UINT64_C(0x6d6d777269746501), 2};
    struct mmwrite *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->cap = 1024;
    w->nodes = calloc(w->cap, sizeof(*w->nodes));
    w->n = 1;
    buf_init(&w->data, DATA_MAX);
    buf_init(&w->record, 4096);
    smap_init(&w->records, key, 0);
    if (!w->nodes) {
        mmwrite_free(w);
        return NULL;
    }
    return w;
}

void mmwrite_free(struct mmwrite *w)
{
    if (!w)
        return;
    smap_release(&w->records);
    buf_release(&w->data);
    buf_release(&w->record);
    free(w->nodes);
    free(w);
}

/* ---- values ---- */

static void put_head(struct buf *b, int type, size_t size)
{
    unsigned char bits = (unsigned char)(type < 8 ? type << 5 : 0);

    buf_add_char(b, (char)(bits | (size < 29 ? size : size < 285 ? 29 : 30)));
    if (type >= 8)
        buf_add_char(b, (char)(type - 7));
    if (size >= 285) {
        buf_add_char(b, (char)((size - 285) >> 8));
        buf_add_char(b, (char)(size - 285));
    } else if (size >= 29) {
        buf_add_char(b, (char)(size - 29));
    }
}

static void put_text(struct buf *b, struct slice s)
{
    put_head(b, 2, s.n);
    buf_add_slice(b, s);
}

static void put_uint(struct buf *b, int type, uint64_t v)
{
    int n = 0, i;

    while (n < 8 && v >> (8 * n))
        n++;
    put_head(b, type, (size_t)n);
    for (i = n - 1; i >= 0; i--)
        buf_add_char(b, (char)(v >> (8 * i)));
}

enum { T_UINT16 = 5, T_UINT32 = 6, T_MAP = 7, T_UINT64 = 9, T_ARRAY = 11 };

/* A member's name: as text the first time, then as a pointer there (both stand below 2048). */
static void put_key(struct mmwrite *w, int which, const char *name)
{
    if (w->keys[which] == 0) {
        put_text(&w->data, slice_of(name));
        w->keys[which] = (uint32_t)(w->data.n - strlen(name) - (strlen(name) < 29 ? 1 : 2)) + 1;
    }
    buf_add_char(&w->record, (char)(0x20 | (w->keys[which] - 1) >> 8));
    buf_add_char(&w->record, (char)(w->keys[which] - 1));
}

/* The offset of w->record among the data, written when it is new. */
static int intern(struct mmwrite *w, uint32_t *ret_at)
{
    void *known;
    size_t at;
    int rc;

    if (w->record.failed || w->data.failed)
        return ERR_NOMEM;
    known = smap_get(&w->records, buf_slice(&w->record));
    if (known) {
        *ret_at = (uint32_t)((uintptr_t)known - 1);
        return ERR_OK;
    }
    at = w->data.n;
    if (buf_add_slice(&w->data, buf_slice(&w->record)))
        return w->data.n + w->record.n > DATA_MAX ? ERR_TOO_BIG : ERR_NOMEM;
    /* The map owns nothing but the number. */
    rc = smap_put(&w->records, buf_slice(&w->record), (void *)(uintptr_t)(at + 1));
    if (!rc)
        *ret_at = (uint32_t)at;
    return rc;
}

/* ---- the tree ---- */

static int new_node(struct mmwrite *w, uint32_t both, uint32_t *ret)
{
    if (w->n == w->cap) {
        uint32_t cap = w->cap * 2;
        void *p = cap <= nodes_max ? realloc(w->nodes, cap * sizeof(*w->nodes)) : NULL;

        if (!p)
            return cap <= nodes_max ? ERR_NOMEM : ERR_TOO_BIG;
        w->nodes = p;
        w->cap = cap;
    }
    w->nodes[w->n][0] = w->nodes[w->n][1] = both;
    *ret = w->n++;
    return ERR_OK;
}

/* Sets what of first…last lies below one side of a node, whose addresses begin at `from`. */
static int set(struct mmwrite *w, uint32_t node, int depth, wide from, const wide *range,
               uint32_t value)
{
    wide half = (wide)1 << (BITS - 1 - depth);
    uint32_t below;
    int side, rc = ERR_OK;

    for (side = 0; !rc && side < 2; side++) {
        wide low = side ? from + half : from, high = low + (half - 1);

        if (range[1] < low || range[0] > high)
            continue;
        if (range[0] <= low && high <= range[1]) {
            w->nodes[node][side] = value;
            continue;
        }
        below = w->nodes[node][side];
        if (below == 0 || below & DATA) {
            rc = new_node(w, below, &below);
            if (rc)
                return rc;
            w->nodes[node][side] = below;
        }
        rc = set(w, below, depth + 1, low, range, value);
    }
    return rc;
}

static int put_range(struct mmwrite *w, struct addr first, struct addr last)
{
    wide range[2] = {(wide)first.hi << 64 | first.lo, (wide)last.hi << 64 | last.lo};
    uint32_t at;
    int rc = intern(w, &at);

    if (rc)
        return rc;
    /* IPv4 stands at ::/96 in the tree. */
    if (addr_is4(first)) {
        range[0] &= UINT32_MAX;
        range[1] &= UINT32_MAX;
    }
    return set(w, 0, 0, 0, range, DATA | at);
}

int mmwrite_asn(struct mmwrite *w, struct addr first, struct addr last, uint32_t asn,
                struct slice name)
{
    buf_clear(&w->record);
    put_head(&w->record, T_MAP, name.n ? 2 : 1);
    put_key(w, 0, "autonomous_system_number");
    put_uint(&w->record, T_UINT32, asn);
    if (name.n) {
        put_key(w, 1, "autonomous_system_organization");
        put_text(&w->record, name);
    }
    return put_range(w, first, last);
}

int mmwrite_country(struct mmwrite *w, struct addr first, struct addr last, const char *country)
{
    buf_clear(&w->record);
    put_head(&w->record, T_MAP, 1);
    put_key(w, 0, "country");
    put_head(&w->record, T_MAP, 1);
    put_key(w, 1, "iso_code");
    put_text(&w->record, slice_of(country));
    return put_range(w, first, last);
}

int mmwrite_raw(struct mmwrite *w, struct addr first, struct addr last, struct slice record)
{
    buf_clear(&w->record);
    buf_add_slice(&w->record, record);
    return put_range(w, first, last);
}

/* Two equal halves become one: what stands for the node afterwards. */
static uint32_t fold(struct mmwrite *w, uint32_t node)
{
    uint32_t side, below;

    for (side = 0; side < 2; side++) {
        below = w->nodes[node][side];
        if (below && !(below & DATA))
            w->nodes[node][side] = fold(w, below);
    }
    below = w->nodes[node][0];
    return below == w->nodes[node][1] && (below == 0 || below & DATA) ? below : node;
}

/* ---- the file ---- */

struct out {
    FILE *f;
    unsigned record_bits;
    uint32_t n_nodes;
};

/* Numbers the nodes in the order in which they are reached: order[new] = old, place[old] = new. */
static uint32_t number(const struct mmwrite *w, uint32_t *order, uint32_t *place)
{
    uint32_t n = 1, i, side;

    order[0] = place[0] = 0;
    for (i = 0; i < n; i++) {
        for (side = 0; side < 2; side++) {
            uint32_t below = w->nodes[order[i]][side];

            if (below == 0 || below & DATA)
                continue;
            place[below] = n;
            order[n++] = below;
        }
    }
    return n;
}

static void put_node(const struct out *o, const uint32_t r[2])
{
    unsigned char b[8];
    int n = 0, i;

    if (o->record_bits == 24) {
        for (i = 0; i < 6; i++)
            b[n++] = (unsigned char)(r[i / 3] >> (16 - 8 * (i % 3)));
    } else if (o->record_bits == 28) {
        b[n++] = (unsigned char)(r[0] >> 16);
        b[n++] = (unsigned char)(r[0] >> 8);
        b[n++] = (unsigned char)r[0];
        b[n++] = (unsigned char)((r[0] >> 20 & 0xf0) | (r[1] >> 24 & 0x0f));
        b[n++] = (unsigned char)(r[1] >> 16);
        b[n++] = (unsigned char)(r[1] >> 8);
        b[n++] = (unsigned char)r[1];
    } else {
        for (i = 0; i < 8; i++)
            b[n++] = (unsigned char)(r[i / 4] >> (24 - 8 * (i % 4)));
    }
    fwrite(b, 1, (size_t)n, o->f);
}

static int put_tree(struct mmwrite *w, struct out *o)
{
    uint32_t *order = malloc(w->n * sizeof(*order)), *place = malloc(w->n * sizeof(*place)), i,
             side;
    uint64_t top;

    if (!order || !place) {
        free(order);
        free(place);
        return ERR_NOMEM;
    }
    (void)fold(w, 0);
    o->n_nodes = number(w, order, place);
    top = (uint64_t)o->n_nodes + SEPARATOR + w->data.n;
    o->record_bits = top < 1 << 24 ? 24 : top < 1 << 28 ? 28 : 32;
    for (i = 0; i < o->n_nodes; i++) {
        uint32_t r[2];

        for (side = 0; side < 2; side++) {
            uint32_t below = w->nodes[order[i]][side];

            r[side] = below == 0     ? o->n_nodes
                      : below & DATA ? o->n_nodes + SEPARATOR + (below & ~DATA)
                                     : place[below];
        }
        put_node(o, r);
    }
    free(order);
    free(place);
    return ERR_OK;
}

static void put_member(struct buf *b, const char *key, uint64_t v, int type)
{
    put_text(b, slice_of(key));
    put_uint(b, type, v);
}

static int put_metadata(const struct out *o, const struct mmwrite_opts *opts)
{
    struct buf b;
    int rc;

    buf_init(&b, 4096);
    buf_add_str(&b, "\xab\xcd\xefMaxMind.com");
    put_head(&b, T_MAP, 9);
    put_member(&b, "binary_format_major_version", 2, T_UINT16);
    put_member(&b, "binary_format_minor_version", 0, T_UINT16);
    put_member(&b, "build_epoch", (uint64_t)opts->built_s, T_UINT64);
    put_text(&b, SLICE("database_type"));
    put_text(&b, slice_of(opts->type));
    put_text(&b, SLICE("description"));
    put_head(&b, T_MAP, 1);
    put_text(&b, SLICE("en"));
    put_text(&b, slice_of(opts->description));
    put_member(&b, "ip_version", 6, T_UINT16);
    put_text(&b, SLICE("languages"));
    put_head(&b, T_ARRAY, 1);
    put_text(&b, SLICE("en"));
    put_member(&b, "node_count", o->n_nodes, T_UINT32);
    put_member(&b, "record_size", o->record_bits, T_UINT16);
    rc = b.failed ? ERR_NOMEM : ERR_OK;
    if (!rc)
        fwrite(b.p, 1, b.n, o->f);
    buf_release(&b);
    return rc;
}

int mmwrite_file(struct mmwrite *w, const char *path, const struct mmwrite_opts *opts,
                 struct err *err)
{
    static const char nothing[SEPARATOR];
    struct out o = {0};
    char fresh[PATH_MAX];
    bool bad;
    int rc, len = snprintf(fresh, sizeof(fresh), "%s.new", path);

    if (len < 0 || (size_t)len >= sizeof(fresh))
        return err_set(err, ERR_TOO_BIG, "%s: the name is too long", path);
    o.f = fopen(fresh, "we");
    if (!o.f)
        return err_set(err, ERR_IO, "%s: %s", fresh, strerror(errno));
    rc = put_tree(w, &o);
    if (!rc) {
        fwrite(nothing, 1, SEPARATOR, o.f);
        fwrite(buf_str(&w->data), 1, w->data.n, o.f);
        rc = put_metadata(&o, opts);
    }
    errno = 0;
    bad = fflush(o.f) != 0 || ferror(o.f) || fsync(fileno(o.f)) != 0;
    bad |= fclose(o.f) != 0;
    if (rc)
        err_set(err, rc, "%s: %s", path, err_name(rc));
    else if (bad || rename(fresh, path) != 0)
        rc = err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: %s", fresh, strerror(errno));
    if (rc)
        unlink(fresh);
    return rc;
}
