/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/num.h"

#include <strings.h>

#include "base/err.h"
#include "base/banned.h"

int num_uint(struct slice s, uint64_t max, uint64_t *ret_v)
{
    uint64_t v = 0;
    size_t i;

    if (s.n == 0)
        return ERR_INVALID;
    for (i = 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - (unsigned)'0';

        if (d > 9)
            return ERR_INVALID;
        if (v > (UINT64_MAX - d) / 10)
            return ERR_TOO_BIG;
        v = v * 10 + d;
    }
    if (v > max)
        return ERR_TOO_BIG;
    *ret_v = v;
    return ERR_OK;
}

int num_int(struct slice s, int64_t min, int64_t max, int64_t *ret_v)
{
    bool neg = s.n && s.p[0] == '-';
    uint64_t u;
    int64_t v;
    int rc = num_uint(neg ? slice_skip(s, 1) : s, INT64_MAX, &u);

    if (rc)
        return rc;
    v = neg ? -(int64_t)u : (int64_t)u;
    if (v < min || v > max)
        return ERR_TOO_BIG;
    *ret_v = v;
    return ERR_OK;
}

int num_real(struct slice s, double min, double max, double *ret_v)
{
    bool neg = s.n && s.p[0] == '-';
    double v = 0, scale = 1;
    bool point = false, digits = false;
    size_t i;

    if (s.n > 32)
        return ERR_INVALID;
    for (i = neg ? 1 : 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - (unsigned)'0';

        if (s.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (d > 9)
            return ERR_INVALID;
        digits = true;
        v = v * 10 + d;
        if (point)
            scale *= 10;
    }
    if (!digits)
        return ERR_INVALID;
    v = (neg ? -v : v) / scale;
    if (v < min || v > max)
        return ERR_TOO_BIG;
    *ret_v = v;
    return ERR_OK;
}

int num_bool(struct slice s, bool *ret_v)
{
    static const struct {
        const char *text;
        bool v;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (s.n == strlen(words[i].text) && strncasecmp(s.p, words[i].text, s.n) == 0) {
            *ret_v = words[i].v;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}
