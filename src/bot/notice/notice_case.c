/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "bot/topics.h"
#include "base/banned.h"

/*
 * A user's case: warned, disabled, enabled, in one message that changes as he does. What is told again
 * within an hour is counted in it; an alarm that comes long after the message was sent gets a new one,
 * since nobody hears a message being edited.
 */

static const int64_t again_us = 3600 * STAMP_SECOND; /* the same within it is the same story */
static const int64_t old_us = 600 * STAMP_SECOND;    /* a message this old is not looked at again */

static struct note *case_of(struct notices *n, const struct notice *what)
{
    char key[NOTE_KEY];
    struct note *note;

    snprintf(key, sizeof(key), "case:%lld", (long long)what->user_id);
    note = notices_find(n, key, true);
    if (!note)
        return NULL;
    note->user_id = what->user_id;
    if (what->name.n)
        note_set(note->name, sizeof(note->name), what->name);
    if (n->o.owner_of)
        note->owner_id = n->o.owner_of(n->o.arg, what->user_id);
    return note;
}

/* Forgets what was: another story begins. */
static void begin(struct note *note, const struct notice *what)
{
    struct note old = *note;

    memset(&note->msg, 0, sizeof(*note) - offsetof(struct note, msg));
    note->user_id = old.user_id;
    note->owner_id = old.owner_id;
    note->msg_last = old.msg_last;
    memcpy(note->name, old.name, sizeof(note->name));
    note->first_us = what->at_us;
    note->repeats = 1;
    note->until_us = STAMP_NONE;
}

static void take_facts(struct note *note, const struct notice *what)
{
    if (what->devices) {
        note->devices = what->devices;
        note->limit = what->limit;
    }
    if (what->since_us)
        note->since_us = what->since_us;
    if (what->places.n)
        note_set(note->places, sizeof(note->places), what->places);
    note->leaked = what->leaked;
    note->paused = what->paused;
}

/*
 * Shows the case as it stands: in its message, or in a new one where there is none yet, where it has to
 * be heard, or where it belongs to another topic. The old one then points to the new.
 */
static void show(struct notices *n, struct note *note, enum notice_event event, bool aloud)
{
    enum notice_kind kind = notice_kind_of(event);
    bool fresh = !note->msg;

    if (note->msg && notices_on(n, kind)) {
        bool elsewhere =
            !topics_same(n->topics, kind, notice_kind_of((enum notice_event)note->msg_event));

        fresh = elsewhere || (aloud && note->at_us - note->msg * STAMP_SECOND > old_us);
    }
    if (!fresh) {
        notices_send(n, note);
        notices_keep(n, note);
        return;
    }
    if (note->msg) {
        note->moved = aloud;
        notices_send(n, note);
        note->moved = false;
    }
    note->msg_event = event;
    notices_begin(n, note, slice_of(note->name));
    notices_keep(n, note);
}

static bool is_again(const struct note *note, const struct notice *what)
{
    return note->at_us && what->at_us - note->at_us < again_us && !note->disabled_us;
}

static void warned(struct notices *n, struct note *note, const struct notice *what)
{
    bool open = note->event == NOTICE_WARNED || note->event == NOTICE_STEP_WARNED ||
                note->event == NOTICE_CLOSED;

    if (what->event == NOTICE_STEP_WARNED && note->event == NOTICE_WARNED) {
        note->step = 1;
    } else if (open && is_again(note, what)) {
        note->repeats++;
        note->step = what->event == NOTICE_STEP_WARNED;
        note->ended_us = 0;
    } else {
        begin(note, what);
        note->step = what->event == NOTICE_STEP_WARNED;
    }
    note->event = what->event;
    note->warned_us = note->at_us = what->at_us;
    take_facts(note, what);
    show(n, note, what->event, false);
}

static void would(struct notices *n, struct note *note, const struct notice *what)
{
    if (note->event == NOTICE_WOULD && is_again(note, what))
        note->repeats++;
    else if (note->event != NOTICE_WARNED)
        begin(note, what);
    note->event = NOTICE_WOULD;
    note->at_us = what->at_us;
    take_facts(note, what);
    show(n, note, NOTICE_WOULD, false);
}

/* What is needed when he is disabled; nobody is told yet. */
static void expected(struct notices *n, struct note *note, const struct notice *what)
{
    if (note->event != NOTICE_WARNED)
        begin(note, what);
    if (what->event == NOTICE_ORDERED) {
        note->devices = note->since_us = note->leaked = 0;
        note->places[0] = '\0';
        note_set(note->ordered_by, sizeof(note->ordered_by), what->who);
        note_set(note->text, sizeof(note->text), what->text);
    } else {
        take_facts(note, what);
    }
    note->at_us = what->at_us;
    if (note->event != NOTICE_WARNED)
        note->event = what->event;
    notices_keep(n, note);
}

static void punished(struct notices *n, struct note *note, const struct notice *what)
{
    if (note->event != NOTICE_WARNED && note->event != NOTICE_CONVICTED &&
        note->event != NOTICE_ORDERED)
        begin(note, what);
    note->event = NOTICE_PUNISHED;
    note->disabled_us = note->at_us = what->at_us;
    note->until_us = what->until_us;
    if (memchr(what->text.p ? what->text.p : "", ';', what->text.n)) /* what became of revoking */
        note_set(note->text, sizeof(note->text), what->text);
    show(n, note, NOTICE_PUNISHED, true);
}

/* The end of it: enabled, spared, left to somebody else. */
static void ended(struct notices *n, struct note *note, const struct notice *what)
{
    bool known = note->event == NOTICE_PUNISHED || note->event == NOTICE_WARNED ||
                 note->event == NOTICE_CONVICTED || note->event == NOTICE_ORDERED;
    bool waited = note->event == NOTICE_WARNED || note->event == NOTICE_CONVICTED;

    if (!known)
        begin(note, what);
    note->event = what->event;
    note->ended_us = note->at_us = what->at_us;
    note->hand = what->hand;
    note_set(note->who, sizeof(note->who), what->who);
    /* "enabled again" needs no explanation; a refusal does. */
    if (what->event != NOTICE_RELEASED ||
        memchr(what->text.p ? what->text.p : "", ';', what->text.n))
        note_set(note->text, sizeof(note->text), what->text);
    else if (!note->ordered_by[0])
        note->text[0] = '\0';
    /* Who was to be spared anyway, and of whom nobody has heard, is no news; a failure is. */
    if (what->event == NOTICE_SPARED && waited && !note->msg && !what->failed)
        notices_keep(n, note);
    else
        show(n, note, what->event, what->event == NOTICE_SPARED && what->failed);
}

/* Something more about a case that goes on. */
static void more(struct notices *n, struct note *note, const struct notice *what)
{
    if (what->event == NOTICE_SEEN && note->event == NOTICE_PUNISHED) {
        note->seen_us = what->at_us;
        note_set(note->seen_at, sizeof(note->seen_at), what->places);
        show(n, note, NOTICE_SEEN, false);
    } else if (what->event == NOTICE_CLOSED && note->event == NOTICE_WARNED) {
        note->event = NOTICE_CLOSED;
        note->ended_us = note->at_us = what->at_us;
        if (note->msg)
            notices_send(n, note);
        notices_keep(n, note);
    }
}

void notice_case(struct notices *n, const struct notice *what)
{
    struct note *note = case_of(n, what);

    if (!note)
        return;
    switch (what->event) {
    case NOTICE_WARNED:
    case NOTICE_STEP_WARNED:
        warned(n, note, what);
        break;
    case NOTICE_CONVICTED:
    case NOTICE_ORDERED:
        expected(n, note, what);
        break;
    case NOTICE_PUNISHED:
        punished(n, note, what);
        break;
    case NOTICE_RELEASED:
    case NOTICE_SUPERSEDED:
    case NOTICE_SPARED:
        ended(n, note, what);
        break;
    case NOTICE_WOULD:
        would(n, note, what);
        break;
    default:
        more(n, note, what);
        break;
    }
}
