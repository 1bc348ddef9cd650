/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "service/texts/said.h"
#include "base/banned.h"

/*
 * What is about the whole: an alarm, and its end in the same message. The same alarm within an hour of
 * the last is counted in its message.
 */

static const int64_t again_us = 3600 * STAMP_SECOND;

enum way {
    ALARM = 1, /* begins something */
    END,       /* ends it, where it was told */
    PLAIN,     /* stands for itself */
    ONCE,      /* told once, ever */
};

static const struct {
    enum way way;
    const char *key; /* with %lld: user_id; with %s: see key_of */
    enum text_id title;
} rules[NOTICE_EVENTS] = {
    [NOTICE_STUCK] = {ALARM, "stuck:%lld", TEXT_N_STUCK},
    [NOTICE_RELEASED] = {END, "stuck:%lld", TEXT_N_UNSTUCK},
    [NOTICE_SUPERSEDED] = {END, "stuck:%lld", TEXT_N_LEFT},
    [NOTICE_PAUSED] = {ALARM, "breaker", TEXT_N_PAUSED},
    [NOTICE_RESUMED] = {END, "breaker", TEXT_N_RESUMED},
    [NOTICE_NODE_DOWN] = {ALARM, "node:%lld", TEXT_N_NODE_DOWN},
    [NOTICE_NODE_UP] = {END, "node:%lld", TEXT_N_NODE_UP},
    [NOTICE_NODE_QUIET] = {ALARM, "quiet:%lld", TEXT_N_NODE_QUIET},
    [NOTICE_NODE_HEARD] = {END, "quiet:%lld", TEXT_N_NODE_HEARD},
    [NOTICE_NODE_UNSTEADY] = {ALARM, "unsteady:%lld", TEXT_N_NODE_UNSTEADY},
    [NOTICE_NODE_STEADY] = {END, "unsteady:%lld", TEXT_N_NODE_STEADY},
    [NOTICE_NODE_LOSS] = {ALARM, "loss:%lld", TEXT_N_NODE_LOSS},
    [NOTICE_NODE_WHOLE] = {END, "loss:%lld", TEXT_N_NODE_WHOLE},
    [NOTICE_NODE_UNLISTED] = {ALARM, "list:%lld", TEXT_N_NODE_UNLISTED},
    [NOTICE_NODE_LISTED] = {END, "list:%lld", TEXT_N_NODE_LISTED},
    [NOTICE_NODE_FAULTY] = {ALARM, "faulty:%lld", TEXT_N_NODE_FAULTY},
    [NOTICE_PANEL_DOWN] = {ALARM, "panel", TEXT_N_PANEL_DOWN},
    [NOTICE_PANEL_UP] = {END, "panel", TEXT_N_PANEL_UP},
    [NOTICE_PANEL_NEWER] = {ONCE, "newer:%s", TEXT_N_PANEL_NEWER},
    [NOTICE_GONE] = {PLAIN, "gone", TEXT_N_GONE},
    [NOTICE_GONE_MANY] = {ALARM, "many", TEXT_N_GONE_MANY},
    [NOTICE_HELD] = {ALARM, "held", TEXT_N_HELD},
    [NOTICE_CONFIRMED] = {END, "held", TEXT_N_CONFIRMED},
    [NOTICE_STORE_DOWN] = {ALARM, "store", TEXT_N_STORE_DOWN},
    [NOTICE_STORE_UP] = {END, "store", TEXT_N_STORE_UP},
    [NOTICE_ADMIN_NEW] = {PLAIN, "admin", TEXT_N_ADMIN_NEW},
    [NOTICE_BACKUP_DONE] = {PLAIN, "backup", TEXT_N_BACKUP_DONE},
    [NOTICE_BACKUP_FAILED] = {ALARM, "nobackup", TEXT_N_BACKUP_FAILED},
    [NOTICE_RESTORED] = {PLAIN, "restored", TEXT_N_RESTORED},
    [NOTICE_FAILED] = {ALARM, "error:%s", TEXT_N_FAILED},
    [NOTICE_STARTED] = {PLAIN, "run", TEXT_N_STARTED},
    [NOTICE_STOPPED] = {PLAIN, "run", TEXT_N_STOPPED},
};

/* The same error with other numbers in it is the same error. */
static uint32_t likeness(struct slice text)
{
    uint32_t h = 2166136261u;
    size_t i;

    for (i = 0; i < text.n; i++)
        if (!isdigit((unsigned char)text.p[i]))
            h = (h ^ (unsigned char)text.p[i]) * 16777619u;
    return h;
}

static void key_of(const struct notice *what, char out[NOTE_KEY])
{
    const char *form = rules[what->event].key, *at = strchr(form, '%');
    int n = at ? (int)(at - form) : (int)strlen(form);

    if (what->event == NOTICE_FAILED)
        snprintf(out, NOTE_KEY, "%.*s%.*s:%08x", n, form,
                 (int)(what->name.n > 40 ? 40 : what->name.n), what->name.p, likeness(what->text));
    else if (at && at[1] == 's')
        snprintf(out, NOTE_KEY, "%.*s%.*s", n, form, (int)(what->name.n > 40 ? 40 : what->name.n),
                 what->name.p);
    else if (at)
        snprintf(out, NOTE_KEY, "%.*s%lld", n, form, (long long)what->user_id);
    else
        snprintf(out, NOTE_KEY, "%s", form);
}

static void take(struct note *note, const struct notice *what)
{
    note->event = what->event;
    note->at_us = what->at_us;
    note->user_id = what->user_id;
    note->count = what->count;
    note_set(note->who, sizeof(note->who), what->who);
    note_set(note->text, sizeof(note->text), what->text);
    if (what->name.n)
        note_set(note->name, sizeof(note->name), what->name);
    if (what->since_us)
        note->since_us = what->since_us;
}

/* What stands for it in a fold. */
static void begin(struct notices *n, struct note *note)
{
    char line[LIMIT_USER_NAME + 128];

    if (note->event == NOTICE_FAILED)
        snprintf(line, sizeof(line), "%s: %.100s", note->name, note->text);
    else if (note->event == NOTICE_NODE_UP || note->event == NOTICE_NODE_HEARD ||
             note->event == NOTICE_NODE_WHOLE || note->event == NOTICE_NODE_LISTED ||
             note->event == NOTICE_NODE_STEADY)
        snprintf(line, sizeof(line), "🟢 %s", note->name);
    else if (note->event == NOTICE_NODE_DOWN)
        snprintf(line, sizeof(line), "🔴 %s", note->name);
    else
        snprintf(line, sizeof(line), "%s", note->name[0] ? note->name : note->key);
    note->msg_event = note->event;
    notices_begin(n, note, slice_of(line));
}

static void alarm(struct notices *n, const char *key, const struct notice *what)
{
    struct note *note = notices_find(n, key, true);
    bool again;

    if (!note)
        return;
    again = note->msg && what->at_us - note->at_us < again_us && what->event != NOTICE_PAUSED &&
            what->event != NOTICE_HELD;
    if (!again) {
        note->first_us = what->at_us;
        note->repeats = 0;
        note->n_acts = 0;
    }
    note->repeats++;
    note->ended_us = 0;
    note->bound = what->bound;
    note->dropped = what->dropped;
    note->since_us = 0;
    take(note, what);
    if (again)
        notices_send(n, note);
    else
        begin(n, note);
    notices_keep(n, note);
}

static void end(struct notices *n, const char *key, const struct notice *what)
{
    struct note *note = notices_find(n, key, false);

    /* Nobody has heard of it, or of its end already. */
    if (!note || note->ended_us)
        return;
    note->ended_us = what->at_us;
    take(note, what);
    if (note->msg)
        notices_send(n, note);
    else
        begin(n, note);
    notices_keep(n, note);
}

void notice_thing(struct notices *n, const struct notice *what)
{
    char key[NOTE_KEY];
    struct note *note;

    key_of(what, key);
    switch (rules[what->event].way) {
    case ALARM:
        alarm(n, key, what);
        break;
    case END:
        end(n, key, what);
        break;
    case ONCE:
        if (!notices_find(n, key, false))
            alarm(n, key, what);
        break;
    case PLAIN:
        note = notices_find(n, key, true);
        if (!note)
            break;
        note->first_us = what->at_us;
        take(note, what);
        begin(n, note);
        break;
    }
}

/* ---- in words ---- */

static void add_span(struct buf *out, enum text_lang lang, const struct note *note)
{
    text_add_span(out, lang, (note->at_us - note->since_us) / STAMP_SECOND);
}

static void add_detail(struct buf *out, enum text_lang lang, const struct note *note)
{
    if (!note->text[0])
        return;
    buf_add_str(out, "\n<i>");
    if (!said_add_html(out, lang, slice_of(note->text)))
        text_escape(out, slice_of(note->text));
    buf_add_str(out, "</i>");
}

static void add_undone(struct notices *n, struct note *note, enum text_lang lang, struct buf *out)
{
    const struct note_act *act = note_act(note, 'u');
    struct buf who;

    if (!act || !act->done)
        return;
    buf_init(&who, 1024);
    notice_who(n, lang, act->who, &who);
    buf_add_char(out, '\n');
    notice_say(out, lang, TEXT_N_ACT_UNDONE, "!who", buf_str(&who), NULL);
    buf_release(&who);
}

void notice_thing_text(struct notices *n, const struct note *note, enum text_lang lang,
                       struct buf *out)
{
    char count[32], bound[32], dropped[32], times[32];
    struct buf since, span, who, first;

    snprintf(count, sizeof(count), "%lld", (long long)note->count);
    snprintf(bound, sizeof(bound), "%lld", (long long)note->bound);
    snprintf(dropped, sizeof(dropped), "%lld", (long long)note->dropped);
    snprintf(times, sizeof(times), "%lld", (long long)note->repeats);
    buf_init(&since, 64);
    buf_init(&span, 128);
    buf_init(&who, 1024);
    buf_init(&first, 64);
    notice_time(&since, note->since_us ? note->since_us : STAMP_NONE, 0);
    notice_time(&first, note->first_us, note->at_us);
    add_span(&span, lang, note);
    notice_who(n, lang, note->who, &who);
    notice_say(out, lang, rules[note->event].title, "name", note->name, "user", note->name, "n",
               count, "bound", bound, "dropped", dropped, "since", buf_str(&since), "!span",
               buf_str(&span), "!who", buf_str(&who), "text", note->text, NULL);
    if (note->event == NOTICE_PAUSED) {
        buf_add_char(out, '\n');
        notice_say(out, lang, TEXT_N_PAUSED_WHOM, "names", note->text, NULL);
        buf_add_char(out, '\n');
        notice_say(out, lang, TEXT_N_PAUSED_WAYS, NULL);
    } else if (note->event != NOTICE_NODE_LOSS) { /* which says it */
        add_detail(out, lang, note);
    }
    add_undone(n, (struct note *)note, lang, out);
    buf_add_str(out, "\n🕐 ");
    notice_time(out, note->at_us, 0);
    if (note->repeats > 1 && !note->ended_us) {
        buf_add_char(out, '\n');
        notice_say(out, lang, TEXT_N_TIMES, "n", times, "since", buf_str(&first), NULL);
    }
    buf_release(&first);
    buf_release(&who);
    buf_release(&span);
    buf_release(&since);
}
