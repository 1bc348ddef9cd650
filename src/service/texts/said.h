/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_SAID_H
#define SERVICE_SAID_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "service/texts/texts.h"

/*
 * What operations, the engine and the enforcement say is English, as in the log and the audit. Appends it in
 * a language, escaped for HTML; false, and nothing appended, for English and for what is not in
 * texts_said.def.
 */
bool said_add_html(struct buf *out, enum text_lang lang, struct slice english);

#endif
