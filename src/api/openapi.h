/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Appends the OpenAPI 3.1 document of the API, made from the tables of operations and settings. login: a
 * login is needed, as over TCP. Failures stay in the buf.
 */
void openapi_write(struct buf *b, bool login);

#endif
