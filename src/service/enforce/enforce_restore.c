/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/banned.h"

/* From a disabled user to his end: CHECK, HELD, MARK, LOOK, GIVE, RESTORE. */

enum { TOLD_AT = 3, TOLD_AGAIN = 12, CHANGED_MAX = 256 };

static const char *say(char *out, size_t max, const char *head, const char *tail)
{
    snprintf(out, max, "%s%s", head, tail);
    return out;
}

bool gone_for_good(struct enforce *e, struct item *it)
{
    int64_t now = enforce_now(e);

    if (it->gone_us == STAMP_NONE)
        it->gone_us = now;
    return now - it->gone_us >= e->o.gone_us;
}

static void fail(struct enforce *e, struct item *it, int rc, const char *text, bool patient)
{
    bool gone = it->gone_us != STAMP_NONE;
    struct op *op;

    item_free_slot(e, it);
    it->phase = PHASE_LOOK;
    it->attempts++;
    e->wishes += it->by_group && it->attempts == 1;
    item_delay(e, it);
    /* A note nobody waits for: what counts is the state, which stays. */
    op = op_new(e, NULL);
    if (op) {
        op->row_id = it->row_id;
        op->attempts = it->attempts;
        snprintf(op->text, sizeof(op->text), "%s", text);
        op_submit(op, OWNER_WRITE, job_failed, NULL);
    }
    if (!patient)
        tell_waiters(e, it, ENFORCE_FAILED, text);
    /* One who is gone needs nobody's hand: told once, and when the row is given up. */
    if (it->attempts == TOLD_AT ||
        (it->attempts > TOLD_AT && it->attempts % TOLD_AGAIN == 0 && !gone))
        enforce_emit(e, it, ENFORCE_RESTORE_FAILING, gone ? ENFORCE_WHY_GONE : ENFORCE_WHY_NONE, rc,
                     text);
}

void restore_failed(struct enforce *e, struct item *it, int rc, const char *text)
{
    fail(e, it, rc, text, false);
}

bool may_land(struct enforce *e, const struct item *it)
{
    int64_t now = enforce_now(e);

    /* Further off than that, the clock was set back. */
    return it->late_us != STAMP_NONE && now < it->late_us && it->late_us - now <= e->o.doubt_us;
}

/*
 * He is enabled, but was somebody else's when an unanswered call of ours was looked for: that one may
 * still land, and without a row he would stay disabled. The row ends when the call cannot come any more.
 */
static bool wait_for_late(struct enforce *e, struct item *it, bool blind)
{
    if (!may_land(e, it))
        return false;
    item_free_slot(e, it);
    it->phase = PHASE_LOOK;
    it->waits = true;
    it->blind |= blind;
    it->next_us = it->late_us;
    tell_waiters(e, it, ENFORCE_ENABLED, "enabled; looked at again for a call that got lost");
    return true;
}

/* user: as just read, or NULL when he is not ours to touch in any way. */
static void supersede(struct enforce *e, struct item *it, const struct panel_user *user,
                      enum enforce_why why)
{
    bool free = why == ENFORCE_WHY_ENABLED || why == ENFORCE_WHY_GROUPS_CHANGED;

    if (free && wait_for_late(e, it, false))
        return;
    if (user && why != ENFORCE_WHY_STRANGER)
        restore_end(e, it, user, DB_STATE_SUPERSEDED, why, NULL);
    else
        restore_close(e, it, DB_STATE_SUPERSEDED, why, ERR_OK, NULL);
}

static void restored(struct enforce *e, struct item *it, const struct panel_user *user,
                     const char *note)
{
    enum enforce_why why = it->release ? ENFORCE_WHY_BY_HAND : ENFORCE_WHY_DUE;
    char text[ERR_TEXT_MAX];

    restore_end(e, it, user, DB_STATE_RESTORED, why,
                say(text, sizeof(text), enforce_why_text(why), note));
}

void restore_ask_groups(struct enforce *e, struct item *it)
{
    it->asks_groups = true;
    e->wishes += it->asks++ == 0;
    item_delay(e, it);
}

/* Enabled, as far as it was ours to enable: a panel resolves expired and limited by itself. */
static bool is_restored(const struct record *r, const struct panel_user *user,
                        struct rules_groups groups)
{
    return !rules_is_punished(&r->row, user, groups);
}

static void on_enabled(struct enforce *e, struct item *it, int rc, const struct err *err,
                       const struct panel_user *user)
{
    FAULT_POINT("journal.enable.answered");
    if (!rc && is_restored(it->record, user, e->groups)) {
        /* Where our call moves edit_at, the late one does as well. */
        it->sent |= may_land(e, it);
        if (!wait_for_late(e, it, rules_edit_moved(it->looked_edit_us, user->edit_at_us)))
            restored(e, it, user, it->end_text);
        return;
    }
    it->sent |= !rc || punish_is_unclear(rc);
    fail(e, it, rc ? rc : ERR_PROTOCOL,
         rc ? err->text : "the panel says done, but the user is still disabled",
         punish_tries_on(it, rc));
}

/* He has his groups back and is still disabled: a death in between is found as that. */
static void on_regrouped(struct enforce *e, struct item *it, int rc, const struct err *err,
                         const struct panel_user *user)
{
    struct record *r = it->record;
    struct slice note = slice_of(r->note_before ? r->note_before : "");
    bool patient;

    FAULT_POINT("journal.regroup.answered");
    it->regroup = false;
    if (!rc)
        it->looked_edit_us = user->edit_at_us;
    patient = punish_tries_on(it, rc);
    if (!rc && rules_same_groups(user, &r->row.group_id, 1))
        rc = ERR_PROTOCOL;
    if (rc)
        fail(e, it, rc, err->text[0] ? err->text : "his groups were not given back", patient);
    else
        op_set_disabled(e, it, false, r->note_before ? &note : NULL, on_enabled);
}

/* Sends the enabling call, with the note as it is to be then. */
static void send_enable(struct enforce *e, struct item *it)
{
    struct record *r = it->record;
    const struct db_row *row = &r->row;
    struct slice note = slice_of(r->note_before ? r->note_before : "");
    const struct slice *with = r->note_before ? &note : NULL;
    answer_fn answer = it->regroup ? on_regrouped : on_enabled;

    it->phase = PHASE_RESTORE;
    it->waits = false;
    if (!row->by_group && !it->regroup)
        op_set_disabled(e, it, false, with, on_enabled);
    else if (row->n_given)
        op_set_groups(e, it, row->given, row->n_given, with, answer);
    else
        op_set_groups(e, it, row->groups_before, row->n_groups_before, with, answer);
    FAULT_POINT("journal.enable.sent");
}

static void on_given(struct enforce *e, struct item *it, struct op *op, int rc,
                     const struct err *err)
{
    (void)op;
    /* A full disk keeps nobody disabled: a later life only cannot tell for certain who did it. */
    if (rc)
        store_failed(e, rc, err);
    FAULT_POINT("journal.given.committed");
    send_enable(e, it);
}

/* Tells in end_text which groups are left out, or given instead. */
static void note_groups(struct item *it, const int64_t *given, size_t n)
{
    const struct db_row *row = &it->record->row;
    size_t at = strlen(it->end_text), i, j, left = 0;
    struct buf text;

    buf_init(&text, 200);
    for (i = 0; i < row->n_groups_before; i++) {
        for (j = 0; j < n && given[j] != row->groups_before[i]; j++)
            ;
        if (j == n)
            buf_addf(&text, left++ ? ", %lld" : "%lld", (long long)row->groups_before[i]);
    }
    if (left == row->n_groups_before)
        snprintf(it->end_text + at, sizeof(it->end_text) - at,
                 "; every group of before is gone from the panel (%s): fallback group %lld instead",
                 buf_str(&text), (long long)given[0]);
    else if (left)
        snprintf(it->end_text + at, sizeof(it->end_text) - at, "; without %s, gone from the panel",
                 buf_str(&text));
    buf_release(&text);
}

/* The groups to give back, where they are not simply those of before, are on the disk before the call. */
static void enable_groups(struct enforce *e, struct item *it)
{
    struct db_row *row = &it->record->row;
    int64_t target[LIMIT_GROUPS];
    size_t n = rules_target(row, e->o.policy.fallback_group_id, e->groups, target);
    bool whole = n == row->n_groups_before && n > 0 &&
                 memcmp(target, row->groups_before, n * sizeof(target[0])) == 0;
    struct op *op;

    if (n == 0) {
        restore_failed(e, it, ERR_NOT_FOUND,
                       "every group the user had is gone from the panel: set fallback_group_id, "
                       "or give the user a group there");
        return;
    }
    note_groups(it, target, n);
    if ((whole && !row->n_given) ||
        (n == row->n_given && memcmp(target, row->given, n * sizeof(target[0])) == 0)) {
        send_enable(e, it);
        return;
    }
    memcpy(row->given, target, n * sizeof(target[0]));
    row->n_given = n;
    it->phase = PHASE_GIVE;
    op = op_new(e, it);
    if (op)
        op_submit(op, OWNER_DURABLE, job_given, on_given);
    else
        restore_failed(e, it, ERR_NOMEM, err_name(ERR_NOMEM));
}

/*
 * Where the disk does not say that we are enabling him, a later life would take the missing mark for
 * another's edit, and revive whom somebody disabled since: it goes when the end is written.
 */
static void enable(struct enforce *e, struct item *it, const struct panel_user *user)
{
    struct record *r = it->record;
    struct slice note;
    struct buf text;

    FAULT_POINT("journal.enable.before_call");
    buf_init(&text, user->note.n + 1);
    free(r->note_before);
    r->note_before = it->restoring && note_cleaned(it, user, &text, &note)
                         ? strndup(text.n ? note.p : "", text.n)
                         : NULL;
    buf_release(&text);
    /* One who was taken over from another program may have been moved to a group besides. */
    it->regroup =
        !r->row.by_group && r->row.group_id > 0 && rules_same_groups(user, &r->row.group_id, 1);
    if (r->row.by_group || it->regroup)
        enable_groups(e, it);
    else
        send_enable(e, it);
}

/* What is told besides, in end_text until the end is known. */
static void note_changes(struct item *it, const struct panel_user *user, const struct buf *changed)
{
    const char *off = it->record->row.by_group && user->status == PANEL_STATUS_DISABLED
                          ? "; someone has disabled the user besides"
                          : "";

    if (changed->n)
        snprintf(it->end_text, sizeof(it->end_text), "; changed by others meanwhile: %.200s%s",
                 buf_str(changed), off);
    else
        snprintf(it->end_text, sizeof(it->end_text), "%s", off);
}

static void note_guess(struct item *it)
{
    size_t at = strlen(it->end_text);

    snprintf(it->end_text + at, sizeof(it->end_text) - at,
             "; the panel does not tell its groups: group %lld of disabled users looks deleted",
             (long long)it->group_id);
}

/*
 * A person's word counts for what was before it, not for what another one did later. Where a late call
 * of ours cannot be told from that, nobody is left disabled by it.
 */
static bool by_hand(const struct item *it, const struct panel_user *user)
{
    if (it->blind)
        return true;
    return it->release && (user->edit_at_us == STAMP_NONE || user->edit_at_us <= it->release_us);
}

static void on_look(struct enforce *e, struct item *it, int rc, const struct err *err,
                    const struct panel_user *user)
{
    enum enforce_why why = ENFORCE_WHY_NONE;
    struct rules_groups groups = e->groups;
    struct buf changed;
    bool guessed = false;

    FAULT_POINT("journal.restore.read");
    if (rc == ERR_NOT_FOUND && gone_for_good(e, it)) {
        restore_close(e, it, DB_STATE_SUPERSEDED, ENFORCE_WHY_GONE, rc, NULL);
        return;
    }
    if (rc) {
        doubt_prolong(e, it, enforce_now(e));
        restore_failed(e, it, rc, err->text);
        return;
    }
    doubt_ends(it, user);
    it->gone_us = STAMP_NONE;
    it->asks_groups = false;
    it->looked_edit_us = user->edit_at_us;
    item_was_read(e, it);
    buf_init(&changed, CHANGED_MAX);
    if (it->asks >= ASK_TRIES)
        guessed = rules_guess(&it->record->row, user, &groups);
    switch (
        rules_decide(&it->record->row, user, by_hand(it, user), it->sent, groups, &changed, &why)) {
    case RULES_RESTORE:
        note_changes(it, user, &changed);
        if (guessed)
            note_guess(it);
        enable(e, it, user);
        break;
    case RULES_DONE:
        it->end_text[0] = '\0';
        if (it->record->row.n_given)
            note_groups(it, it->record->row.given, it->record->row.n_given);
        if (!wait_for_late(e, it, it->record->row.by_group))
            restored(e, it, user, it->end_text);
        break;
    case RULES_SUPERSEDE:
        supersede(e, it, user, why);
        break;
    case RULES_ASK:
        it->asks_groups = true;
        e->wishes += it->asks++ == 0;
        restore_failed(e, it, ERR_BUSY,
                       "groups of the user are gone, and whether the panel has deleted them is not "
                       "known yet");
        break;
    }
    buf_release(&changed);
}

static void look(struct enforce *e, struct item *it)
{
    it->phase = PHASE_LOOK;
    item_take_slot(e, it);
    op_read(e, it, on_look);
}

static void on_loaded_unmarked(struct enforce *e, struct item *it, struct op *op, int rc,
                               const struct err *err)
{
    if (op->loaded) {
        look(e, it);
        return;
    }
    (void)rc;
    item_free_slot(e, it);
    it->attempts++;
    tell_waiters(e, it, ENFORCE_FAILED, err->text);
    item_delay(e, it);
}

/*
 * The row has to be read: what was before and what the panel said stand there. The mark itself may fail
 * on a full or locked disk: enabling needs no mark, and whoever finds the row `applied` and the user
 * enabled later does no harm.
 */
static void on_marked(struct enforce *e, struct item *it, struct op *op, int rc,
                      const struct err *err)
{
    struct op *read;

    if (rc)
        store_failed(e, rc, err);
    else
        store_worked(e);
    it->restoring |= !rc && it->record && it->record->row.state == DB_STATE_APPLIED;
    if (op->loaded) {
        FAULT_POINT("journal.restoring.committed");
        look(e, it);
        return;
    }
    read = op_new(e, it);
    if (read) {
        op_submit(read, OWNER_READ, job_load, on_loaded_unmarked);
    } else {
        item_free_slot(e, it);
        item_delay(e, it);
    }
}

static void mark(struct enforce *e, struct item *it)
{
    struct op *op;

    it->phase = PHASE_MARK;
    op = op_new(e, it);
    if (op)
        op_submit(op, OWNER_DURABLE, job_mark, on_marked);
    else
        item_delay(e, it);
}

/* A row of an earlier run that is not due yet: superseded now rather than found out at its end. */
static void on_checked(struct enforce *e, struct item *it, int rc, const struct err *err,
                       const struct panel_user *user)
{
    enum enforce_why why = ENFORCE_WHY_NONE;
    struct buf changed;
    enum rules_verdict verdict;

    (void)err;
    item_free_slot(e, it);
    if (rc == ERR_NOT_FOUND && gone_for_good(e, it)) {
        restore_close(e, it, DB_STATE_SUPERSEDED, ENFORCE_WHY_GONE, rc, NULL);
        return;
    }
    if (rc) {
        item_delay(e, it);
        return;
    }
    it->gone_us = STAMP_NONE;
    doubt_ends(it, user);
    item_was_read(e, it);
    backoff_reset(&it->wait);
    buf_init(&changed, CHANGED_MAX);
    verdict = rules_decide(&it->record->row, user, it->release, false, e->groups, &changed, &why);
    buf_release(&changed);
    if (verdict == RULES_SUPERSEDE) {
        supersede(e, it, user, why);
        return;
    }
    if (verdict == RULES_ASK) {
        restore_ask_groups(e, it);
        return;
    }
    it->asks_groups = false;
    it->asks = 0;
    record_free(it->record);
    it->record = NULL;
    it->phase = PHASE_HELD;
    it->next_us = enforce_now(e);
}

static void check_step(struct enforce *e, struct item *it)
{
    bool due = it->release || (it->due_us != STAMP_NONE && it->due_us <= enforce_now(e));

    if (due)
        mark(e, it);
    else
        op_read_with_row(e, it, on_checked);
}

void restore_step(struct enforce *e, struct item *it)
{
    switch (it->phase) {
    case PHASE_CHECK:
        check_step(e, it);
        break;
    case PHASE_HELD:
    case PHASE_MARK:
        item_take_slot(e, it);
        mark(e, it);
        break;
    case PHASE_LOOK:
        look(e, it);
        break;
    case PHASE_SETTLE:
    case PHASE_UNSIGN:
        unsign_step(e, it);
        break;
    case PHASE_CLOSE:
        close_step(e, it);
        break;
    default:
        break;
    }
}
