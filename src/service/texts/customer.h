/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_CUSTOMER_H
#define SERVICE_CUSTOMER_H

#include <jansson.h>

#include "base/buf.h"
#include "service/texts/texts.h"

/*
 * What a customer may be told of his own account, to be forwarded: when, until when, how many devices, his
 * limit, from which countries and providers, and no address in full. user is the answer of GET
 * /users/{user}; times are in the zone of the process. Appends lines, each with its '\n'.
 */
void customer_text(json_t *user, enum text_lang lang, struct buf *out);

#endif
