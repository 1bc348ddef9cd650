/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "service/texts/said.h"
#include "base/banned.h"

/* The message of a user's case: heading, what happened when, the evidence in a few words. */

enum { PLACES_SHOWN = 4 };

/* What a message is being made of. */
struct saying {
    struct notices *n;
    const struct note *note;
    enum text_lang lang;
    struct buf *out;
    int64_t day_us; /* the time said whole already */
};

static enum text_id title_of(const struct note *note)
{
    switch ((enum notice_event)note->event) {
    case NOTICE_PUNISHED:
        return note->leaked ? TEXT_N_LEAKED : TEXT_N_DISABLED;
    case NOTICE_RELEASED:
        return TEXT_N_ENABLED;
    case NOTICE_SPARED:
        return TEXT_N_SPARED;
    case NOTICE_SUPERSEDED:
        return TEXT_N_LEFT;
    case NOTICE_CLOSED:
        return TEXT_N_CLOSED;
    case NOTICE_WOULD:
        return note->paused ? TEXT_N_WOULD_PAUSED : TEXT_N_WOULD;
    default:
        return TEXT_N_WARNED;
    }
}

/* A line that begins with a time. */
static void line(struct saying *s, enum text_id id, int64_t at_us, const char *name,
                 const char *value)
{
    struct buf time;

    buf_init(&time, 64);
    notice_time(&time, at_us, s->day_us);
    s->day_us = s->day_us ? s->day_us : at_us;
    buf_add_char(s->out, '\n');
    notice_say(s->out, s->lang, id, "time", buf_str(&time), name, value, NULL);
    buf_release(&time);
}

static void line_until(struct saying *s)
{
    const struct note *note = s->note;
    struct buf until;

    if (note->until_us == STAMP_NONE || note->until_us == 0) {
        line(s, TEXT_N_LINE_HAND, note->disabled_us, NULL, NULL);
        return;
    }
    buf_init(&until, 64);
    notice_time(&until, note->until_us, note->disabled_us);
    line(s, TEXT_N_LINE_UNTIL, note->disabled_us, "until", buf_str(&until));
    buf_release(&until);
}

static void line_times(struct saying *s, enum text_id id, int64_t at_us)
{
    struct buf since, time;
    char n[32];

    buf_init(&since, 64);
    buf_init(&time, 64);
    notice_time(&time, at_us, 0);
    notice_time(&since, s->note->first_us, at_us);
    s->day_us = at_us;
    snprintf(n, sizeof(n), "%lld", (long long)s->note->repeats);
    buf_add_char(s->out, '\n');
    notice_say(s->out, s->lang, id, "time", buf_str(&time), "since", buf_str(&since), "n", n, NULL);
    buf_release(&time);
    buf_release(&since);
}

static void line_who(struct saying *s, enum text_id id, const char *who, int64_t at_us, int64_t n)
{
    struct buf name, time;
    char number[32];

    buf_init(&name, 1024);
    buf_init(&time, 64);
    notice_who(s->n, s->lang, who, &name);
    if (at_us) {
        notice_time(&time, at_us, s->day_us);
        s->day_us = s->day_us ? s->day_us : at_us;
    }
    snprintf(number, sizeof(number), "%lld", (long long)n);
    buf_add_char(s->out, '\n');
    notice_say(s->out, s->lang, id, "!who", buf_str(&name), "time", buf_str(&time), "n", number,
               NULL);
    buf_release(&time);
    buf_release(&name);
}

static void lines(struct saying *s)
{
    const struct note *note = s->note;

    if (note->warned_us && note->repeats > 1)
        line_times(s, TEXT_N_LINE_WARNED_TIMES, note->warned_us);
    else if (note->warned_us)
        line(s, note->step ? TEXT_N_LINE_STEP : TEXT_N_LINE_WARNED, note->warned_us, NULL, NULL);
    if (note->event == NOTICE_WOULD && note->repeats > 1 && !note->warned_us)
        line_times(s, TEXT_N_LINE_WOULD_TIMES, note->at_us);
    if (note->disabled_us)
        line_until(s);
    if (note->disabled_us && note->ordered_by[0])
        line_who(s, TEXT_N_ORDERED, note->ordered_by, 0, 0);
    if (note->seen_us)
        line(s, TEXT_N_LINE_SEEN, note->seen_us, "where", note->seen_at);
    if (!note->ended_us)
        return;
    if (note->event == NOTICE_RELEASED && (note->hand || note->who[0]))
        line_who(s, TEXT_N_LINE_ENABLED_BY, note->who, note->ended_us, 0);
    else if (note->event == NOTICE_RELEASED)
        line(s, TEXT_N_LINE_DUE, note->ended_us, NULL, NULL);
    else if (note->event == NOTICE_SPARED)
        line(s, TEXT_N_LINE_SPARED, note->ended_us, NULL, NULL);
    else if (note->event == NOTICE_SUPERSEDED)
        line(s, TEXT_N_LINE_LEFT, note->ended_us, NULL, NULL);
    else if (note->event == NOTICE_CLOSED)
        line(s, TEXT_N_LINE_CLOSED, note->ended_us, NULL, NULL);
}

/* One line a device: the address to be copied, then what is known of it. */
static void places(struct saying *s)
{
    struct slice rest = slice_of(s->note->places);
    char more[32];
    int n = 0;

    while (rest.n) {
        struct slice row = slice_cut(&rest, '\n'), addr = row;

        if (++n > PLACES_SHOWN || !row.n)
            continue;
        addr = slice_cut(&row, ' ');
        buf_add_str(s->out, "\n· <code>");
        text_escape(s->out, addr);
        buf_add_str(s->out, "</code>");
        if (row.n)
            buf_add_char(s->out, ' ');
        text_escape(s->out, row);
    }
    if (n <= PLACES_SHOWN)
        return;
    snprintf(more, sizeof(more), "%d", n - PLACES_SHOWN);
    buf_add_char(s->out, '\n');
    notice_say(s->out, s->lang, TEXT_N_MORE_PLACES, "n", more, NULL);
}

static void evidence(struct saying *s)
{
    const struct note *note = s->note;
    char devices[32], limit[32];
    struct buf since;

    if (note->devices) {
        snprintf(devices, sizeof(devices), "%lld", (long long)note->devices);
        snprintf(limit, sizeof(limit), "%lld", (long long)note->limit);
        buf_add_char(s->out, '\n');
        notice_say(s->out, s->lang, note->leaked ? TEXT_N_NETWORKS : TEXT_N_DEVICES, "devices",
                   devices, "limit", limit, NULL);
    }
    if (note->since_us) {
        buf_init(&since, 64);
        notice_time(&since, note->since_us, s->day_us);
        buf_add_char(s->out, '\n');
        notice_say(s->out, s->lang, TEXT_N_SINCE, "time", buf_str(&since), NULL);
        buf_release(&since);
    }
    places(s);
}

/* What the program says in English, where it says more than the line. */
static void detail(struct saying *s)
{
    if (!s->note->text[0])
        return;
    buf_add_str(s->out, "\n<i>");
    if (!said_add_html(s->out, s->lang, slice_of(s->note->text)))
        text_escape(s->out, slice_of(s->note->text));
    buf_add_str(s->out, "</i>");
}

static void acts(struct saying *s)
{
    int i;

    for (i = 0; i < s->note->n_acts; i++) {
        const struct note_act *a = &s->note->acts[i];

        if (!a->done)
            continue;
        if (a->what == 'x')
            line_who(s, TEXT_N_ACT_EXCEPT, a->who, 0, 0);
        else if (a->what == 'l')
            line_who(s, TEXT_N_ACT_LIMIT, a->who, 0, a->n);
        else if (a->what == 'v')
            line_who(s, TEXT_N_ACT_REVOKE, a->who, 0, 0);
    }
}

void notice_case_text(struct notices *n, const struct note *note, enum text_lang lang, bool moved,
                      struct buf *out)
{
    struct note old;
    struct saying s = {n, note, lang, out, 0};
    struct buf time;

    if (moved) {
        old = *note;
        old.event = NOTICE_WARNED;
        s.note = &old;
    }
    notice_say(out, lang, title_of(s.note), "user", note->name, NULL);
    if (!moved) {
        if (!note->warned_us && !note->disabled_us && !note->ended_us) {
            buf_add_str(out, "\n🕐 ");
            notice_time(out, note->at_us, 0);
            s.day_us = note->at_us;
        }
        lines(&s);
        evidence(&s);
        detail(&s);
        acts(&s);
        return;
    }
    if (note->warned_us)
        line(&s, TEXT_N_LINE_WARNED, note->warned_us, NULL, NULL);
    buf_init(&time, 64);
    notice_time(&time, note->disabled_us ? note->disabled_us : note->at_us, s.day_us);
    buf_add_char(out, '\n');
    notice_say(out, lang, TEXT_N_MOVED, "time", buf_str(&time), NULL);
    buf_release(&time);
}
