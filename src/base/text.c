/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/text.h"

#include <stdio.h>

#include "base/banned.h"

void text_vformat(char *out, size_t n, const char *fmt, va_list ap)
{
    if (vsnprintf(out, n, fmt, ap) < 0)
        out[0] = '\0';
}
