/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

/* What the app and the surfaces call. */

#define PATIENCE_US (30 * STAMP_SECOND) /* nobody waits longer for the end of what he asked for */

int enforce_punish(struct enforce *e, const struct enforce_case *c, struct err *err)
{
    struct item *it = item_find(e, c->user_id);

    if (c->user_id <= 0 || c->duration_us < 0 || c->name.n > LIMIT_USER_NAME)
        return err_set(err, ERR_INVALID, "this is no case: user %lld, %lld us",
                       (long long)c->user_id, (long long)c->duration_us);
    if (c->evidence.n > LIMIT_EVIDENCE || c->action.n > LIMIT_TAG || c->ordered_by.n > 63)
        return err_set(err, ERR_TOO_BIG, "the evidence has %zu bytes", c->evidence.n);
    if (it)
        return err_set(err, ERR_EXISTS, "%s is disabled by us already, or about to be", it->name);
    if (e->n_waiting >= LIMIT_QUEUE)
        return err_set(err, ERR_TOO_BIG, "%d cases are waiting", LIMIT_QUEUE);
    it = item_new(e, c->user_id, c->name);
    if (!it)
        return err_set(err, ERR_NOMEM, "out of memory");
    e->n_waiting++;
    it->verdict_us = c->verdict_us;
    it->ordered = c->ordered_by.n > 0;
    it->max_devices = c->max_devices;
    it->devices = c->devices;
    it->record = record_of_case(c);
    if (!it->record) {
        e->n_waiting--;
        item_drop(e, it);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    it->told = c->told;
    it->told_arg = c->told_arg;
    enforce_pump(e);
    return ERR_OK;
}

void enforce_drop_waiting(struct enforce *e)
{
    struct item *it, *next;

    e->pumping++;
    for (it = e->first; it; it = next) {
        next = it->next;
        if (it->dead || it->ordered)
            continue;
        if (it->phase == PHASE_QUEUED)
            punish_refuse(e, it, ENFORCE_WHY_RELEASED, ERR_OK, NULL);
        else if (it->phase == PHASE_READ || it->phase == PHASE_INTEND)
            it->release = true;
    }
    e->pumping--;
    enforce_pump(e);
}

static void add_found(struct enforce *e, const struct found *f)
{
    struct item *it = item_new(e, f->user_id, slice_of(f->name));
    int64_t now = enforce_now(e);

    if (!it) {
        e->listed = false;
        return;
    }
    it->row_id = f->row_id;
    it->verdict_us = f->verdict_us;
    it->born_us = f->intended_us;
    it->applied_us = f->applied_us;
    it->due_us = f->state == DB_STATE_INTENDED ? STAMP_NONE : f->due_us;
    it->by_group = f->by_group;
    it->group_id = f->group_id;
    it->attempts = f->attempts;
    it->marked = f->marked;
    it->ordered = f->ordered;
    it->max_devices = f->max_devices;
    it->devices = f->devices;
    it->unread = true;
    /* One whose call got no answer counts from when it was intended: on_doubt_read. */
    if (f->applied_us == STAMP_NONE || f->applied_us <= f->intended_us)
        it->late_us = now + e->o.doubt_us;
    if (item_resume_end(it, slice_of(f->why)))
        return;
    /* Rows of the start are told all together; this one has come while we run. */
    if (e->recovered && f->state == DB_STATE_APPLIED)
        enforce_emit(e, it, ENFORCE_APPLIED, ENFORCE_WHY_NONE, ERR_OK,
                     "disabled before, and now ours to enable");
    if (f->state == DB_STATE_INTENDED && f->revoke == DB_REVOKE_SENT) {
        it->phase = PHASE_RESUME;
    } else if (f->state == DB_STATE_INTENDED) {
        it->phase = PHASE_DOUBT;
        it->late_us = it->doubt_us = now + e->o.doubt_us;
    } else if (f->state == DB_STATE_APPLIED) {
        it->phase = PHASE_CHECK;
    } else {
        it->phase = PHASE_MARK;
        it->restoring = true;
        it->sent = true; /* the process that wrote it may have called */
    }
}

static void on_listed(struct enforce *e, struct item *none, struct op *op, int rc,
                      const struct err *err)
{
    struct item *it;
    size_t i;

    (void)none;
    e->listing = false;
    if (rc) {
        store_failed(e, rc, err);
    } else {
        store_worked(e);
        e->listed = true;
        for (i = op->n_found; i > 0; i--) { /* the oldest first */
            it = item_find(e, op->found[i - 1].user_id);
            /* A case that came in before: the row is the one that counts. */
            if (it && it->phase == PHASE_QUEUED) {
                punish_refuse(e, it, ENFORCE_WHY_REPEATED, ERR_EXISTS, NULL);
                it = NULL;
            }
            if (!it)
                add_found(e, &op->found[i - 1]);
        }
    }
    if (!e->listed) {
        e->list_next_us = enforce_now(e) + backoff_next(&e->list_wait, enforce_random(e));
    } else if (e->list_again) {
        e->list_again = e->listed = false;
        e->list_next_us = enforce_now(e);
    }
}

void enforce_reread(struct enforce *e)
{
    if (e->listing) {
        e->list_again = true;
        return;
    }
    e->listed = false;
    enforce_recover(e);
}

void enforce_recover(struct enforce *e)
{
    struct op *op;

    if (e->listed || e->listing)
        return;
    op = op_new(e, NULL);
    if (!op) {
        e->list_next_us = enforce_now(e) + STAMP_SECOND;
        return;
    }
    e->listing = true;
    op_submit(op, OWNER_READ, job_list, on_listed);
}

/* Whoever is not in the panel any more waits for no groups. */
static bool wants_groups(const struct item *it)
{
    return it->gone_us == STAMP_NONE && (it->asks_groups || (it->by_group && it->attempts > 0));
}

/*
 * An outage is over: nobody waits for the rest of a pause that was for the outage. Who was not in the panel
 * before it is looked for once, and then as seldom as before.
 */
static void wake(struct enforce *e, bool for_groups)
{
    struct item *it;

    for (it = e->first; it; it = it->next) {
        if (it->dead || it->op || it->phase == PHASE_HELD || (for_groups && !wants_groups(it)))
            continue;
        it->next_us = enforce_now(e);
        if (it->gone_us == STAMP_NONE)
            backoff_reset(&it->wait);
    }
}

void enforce_retry_groups(struct enforce *e)
{
    wake(e, true);
    enforce_pump(e);
}

uint32_t enforce_group_wishes(const struct enforce *e)
{
    return e->wishes;
}

void enforce_run(struct enforce *e)
{
    bool up = e->o.panel.is_up(e->o.panel.ctx);
    struct item *it;

    if (!up && e->was_up)
        e->down_us = enforce_now(e);
    if (up && !e->was_up) {
        wake(e, false);
        for (it = e->first; it; it = it->next)
            doubt_prolong(e, it, e->down_us);
    }
    e->was_up = up;
    if (!e->listed && !e->listing && e->list_next_us && e->list_next_us <= enforce_now(e))
        enforce_recover(e);
    enforce_pump(e);
    tell_patient(e);
}

void tell_waiters(struct enforce *e, struct item *it, enum enforce_result result, const char *text)
{
    struct enforce_told told = {it->user_id, slice_of(it->name), result, text};
    struct waiter *w;

    /* As with events: what is called from there must not free the item. */
    e->pumping++;
    while ((w = it->waiters)) {
        it->waiters = w->next;
        w->rq->fn(w->rq->arg, &told);
        request_unref(w->rq);
        free(w);
    }
    e->pumping--;
}

/* The clock may have been set back. */
static bool is_over(int64_t since_us, int64_t now)
{
    return now - since_us >= PATIENCE_US || now < since_us;
}

void tell_patient(struct enforce *e)
{
    static const char later[] = "not yet: it goes on by itself";
    int64_t now = enforce_now(e);
    const struct waiter *oldest;
    struct item *it;

    e->pumping++;
    for (it = e->first; it; it = it->next) {
        if (it->dead)
            continue;
        if (it->told && is_over(it->born_us, now))
            order_tell(e, it, ERR_BUSY, later);
        for (oldest = it->waiters; oldest && oldest->next; oldest = oldest->next)
            ;
        if (oldest && is_over(oldest->rq->since_us, now))
            tell_waiters(e, it, ENFORCE_FAILED, later);
    }
    e->pumping--;
}

void request_unref(struct request *rq)
{
    if (--rq->open)
        return;
    rq->fn(rq->arg, NULL);
    free(rq);
}

/* A job of its own: the row may be long in restoring. */
static void forgive(struct enforce *e, struct item *it)
{
    struct op *op = op_new(e, NULL);

    if (!op)
        return;
    op->user_id = it->user_id;
    op->since_us = it->verdict_us;
    memcpy(op->name, it->name, sizeof(op->name));
    memcpy(op->who, it->by, sizeof(op->who));
    snprintf(op->text, sizeof(op->text), "violations forgiven since this verdict");
    op_submit(op, OWNER_WRITE, job_forgive, NULL);
}

/* ERR_NOMEM: nothing has been done about it. */
static int release_one(struct enforce *e, struct item *it, const struct enforce_release *what,
                       struct request *rq)
{
    struct waiter *w = calloc(1, sizeof(*w));

    if (!w)
        return ERR_NOMEM;
    w->rq = rq;
    w->next = it->waiters;
    it->waiters = w;
    rq->open++;
    it->release = true;
    it->release_us = enforce_now(e);
    it->pressed = 0;
    backoff_reset(&it->wait);
    snprintf(it->by, sizeof(it->by), "%.*s", (int)(what->who.n > 63 ? 63 : what->who.n),
             what->who.n ? what->who.p : "");
    if (what->forgive)
        forgive(e, it);
    if (it->phase == PHASE_QUEUED)
        punish_refuse(e, it, ENFORCE_WHY_RELEASED, ERR_OK, NULL);
    else if (!it->op)
        it->next_us = enforce_now(e);
    return ERR_OK;
}

static void told_alone(struct request *rq, int64_t user_id, enum enforce_result result,
                       const char *text)
{
    struct enforce_told told = {user_id, {NULL, 0}, result, text};

    rq->fn(rq->arg, &told);
}

static void release_id(struct enforce *e, int64_t id, const struct enforce_release *what,
                       struct request *rq)
{
    struct item *it = item_find(e, id);

    if (!it)
        told_alone(rq, id, ENFORCE_NOT_DISABLED, "not disabled by us");
    else if (release_one(e, it, what, rq))
        told_alone(rq, id, ENFORCE_FAILED, "out of memory");
}

int enforce_release(struct enforce *e, const struct enforce_release *what, enforce_told_fn fn,
                    void *arg)
{
    struct request *rq = calloc(1, sizeof(*rq));
    struct item *it, *next;
    size_t i;

    if (!rq)
        return ERR_NOMEM;
    *rq = (struct request){fn, arg, enforce_now(e), 1};
    e->pumping++;
    for (i = 0; i < what->n; i++)
        release_id(e, what->ids[i], what, rq);
    for (it = what->all ? e->first : NULL; it; it = next) {
        next = it->next;
        if (!it->dead &&
            (what->since_us == 0 || it->applied_us == STAMP_NONE ||
             it->applied_us >= what->since_us) &&
            release_one(e, it, what, rq))
            told_alone(rq, it->user_id, ENFORCE_FAILED, "out of memory");
    }
    e->pumping--;
    request_unref(rq);
    enforce_pump(e);
    return ERR_OK;
}

void enforce_seen(struct enforce *e, const struct panel_user *user, int64_t asked_us)
{
    struct item *it = item_find(e, user->id);
    struct db_row row = {0};

    if (!it || it->phase != PHASE_HELD || it->op || asked_us <= it->applied_us)
        return;
    row.by_group = it->by_group;
    row.group_id = it->group_id;
    row.user_created_us = STAMP_NONE;
    if (rules_is_punished(&row, user, e->groups))
        return;
    if (it->marked || may_land(e, it) || rules_is_unsure(&row, user, e->groups)) {
        it->phase = PHASE_CHECK; /* a look of our own says more, and sees to the note */
        it->next_us = enforce_now(e);
    } else {
        restore_close(e, it, DB_STATE_SUPERSEDED,
                      it->by_group ? ENFORCE_WHY_GROUPS_CHANGED : ENFORCE_WHY_ENABLED, ERR_OK,
                      NULL);
    }
    enforce_pump(e);
}

void item_view(const struct item *it, struct enforce_view *v)
{
    static const char *const states[] = {
        [PHASE_QUEUED] = "waiting",   [PHASE_READ] = "waiting",     [PHASE_INTEND] = "waiting",
        [PHASE_REVOKE] = "disabling", [PHASE_RESUME] = "disabling", [PHASE_REVOKED] = "disabling",
        [PHASE_CALL] = "disabling",   [PHASE_SIGN] = "disabled",    [PHASE_DOUBT] = "disabling",
        [PHASE_APPLY] = "disabled",   [PHASE_CHECK] = "disabled",   [PHASE_HELD] = "disabled",
        [PHASE_MARK] = "enabling",    [PHASE_LOOK] = "enabling",    [PHASE_GIVE] = "enabling",
        [PHASE_RESTORE] = "enabling", [PHASE_SETTLE] = "ending",    [PHASE_UNSIGN] = "ending",
        [PHASE_CLOSE] = "ending",
    };

    *v = (struct enforce_view){
        .user_id = it->user_id,
        .name = slice_of(it->name),
        .row_id = it->row_id,
        .state = states[it->phase],
        .by_group = it->by_group,
        .group_id = it->group_id,
        .verdict_us = it->verdict_us,
        .applied_us = it->applied_us,
        .due_us = it->due_us,
        .attempts = it->attempts,
        .ordered = it->ordered,
        .max_devices = it->max_devices,
        .devices = it->devices,
        .wants_groups = wants_groups(it),
    };
}

int enforce_each(const struct enforce *e, enforce_view_fn fn, void *arg)
{
    struct enforce_view v;
    const struct item *it;
    int rc;

    for (it = e->first; it; it = it->next) {
        if (it->dead)
            continue;
        item_view(it, &v);
        rc = fn(arg, &v);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

int enforce_find(const struct enforce *e, int64_t user_id, struct enforce_view *ret_view)
{
    const struct item *it = item_find(e, user_id);

    if (!it)
        return ERR_NOT_FOUND;
    item_view(it, ret_view);
    return ERR_OK;
}

size_t enforce_count(const struct enforce *e)
{
    const struct item *it;
    size_t n = 0;

    for (it = e->first; it; it = it->next)
        n += !it->dead && it->row_id != 0;
    return n;
}
