/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/banned.h"

/*
 * Between the row and the disabling call: REVOKE, RESUME, REVOKED. The row says `sent` before the call
 * goes out, so that no later life sends it again, and what became of it before the disabling call, so
 * that a later life knows whether that one may have been sent. The panel moves no edit_at for a
 * revoking; the credentials, which it shows, tell whether it was done.
 */

#define RESUME_US STAMP_SECOND

const char *revoke_words(const struct item *it, char *out, size_t max)
{
    out[0] = '\0';
    if (!it->record)
        return out;
    switch (it->record->row.revoke) {
    case DB_REVOKE_DONE:
        snprintf(out, max, "; the subscription was revoked");
        break;
    case DB_REVOKE_REFUSED:
        snprintf(out, max, "; the subscription was not revoked: %s",
                 it->revoke_text[0] ? it->revoke_text : "the panel refused");
        break;
    case DB_REVOKE_SENT:
    case DB_REVOKE_UNKNOWN:
        snprintf(out, max,
                 "; the answer to revoking got lost and the credentials look unchanged: look at "
                 "the user and revoke by hand");
        break;
    case DB_REVOKE_NONE:
        break;
    }
    return out;
}

/* Whether the panel shows other credentials than before. */
static bool is_renewed(const struct item *it, const struct panel_user *user)
{
    const struct db_row *row = &it->record->row;
    struct buf now;
    bool renewed;

    buf_init(&now, 17);
    rules_add_credentials(user, &now);
    renewed = row->credentials.n && now.n && !slice_eq(row->credentials, buf_slice(&now));
    buf_release(&now);
    return renewed;
}

void revoke_settle(struct item *it, const struct panel_user *user)
{
    if (it->record->row.revoke == DB_REVOKE_UNKNOWN && is_renewed(it, user))
        it->record->row.revoke = DB_REVOKE_DONE;
}

static void on_written(struct enforce *e, struct item *it, struct op *op, int rc,
                       const struct err *err)
{
    (void)op;
    if (rc) {
        store_failed(e, rc, err);
        item_delay(e, it);
        return;
    }
    FAULT_POINT("journal.revoked.committed");
    store_worked(e);
    backoff_reset(&it->wait);
    if (it->release || e->held)
        restore_close(e, it, DB_STATE_CANCELLED, ENFORCE_WHY_RELEASED, ERR_OK, NULL);
    else
        punish_call(e, it);
}

static void write_outcome(struct enforce *e, struct item *it)
{
    char words[256];
    struct op *op;

    revoke_words(it, words, sizeof(words));
    it->phase = PHASE_REVOKED;
    op = op_new(e, it);
    if (op) {
        snprintf(op->text, sizeof(op->text), "%s", words + (words[0] ? 2 : 0));
        op_submit(op, OWNER_DURABLE, job_revoked, on_written);
    } else {
        item_delay(e, it);
    }
}

static void on_revoked(struct enforce *e, struct item *it, int rc, const struct err *err,
                       const struct panel_user *user)
{
    struct db_row *row = &it->record->row;

    FAULT_POINT("journal.revoke.answered");
    if (rc == ERR_NOT_FOUND) {
        row->revoke = DB_REVOKE_NONE;
        restore_close(e, it, DB_STATE_CANCELLED, ENFORCE_WHY_GONE, rc, err->text);
        return;
    }
    row->revoke = !rc ? DB_REVOKE_DONE : is_refusal(rc) ? DB_REVOKE_REFUSED : DB_REVOKE_UNKNOWN;
    punish_keep_note(it, rc ? NULL : user);
    if (rc)
        snprintf(it->revoke_text, sizeof(it->revoke_text), "%.190s", err->text);
    write_outcome(e, it);
}

void revoke_call(struct enforce *e, struct item *it)
{
    it->phase = PHASE_REVOKE;
    op_revoke(e, it, on_revoked);
    FAULT_POINT("journal.revoke.sent");
}

/* After a death between the row and the disabling call. */
static void on_resume_read(struct enforce *e, struct item *it, int rc, const struct err *err,
                           const struct panel_user *user)
{
    struct db_row *row = &it->record->row;
    enum enforce_why no;
    struct err why = {0};

    item_free_slot(e, it);
    if (rc == ERR_NOT_FOUND && gone_for_good(e, it)) {
        restore_close(e, it, DB_STATE_CANCELLED, ENFORCE_WHY_GONE, rc, err->text);
        return;
    }
    if (rc) {
        item_delay(e, it);
        return;
    }
    it->gone_us = STAMP_NONE;
    item_was_read(e, it);
    if (rules_is_stranger(row, user)) {
        restore_close(e, it, DB_STATE_SUPERSEDED, ENFORCE_WHY_STRANGER, ERR_OK, NULL);
        return;
    }
    punish_keep_note(it, user);
    if (row->revoke == DB_REVOKE_SENT)
        row->revoke = is_renewed(it, user) ? DB_REVOKE_DONE : DB_REVOKE_UNKNOWN;
    no = punish_objection(e, it, user, &why);
    if (!no && enforce_now(e) - row->intended_us >= e->o.stale_us)
        no = ENFORCE_WHY_STALE;
    if (no)
        restore_close(e, it, DB_STATE_CANCELLED, no, ERR_OK, why.text);
    else if (e->recovered)
        write_outcome(e, it);
    else
        it->next_us = enforce_now(e) + RESUME_US; /* and is read again then */
}

void revoke_step(struct enforce *e, struct item *it)
{
    if (it->phase == PHASE_REVOKED)
        write_outcome(e, it);
    else
        op_read_with_row(e, it, on_resume_read);
}
