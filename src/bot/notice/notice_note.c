/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "bot/notice/notice_int.h"
#include "service/jout.h"
#include "base/banned.h"

/* A note, and its form in the database. */

static const struct {
    const char *name;
    size_t at;
    size_t size; /* of a text; 0: an int64_t */
} fields[] = {
#define NUMBER(f) \
    { \
#f, offsetof(struct note, f), 0 \
    }
#define WORDS(f) \
    { \
#f, offsetof(struct note, f), sizeof(((struct note *)0)->f) \
    }
    NUMBER(msg),      NUMBER(msg_event), NUMBER(event),     NUMBER(user_id),     NUMBER(owner_id),
    NUMBER(first_us), NUMBER(at_us),     NUMBER(repeats),   NUMBER(warned_us),   NUMBER(step),
    NUMBER(until_us), NUMBER(seen_us),   NUMBER(limit),     NUMBER(disabled_us), NUMBER(since_us),
    NUMBER(ended_us), NUMBER(devices),   NUMBER(count),     NUMBER(bound),       NUMBER(dropped),
    NUMBER(leaked),   NUMBER(paused),    NUMBER(hand),      WORDS(name),         WORDS(who),
    WORDS(text),      WORDS(places),     WORDS(ordered_by), NUMBER(msg_last),    WORDS(seen_at),
#undef NUMBER
#undef WORDS
};

struct note *note_new(const char *key)
{
    struct note *note = calloc(1, sizeof(*note));

    if (note)
        note_set(note->key, sizeof(note->key), slice_of(key));
    return note;
}

void note_free(struct note *note)
{
    size_t i;

    if (!note)
        return;
    for (i = 0; i < note->n_lines; i++)
        free(note->lines[i].text);
    free(note->lines);
    free(note);
}

void note_set(char *out, size_t size, struct slice s)
{
    size_t n = 0, used;

    while (n < s.n && (used = utf8_len(slice_skip(s, n))) != 0 && n + used < size)
        n += used;
    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

void note_add_line(struct note *fold, int64_t user_id, int64_t owner_id, struct slice text)
{
    struct note_line *line;

    fold->count++;
    if (fold->n_lines >= FOLD_USERS)
        return;
    if (fold->n_lines == fold->cap_lines) {
        size_t cap = fold->cap_lines ? fold->cap_lines * 2 : 16;
        struct note_line *p = realloc(fold->lines, cap * sizeof(*p));

        if (!p)
            return;
        fold->lines = p;
        fold->cap_lines = cap;
    }
    line = &fold->lines[fold->n_lines];
    *line = (struct note_line){user_id, owner_id, calloc(1, text.n + 1)};
    if (!line->text)
        return;
    note_set(line->text, text.n + 1, text);
    fold->n_lines++;
}

struct note_act *note_act(struct note *note, char what)
{
    int i;

    for (i = 0; i < note->n_acts; i++)
        if (note->acts[i].what == what)
            return &note->acts[i];
    return NULL;
}

static void write_acts(const struct note *note, struct buf *out)
{
    int i;

    jout_open(out, "acts", '[');
    for (i = 0; i < note->n_acts; i++) {
        const struct note_act *a = &note->acts[i];

        if (!a->done)
            continue;
        jout_open(out, NULL, '{');
        jout_str(out, "what", (struct slice){&a->what, 1});
        jout_text(out, "who", a->who);
        jout_int(out, "n", a->n);
        jout_close(out, '}');
    }
    jout_close(out, ']');
}

void note_write(const struct note *note, struct buf *out)
{
    size_t i;

    jout_open(out, NULL, '{');
    for (i = 0; i < ARRAY_LEN(fields); i++) {
        const char *at = (const char *)note + fields[i].at;
        int64_t number;

        if (fields[i].size && at[0]) {
            jout_text(out, fields[i].name, at);
        } else if (!fields[i].size) {
            memcpy(&number, at, sizeof(number));
            if (number)
                jout_int(out, fields[i].name, number);
        }
    }
    if (note->n_acts)
        write_acts(note, out);
    if (note->n_lines) {
        jout_open(out, "lines", '[');
        for (i = 0; i < note->n_lines; i++) {
            jout_open(out, NULL, '[');
            jout_int(out, NULL, note->lines[i].user_id);
            jout_int(out, NULL, note->lines[i].owner_id);
            jout_text(out, NULL, note->lines[i].text);
            jout_close(out, ']');
        }
        jout_close(out, ']');
    }
    jout_close(out, '}');
}

static void read_acts(struct note *note, const json_t *acts)
{
    json_t *row;
    size_t i;

    json_array_foreach(acts, i, row)
    {
        const char *what = json_string_value(json_object_get(row, "what"));
        const char *who = json_string_value(json_object_get(row, "who"));
        struct note_act *a = &note->acts[note->n_acts];

        if (note->n_acts == NOTE_ACTS || !what || !what[0])
            continue;
        *a = (struct note_act){.what = what[0],
                               .done = true,
                               .n = json_integer_value(json_object_get(row, "n"))};
        note_set(a->who, sizeof(a->who), slice_of(who ? who : ""));
        note->n_acts++;
    }
}

int note_read(struct note *note, struct slice json)
{
    json_t *all = json_loadb(json.p, json.n, JSON_ALLOW_NUL, NULL), *row;
    int64_t count;
    size_t i;

    if (!json_is_object(all)) {
        json_decref(all);
        return ERR_INVALID;
    }
    for (i = 0; i < ARRAY_LEN(fields); i++) {
        json_t *value = json_object_get(all, fields[i].name);
        char *at = (char *)note + fields[i].at;
        int64_t number = json_integer_value(value);

        if (fields[i].size && json_is_string(value))
            note_set(at, fields[i].size,
                     (struct slice){json_string_value(value), json_string_length(value)});
        else if (!fields[i].size)
            memcpy(at, &number, sizeof(number));
    }
    read_acts(note, json_object_get(all, "acts"));
    count = note->count;
    json_array_foreach(json_object_get(all, "lines"), i, row)
    {
        const char *text = json_string_value(json_array_get(row, 2));

        if (text)
            note_add_line(note, json_integer_value(json_array_get(row, 0)),
                          json_integer_value(json_array_get(row, 1)), slice_of(text));
    }
    note->count = count;
    json_decref(all);
    return ERR_OK;
}
