/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

#include "base/slice.h"

/* Length of the well-formed UTF-8 sequence that s (not empty) begins with (RFC 3629 table 3-7); 0: none. */
size_t utf8_len(struct slice s);

#endif
