/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include <stdlib.h>

#include "base/banned.h"

enum { UNREAD_TRIES = 5 };

#define PROBE_US (2 * STAMP_SECOND)
#define RETRY_MIN_US (1 * STAMP_SECOND)
#define RETRY_MAX_US (300 * STAMP_SECOND)
#define CLOCK_BACK_US (3600 * STAMP_SECOND) /* set back by more than that, a clock was wrong */

_Static_assert((int)PANEL_GROUPS_MAX == (int)LIMIT_GROUPS,
               "the journal keeps every group we are told");

static const char *const whys[] = {
    [ENFORCE_WHY_NONE] = "",
    [ENFORCE_WHY_NOT_ACTIVE] = "the user is not active in the panel",
    [ENFORCE_WHY_REPEATED] = "this verdict has been carried out before",
    [ENFORCE_WHY_NOT_WANTED] = "no longer wanted",
    [ENFORCE_WHY_PANEL_REFUSED] = "the panel refused",
    [ENFORCE_WHY_STALE] = "the verdict is too old by now",
    [ENFORCE_WHY_RELEASED] = "dropped before it was carried out",
    [ENFORCE_WHY_NOT_DONE] = "the call got lost; the user is active",
    [ENFORCE_WHY_ENABLED] = "someone else enabled the user",
    [ENFORCE_WHY_GROUPS_CHANGED] = "someone else changed the user's groups",
    [ENFORCE_WHY_DISABLED_AGAIN] = "someone else disabled the user again",
    [ENFORCE_WHY_NOT_DISABLED] = "the user is not disabled",
    [ENFORCE_WHY_GONE] = "the panel has no such user any more",
    [ENFORCE_WHY_STRANGER] = "the id belongs to another user now",
    [ENFORCE_WHY_DUE] = "the time is over",
    [ENFORCE_WHY_BY_HAND] = "enabled by hand",
};

const char *enforce_why_text(enum enforce_why why)
{
    return whys[why];
}

int64_t enforce_now(struct enforce *e)
{
    return e->o.now(e->o.ctx);
}

/* xorshift64* (Marsaglia 2003; Vigna 2014): scatters retries, nothing more. */
uint64_t enforce_random(struct enforce *e)
{
    uint64_t x = e->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    e->random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

int enforce_new(const struct enforce_opts *opts, struct enforce **ret_e)
{
    struct enforce *e = calloc(1, sizeof(*e));

    if (!e)
        return ERR_NOMEM;
    e->o = *opts;
    if (e->o.max_calls <= 0)
        e->o.max_calls = LIMIT_PANEL_CALLS;
    if (e->o.doubt_us <= 0)
        e->o.doubt_us = 60 * STAMP_SECOND;
    if (e->o.stale_us <= 0)
        e->o.stale_us = 900 * STAMP_SECOND;
    if (e->o.gone_us <= 0)
        e->o.gone_us = 3600 * STAMP_SECOND;
    e->groups = (struct rules_groups){opts->group, opts->ctx};
    e->random = opts->seed ? opts->seed : 1;
    e->was_up = true;
    imap_init(&e->by_user, (struct hash_key){enforce_random(e), enforce_random(e)});
    backoff_init(&e->list_wait, RETRY_MIN_US, RETRY_MAX_US / 10);
    *ret_e = e;
    return ERR_OK;
}

void record_free(struct record *r)
{
    if (!r)
        return;
    db_row_release(&r->row);
    free(r->mem);
    free(r->answer);
    free(r->fields);
    free(r->mark);
    free(r->note_before);
    free(r);
}

static void item_free(struct enforce *e, struct item *it)
{
    struct waiter *w;

    if (it->prev)
        it->prev->next = it->next;
    else
        e->first = it->next;
    if (it->next)
        it->next->prev = it->prev;
    else
        e->last = it->prev;
    while ((w = it->waiters)) {
        it->waiters = w->next;
        request_unref(w->rq);
        free(w);
    }
    if (it->told)
        it->told(it->told_arg, ERR_CANCELLED, "the daemon is stopping", NULL);
    record_free(it->record);
    free(it);
}

void enforce_free(struct enforce *e)
{
    if (!e)
        return;
    ops_drop_all(e);
    while (e->first)
        item_free(e, e->first);
    imap_release(&e->by_user);
    free(e->slots);
    free(e);
}

struct item *item_find(const struct enforce *e, int64_t user_id)
{
    uint32_t at = imap_get(&e->by_user, user_id);

    return at == MAP_FREE ? NULL : e->slots[at];
}

/* The index of a free slot for the map, which holds numbers only. */
static int slot_for(struct enforce *e, uint32_t *ret_at)
{
    struct item **slots;
    uint32_t cap;

    if (e->n_slots == e->cap_slots) {
        cap = e->cap_slots ? 2 * e->cap_slots : 64;
        slots = realloc(e->slots, cap * sizeof(struct item *));
        if (!slots)
            return ERR_NOMEM;
        e->slots = slots;
        e->cap_slots = cap;
    }
    *ret_at = e->n_slots;
    return ERR_OK;
}

struct item *item_new(struct enforce *e, int64_t user_id, struct slice name)
{
    struct item *it = calloc(1, sizeof(*it));
    uint32_t at;

    if (!it)
        return NULL;
    if (slot_for(e, &at) || imap_put(&e->by_user, user_id, at)) {
        free(it);
        return NULL;
    }
    e->slots[e->n_slots++] = it;
    it->user_id = user_id;
    if (name.n > LIMIT_USER_NAME)
        name.n = LIMIT_USER_NAME;
    memcpy(it->name, name.p ? name.p : "", name.n);
    it->applied_us = it->due_us = it->gone_us = it->late_us = STAMP_NONE;
    it->born_us = it->next_us = enforce_now(e);
    backoff_init(&it->wait, RETRY_MIN_US, RETRY_MAX_US);
    it->prev = e->last;
    if (e->last)
        e->last->next = it;
    else
        e->first = it;
    e->last = it;
    return it;
}

void item_drop(struct enforce *e, struct item *it)
{
    uint32_t at = imap_get(&e->by_user, it->user_id);
    struct item *moved = e->slots[--e->n_slots];

    item_was_read(e, it);
    item_free_slot(e, it);
    imap_del(&e->by_user, it->user_id);
    if (moved != it) {
        e->slots[at] = moved;
        /* Never fails: the key is there. */
        if (imap_put(&e->by_user, moved->user_id, at))
            abort();
    }
    it->dead = true;
    if (e->pumping == 0)
        item_free(e, it);
}

void item_delay(struct enforce *e, struct item *it)
{
    it->next_us = enforce_now(e) + backoff_next(&it->wait, enforce_random(e));
    /* One user the panel cannot tell of must not keep everybody else from being enforced. */
    if (it->unread && it->wait.tries >= UNREAD_TRIES && e->o.panel.is_up(e->o.panel.ctx))
        item_was_read(e, it);
}

void item_take_slot(struct enforce *e, struct item *it)
{
    if (!it->slot)
        e->working++;
    it->slot = true;
    if (!e->o.panel.is_up(e->o.panel.ctx))
        e->probe_us = enforce_now(e) + PROBE_US;
}

void item_free_slot(struct enforce *e, struct item *it)
{
    if (it->slot)
        e->working--;
    it->slot = false;
}

void item_was_read(struct enforce *e, struct item *it)
{
    if (!it->unread)
        return;
    it->unread = false;
    e->n_recovered++;
}

void enforce_emit(struct enforce *e, const struct item *it, enum enforce_kind kind,
                  enum enforce_why why, int rc, const char *text)
{
    struct enforce_event ev = {
        .kind = kind,
        .why = why,
        .applied_us = STAMP_NONE,
        .due_us = STAMP_NONE,
        .rc = rc,
        .text = text && text[0] ? text : whys[why],
    };

    if (it) {
        ev.user_id = it->user_id;
        ev.name = slice_of(it->name);
        ev.row_id = it->row_id;
        ev.verdict_us = it->verdict_us;
        ev.by_group = it->by_group;
        ev.ordered = it->ordered;
        ev.applied_us = it->applied_us;
        ev.due_us = it->due_us;
        ev.attempts = it->attempts;
        ev.who = slice_of(it->by);
    } else if (kind == ENFORCE_RECOVERED) {
        ev.attempts = e->n_recovered;
    }
    /* What the app calls meanwhile must not free what the caller still holds. */
    e->pumping++;
    e->o.event(e->o.ctx, &ev);
    e->pumping--;
}

/* Phases that need nothing of the panel. */
static bool is_write(const struct item *it)
{
    return it->phase == PHASE_APPLY || it->phase == PHASE_SETTLE || it->phase == PHASE_CLOSE;
}

/* Whether a case may be carried out now, as far as it depends on everybody's state. */
static bool may_punish(const struct enforce *e)
{
    return e->recovered && !e->held;
}

/*
 * When a user is to be enabled. A clock that was years ahead when he was disabled, and has been set since,
 * must not keep him disabled for years: his term is over then, rather too early than never.
 */
static int64_t held_until(const struct item *it, int64_t now)
{
    if (it->due_us == STAMP_NONE)
        return INT64_MAX;
    return it->applied_us != STAMP_NONE && it->applied_us > now + CLOCK_BACK_US ? now : it->due_us;
}

/* When the next step of it is due. */
static int64_t ready_at(const struct enforce *e, const struct item *it)
{
    int64_t now = e->o.now(e->o.ctx);

    if (it->dead || it->op)
        return INT64_MAX;
    if (it->phase == PHASE_QUEUED) /* or grows stale */
        return may_punish(e) ? it->next_us : it->born_us + e->o.stale_us;
    if (e->held && !is_write(it))
        return INT64_MAX;
    if (it->phase == PHASE_HELD && !it->release)
        return held_until(it, now);
    /* No pause is that long: the clock was set back. */
    return it->next_us > now + CLOCK_BACK_US ? now : it->next_us;
}

/* With the panel away, one user at a time finds out whether it is back, and the others just wait. */
static bool slot_free(const struct enforce *e, int64_t now)
{
    if (e->o.panel.is_up(e->o.panel.ctx))
        return e->working < e->o.max_calls;
    return e->working == 0 && now >= e->probe_us;
}

static void step(struct enforce *e, struct item *it)
{
    if (it->phase <= PHASE_APPLY)
        punish_step(e, it);
    else
        restore_step(e, it);
}

static void look_whether_recovered(struct enforce *e)
{
    struct item *it;

    if (e->recovered || !e->listed)
        return;
    for (it = e->first; it; it = it->next)
        if (it->unread && !it->dead)
            return;
    e->recovered = true;
    enforce_emit(e, NULL, ENFORCE_RECOVERED, ENFORCE_WHY_NONE, ERR_OK,
                 "every open row of the journal has been compared with the panel");
}

static bool has_room(const struct enforce *e, const struct item *it, int64_t now)
{
    if (it->slot || is_write(it) || slot_free(e, now))
        return true;
    return it->phase == PHASE_QUEUED && now - it->born_us >= e->o.stale_us;
}

/* Enabling and finding out come before disabling. */
static void pump_once(struct enforce *e)
{
    int64_t now = enforce_now(e);
    struct item *it, *next;
    int pass;

    for (pass = 0; pass < 2; pass++) {
        for (it = e->first; it; it = next) {
            next = it->next;
            if ((it->phase == PHASE_QUEUED) == (pass == 1) && ready_at(e, it) <= now &&
                has_room(e, it, now))
                step(e, it);
        }
    }
}

void enforce_pump(struct enforce *e)
{
    struct item *it, *next;

    /* Called from within: the loop outside will come by again, at the next answer or second. */
    if (e->pumping)
        return;
    e->pumping++;
    look_whether_recovered(e);
    pump_once(e);
    e->pumping--;
    for (it = e->first; it; it = next) {
        next = it->next;
        if (it->dead)
            item_free(e, it);
    }
}

int64_t enforce_next_due(const struct enforce *e)
{
    int64_t due = !e->listed && !e->listing && e->list_next_us ? e->list_next_us : INT64_MAX, at;
    int64_t now = e->o.now(e->o.ctx);
    const struct item *it;

    for (it = e->first; it; it = it->next) {
        at = ready_at(e, it);
        /* Ready, but without a slot: the next answer brings it on, or the next look at the panel. */
        if (at <= now && !has_room(e, it, now))
            at = e->working ? INT64_MAX : e->probe_us;
        if (at < due)
            due = at;
    }
    return due;
}

void enforce_set_policy(struct enforce *e, const struct enforce_policy *policy)
{
    e->o.policy = *policy;
}

void enforce_hold(struct enforce *e, bool on)
{
    e->held = on;
}
