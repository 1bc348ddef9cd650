/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef WEBHOOK_WEBHOOK_FORM_H
#define WEBHOOK_WEBHOOK_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "store/db_events.h"

/* The form of a delivery (docs/webhooks.md): body, signature, and how its address is shown. Pure. */

enum { WEBHOOK_SIGNATURE = 3 + 64 + 1, WEBHOOK_ORIGIN = 300 };

/*
 * Appends the body: {"id":"412-1764140000123","type":"disabled","time":"…Z","data":{…}}, data being the event
 * as GET /events has it. The id is the event's number and time (unix ms): a number may come again after a
 * restore, both together do not.
 */
void webhook_form_body(struct buf *b, const struct db_event *row);
/*
 * Writes "v1=" and HMAC-SHA256 of "<timestamp>.<body>" in hex under the bytes of key (RFC 2104, FIPS 180-4).
 * timestamp_s: unix seconds. ERR_NOMEM.
 */
int webhook_form_sign(const char *key, int64_t timestamp_s, struct slice body,
                      char out[WEBHOOK_SIGNATURE]) MUST_CHECK;
/* Scheme, host and port of a URL: what may be shown of it; login, path and query may be secret. */
void webhook_form_origin(const char *url, char out[WEBHOOK_ORIGIN]);
/* Whether who reads the lines on the way could read what goes there: no TLS, and not a private address. */
bool webhook_form_is_open(const char *url);

#endif
