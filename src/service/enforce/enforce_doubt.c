/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <string.h>

#include "service/enforce/enforce_note.h"

#include "base/banned.h"

/* A disabling call whose outcome is not known, or that was not made: DOUBT. */

#define DOUBT_READ_US (5 * STAMP_SECOND)

void doubt_tell(struct enforce *e, struct item *it)
{
    order_tell(e, it, ERR_BUSY, "the panel has not answered; what became of the call is looked at");
}

void doubt_begin(struct enforce *e, struct item *it, bool unmade)
{
    item_free_slot(e, it);
    it->phase = PHASE_DOUBT;
    if (!unmade || !it->unmade)
        it->doubt_us = enforce_now(e) + e->o.doubt_us;
    it->unmade = unmade;
    if (!unmade)
        it->late_us = it->doubt_us;
    item_delay(e, it);
    if (it->next_us > it->doubt_us)
        it->next_us = it->doubt_us;
}

/* Without any groups, and the panel does not tell which were deleted: our call moves edit_at. */
static bool may_be_moved(const struct item *it, const struct panel_user *user)
{
    return it->applied_us != STAMP_NONE ||
           rules_edit_moved(it->record->row.edit_before_us, user->edit_at_us);
}

/* What was before is not what was read then, should the lost call still get through. */
static void learn_groups(struct item *it, const struct panel_user *user)
{
    struct db_row *row = &it->record->row;

    if (user->n_groups == 0 || user->groups_cut)
        return;
    memcpy(row->groups_before, user->groups, user->n_groups * sizeof(user->groups[0]));
    row->n_groups_before = user->n_groups;
}

/* The call was not made, and nobody has touched the user: once more. */
static void call_again(struct enforce *e, struct item *it, const struct panel_user *user)
{
    struct err why = {0};
    enum enforce_why no = punish_objection(e, it, user, &why);

    if (no) {
        restore_close(e, it, DB_STATE_CANCELLED, no, ERR_OK, why.text);
    } else if (e->held) {
        doubt_tell(e, it);
        item_delay(e, it);
    } else {
        item_take_slot(e, it);
        punish_call(e, it);
    }
}

/*
 * The user is free after a call whose outcome is not known. Where his record was edited since, the call
 * may have got through and been undone by somebody, whose word counts: he is left alone, as one who was
 * enabled by hand. (Below panel 5 and with groups, undoing is such an edit. The newer call for disabling
 * leaves no trace; there the call counts as lost.) Nothing is sent again while a call may still land.
 */
static void found_free(struct enforce *e, struct item *it, const struct panel_user *user)
{
    const struct db_row *row = &it->record->row;
    bool touched = rules_edit_moved(row->edit_before_us, user->edit_at_us);
    bool same = !touched && rules_same_groups(user, row->groups_before, row->n_groups_before);
    int64_t now = enforce_now(e);

    if (touched && (it->unmade || now >= it->doubt_us)) {
        restore_end(e, it, user, DB_STATE_SUPERSEDED,
                    it->by_group ? ENFORCE_WHY_GROUPS_CHANGED : ENFORCE_WHY_ENABLED,
                    "the panel did not answer our call, and someone has changed the user since");
    } else if (now >= it->doubt_us) {
        restore_end(e, it, user, DB_STATE_CANCELLED, ENFORCE_WHY_NOT_DONE, NULL);
    } else if (it->unmade && same) {
        call_again(e, it, user);
    } else {
        item_was_read(e, it);
        doubt_tell(e, it);
        /* Nobody who wants him enabled waits for a call that most likely never comes. */
        tell_waiters(e, it, ENFORCE_NOT_DISABLED,
                     "the user is active; should our lost call still disable him, he is enabled "
                     "again");
        learn_groups(it, user);
        it->next_us = now + DOUBT_READ_US < it->doubt_us ? now + DOUBT_READ_US : it->doubt_us;
    }
}

void doubt_prolong(struct enforce *e, struct item *it, int64_t since_us)
{
    int64_t until = enforce_now(e) + e->o.doubt_us;

    if (it->phase == PHASE_DOUBT) {
        if (!it->unmade)
            it->late_us = it->doubt_us = until;
    } else if (it->late_us != STAMP_NONE &&
               /* That it hangs is noticed late. */
               (it->waits || it->late_us >= since_us - e->o.doubt_us)) {
        it->late_us = until;
    }
}

/*
 * The mark comes with the disabling call, or after its answer where the panel's form has no room for it,
 * and no row takes one that was there before.
 */
bool doubt_ends(struct item *it, const struct panel_user *user)
{
    if (!note_has(user->note, it->record->row.note))
        return false;
    it->late_us = STAMP_NONE;
    return true;
}

/* When he was disabled by a call without an answer; later than intended: it is not on its way any more. */
static int64_t disabled_at(struct item *it, const struct panel_user *user)
{
    if (it->applied_us != STAMP_NONE)
        return it->applied_us;
    return it->record->row.intended_us + (doubt_ends(it, user) ? 1000 : 0);
}

/* Read again after a call without an answer, or a death between row and answer. */
static void on_doubt_read(struct enforce *e, struct item *it, int rc, const struct err *err,
                          const struct panel_user *user)
{
    item_free_slot(e, it);
    if (rc == ERR_NOT_FOUND && gone_for_good(e, it)) {
        restore_close(e, it, DB_STATE_CANCELLED, ENFORCE_WHY_GONE, rc, err->text);
        return;
    }
    if (rc) {
        tell_waiters(e, it, ENFORCE_FAILED, err->text);
        doubt_tell(e, it);
        doubt_prolong(e, it, enforce_now(e));
        item_delay(e, it);
        return;
    }
    it->gone_us = STAMP_NONE;
    if (rules_is_stranger(&it->record->row, user)) {
        restore_close(e, it, DB_STATE_SUPERSEDED, ENFORCE_WHY_STRANGER, ERR_OK, NULL);
    } else if (rules_is_punished(&it->record->row, user, e->groups)) {
        punish_applied(e, it, user, disabled_at(it, user));
    } else if (rules_is_unsure(&it->record->row, user, e->groups) && it->asks < ASK_TRIES) {
        item_was_read(e, it);
        doubt_tell(e, it);
        restore_ask_groups(e, it);
    } else if (rules_is_unsure(&it->record->row, user, e->groups) && may_be_moved(it, user)) {
        punish_applied(e, it, user, disabled_at(it, user));
    } else if (it->applied_us != STAMP_NONE) {
        restore_end(e, it, user, DB_STATE_SUPERSEDED,
                    it->by_group ? ENFORCE_WHY_GROUPS_CHANGED : ENFORCE_WHY_ENABLED, NULL);
    } else {
        found_free(e, it, user);
    }
}

void doubt_step(struct enforce *e, struct item *it)
{
    /* What stands there is of the call, whose answer is not known. */
    if (it->record)
        it->record->row.answer = (struct slice){NULL, 0};
    op_read_with_row(e, it, on_doubt_read);
}
