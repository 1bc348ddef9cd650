/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

/* Bytes as hexadecimal digits, two each, the high half first. */

/* The value of a digit of either case; -1: none. Here, since addresses of log lines are read with it. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that two digits stand for; -1: they are none. */
static inline int hex_byte(const char *two)
{
    int high = hex_digit(two[0]), low = high < 0 ? -1 : hex_digit(two[1]);

    return low < 0 ? -1 : high << 4 | low;
}

/* Reads n bytes out of exactly 2 * n digits. ERR_INVALID: anything else; out may have been written to. */
int hex_read(struct slice text, unsigned char *out, size_t n) MUST_CHECK;
/* Writes 2 * n digits in lower case and a NUL: out has room for 2 * n + 1. */
void hex_write(const unsigned char *p, size_t n, char *out);

#endif
