/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_TERMINAL_JSON_IN_H
#define CLI_TERMINAL_JSON_IN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Reading members of an object of an answer. */

/* The member's text; NULL when it is missing or no text. */
static inline const char *in_text(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

/* The member's whole number; 0 when it is missing or none. */
static inline int64_t in_int(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

/* The member's number; 0 when it is missing or none. */
static inline double in_real(json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

/* Whether the member is true. */
static inline bool in_bool(json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

#endif
