/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* Compiler attributes under the names the house uses. */

/* The result says whether the call failed: ignoring it is a compile warning. */
#define MUST_CHECK __attribute__((warn_unused_result))
/* Checks arguments of a printf-like function; f and a count from 1. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
/* Runs fn(&variable) when the variable goes out of scope; for locals of leaf functions only. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
