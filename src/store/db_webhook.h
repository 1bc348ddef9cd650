/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORE_DB_WEBHOOK_H
#define STORE_DB_WEBHOOK_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "store/db_events.h"

struct db;

/*
 * Table webhook: how far the table events has been delivered. The events are the queue themselves, so that
 * whatever writes one has, in the same transaction, queued it. One row while there is a webhook, else none.
 * Numbers of events have no gaps but where old ones expired. Functions may be run twice, as every job of the
 * owner.
 */
struct db_webhook {
    int64_t done_id;      /* events up to this one are delivered or given up */
    int64_t delivered_us; /* when the last one was delivered; STAMP_NONE: never */
    int64_t lost;         /* given up since it was switched on */
};

/* Reads the row; when there is none, makes one that begins with the events after this moment. */
int db_webhook_begin(struct db *db, struct db_webhook *ret, struct err *err) MUST_CHECK;
/* There is no webhook any more: what waits is nobody's. */
int db_webhook_end(struct db *db, struct err *err) MUST_CHECK;
/* The last event's number, of expired ones as well; 0: there has been none. */
int db_webhook_newest(struct db *db, int64_t *ret_id, struct err *err) MUST_CHECK;
/* The event was delivered, and with it everything before. */
int db_webhook_delivered(struct db *db, int64_t id, int64_t now_us, struct err *err) MUST_CHECK;
/*
 * Gives up the waiting events up to the number upto_id, those of before before_us, and all but the newest
 * `most`; *ret is how it stands then.
 */
int db_webhook_give_up(struct db *db, int64_t upto_id, int64_t before_us, int64_t most,
                       struct db_webhook *ret, struct err *err) MUST_CHECK;

#endif
