/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "base/banned.h"

/*
 * The buttons of messages. Their targets (bot_int.h): "ncard|id:12" the card, "anot|e|case:12|1764115200" an
 * act on the message with that number, "nnfl|fold:warning:1764115200" the list of a fold.
 */

struct keys {
    const struct note *note;
    const struct place *place;
    json_t *rows;
};

static void put(struct keys *k, bool beside, const char *label, const char *target)
{
    json_t *button = json_pack("{s:s,s:s}", "text", label, "callback_data", target);
    json_t *row = json_array_get(k->rows, json_array_size(k->rows) - 1);

    if (beside && row) {
        json_array_append_new(row, button);
        return;
    }
    row = json_array();
    json_array_append_new(row, button);
    json_array_append_new(k->rows, row);
}

static void put_text(struct keys *k, bool beside, enum text_id id, int64_t n, const char *target)
{
    char number[32];
    struct text_arg args[] = {{"n", number, false}, {NULL, NULL, false}};
    struct buf label;

    snprintf(number, sizeof(number), "%lld", (long long)n);
    buf_init(&label, 1024);
    text_add(&label, k->place->lang, id, args);
    put(k, beside, buf_str(&label), target);
    buf_release(&label);
}

static void act(struct keys *k, bool beside, enum text_id id, const char *what, int64_t n)
{
    char target[128];

    snprintf(target, sizeof(target), "anot|%s|%s|%lld", what, k->note->key,
             (long long)k->note->msg);
    put_text(k, beside, id, n, target);
}

static void limits(struct keys *k)
{
    int64_t top = k->note->devices > k->note->limit + 4 ? k->note->limit + 4 : k->note->devices, i;
    char what[32], label[32], target[160];
    bool beside = false;

    if (top < k->note->limit + 3)
        top = k->note->limit + 3;
    for (i = k->note->limit + 1; i <= top; i++) {
        snprintf(what, sizeof(what), "L%lld", (long long)i);
        snprintf(target, sizeof(target), "anot|%s|%s|%lld", what, k->note->key,
                 (long long)k->note->msg);
        snprintf(label, sizeof(label), "🎯 %lld", (long long)i);
        put(k, beside, label, target);
        beside = true;
    }
}

static void of_case(struct keys *k, char menu)
{
    const struct note *note = k->note;
    char target[64];
    bool disabled =
        note->event == NOTICE_PUNISHED || (note->event == NOTICE_SUPERSEDED && note->hand);
    bool excepted = note_act((struct note *)note, 'x') != NULL;

    if (k->place->acts && menu == 'l') {
        limits(k);
        act(k, false, TEXT_N_CANCEL, "c", 0);
        return;
    }
    if (k->place->acts && menu == 'v') {
        act(k, false, TEXT_N_REVOKE_YES, "V", 0);
        act(k, false, TEXT_N_CANCEL, "c", 0);
        return;
    }
    if (k->place->acts) {
        bool beside = disabled;

        if (disabled)
            act(k, false, TEXT_N_ENABLE, "e", 0);
        if (!excepted && note->event != NOTICE_RELEASED)
            act(k, beside, TEXT_N_EXCEPT, "x", 0);
        if (note->leaked && !disabled && !note_act((struct note *)note, 'v'))
            act(k, false, TEXT_N_REVOKE, "v", 0);
        if (note->limit && !excepted && note->event != NOTICE_RELEASED)
            act(k, note->leaked && !disabled, TEXT_N_LIMIT, "l", 0);
    }
    snprintf(target, sizeof(target), "ncard|id:%lld", (long long)note->user_id);
    put_text(k, false, TEXT_N_DETAILS, 0, target);
    if (note->devices && k->place->acts) {
        snprintf(target, sizeof(target), "ncuslang|id:%lld|%s", (long long)note->user_id,
                 text_lang_word(k->place->lang));
        put_text(k, true, TEXT_N_CUSTOMER, 0, target);
    }
}

static void of_whole(struct keys *k, char menu)
{
    const struct note *note = k->note;

    if (!k->place->acts || note->ended_us)
        return;
    if (note->event == NOTICE_PAUSED && menu == 'u') {
        act(k, false, TEXT_N_UNDO_YES, "U", note->count);
        act(k, false, TEXT_N_CANCEL, "c", 0);
    } else if (note->event == NOTICE_PAUSED) {
        act(k, false, TEXT_N_RESUME, "r", 0);
        if (!note_act((struct note *)note, 'u'))
            act(k, true, TEXT_N_UNDO, "u", note->count);
    } else if (note->event == NOTICE_HELD && menu == 'h') {
        act(k, false, TEXT_N_CONFIRM_YES, "H", 0);
        act(k, false, TEXT_N_CANCEL, "c", 0);
    } else if (note->event == NOTICE_HELD) {
        act(k, false, TEXT_N_CONFIRM, "h", 0);
    }
}

/* How many of a fold he sees. */
static int64_t seen_by(const struct note *fold, const struct place *place)
{
    int64_t n = 0;
    size_t i;

    if (!place->owner)
        return fold->count;
    for (i = 0; i < fold->n_lines; i++)
        n += fold->lines[i].owner_id == place->owner;
    return n;
}

json_t *notice_keys(const struct note *note, const struct place *place, char menu)
{
    struct keys k = {note, place, json_array()};
    char target[64 + NOTE_KEY];

    if (!k.rows)
        return NULL;
    if (strncmp(note->key, "fold:", 5) == 0) {
        snprintf(target, sizeof(target), "nnfl|%s", note->key);
        if (note->n_lines && note->lines[0].user_id)
            put_text(&k, false, TEXT_N_LIST, seen_by(note, place), target);
    } else if (strncmp(note->key, "case:", 5) == 0) {
        of_case(&k, note->moved ? '\0' : menu);
    } else {
        of_whole(&k, menu);
    }
    if (json_array_size(k.rows) == 0 || note->moved) {
        json_decref(k.rows);
        return NULL;
    }
    return k.rows;
}
