/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "bot/notice/notice_int.h"
#include "base/banned.h"

/* Many messages as one: how many, from when to when, the first names. */

enum { NAMES = 8, LINES = 6 };

static enum text_id title_of(enum notice_kind kind)
{
    switch (kind) {
    case NOTICE_WARNING:
        return TEXT_N_FOLD_WARNING;
    case NOTICE_DISABLED:
        return TEXT_N_FOLD_DISABLED;
    case NOTICE_ENABLED:
        return TEXT_N_FOLD_ENABLED;
    case NOTICE_SHADOW:
        return TEXT_N_FOLD_SHADOW;
    case NOTICE_NODE:
        return TEXT_N_FOLD_NODE;
    case NOTICE_ERROR:
        return TEXT_N_FOLD_ERROR;
    default:
        return TEXT_N_FOLD_OTHER;
    }
}

/* Whether a line is for the one who reads it. */
static bool is_his(const struct note_line *line, const struct place *place)
{
    return !place->owner || line->owner_id == place->owner;
}

static int64_t count_his(const struct note *fold, const struct place *place)
{
    int64_t n = 0;
    size_t i;

    if (!place->owner)
        return fold->count;
    for (i = 0; i < fold->n_lines; i++)
        n += is_his(&fold->lines[i], place);
    return n;
}

static void number(char *out, size_t size, int64_t n)
{
    snprintf(out, size, "%lld", (long long)n);
}

/* Names beside each other for users; what says more, one below the other. */
static void add_lines(const struct note *fold, const struct place *place, int64_t all,
                      struct buf *out)
{
    bool users = fold->n_lines && fold->lines[0].user_id;
    int most = users ? NAMES : LINES, shown = 0;
    struct buf list;
    char more[32];
    size_t i;

    buf_init(&list, 8192);
    for (i = 0; i < fold->n_lines && shown < most; i++) {
        if (!is_his(&fold->lines[i], place))
            continue;
        if (shown++)
            buf_add_str(&list, users ? ", " : "\n");
        text_escape(&list, slice_of(fold->lines[i].text));
    }
    number(more, sizeof(more), all - shown);
    if (all > shown && users) {
        notice_say(out, place->lang, TEXT_N_FOLD_NAMES, "!names", buf_str(&list), "n", more, NULL);
    } else {
        buf_add_slice(out, buf_slice(&list));
        if (all > shown) {
            buf_add_char(out, '\n');
            notice_say(out, place->lang, TEXT_N_FOLD_LINES, "n", more, NULL);
        }
    }
    buf_release(&list);
}

static void fold_text(const struct note *fold, const struct place *place, struct buf *out)
{
    enum notice_kind kind = notice_kind_of((enum notice_event)fold->msg_event);
    int64_t all = count_his(fold, place);
    char n[32];

    if (!all)
        return;
    number(n, sizeof(n), all);
    notice_say(out, place->lang, title_of(kind), "n", n, NULL);
    buf_add_char(out, '\n');
    add_lines(fold, place, all, out);
    buf_add_str(out, "\n🕐 ");
    notice_time(out, fold->first_us, 0);
    if (fold->at_us - fold->first_us >= 60 * INT64_C(1000000)) {
        buf_add_str(out, " – ");
        notice_time(out, fold->at_us, fold->first_us);
    }
}

void notice_text(struct notices *n, const struct note *note, const struct place *place,
                 struct buf *out)
{
    if (strncmp(note->key, "fold:", 5) == 0)
        fold_text(note, place, out);
    else if (strncmp(note->key, "case:", 5) == 0)
        notice_case_text(n, note, place->lang, note->moved, out);
    else
        notice_thing_text(n, note, place->lang, out);
}
