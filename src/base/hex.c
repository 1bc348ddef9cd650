/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/hex.h"

#include "base/err.h"
#include "base/banned.h"

int hex_read(struct slice text, unsigned char *out, size_t n)
{
    size_t i;

    if (text.n != 2 * n)
        return ERR_INVALID;
    for (i = 0; i < n; i++) {
        int byte = hex_byte(text.p + 2 * i);

        if (byte < 0)
            return ERR_INVALID;
        out[i] = (unsigned char)byte;
    }
    return ERR_OK;
}

void hex_write(const unsigned char *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}
