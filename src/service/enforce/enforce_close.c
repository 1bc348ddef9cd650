/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>

#include "base/fault.h"
#include "service/enforce/enforce_note.h"
#include "base/banned.h"

/* The end of a row: UNSIGN, CLOSE. */

/* What someone who asked for a release is told of an end. */
static const enum enforce_result results[] = {
    [DB_STATE_RESTORED] = ENFORCE_ENABLED,
    [DB_STATE_SUPERSEDED] = ENFORCE_LEFT,
    [DB_STATE_CANCELLED] = ENFORCE_NOT_DISABLED,
};

void restore_close(struct enforce *e, struct item *it, enum db_state end, enum enforce_why why,
                   int rc, const char *text)
{
    char words[256], kept[ERR_TEXT_MAX];

    item_free_slot(e, it);
    it->phase = PHASE_CLOSE;
    it->end = end;
    it->why = why;
    it->end_rc = rc;
    snprintf(kept, sizeof(kept), "%s", text && text[0] ? text : enforce_why_text(why));
    snprintf(it->end_text, sizeof(it->end_text), "%s", kept);
    if (end == DB_STATE_CANCELLED)
        snprintf(it->end_text, sizeof(it->end_text), "%.250s%s", kept,
                 revoke_words(it, words, sizeof(words)));
    it->next_us = enforce_now(e);
    backoff_reset(&it->wait);
}

/*
 * He is free, whatever the disk says. Else nobody is told before his row is closed: whoever asks next, who is
 * disabled or whom a change would free, would find him among them.
 */
static void close_later(struct enforce *e, struct item *it)
{
    tell_waiters(e, it, results[it->end], it->end_text);
    item_delay(e, it);
}

static void on_closed(struct enforce *e, struct item *it, struct op *op, int rc,
                      const struct err *err)
{
    static const enum enforce_kind kinds[] = {
        [DB_STATE_RESTORED] = ENFORCE_RESTORED,
        [DB_STATE_SUPERSEDED] = ENFORCE_SUPERSEDED,
        [DB_STATE_CANCELLED] = ENFORCE_REFUSED,
    };

    (void)op;
    if (rc) {
        store_failed(e, rc, err);
        close_later(e, it);
        return;
    }
    FAULT_POINT("journal.close.committed");
    store_worked(e);
    /* Who is told finds the event written as well: it goes to the same thread as what he asks next. */
    e->pumping++;
    item_drop(e, it);
    enforce_emit(e, it, kinds[it->end], it->why, it->end_rc, it->end_text);
    tell_waiters(e, it, results[it->end], it->end_text);
    order_tell(e, it, ERR_REFUSED, it->end_text);
    e->pumping--;
}

void close_step(struct enforce *e, struct item *it)
{
    struct op *op = op_new(e, it);

    if (!op) {
        close_later(e, it);
        return;
    }
    op->state = it->end;
    snprintf(op->why, sizeof(op->why), "%s", enforce_why_text(it->why));
    snprintf(op->text, sizeof(op->text), "%s", it->end_text);
    memcpy(op->who, it->by, sizeof(op->who));
    op_submit(op, OWNER_DURABLE, job_close, on_closed);
}

const struct slice *note_cleaned(const struct item *it, const struct panel_user *user,
                                 struct buf *out, struct slice *ret_note)
{
    const struct slice *mark = &it->record->row.note;

    if (!note_has(user->note, *mark))
        return NULL;
    note_without(user->note, *mark, out);
    *ret_note = buf_slice(out);
    return out->failed ? NULL : ret_note;
}

static void on_unsigned(struct enforce *e, struct item *it, int rc, const struct err *err,
                        const struct panel_user *user)
{
    char text[ERR_TEXT_MAX];

    (void)user;
    FAULT_POINT("journal.unsign.answered");
    item_free_slot(e, it);
    if (rc && !is_refusal(rc) && rc != ERR_NOT_FOUND) {
        item_delay(e, it);
        return;
    }
    snprintf(text, sizeof(text), "%s", it->end_text);
    if (rc && rc != ERR_NOT_FOUND)
        snprintf(text, sizeof(text), "%.250s; our note on the user could not be taken away: %.200s",
                 it->end_text, err->text);
    restore_close(e, it, it->end, it->why, ERR_OK, text);
}

static void clean(struct enforce *e, struct item *it, const struct panel_user *user)
{
    struct slice note = {NULL, 0};
    struct buf text;

    buf_init(&text, user->note.n + 1);
    it->phase = PHASE_UNSIGN;
    if (note_cleaned(it, user, &text, &note)) {
        item_take_slot(e, it);
        op_set_note(e, it, note, on_unsigned);
        FAULT_POINT("journal.unsign.sent");
    } else {
        on_unsigned(e, it, text.failed ? ERR_NOMEM : ERR_OK, &(struct err){0}, NULL);
    }
    buf_release(&text);
}

static void on_unsign_read(struct enforce *e, struct item *it, int rc, const struct err *err,
                           const struct panel_user *user)
{
    if (rc && rc != ERR_NOT_FOUND) {
        item_free_slot(e, it);
        item_delay(e, it);
    } else if (rc) {
        on_unsigned(e, it, rc, err, NULL);
    } else {
        clean(e, it, user);
    }
}

/* The end a row was settled to have. */
static enum db_state end_of(enum enforce_why why)
{
    if (why == ENFORCE_WHY_DUE || why == ENFORCE_WHY_BY_HAND)
        return DB_STATE_RESTORED;
    return why == ENFORCE_WHY_NOT_DONE ? DB_STATE_CANCELLED : DB_STATE_SUPERSEDED;
}

bool item_resume_end(struct item *it, struct slice why)
{
    int i;

    for (i = ENFORCE_WHY_NONE + 1; i <= ENFORCE_WHY_BY_HAND; i++) {
        if (!slice_eq(why, slice_of(enforce_why_text((enum enforce_why)i))))
            continue;
        it->phase = PHASE_UNSIGN;
        it->why = (enum enforce_why)i;
        it->end = end_of(it->why);
        snprintf(it->end_text, sizeof(it->end_text), "%s", enforce_why_text(it->why));
        return true;
    }
    return false;
}

static void on_ending(struct enforce *e, struct item *it, struct op *op, int rc,
                      const struct err *err)
{
    (void)op;
    if (rc) {
        store_failed(e, rc, err);
        item_delay(e, it);
        return;
    }
    FAULT_POINT("journal.ending.committed");
    it->phase = PHASE_UNSIGN;
    it->next_us = enforce_now(e);
}

/*
 * Taking the mark out moves edit_at and the note, by which a later life would tell what others did: the
 * end is settled on the disk before.
 */
static void write_ending(struct enforce *e, struct item *it)
{
    struct op *op;

    item_free_slot(e, it);
    it->phase = PHASE_SETTLE;
    op = op_new(e, it);
    if (op) {
        snprintf(op->why, sizeof(op->why), "%s", enforce_why_text(it->why));
        op_submit(op, OWNER_DURABLE, job_ending, on_ending);
    } else {
        item_delay(e, it);
    }
}

void restore_end(struct enforce *e, struct item *it, const struct panel_user *user,
                 enum db_state end, enum enforce_why why, const char *text)
{
    char kept[ERR_TEXT_MAX];

    /* text may be end_text itself */
    snprintf(kept, sizeof(kept), "%s", text && text[0] ? text : enforce_why_text(why));
    if (!note_has(user->note, it->record->row.note)) {
        restore_close(e, it, end, why, ERR_OK, kept);
        return;
    }
    it->end = end;
    it->why = why;
    snprintf(it->end_text, sizeof(it->end_text), "%s", kept);
    write_ending(e, it);
}

void unsign_step(struct enforce *e, struct item *it)
{
    item_was_read(e, it);
    if (it->phase == PHASE_SETTLE)
        write_ending(e, it);
    else
        op_read_with_row(e, it, on_unsign_read);
}
