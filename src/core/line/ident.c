/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/line/ident.h"

#include <stdbool.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

enum { ID_DIGITS = 18 };

/* A detour behind the email can only be the real one: then this "email" is part of the destination. */
static bool holds_detour(struct slice s)
{
    size_t i;

    /* At the start, too: the blank before it is the mark's own, or was trimmed. */
    for (i = 0; i < s.n; i++)
        if (s.p[i] == '[' && (i == 0 || s.p[i - 1] == ' '))
            return memchr(s.p + i, ']', s.n - i) != NULL;
    return false;
}

int ident_parse(struct slice s, struct ident *ret)
{
    int64_t id = 0;
    size_t n = 0;

    s = slice_trim(s);
    if (s.n == 0 || s.n > LIMIT_EMAIL || holds_detour(s))
        return ERR_INVALID;
    for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
        if (n < ID_DIGITS)
            id = id * 10 + (s.p[n] - '0');
    if (n == 0 || n > ID_DIGITS || s.p[0] == '0') {
        *ret = (struct ident){0, s};
        return ERR_OK;
    }
    if (n == s.n) {
        *ret = (struct ident){id, {NULL, 0}};
        return ERR_OK;
    }
    if (s.p[n] != '.') {
        *ret = (struct ident){0, s};
        return ERR_OK;
    }
    if (n + 1 == s.n)
        return ERR_INVALID;
    *ret = (struct ident){id, slice_skip(s, n + 1)};
    return ERR_OK;
}
