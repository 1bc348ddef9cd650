/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geopack.h"

#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "base/banned.h"

void geopack_write(struct buf *out, const struct provider_told *told, int64_t until_us)
{
    buf_addf(out, "%s\n%u\n%lld\n%s", told->country, told->asn, (long long)until_us, told->isp);
}

static bool is_country(struct slice s)
{
    return s.n == 0 ||
           (s.n == 2 && s.p[0] >= 'A' && s.p[0] <= 'Z' && s.p[1] >= 'A' && s.p[1] <= 'Z');
}

static bool is_name(struct slice s)
{
    size_t n;

    if (s.n >= PROVIDER_ISP)
        return false;
    for (; s.n; s = slice_skip(s, n)) {
        n = utf8_len(s);
        if (!n || (unsigned char)s.p[0] < ' ' || s.p[0] == 0x7f)
            return false;
    }
    return true;
}

int geopack_read(struct slice text, int64_t now_us, struct provider_told *ret_told,
                 int64_t *ret_until_us)
{
    struct provider_told told = {.known = true};
    struct slice country = slice_cut(&text, '\n'), asn = slice_cut(&text, '\n');
    struct slice until = slice_cut(&text, '\n');
    uint64_t number;
    int64_t until_us;

    if (!text.p || !is_country(country) || !is_name(text) || num_uint(asn, UINT32_MAX, &number) ||
        num_int(until, now_us, INT64_MAX, &until_us) || until_us == now_us)
        return ERR_INVALID;
    told.asn = (uint32_t)number;
    if (country.n)
        memcpy(told.country, country.p, country.n);
    if (text.n)
        memcpy(told.isp, text.p, text.n);
    if (!told.asn && !country.n && !text.n)
        return ERR_INVALID;
    *ret_told = told;
    *ret_until_us = until_us;
    return ERR_OK;
}
