/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_OP_EVENT_H
#define SERVICE_OP_EVENT_H

#include "base/buf.h"

struct db_event;

/* Appends an event as every surface shows it, a JSON object on one line (shape #event). */
void op_event_json(struct buf *b, const struct db_event *row);

#endif
