/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/banned.h"

/* From a disabled user to an end state: CHECK, HELD, MARK, LOOK, RESTORE, CLOSE. */

enum { TOLD_AT = 3, TOLD_AGAIN = 12, CHANGED_MAX = 256 };

/* What someone who asked for a release is told of an end. */
static const enum enforce_result results[] = {
    [DB_STATE_RESTORED] = ENFORCE_ENABLED,
    [DB_STATE_SUPERSEDED] = ENFORCE_LEFT,
    [DB_STATE_CANCELLED] = ENFORCE_NOT_DISABLED,
};

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

static bool panel_refuses(int rc)
{
    return rc == ERR_REFUSED || rc == ERR_FORBIDDEN || rc == ERR_INVALID;
}

void restore_failed(struct enforce *e, struct item *it, int rc, const char *text)
{
    struct op *op;

    item_free_slot(e, it);
    it->phase = PHASE_LOOK;
    it->attempts++;
    item_delay(e, it);
    /* A note nobody waits for: what counts is the state, which stays. */
    op = op_new(e, NULL);
    if (op) {
        op->row_id = it->row_id;
        op->attempts = it->attempts;
        snprintf(op->text, sizeof(op->text), "%s", text);
        op_submit(op, OWNER_WRITE, job_failed, NULL);
    }
    tell_waiters(e, it, ENFORCE_FAILED, text);
    if (it->attempts == TOLD_AT || (it->attempts > TOLD_AT && it->attempts % TOLD_AGAIN == 0))
        enforce_emit(e, it, ENFORCE_RESTORE_FAILING, ENFORCE_WHY_NONE, rc, text);
}

void restore_close(struct enforce *e, struct item *it, enum db_state end, enum enforce_why why,
                   int rc, const char *text)
{
    item_free_slot(e, it);
    it->phase = PHASE_CLOSE;
    it->end = end;
    it->why = why;
    it->end_rc = rc;
    snprintf(it->end_text, sizeof(it->end_text), "%s",
             text && text[0] ? text : enforce_why_text(why));
    it->next_us = enforce_now(e);
    backoff_reset(&it->wait);
    tell_waiters(e, it, results[end], it->end_text);
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
        item_delay(e, it);
        return;
    }
    FAULT_POINT("journal.close.committed");
    store_worked(e);
    /* Who released while the end was being written finds the user in it. */
    e->pumping++;
    tell_waiters(e, it, results[it->end], it->end_text);
    item_drop(e, it);
    enforce_emit(e, it, kinds[it->end], it->why, it->end_rc, it->end_text);
    e->pumping--;
}

void close_step(struct enforce *e, struct item *it)
{
    struct op *op = op_new(e, it);

    if (!op) {
        item_delay(e, it);
        return;
    }
    op->state = it->end;
    snprintf(op->why, sizeof(op->why), "%s", enforce_why_text(it->why));
    snprintf(op->text, sizeof(op->text), "%s", it->end_text);
    memcpy(op->who, it->by, sizeof(op->who));
    op_submit(op, OWNER_DURABLE, job_close, on_closed);
}

static void supersede(struct enforce *e, struct item *it, enum enforce_why why)
{
    restore_close(e, it, DB_STATE_SUPERSEDED, why, ERR_OK, NULL);
}

static void restored(struct enforce *e, struct item *it, const char *note)
{
    enum enforce_why why = it->release ? ENFORCE_WHY_BY_HAND : ENFORCE_WHY_DUE;
    char text[ERR_TEXT_MAX];

    restore_close(e, it, DB_STATE_RESTORED, why, ERR_OK,
                  say(text, sizeof(text), enforce_why_text(why), note));
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
        restored(e, it, it->end_text);
        return;
    }
    /* A clear no has changed nothing; anything else may have got through. */
    it->sent = !panel_refuses(rc) && rc != ERR_NOT_FOUND;
    restore_failed(e, it, rc ? rc : ERR_PROTOCOL,
                   rc ? err->text : "the panel says done, but the user is still disabled");
}

static void enable(struct enforce *e, struct item *it)
{
    int64_t target[LIMIT_GROUPS];
    size_t n;

    it->phase = PHASE_RESTORE;
    FAULT_POINT("journal.enable.before_call");
    if (!it->record->row.by_group) {
        op_set_disabled(e, it, false, on_enabled);
    } else {
        n = rules_target(&it->record->row, e->o.policy.fallback_group_id, e->groups, target);
        if (n == 0) {
            restore_failed(
                e, it, ERR_NOT_FOUND,
                "every group the user had is gone from the panel: set fallback_group_id, "
                "or give the user a group there");
            return;
        }
        op_set_groups(e, it, target, n, on_enabled);
    }
    FAULT_POINT("journal.enable.sent");
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

/* A person's word counts for what was before it, not for what another one did later. */
static bool by_hand(const struct item *it, const struct panel_user *user)
{
    return it->release && (user->edit_at_us == STAMP_NONE || user->edit_at_us <= it->release_us);
}

static void on_look(struct enforce *e, struct item *it, int rc, const struct err *err,
                    const struct panel_user *user)
{
    enum enforce_why why = ENFORCE_WHY_NONE;
    struct buf changed;

    FAULT_POINT("journal.restore.read");
    if (rc == ERR_NOT_FOUND && gone_for_good(e, it)) {
        restore_close(e, it, DB_STATE_SUPERSEDED, ENFORCE_WHY_GONE, rc, NULL);
        return;
    }
    if (rc) {
        restore_failed(e, it, rc, err->text);
        return;
    }
    it->gone_us = STAMP_NONE;
    item_was_read(e, it);
    buf_init(&changed, CHANGED_MAX);
    switch (rules_decide(&it->record->row, user, by_hand(it, user), it->sent, e->groups, &changed,
                         &why)) {
    case RULES_RESTORE:
        note_changes(it, user, &changed);
        enable(e, it);
        break;
    case RULES_DONE:
        restored(e, it, "");
        break;
    case RULES_SUPERSEDE:
        supersede(e, it, why);
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
    item_was_read(e, it);
    backoff_reset(&it->wait);
    buf_init(&changed, CHANGED_MAX);
    verdict = rules_decide(&it->record->row, user, it->release, false, e->groups, &changed, &why);
    buf_release(&changed);
    if (verdict == RULES_SUPERSEDE) {
        supersede(e, it, why);
        return;
    }
    record_free(it->record);
    it->record = NULL;
    it->phase = PHASE_HELD;
    it->next_us = enforce_now(e);
}

static void on_check_loaded(struct enforce *e, struct item *it, struct op *op, int rc,
                            const struct err *err)
{
    if (!op->loaded) {
        store_failed(e, rc, err);
        item_delay(e, it);
    }
}

static void check_step(struct enforce *e, struct item *it)
{
    bool due = it->release || (it->due_us != STAMP_NONE && it->due_us <= enforce_now(e));
    struct op *op;

    if (due) {
        mark(e, it);
    } else if (it->record) {
        item_take_slot(e, it);
        op_read(e, it, on_checked);
    } else {
        op = op_new(e, it);
        if (op)
            op_submit(op, OWNER_READ, job_load, on_check_loaded);
        else
            item_delay(e, it);
    }
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
    case PHASE_CLOSE:
        close_step(e, it);
        break;
    default:
        break;
    }
}
