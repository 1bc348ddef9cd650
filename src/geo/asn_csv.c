/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/asn_csv.h"

#include "base/err.h"
#include "base/num.h"
#include "geo/geofile.h"
#include "base/banned.h"

void asn_row_init(struct asn_row *row)
{
    *row = (struct asn_row){0};
    buf_init(&row->name, GEOFILE_TEXT);
}

/* The length of s cut to at most max bytes, between characters of UTF-8. */
static size_t cut(struct slice s, size_t max)
{
    size_t n = s.n < max ? s.n : max;

    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* The last field: quoted, with "" for a quote, or plain. */
static int take_name(struct buf *out, struct slice s)
{
    size_t i;

    buf_clear(out);
    s = slice_trim(s);
    if (s.n == 0)
        return ERR_OK;
    if (s.p[0] != '"') {
        if (memchr(s.p, '"', s.n))
            return ERR_INVALID;
        return buf_add(out, s.p, cut(s, out->max)) == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
    }
    for (i = 1; i < s.n; i++) {
        if (s.p[i] == '"' && (i + 1 == s.n || s.p[i + 1] != '"'))
            break;
        if (s.p[i] == '"')
            i++;
        if (out->n < out->max && buf_add_char(out, s.p[i]) == ERR_NOMEM)
            return ERR_NOMEM;
    }
    if (i + 1 != s.n)
        return ERR_INVALID;
    return ERR_OK;
}

static bool is_before(struct addr a, struct addr b)
{
    return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

int asn_row_parse(struct asn_row *row, struct slice line)
{
    struct slice rest = slice_trim(line), first = slice_cut(&rest, ','),
                 last = slice_cut(&rest, ','), number = slice_cut(&rest, ',');
    uint64_t asn;

    if (!rest.p || addr_parse(first, &row->first) || addr_parse(last, &row->last) ||
        num_uint(number, UINT32_MAX, &asn))
        return ERR_INVALID;
    if (addr_is4(row->first) != addr_is4(row->last) || is_before(row->last, row->first))
        return ERR_INVALID;
    row->asn = (uint32_t)asn;
    return take_name(&row->name, rest);
}
