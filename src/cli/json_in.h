/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_JSON_IN_H
#define CLI_JSON_IN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Members of an object of an answer; what is missing or of another type is NULL, 0, false. */

static inline const char *in_text(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static inline int64_t in_int(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static inline double in_real(json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static inline bool in_bool(json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

#endif
