/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/mmcheck.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/banned.h"

static const char marker[] = "\xab\xcd\xefMaxMind.com";
enum { METADATA_MAX = 128 << 10, MARKER = sizeof(marker) - 1 };

enum {
    TYPE_EXTENDED = 0,
    TYPE_POINTER = 1,
    TYPE_TEXT = 2,
    TYPE_DOUBLE = 3,
    TYPE_BYTES = 4,
    TYPE_UINT16 = 5,
    TYPE_UINT32 = 6,
    TYPE_MAP = 7,
    TYPE_INT32 = 8,
    TYPE_UINT64 = 9,
    TYPE_UINT128 = 10,
    TYPE_ARRAY = 11,
    TYPE_BOOL = 14,
    TYPE_FLOAT = 15,
};

/* One value's head. */
struct head {
    int type;
    uint32_t size; /* bytes, or members; of a pointer: where it points */
    size_t body;   /* offset behind the head */
};

static bool big_endian(const struct mmcheck *c, size_t at, unsigned n, uint32_t *ret)
{
    uint32_t v = 0;

    if (at > c->n || n > c->n - at)
        return false;
    while (n--)
        v = v << 8 | c->p[at++];
    *ret = v;
    return true;
}

static bool read_pointer(const struct mmcheck *c, size_t at, unsigned bits, struct head *ret)
{
    static const uint32_t base[] = {0, 2048, 526336, 0};
    unsigned n = (bits >> 3 & 3) + 1;
    uint32_t v;

    if (!big_endian(c, at, n, &v))
        return false;
    ret->size = v + base[n - 1] + (n < 4 ? (bits & 7) << (8 * n) : 0);
    ret->body = at + n;
    return true;
}

static bool read_head(const struct mmcheck *c, size_t at, struct head *ret)
{
    static const uint32_t base[] = {29, 285, 65821};
    unsigned bits, n;
    uint32_t more;

    if (at >= c->n)
        return false;
    bits = c->p[at++];
    ret->type = (int)(bits >> 5);
    if (ret->type == TYPE_POINTER)
        return read_pointer(c, at, bits, ret);
    if (ret->type == TYPE_EXTENDED) {
        if (at >= c->n)
            return false;
        ret->type = 7 + c->p[at++];
    }
    ret->size = bits & 0x1f;
    if (ret->size >= 29) {
        n = ret->size - 28;
        if (!big_endian(c, at, n, &more))
            return false;
        ret->size = base[n - 1] + more;
        at += n;
    }
    ret->body = at;
    return true;
}

/* Largest body of a value that is neither map, list nor bool; -1: a type that must not be there. */
static int64_t body_max(int type)
{
    switch (type) {
    case TYPE_TEXT:
    case TYPE_BYTES:
        return UINT32_MAX;
    case TYPE_UINT16:
        return 2;
    case TYPE_UINT32:
    case TYPE_INT32:
    case TYPE_FLOAT:
        return 4;
    case TYPE_DOUBLE:
    case TYPE_UINT64:
        return 8;
    case TYPE_UINT128:
        return 16;
    default:
        return -1;
    }
}

struct walk {
    struct mmcheck *c;
    int values;
};

static int look(struct walk *w, size_t at, int depth, bool pointed, size_t *ret_next);

static int look_members(struct walk *w, const struct head *h, int depth, size_t *ret_next)
{
    size_t at = h->body, next;
    uint32_t i;
    int rc;

    if (depth >= MMCHECK_DEPTH || h->size > MMCHECK_VALUES)
        return ERR_CORRUPT;
    for (i = 0; i < h->size; i++) {
        rc = h->type == TYPE_MAP ? look(w, at, depth + 1, false, &next) : ERR_OK;
        if (rc)
            return rc;
        if (h->type == TYPE_MAP)
            at = next;
        rc = look(w, at, depth + 1, false, &next);
        if (rc)
            return rc;
        at = next;
    }
    *ret_next = at;
    return ERR_OK;
}

static int look(struct walk *w, size_t at, int depth, bool pointed, size_t *ret_next)
{
    struct head h;
    size_t next;
    int64_t max;
    int rc;

    if (w->values++ >= MMCHECK_VALUES || !read_head(w->c, at, &h))
        return ERR_CORRUPT;
    if (w->c->budget == 0)
        return ERR_TOO_BIG;
    w->c->budget--;
    if (h.type == TYPE_MAP || h.type == TYPE_ARRAY)
        return look_members(w, &h, depth, ret_next);
    if (h.type == TYPE_POINTER) {
        if (pointed)
            return ERR_CORRUPT;
        rc = look(w, h.size, depth, true, &next);
        if (!rc)
            *ret_next = h.body;
        return rc;
    }
    if (h.type == TYPE_BOOL) {
        if (h.size > 1)
            return ERR_CORRUPT;
        *ret_next = h.body;
        return ERR_OK;
    }
    max = body_max(h.type);
    if (max < 0 || h.size > max || h.size > w->c->n - h.body)
        return ERR_CORRUPT;
    *ret_next = h.body + h.size;
    return ERR_OK;
}

int mmcheck_value(struct mmcheck *c, size_t offset)
{
    struct walk w = {c, 0};
    size_t next;

    return look(&w, offset, 0, false, &next);
}

int mmcheck_find_metadata(const uint8_t *p, size_t n, size_t *ret_offset)
{
    size_t from = n > METADATA_MAX ? n - METADATA_MAX : 0;
    const uint8_t *at = p + from, *found = NULL;

    while ((at = memmem(at, (size_t)(p + n - at), marker, MARKER))) {
        at += MARKER;
        found = at;
    }
    if (!found)
        return ERR_CORRUPT;
    *ret_offset = (size_t)(found - p);
    return ERR_OK;
}
