/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_REPLAY_REPLAY_EVIDENCE_H
#define CLI_REPLAY_REPLAY_EVIDENCE_H

#include "base/buf.h"
#include "core/decision.h"

/* `replay --evidence`: why each address counted or not, and what the pairs of them say. */

/* Appends `,"evidence":{…}`, or null for a decision without one. Nodes are numbered as the files. */
void replay_evidence_json(const struct decision *d, struct buf *out);
/* Appends a line for each address and pair; nothing without evidence. */
void replay_evidence_text(const struct decision *d, struct buf *out);

#endif
