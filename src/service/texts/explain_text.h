/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_EXPLAIN_TEXT_H
#define SERVICE_EXPLAIN_TEXT_H

#include <jansson.h>

#include "base/buf.h"
#include "service/texts/texts.h"

/*
 * How a user stands and why, for whoever runs the panel, in his language: limit, state, devices with
 * address and network, what speaks for their being used at once, trust, verdicts. user is the answer of GET
 * /users/{user}; times are in the zone of the process. Appends plain lines, each with its '\n', some
 * 3,000 characters at the most.
 */
void explain_text(json_t *user, enum text_lang lang, int64_t now_us, struct buf *out);

#endif
