/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* The one parser of numbers: the whole slice must be the number, inside the given range. */

/* Decimal digits with an optional leading '-'. ERR_INVALID (not a number), ERR_TOO_BIG (out of min…max). */
int num_int(struct slice s, int64_t min, int64_t max, int64_t *ret_v) MUST_CHECK;
/* Decimal digits only. ERR_INVALID, ERR_TOO_BIG. */
int num_uint(struct slice s, uint64_t max, uint64_t *ret_v) MUST_CHECK;
/* A decimal fraction ("0.3", "-4", "12.5"), no exponent, no blanks. ERR_INVALID, ERR_TOO_BIG. */
int num_real(struct slice s, double min, double max, double *ret_v) MUST_CHECK;
/* true/false, yes/no, on/off, 1/0 in any case. ERR_INVALID. */
int num_bool(struct slice s, bool *ret_v) MUST_CHECK;

#endif
