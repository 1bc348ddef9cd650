/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/address/addrset.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

static int cmp(struct addr a, struct addr b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    if (a.lo != b.lo)
        return a.lo < b.lo ? -1 : 1;
    return 0;
}

static int cmp_span(const void *a, const void *b)
{
    const struct addr_span *x = a, *y = b;

    return cmp(x->first, y->first);
}

void addrset_init(struct addrset *s)
{
    *s = (struct addrset){0};
}

void addrset_release(struct addrset *s)
{
    free(s->spans);
    addrset_init(s);
}

/* The last address of the range that begins at first and has bits fixed bits. */
static struct addr last_of(struct addr first, unsigned bits)
{
    if (bits < 64)
        first.hi |= bits == 0 ? ~UINT64_C(0) : ~UINT64_C(0) >> bits;
    if (bits <= 64)
        first.lo = ~UINT64_C(0);
    else if (bits < 128)
        first.lo |= ~UINT64_C(0) >> (bits - 64);
    return first;
}

int addrset_add(struct addrset *s, struct slice cidr, struct err *err)
{
    struct slice rest = cidr, host = slice_cut(&rest, '/');
    struct addr a;
    uint64_t bits;

    if (addr_parse(host, &a))
        return err_set(err, ERR_INVALID, "\"%.*s\" is not an address or CIDR range",
                       (int)(cidr.n > 60 ? 60 : cidr.n), cidr.p);
    bits = addr_is4(a) ? 32 : 128;
    if (rest.p && num_uint(rest, bits, &bits))
        return err_set(err, ERR_INVALID, "\"%.*s\": the prefix length must be 0-%d",
                       (int)(cidr.n > 60 ? 60 : cidr.n), cidr.p, addr_is4(a) ? 32 : 128);
    if (addr_is4(a))
        bits += 96;
    if (s->n >= LIMIT_CIDRS)
        return err_set(err, ERR_TOO_BIG, "more than %d address ranges", LIMIT_CIDRS);
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 8;
        struct addr_span *p = realloc(s->spans, cap * sizeof(*p));

        if (!p)
            return err_set(err, ERR_NOMEM, "out of memory");
        s->spans = p;
        s->cap = cap;
    }
    a = addr_mask(a, (unsigned)bits);
    s->spans[s->n++] = (struct addr_span){a, last_of(a, (unsigned)bits)};
    s->sealed = false;
    return ERR_OK;
}

int addrset_add_list(struct addrset *s, struct slice list, struct err *err)
{
    while (list.p) {
        struct slice item = slice_cut(&list, ',');

        item = slice_trim(item);
        while (item.n) {
            struct slice word = slice_cut(&item, ' ');
            int rc = word.n ? addrset_add(s, word, err) : ERR_OK;

            if (rc)
                return rc;
            item = slice_trim(item);
        }
    }
    return ERR_OK;
}

void addrset_seal(struct addrset *s)
{
    size_t i, out = 0;

    if (s->n)
        qsort(s->spans, s->n, sizeof(*s->spans), cmp_span);
    for (i = 0; i < s->n; i++) {
        if (out && cmp(s->spans[i].first, s->spans[out - 1].last) <= 0) {
            if (cmp(s->spans[i].last, s->spans[out - 1].last) > 0)
                s->spans[out - 1].last = s->spans[i].last;
        } else {
            s->spans[out++] = s->spans[i];
        }
    }
    s->n = out;
    s->sealed = true;
}

bool addrset_equal(const struct addrset *a, const struct addrset *b)
{
    size_t i;

    for (i = 0; i < a->n && i < b->n; i++)
        if (cmp(a->spans[i].first, b->spans[i].first) || cmp(a->spans[i].last, b->spans[i].last))
            return false;
    return a->n == b->n;
}

bool addrset_has(const struct addrset *s, struct addr a)
{
    size_t lo = 0, hi = s->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (cmp(a, s->spans[mid].first) < 0)
            hi = mid;
        else if (cmp(a, s->spans[mid].last) > 0)
            lo = mid + 1;
        else
            return true;
    }
    return false;
}
