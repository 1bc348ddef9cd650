/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

/*
 * Writes formatted text into out (n bytes, at least 1), cut when it does not fit, always NUL-terminated:
 * for short texts of a fixed size, in code that must not know stdio.
 */
void text_vformat(char *out, size_t n, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

#endif
