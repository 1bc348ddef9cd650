/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENFORCE_NOTE_H
#define SERVICE_ENFORCE_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * What we write into a user's note in the panel while he is disabled (panel_note), so that people see
 * whose doing it is. Functions without memory; a mark is the text of note_add_mark.
 */

/* Appends "[pg-limiter until 12:15]", the time local and with its day when that is not now's; STAMP_NONE:
 * "[pg-limiter until enabled by hand]". */
void note_add_mark(struct buf *out, int64_t until_us, int64_t now_us);
/* Whether note holds mark; an empty mark stands nowhere. */
bool note_has(struct slice note, struct slice mark);
/*
 * Appends note with mark at its end, in place of one that was left there. ERR_TOO_BIG: that is more than
 * the panel's 500 characters (UTF-8 counted by code points); ERR_NOMEM. out has room for both and a blank.
 */
int note_with(struct slice note, struct slice mark, struct buf *out) MUST_CHECK;
/* Appends note without mark and the blank that came with it; everything else stays as it is. */
void note_without(struct slice note, struct slice mark, struct buf *out);

#endif
