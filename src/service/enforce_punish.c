/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce_int.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/banned.h"

/* From a case to a disabled user: QUEUED, READ, INTEND, CALL, DOUBT, APPLY. */

#define DOUBT_READ_US (5 * STAMP_SECOND)

static struct slice keep(char **at, struct slice s)
{
    struct slice kept = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

struct record *record_of_case(const struct enforce_case *c)
{
    struct record *r = calloc(1, sizeof(*r));
    char *at = malloc(c->name.n + c->action.n + c->evidence.n + 1);

    if (!r || !at) {
        free(r);
        free(at);
        return NULL;
    }
    r->mem = at;
    r->verdict.user_id = r->row.user_id = c->user_id;
    r->verdict.name = r->row.name = keep(&at, c->name);
    r->verdict.action = r->row.action = keep(&at, c->action);
    r->verdict.evidence = keep(&at, c->evidence);
    r->verdict.at_us = r->row.verdict_us = c->verdict_us;
    r->verdict.step = c->step;
    r->verdict.max_devices = c->max_devices;
    r->verdict.devices = c->devices;
    r->row.duration_us = c->duration_us;
    return r;
}

void punish_refuse(struct enforce *e, struct item *it, enum enforce_why why, int rc,
                   const char *text)
{
    e->n_waiting--;
    e->pumping++;
    tell_waiters(e, it, ENFORCE_NOT_DISABLED, enforce_why_text(why));
    item_drop(e, it);
    enforce_emit(e, it, ENFORCE_REFUSED, why, rc, text);
    e->pumping--;
}

/* Nothing was written or done: from the beginning, later. */
static void wait_again(struct enforce *e, struct item *it)
{
    item_free_slot(e, it);
    it->phase = PHASE_QUEUED;
    item_delay(e, it);
}

static bool is_final(int rc)
{
    return rc == ERR_REFUSED || rc == ERR_FORBIDDEN || rc == ERR_INVALID;
}

/* What the panel says of the user now becomes what the row remembers as before. */
static void fill_before(struct enforce *e, struct item *it, const struct panel_user *user)
{
    const struct enforce_policy *p = &e->o.policy;
    struct db_row *row = &it->record->row;
    int64_t now = enforce_now(e);

    row->by_group =
        p->by_group && p->disabled_group_id > 0 && user->n_groups > 0 && !user->groups_cut;
    row->group_id = row->by_group ? p->disabled_group_id : 0;
    row->status_before = SLICE("active");
    memcpy(row->groups_before, user->groups, user->n_groups * sizeof(user->groups[0]));
    row->n_groups_before = user->n_groups;
    row->edit_before_us = user->edit_at_us;
    row->user_created_us = user->created_at_us;
    row->intended_us = now;
    row->due_us = row->duration_us ? now + row->duration_us : STAMP_NONE;
    it->by_group = row->by_group;
    it->group_id = row->group_id;
}

/* Why a user who was just read is not to be disabled, or NONE. */
static enum enforce_why objection(struct enforce *e, struct item *it, const struct panel_user *user,
                                  struct err *err)
{
    const struct record *r = it->record;
    struct enforce_case c = {
        .user_id = it->user_id,
        .name = r->row.name,
        .verdict_us = it->verdict_us,
        .duration_us = r->row.duration_us,
        .step = r->verdict.step,
        .action = r->row.action,
        .max_devices = r->verdict.max_devices,
        .devices = r->verdict.devices,
        .evidence = r->verdict.evidence,
    };

    if (it->release)
        return ENFORCE_WHY_RELEASED;
    if (user->status != PANEL_STATUS_ACTIVE)
        return ENFORCE_WHY_NOT_ACTIVE;
    /* In our group already, by another hand: there would be nothing to give back. */
    if (e->o.policy.by_group && e->o.policy.disabled_group_id > 0 &&
        rules_same_groups(user, &e->o.policy.disabled_group_id, 1))
        return ENFORCE_WHY_NOT_ACTIVE;
    if (e->o.approve && e->o.approve(e->o.ctx, &c, user, err))
        return ENFORCE_WHY_NOT_WANTED;
    return ENFORCE_WHY_NONE;
}

static void on_called(struct enforce *e, struct item *it, int rc, const struct err *err,
                      const struct panel_user *user);

static void on_intended(struct enforce *e, struct item *it, struct op *op, int rc,
                        const struct err *err)
{
    if (rc == ERR_EXISTS) {
        punish_refuse(e, it, ENFORCE_WHY_REPEATED, rc, err->text);
        return;
    }
    if (rc) {
        store_failed(e, rc, err);
        wait_again(e, it);
        return;
    }
    store_worked(e);
    it->row_id = it->record->row.id = op->row_id;
    e->n_waiting--;
    backoff_reset(&it->wait);
    if (it->release || e->held) {
        restore_close(e, it, DB_STATE_CANCELLED, ENFORCE_WHY_RELEASED, ERR_OK, NULL);
        return;
    }
    FAULT_POINT("journal.intend.committed");
    it->phase = PHASE_CALL;
    if (it->by_group)
        op_set_groups(e, it, &it->group_id, 1, on_called);
    else
        op_set_disabled(e, it, true, on_called);
    FAULT_POINT("journal.disable.sent");
}

static void on_read(struct enforce *e, struct item *it, int rc, const struct err *err,
                    const struct panel_user *user)
{
    struct err why = {0};
    enum enforce_why no;
    struct op *op;

    if (rc == ERR_NOT_FOUND || is_final(rc)) {
        punish_refuse(e, it, rc == ERR_NOT_FOUND ? ENFORCE_WHY_GONE : ENFORCE_WHY_PANEL_REFUSED, rc,
                      err->text);
        return;
    }
    if (rc) {
        wait_again(e, it);
        return;
    }
    no = objection(e, it, user, &why);
    if (no) {
        punish_refuse(e, it, no, ERR_OK, why.text);
        return;
    }
    fill_before(e, it, user);
    op = op_new(e, it);
    if (!op) {
        wait_again(e, it);
        return;
    }
    it->phase = PHASE_INTEND;
    op_submit(op, OWNER_DURABLE, job_intend, on_intended);
}

/* The user is as the method leaves one: keeps what the panel said, to be compared with at due time. */
static bool fill_answer(struct item *it, const struct panel_user *user)
{
    struct record *r = it->record;
    struct buf fields;

    buf_init(&fields, 8 * LIMIT_ANSWER);
    if (rules_add_fields(user, &fields)) {
        buf_release(&fields);
        return false;
    }
    free(r->fields);
    r->row.answer_fields = buf_slice(&fields);
    r->fields = buf_take(&fields);
    free(r->answer);
    r->answer = user->raw.n ? malloc(user->raw.n) : NULL;
    r->row.answer = (struct slice){r->answer, r->answer ? user->raw.n : 0};
    if (r->answer)
        memcpy(r->answer, user->raw.p, user->raw.n);
    r->row.answer_edit_us = user->edit_at_us;
    return true;
}

/* The user is disabled by us since applied_us. */
static void applied(struct enforce *e, struct item *it, const struct panel_user *user,
                    int64_t applied_us)
{
    struct db_row *row = &it->record->row;

    row->id = it->row_id;
    row->applied_us = it->applied_us = applied_us;
    row->due_us = it->due_us = row->duration_us ? applied_us + row->duration_us : STAMP_NONE;
    /* Without memory for it the restore is a little blinder, not impossible. */
    if (!fill_answer(it, user))
        row->answer_fields = (struct slice){NULL, 0};
    item_free_slot(e, it);
    item_was_read(e, it);
    backoff_reset(&it->wait);
    it->phase = PHASE_APPLY;
    it->next_us = enforce_now(e);
}

static void doubt(struct enforce *e, struct item *it)
{
    item_free_slot(e, it);
    it->phase = PHASE_DOUBT;
    it->doubt_us = enforce_now(e) + e->o.doubt_us;
    it->next_us = enforce_now(e) + STAMP_SECOND;
}

static void on_called(struct enforce *e, struct item *it, int rc, const struct err *err,
                      const struct panel_user *user)
{
    FAULT_POINT("journal.disable.answered");
    if (rc == ERR_NOT_FOUND || is_final(rc))
        restore_close(e, it, DB_STATE_CANCELLED,
                      rc == ERR_NOT_FOUND ? ENFORCE_WHY_GONE : ENFORCE_WHY_PANEL_REFUSED, rc,
                      err->text);
    else if (!rc && rules_is_punished(&it->record->row, user, e->groups))
        applied(e, it, user, enforce_now(e));
    else
        doubt(e, it);
}

/* Read again after a call without an answer, or a death between row and answer. */
static void on_doubt_read(struct enforce *e, struct item *it, int rc, const struct err *err,
                          const struct panel_user *user)
{
    int64_t now = enforce_now(e);

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
    if (rules_is_stranger(&it->record->row, user)) {
        restore_close(e, it, DB_STATE_SUPERSEDED, ENFORCE_WHY_STRANGER, ERR_OK, NULL);
    } else if (rules_is_punished(&it->record->row, user, e->groups)) {
        applied(e, it, user, it->record->row.intended_us);
    } else if (now >= it->doubt_us) {
        restore_close(e, it, DB_STATE_CANCELLED, ENFORCE_WHY_NOT_DONE, ERR_OK, NULL);
    } else {
        item_was_read(e, it);
        /* Should the call still get through, this is what was before it. */
        if (user->n_groups > 0 && !user->groups_cut) {
            memcpy(it->record->row.groups_before, user->groups,
                   user->n_groups * sizeof(user->groups[0]));
            it->record->row.n_groups_before = user->n_groups;
        }
        it->next_us = now + DOUBT_READ_US < it->doubt_us ? now + DOUBT_READ_US : it->doubt_us;
    }
}

static void on_doubt_loaded(struct enforce *e, struct item *it, struct op *op, int rc,
                            const struct err *err)
{
    if (!op->loaded) {
        store_failed(e, rc, err);
        item_delay(e, it);
        return;
    }
    it->record->row.answer = (struct slice){NULL, 0};
}

static void doubt_step(struct enforce *e, struct item *it)
{
    struct op *op;

    if (it->record) {
        item_take_slot(e, it);
        op_read(e, it, on_doubt_read);
        return;
    }
    op = op_new(e, it);
    if (op)
        op_submit(op, OWNER_READ, job_load, on_doubt_loaded);
    else
        item_delay(e, it);
}

static void on_applied(struct enforce *e, struct item *it, struct op *op, int rc,
                       const struct err *err)
{
    (void)op;
    if (rc) {
        store_failed(e, rc, err);
        item_delay(e, it);
        return;
    }
    FAULT_POINT("journal.applied.committed");
    store_worked(e);
    backoff_reset(&it->wait);
    record_free(it->record);
    it->record = NULL;
    it->phase = PHASE_HELD;
    it->next_us = enforce_now(e);
    enforce_emit(e, it, ENFORCE_APPLIED, ENFORCE_WHY_NONE, ERR_OK, "disabled");
}

/*
 * A disk that stays full must not keep anybody disabled: when he is due, he is enabled from what memory
 * knows, and the row, still `intended`, is closed when the disk is back.
 */
static void apply_step(struct enforce *e, struct item *it)
{
    bool due = it->release || (it->due_us != STAMP_NONE && it->due_us <= enforce_now(e));
    struct op *op;

    if (due && it->wait.tries > 0 && !e->held) {
        it->phase = PHASE_LOOK;
        restore_step(e, it);
        return;
    }
    op = op_new(e, it);
    if (op)
        op_submit(op, OWNER_DURABLE, job_applied, on_applied);
    else
        item_delay(e, it);
}

static void queued_step(struct enforce *e, struct item *it)
{
    if (enforce_now(e) - it->born_us >= e->o.stale_us) {
        punish_refuse(e, it, ENFORCE_WHY_STALE, ERR_TIMEOUT, NULL);
        return;
    }
    it->phase = PHASE_READ;
    item_take_slot(e, it);
    op_read(e, it, on_read);
}

void punish_step(struct enforce *e, struct item *it)
{
    if (it->phase == PHASE_QUEUED)
        queued_step(e, it);
    else if (it->phase == PHASE_DOUBT)
        doubt_step(e, it);
    else if (it->phase == PHASE_APPLY)
        apply_step(e, it);
}
