/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/texts/texts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/stamp.h"
#include "base/utf8.h"
#include "base/banned.h"

static const char *const texts[TEXT_COUNT][TEXT_LANGS] = {
    [TEXT_NONE] = {"", "", "", ""},
#define TEXT(id, en, fa, ru, zh) [TEXT_##id] = {en, fa, ru, zh},
#include "service/texts/texts_all.def"
#undef TEXT
};

static const struct {
    const char *word, *name;
    int forms;
} langs[TEXT_LANGS] = {
    [TEXT_EN] = {"en", "English", 2},
    [TEXT_FA] = {"fa", "فارسی", 1},
    [TEXT_RU] = {"ru", "Русский", 3},
    [TEXT_ZH] = {"zh", "中文", 1},
};

enum text_lang text_lang_of(const char *word)
{
    int i;

    for (i = 0; word && i < TEXT_LANGS; i++)
        if (strcmp(langs[i].word, word) == 0)
            return (enum text_lang)i;
    return TEXT_EN;
}

const char *text_lang_word(enum text_lang lang)
{
    return langs[lang].word;
}

const char *text_lang_name(enum text_lang lang)
{
    return langs[lang].name;
}

const char *text_raw(enum text_lang lang, enum text_id id)
{
    return texts[id][lang];
}

int text_forms(enum text_lang lang)
{
    return langs[lang].forms;
}

int text_form(enum text_lang lang, int64_t n)
{
    uint64_t v = n < 0 ? -(uint64_t)n : (uint64_t)n, tens = v % 100, ones = v % 10;

    switch (langs[lang].forms) {
    case 2:
        return v != 1;
    case 3:
        if (ones == 1 && tens != 11)
            return 0;
        return ones >= 2 && ones <= 4 && (tens < 12 || tens > 14) ? 1 : 2;
    default:
        return 0;
    }
}

void text_escape(struct buf *out, struct slice s)
{
    while (s.n) {
        size_t used = utf8_len(s);
        unsigned char c = (unsigned char)s.p[0];

        if (!used)
            buf_add_str(out, "\xef\xbf\xbd");
        else if (c == '&')
            buf_add_str(out, "&amp;");
        else if (c == '<')
            buf_add_str(out, "&lt;");
        else if (c == '>')
            buf_add_str(out, "&gt;");
        else if (c == '"')
            buf_add_str(out, "&quot;");
        else if ((c < 32 && c != '\n') || c == 127)
            buf_add_char(out, ' ');
        else
            buf_add(out, s.p, used);
        s = slice_skip(s, used ? used : 1);
    }
}

/* Digits alone keep their direction among Persian words; everything else may turn around. */
static bool needs_isolate(enum text_lang lang, const char *value)
{
    return lang == TEXT_FA && value[0] && value[strspn(value, "0123456789")] != '\0';
}

static const struct text_arg *find_arg(const struct text_arg *args, struct slice name)
{
    for (; args && args->name; args++)
        if (slice_eq(name, slice_of(args->name)))
            return args;
    return NULL;
}

/* "{name:one|other}": the form that goes with the number; what is no number takes the last. */
static void add_form(struct buf *out, enum text_lang lang, const struct text_arg *arg,
                     struct slice forms)
{
    int64_t n = 0;
    int want = text_forms(lang) - 1;
    struct slice form;

    if (!num_int(slice_of(arg->value), INT64_MIN, INT64_MAX, &n))
        want = text_form(lang, n);
    do
        form = slice_cut(&forms, '|');
    while (want-- > 0 && forms.p);
    buf_add_slice(out, form);
}

static void add_value(struct buf *out, enum text_lang lang, const struct text_arg *arg, bool html)
{
    const char *value = arg->value ? arg->value : "";
    bool isolate = needs_isolate(lang, value);

    if (isolate)
        buf_add_str(out, "\xe2\x81\xa8");
    if (html && !arg->html)
        text_escape(out, slice_of(value));
    else
        buf_add_str(out, value);
    if (isolate)
        buf_add_str(out, "\xe2\x81\xa9");
}

static void add_text(struct buf *out, enum text_lang lang, enum text_id id,
                     const struct text_arg *args, bool html)
{
    struct slice rest = slice_of(texts[id][lang]);

    while (rest.p && rest.n) {
        struct slice all, name;
        const struct text_arg *arg;

        buf_add_slice(out, slice_cut(&rest, '{'));
        if (!rest.p)
            return;
        all = slice_cut(&rest, '}');
        name = all;
        name = slice_cut(&all, ':');
        arg = find_arg(args, name);
        if (arg && all.p)
            add_form(out, lang, arg, all);
        else if (arg)
            add_value(out, lang, arg, html);
        else
            buf_addf(out, "{%.*s}", (int)name.n, name.p);
    }
}

void text_add(struct buf *out, enum text_lang lang, enum text_id id, const struct text_arg *args)
{
    add_text(out, lang, id, args, false);
}

void text_add_html(struct buf *out, enum text_lang lang, enum text_id id,
                   const struct text_arg *args)
{
    add_text(out, lang, id, args, true);
}

static void add_unit(struct buf *out, enum text_lang lang, enum text_id unit, int64_t n)
{
    char number[32];
    const struct text_arg args[] = {{"n", number, false}, {NULL, NULL, false}};

    snprintf(number, sizeof(number), "%lld", (long long)n);
    text_add(out, lang, unit, args);
}

void text_add_span(struct buf *out, enum text_lang lang, int64_t seconds)
{
    static const struct {
        int64_t s;
        enum text_id unit;
    } units[] = {{86400, TEXT_UNIT_D}, {3600, TEXT_UNIT_H}, {60, TEXT_UNIT_MIN}, {1, TEXT_UNIT_S}};
    size_t i;
    int64_t more;

    seconds = seconds < 0 ? 0 : seconds;
    for (i = 0; i + 1 < ARRAY_LEN(units) && seconds < units[i].s; i++)
        ;
    add_unit(out, lang, units[i].unit, seconds / units[i].s);
    more = i + 1 < ARRAY_LEN(units) ? seconds % units[i].s / units[i + 1].s : 0;
    if (!more)
        return;
    buf_add_char(out, ' ');
    add_unit(out, lang, units[i + 1].unit, more);
}

void text_add_time(struct buf *out, int64_t us)
{
    char text[64];
    struct tm tm;
    time_t t = (time_t)(us / STAMP_SECOND);

    if (us != STAMP_NONE && localtime_r(&t, &tm) &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm))
        buf_add_str(out, text);
    else
        buf_add_char(out, '-');
}

/* U+200F. */
#define RIGHT_TO_LEFT "\xe2\x80\x8f"

void text_direct(struct buf *text, enum text_lang lang)
{
    struct slice rest = buf_slice(text), line;
    struct buf made;

    if (lang != TEXT_FA || text->failed)
        return;
    buf_init(&made, text->max);
    while (rest.n) {
        line = slice_cut(&rest, '\n');
        if (line.n && !slice_starts(line, SLICE(RIGHT_TO_LEFT)))
            buf_add_str(&made, RIGHT_TO_LEFT);
        buf_add_slice(&made, line);
        if (rest.p)
            buf_add_char(&made, '\n');
    }
    if (made.failed) {
        buf_release(&made);
        return;
    }
    buf_release(text);
    *text = made;
}

void text_direct_call(json_t *params, enum text_lang lang)
{
    static const char *const names[] = {"text", "caption"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(names) && lang == TEXT_FA; i++) {
        const char *text = json_string_value(json_object_get(params, names[i]));
        struct buf made;

        if (!text)
            continue;
        buf_init(&made, LIMIT_OUTBOX_PARAMS);
        buf_add_str(&made, text);
        text_direct(&made, lang);
        if (!made.failed)
            json_object_set_new(params, names[i], json_string(buf_str(&made)));
        buf_release(&made);
    }
}
