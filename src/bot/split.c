/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "base/utf8.h"
#include "bot/frame.h"
#include "base/banned.h"

enum { DEPTH = 8, RESERVE = 160 };

/* A part being made. */
struct part {
    struct buf text;
    size_t units, max;
    struct slice open[DEPTH]; /* tags that stand open, "<a href=…>" */
    size_t depth;
    bool any; /* more than tags opened again */
    json_t *parts;
    int rc;
};

size_t split_units(struct slice s)
{
    size_t units = 0;

    while (s.n) {
        size_t n = utf8_len(s);

        units += n == 4 ? 2 : 1;
        s = slice_skip(s, n ? n : 1);
    }
    return units;
}

/* The next tag, entity or character. */
static struct slice token_of(struct slice s)
{
    const char *end = NULL;
    size_t n;

    if (s.p[0] == '<')
        end = memchr(s.p, '>', s.n);
    else if (s.p[0] == '&')
        end = memchr(s.p, ';', s.n < 12 ? s.n : 12);
    if (end)
        return (struct slice){s.p, (size_t)(end - s.p) + 1};
    n = utf8_len(s);
    return (struct slice){s.p, n ? n : 1};
}

/* "<b>", "</a>", "<a href=…>" → its name. */
static struct slice tag_name(struct slice tag)
{
    struct slice name = slice_skip(tag, tag.n > 1 && tag.p[1] == '/' ? 2 : 1);
    size_t n = 0;

    while (n < name.n && name.p[n] >= 'a' && name.p[n] <= 'z')
        n++;
    name.n = n;
    return name;
}

static void put(struct part *p, struct slice s)
{
    buf_add_slice(&p->text, s);
    p->units += split_units(s);
}

static void finish(struct part *p)
{
    size_t i;

    while (p->text.n && !p->depth && p->text.p[p->text.n - 1] == '\n')
        p->text.p[--p->text.n] = '\0';
    for (i = p->depth; i-- > 0;) {
        struct slice name = tag_name(p->open[i]);

        buf_addf(&p->text, "</%.*s>", (int)name.n, name.p);
    }
    if (p->text.failed ||
        (p->any && json_array_append_new(p->parts, json_stringn(p->text.p, p->text.n))))
        p->rc = ERR_NOMEM;
    buf_clear(&p->text);
    p->units = 0;
    p->any = false;
    for (i = 0; i < p->depth; i++)
        put(p, p->open[i]);
}

static void put_token(struct part *p, struct slice token)
{
    bool tag = token.n > 2 && token.p[0] == '<';

    if (!tag && p->any && p->units + split_units(token) + RESERVE > p->max)
        finish(p);
    put(p, token);
    if (!tag) {
        p->any = p->any || (token.p[0] != '\n' && token.p[0] != ' ');
    } else if (token.p[1] != '/') {
        if (p->depth < DEPTH)
            p->open[p->depth++] = token;
    } else if (p->depth) {
        p->depth--;
    }
}

int split_html(struct slice html, size_t max, json_t *parts)
{
    struct part p = {.max = max, .parts = parts};
    struct slice rest;

    html = slice_trim(html);
    rest = html;
    if (split_units(html) <= max) /* the usual case: nothing to reserve */
        return html.n && json_array_append_new(parts, json_stringn(html.p, html.n)) ? ERR_NOMEM
                                                                                    : ERR_OK;
    buf_init(&p.text, html.n + 4096);
    while (!p.rc && rest.p && rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct slice line = {rest.p, end ? (size_t)(end - rest.p) + 1 : rest.n};

        rest = slice_skip(rest, line.n);
        if (p.any && p.units + split_units(line) + RESERVE > max)
            finish(&p);
        while (!p.rc && line.n) {
            struct slice token = token_of(line);

            put_token(&p, token);
            line = slice_skip(line, token.n);
        }
    }
    if (!p.rc)
        finish(&p);
    buf_release(&p.text);
    return p.rc;
}

void strip_html(struct buf *out, struct slice html)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    size_t i;

    while (html.n) {
        struct slice token = token_of(html);

        html = slice_skip(html, token.n);
        if (token.n > 2 && token.p[0] == '<')
            continue;
        for (i = 0; i < ARRAY_LEN(entities); i++)
            if (slice_eq(token, slice_of(entities[i].name)))
                break;
        if (i < ARRAY_LEN(entities))
            buf_add_char(out, entities[i].c);
        else
            buf_add_slice(out, token);
    }
}
