/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_OPENAPI_INT_H
#define API_OPENAPI_INT_H

/* What the files of the description share. All append to an open JSON text; failures stay in b. */

#include <stdbool.h>

#include "base/buf.h"
#include "service/settings/settings.h"

/* The member "enum" of a|b|c. */
void openapi_choices(struct buf *b, const char *choices);
/* The members of the schema of a setting's value: in JSON, or as the text that stands in .env. */
void openapi_setting(struct buf *b, enum setting id);
/* Around a schema whose value may be null as well: left out, or (a setting) gone back to its default. */
void openapi_begin_null(struct buf *b, bool nullable);
void openapi_end_null(struct buf *b, bool nullable);
/* The schema "settings" of PATCH /config, and those it refers to. */
void openapi_settings(struct buf *b);

#endif
