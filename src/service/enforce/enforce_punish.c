/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "service/enforce/enforce_note.h"
#include "base/banned.h"

/* From a case to a disabled user: QUEUED, READ, INTEND, CALL, SIGN, APPLY. */

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
    char *at = malloc(c->name.n + c->action.n + c->evidence.n + c->ordered_by.n + 1);

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
    r->verdict.ordered_by = r->row.ordered_by = keep(&at, c->ordered_by);
    r->verdict.at_us = r->row.verdict_us = c->verdict_us;
    r->verdict.step = c->step;
    r->verdict.max_devices = c->max_devices;
    r->verdict.devices = c->devices;
    r->row.duration_us = c->duration_us;
    r->row.revoke = c->revoke ? DB_REVOKE_SENT : DB_REVOKE_NONE;
    r->row.max_devices = c->max_devices;
    r->row.devices = c->devices;
    return r;
}

void punish_refuse(struct enforce *e, struct item *it, enum enforce_why why, int rc,
                   const char *text)
{
    e->n_waiting--;
    e->pumping++;
    tell_waiters(e, it, ENFORCE_NOT_DISABLED, enforce_why_text(why));
    order_tell(e, it, ERR_REFUSED, text && text[0] ? text : enforce_why_text(why));
    item_drop(e, it);
    enforce_emit(e, it, ENFORCE_REFUSED, why, rc, text);
    e->pumping--;
}

void punish_wait(struct enforce *e, struct item *it, const char *text)
{
    item_free_slot(e, it);
    it->phase = PHASE_QUEUED;
    item_delay(e, it);
    order_tell(e, it, ERR_BUSY, text);
}

bool is_refusal(int rc)
{
    return rc == ERR_REFUSED || rc == ERR_FORBIDDEN || rc == ERR_INVALID;
}

bool punish_is_unclear(int rc)
{
    return rc == ERR_UNSURE || rc == ERR_CANCELLED;
}

static bool is_unmade(int rc)
{
    return rc && !punish_is_unclear(rc) && rc != ERR_NOT_FOUND && !is_refusal(rc);
}

bool punish_tries_on(struct item *it, int rc)
{
    return is_unmade(rc) && ++it->pressed < PRESS_TRIES;
}

/*
 * The mark, unless the note has no room for it, into the record's own memory. None where the same words
 * were left there before: a mark on him is the proof that our call has landed.
 */
static void choose_mark(struct item *it, const struct panel_user *user, int64_t now)
{
    struct record *r = it->record;
    struct buf mark, whole;

    buf_init(&mark, 64);
    buf_init(&whole, user->note.n + 70);
    note_add_mark(&mark, r->row.due_us, now);
    if (!mark.failed && !note_has(user->note, buf_slice(&mark)) &&
        !note_with(user->note, buf_slice(&mark), &whole)) {
        free(r->mark);
        r->row.note.n = mark.n;
        r->row.note.p = r->mark = buf_take(&mark);
    }
    buf_release(&mark);
    buf_release(&whole);
}

void punish_before(struct enforce *e, struct item *it, const struct panel_user *user)
{
    const struct enforce_policy *p = &e->o.policy;
    struct record *r = it->record;
    struct db_row *row = &r->row;
    int64_t now = enforce_now(e);
    struct buf hash;

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
    row->note = (struct slice){NULL, 0};
    if (p->note && !it->adopts)
        choose_mark(it, user, now);
    it->marked = row->note.n > 0;
    buf_init(&hash, 17);
    if (row->revoke)
        rules_add_credentials(user, &hash);
    snprintf(r->credentials, sizeof(r->credentials), "%s", buf_str(&hash));
    row->credentials = slice_of(r->credentials);
    buf_release(&hash);
}

enum enforce_why punish_objection(struct enforce *e, struct item *it, const struct panel_user *user,
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
        .max_devices = r->row.max_devices,
        .devices = r->row.devices,
        .evidence = r->verdict.evidence,
        .revoke = r->row.revoke != DB_REVOKE_NONE,
        .ordered_by = r->row.ordered_by,
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
        punish_wait(e, it, err->text);
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
    if (it->record->row.revoke)
        revoke_call(e, it);
    else
        punish_call(e, it);
}

/* The user's note with the mark; NULL when there is to be none, or no room for it any more. */
static const struct slice *signed_note(const struct item *it, struct slice note, struct buf *out,
                                       struct slice *ret_note)
{
    const struct slice *mark = &it->record->row.note;

    if (!mark->n || note_has(note, *mark) || note_with(note, *mark, out))
        return NULL;
    *ret_note = buf_slice(out);
    return ret_note;
}

void punish_call(struct enforce *e, struct item *it)
{
    const char *before = it->record->note_before;
    const struct slice *with = NULL;
    struct slice note;
    struct buf text;

    buf_init(&text, before ? strlen(before) + 70 : 0);
    if (before)
        with = signed_note(it, slice_of(before), &text, &note);
    it->phase = PHASE_CALL;
    if (it->by_group)
        op_set_groups(e, it, &it->group_id, 1, with, on_called);
    else
        op_set_disabled(e, it, true, with, on_called);
    buf_release(&text);
    FAULT_POINT("journal.disable.sent");
}

bool punish_keep_note(struct item *it, const struct panel_user *user)
{
    struct record *r = it->record;

    free(r->note_before);
    r->note_before = user ? strndup(user->note.n ? user->note.p : "", user->note.n) : NULL;
    return r->note_before != NULL;
}

static void on_read(struct enforce *e, struct item *it, int rc, const struct err *err,
                    const struct panel_user *user)
{
    struct err why = {0};
    enum enforce_why no;
    struct op *op;

    if (rc == ERR_NOT_FOUND || is_refusal(rc)) {
        punish_refuse(e, it, rc == ERR_NOT_FOUND ? ENFORCE_WHY_GONE : ENFORCE_WHY_PANEL_REFUSED, rc,
                      err->text);
        return;
    }
    if (rc) {
        punish_wait(e, it, err->text);
        return;
    }
    if (it->adopts) {
        adopt_read(e, it, user);
        return;
    }
    no = punish_objection(e, it, user, &why);
    if (no) {
        punish_refuse(e, it, no, ERR_OK, why.text);
        return;
    }
    punish_before(e, it, user);
    op = punish_keep_note(it, user) ? op_new(e, it) : NULL;
    if (!op) {
        punish_wait(e, it, err_name(ERR_NOMEM));
        return;
    }
    it->phase = PHASE_INTEND;
    op_submit(op, OWNER_DURABLE, job_intend, on_intended);
}

bool punish_keep(struct item *it, const struct panel_user *user)
{
    struct record *r = it->record;
    struct buf fields;

    buf_init(&fields, 8 * LIMIT_ANSWER);
    if (rules_add_fields(user, r->row.note, &fields)) {
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

void punish_applied(struct enforce *e, struct item *it, const struct panel_user *user,
                    int64_t applied_us)
{
    struct db_row *row = &it->record->row;

    row->id = it->row_id;
    row->applied_us = it->applied_us = applied_us;
    row->due_us = it->due_us = row->duration_us ? applied_us + row->duration_us : STAMP_NONE;
    /* Without memory for it the restore is a little blinder, not impossible. */
    if (!punish_keep(it, user))
        row->answer_fields = (struct slice){NULL, 0};
    revoke_settle(it, user);
    item_free_slot(e, it);
    item_was_read(e, it);
    it->asks = 0;
    backoff_reset(&it->wait);
    it->phase = PHASE_APPLY;
    it->next_us = enforce_now(e);
}

static void on_signed(struct enforce *e, struct item *it, int rc, const struct err *err,
                      const struct panel_user *user)
{
    (void)err; /* Without the mark he is disabled all the same. */
    FAULT_POINT("journal.sign.answered");
    item_free_slot(e, it);
    it->next_us = enforce_now(e);
    /*
     * Without an answer it may have moved edit_at: what that is now has to be known, or nobody else's
     * edit is. And who is no longer disabled was enabled by somebody in between.
     */
    if (rc ? !is_refusal(rc) : !rules_is_punished(&it->record->row, user, e->groups)) {
        it->phase = PHASE_DOUBT;
        it->doubt_us = enforce_now(e) + e->o.doubt_us;
        return;
    }
    if (!rc && !punish_keep(it, user))
        it->record->row.answer_fields = (struct slice){NULL, 0};
    it->phase = PHASE_APPLY;
}

/* Where the disabling call had no room for the mark: a second one. */
static void sign(struct enforce *e, struct item *it, const struct panel_user *user)
{
    struct slice note = {NULL, 0};
    struct buf text;

    buf_init(&text, user->note.n + 70);
    if (signed_note(it, user->note, &text, &note)) {
        it->phase = PHASE_SIGN;
        item_take_slot(e, it);
        op_set_note(e, it, note, on_signed);
        FAULT_POINT("journal.sign.sent");
    }
    buf_release(&text);
}

static void on_called(struct enforce *e, struct item *it, int rc, const struct err *err,
                      const struct panel_user *user)
{
    FAULT_POINT("journal.disable.answered");
    if (rc == ERR_NOT_FOUND || is_refusal(rc)) {
        restore_close(e, it, DB_STATE_CANCELLED,
                      rc == ERR_NOT_FOUND ? ENFORCE_WHY_GONE : ENFORCE_WHY_PANEL_REFUSED, rc,
                      err->text);
    } else if (!rc && rules_is_punished(&it->record->row, user, e->groups)) {
        punish_applied(e, it, user, enforce_now(e));
        sign(e, it, user);
    } else {
        if (!punish_tries_on(it, rc))
            doubt_tell(e, it);
        doubt_begin(e, it, is_unmade(rc));
    }
}

static void on_applied(struct enforce *e, struct item *it, struct op *op, int rc,
                       const struct err *err)
{
    char text[300], words[256];

    (void)op;
    if (rc) {
        store_failed(e, rc, err);
        order_tell(e, it, ERR_BUSY, err->text);
        item_delay(e, it);
        return;
    }
    FAULT_POINT("journal.applied.committed");
    store_worked(e);
    backoff_reset(&it->wait);
    snprintf(text, sizeof(text), "disabled%s", revoke_words(it, words, sizeof(words)));
    record_free(it->record);
    it->record = NULL;
    it->phase = PHASE_HELD;
    it->next_us = enforce_now(e);
    e->pumping++;
    order_tell(e, it, ERR_OK, text);
    enforce_emit(e, it, ENFORCE_APPLIED, ENFORCE_WHY_NONE, ERR_OK, text);
    e->pumping--;
}

/*
 * A disk that stays full must not keep anybody disabled: when he is due, he is enabled from what memory
 * knows, and the row, still `intended`, is closed when the disk is back.
 */
static void apply_step(struct enforce *e, struct item *it)
{
    bool due = it->release || (it->due_us != STAMP_NONE && it->due_us <= enforce_now(e));
    char words[256];
    struct op *op;

    if (due && it->wait.tries > 0 && !e->held) {
        it->phase = PHASE_LOOK;
        restore_step(e, it);
        return;
    }
    revoke_words(it, words, sizeof(words));
    op = op_new(e, it);
    if (op) {
        snprintf(op->text, sizeof(op->text), "%s", words);
        op_submit(op, OWNER_DURABLE, job_applied, on_applied);
    } else {
        item_delay(e, it);
    }
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
    else if (it->phase == PHASE_RESUME || it->phase == PHASE_REVOKED)
        revoke_step(e, it);
    else if (it->phase == PHASE_DOUBT)
        doubt_step(e, it);
    else if (it->phase == PHASE_APPLY)
        apply_step(e, it);
}
