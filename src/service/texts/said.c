/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/texts/said.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/banned.h"

enum { VALUES = 8, NAME_MAX_LEN = 16, VALUE_MAX = 512, TRIES = 2000, DEEPEST = 3 };

static const enum text_id sentences[] = {
#define TEXT(id, en, fa, ru, zh) TEXT_##id,
#include "service/texts/texts_said.def"
#undef TEXT
};

struct found {
    size_t n;
    int tries;
    struct slice name[VALUES], value[VALUES];
};

/* Whether a text is of the template's form; names and values of its places in f. */
static bool match(struct slice form, struct slice text, struct found *f)
{
    struct slice literal, name, rest;
    size_t skip;

    literal = form;
    name = slice_cut(&literal, '{');
    if (!slice_starts(text, name) || ++f->tries > TRIES)
        return false;
    text = slice_skip(text, name.n);
    if (!literal.p)
        return text.n == 0;
    rest = literal;
    name = slice_cut(&rest, '}');
    if (f->n == VALUES)
        return false;
    f->n++;
    /* The shortest value with which the rest fits. */
    for (skip = 0; skip <= text.n; skip++) {
        size_t n = f->n;

        f->name[n - 1] = name;
        f->value[n - 1] = (struct slice){text.p, skip};
        if (rest.n ? match(rest, slice_skip(text, skip), f) : skip == text.n)
            return true;
        f->n = n;
        if (f->tries > TRIES)
            break;
    }
    f->n--;
    return false;
}

/* "2 h 5 min" in seconds; false: it is none. */
static bool read_span(struct slice s, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t s;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    int64_t n, sum = 0;
    size_t i;

    while (s.n) {
        struct slice number = slice_cut(&s, ' '), unit = slice_cut(&s, ' ');

        for (i = 0; i < ARRAY_LEN(units) && !slice_eq(unit, slice_of(units[i].unit)); i++)
            ;
        if (i == ARRAY_LEN(units) || num_int(number, 0, 1000000, &n))
            return false;
        sum += n * units[i].s;
    }
    *ret = sum;
    return true;
}

static bool say(struct buf *out, enum text_lang lang, struct slice english, int depth);

static bool is_kind(const char *name, const char *kind)
{
    return strncmp(name, kind, strlen(kind)) == 0;
}

/*
 * {span} is a length of time, {num} a number, {said} a sentence of its own, which {known} has to be; others
 * may be anything. Digits tell several of a kind apart.
 */
static bool take_value(const char *name, struct slice value, enum text_lang lang, int depth,
                       char *ret_text, struct text_arg *ret)
{
    struct buf b;
    int64_t seconds;
    double number;

    snprintf(ret_text, VALUE_MAX, "%.*s", (int)value.n, value.n ? value.p : "");
    *ret = (struct text_arg){name, ret_text, false};
    if (is_kind(name, "num"))
        return !num_real(value, -1e15, 1e15, &number);
    buf_init(&b, VALUE_MAX - 1);
    if (strcmp(name, "span") == 0) {
        if (!read_span(value, &seconds))
            return false;
        text_add_span(&b, lang, seconds);
    } else if ((is_kind(name, "said") || is_kind(name, "known")) && depth < DEEPEST) {
        ret->html = say(&b, lang, value, depth + 1) && !b.failed;
    }
    if (b.n && !b.failed)
        snprintf(ret_text, VALUE_MAX, "%s", buf_str(&b));
    buf_release(&b);
    return ret->html || !is_kind(name, "known");
}

static bool fill(struct buf *out, enum text_lang lang, enum text_id id, const struct found *f,
                 int depth)
{
    char names[VALUES][NAME_MAX_LEN], values[VALUES][VALUE_MAX];
    struct text_arg args[VALUES + 1] = {{NULL, NULL, false}};
    size_t i;

    for (i = 0; i < f->n; i++) {
        snprintf(names[i], sizeof(names[i]), "%.*s", (int)f->name[i].n, f->name[i].p);
        if (!take_value(names[i], f->value[i], lang, depth, values[i], &args[i]))
            return false;
    }
    text_add_html(out, lang, id, args);
    return true;
}

static bool say(struct buf *out, enum text_lang lang, struct slice english, int depth)
{
    size_t i;

    for (i = 0; english.n && english.n < VALUE_MAX * 4 && i < ARRAY_LEN(sentences); i++) {
        struct found f = {0};

        if (match(slice_of(text_raw(TEXT_EN, sentences[i])), english, &f) &&
            fill(out, lang, sentences[i], &f, depth))
            return true;
    }
    return false;
}

bool said_add_html(struct buf *out, enum text_lang lang, struct slice english)
{
    return lang != TEXT_EN && say(out, lang, english, 0);
}
