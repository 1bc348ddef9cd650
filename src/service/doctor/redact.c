/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/doctor/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "core/address/addr.h"
#include "base/banned.h"

enum { NAME_MAX_BYTES = 48, TEXTS_MAX = 16384 };

struct text {
    struct slice text;
    char *name;
};

struct redact {
    struct smap words; /* word → made-up name, heap */
    struct text *texts;
    size_t n, cap;
    unsigned next;
};

struct redact *redact_new(void)
{
    static const struct hash_key key = {UINT64_C(0x7265646163740001), 5};
    struct redact *r = calloc(1, sizeof(*r));

    if (r)
        smap_init(&r->words, key, 0);
    return r;
}

void redact_free(struct redact *r)
{
    const struct smap_slot *slot;
    uint32_t pos = 0;
    size_t i;

    if (!r)
        return;
    while ((slot = smap_next(&r->words, &pos)))
        free(slot->val);
    smap_release(&r->words);
    for (i = 0; i < r->n; i++) {
        free((char *)r->texts[i].text.p);
        free(r->texts[i].name);
    }
    free(r->texts);
    free(r);
}

static char *made_up(struct redact *r, const char *kind)
{
    char *name = malloc(NAME_MAX_BYTES);

    if (name)
        snprintf(name, NAME_MAX_BYTES, "%.30s-%u", kind, ++r->next);
    return name;
}

int redact_word(struct redact *r, const char *kind, struct slice name)
{
    char *to;

    if (name.n == 0 || smap_get(&r->words, name))
        return ERR_OK;
    to = made_up(r, kind);
    if (!to || smap_put(&r->words, name, to)) {
        free(to);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

static int longest_first(const void *a, const void *b)
{
    const struct text *x = a, *y = b;

    return x->text.n < y->text.n ? 1 : x->text.n > y->text.n ? -1 : 0;
}

int redact_anywhere(struct redact *r, const char *kind, struct slice text)
{
    struct text *grown, *t;
    size_t i;

    if (text.n == 0 || r->n == TEXTS_MAX)
        return ERR_OK;
    for (i = 0; i < r->n; i++)
        if (slice_eq(r->texts[i].text, text))
            return ERR_OK;
    if (r->n == r->cap) {
        grown = realloc(r->texts, (r->cap ? r->cap * 2 : 32) * sizeof(*grown));
        if (!grown)
            return ERR_NOMEM;
        r->texts = grown;
        r->cap = r->cap ? r->cap * 2 : 32;
    }
    t = &r->texts[r->n];
    t->text = (struct slice){strndup(text.p, text.n), text.n};
    t->name = made_up(r, kind);
    if (!t->text.p || !t->name) {
        free((char *)t->text.p);
        free(t->name);
        return ERR_NOMEM;
    }
    r->n++;
    /* Of two of which one holds the other, the longer is looked for first. */
    qsort(r->texts, r->n, sizeof(*r->texts), longest_first);
    return ERR_OK;
}

/* ---- words ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_@.:", c)) || (unsigned char)c >= 0x80;
}

/* Letters and dots, the last label all small letters: no version, no setting of a core, but a host. */
static bool is_host(struct slice s)
{
    size_t dots = 0, last = 0, i;

    for (i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '.') {
            dots++;
            last = i + 1;
        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    if (!dots || s.n - last < 2)
        return false;
    for (i = last; i < s.n; i++)
        if (s.p[i] < 'a')
            return false;
    return true;
}

static void add_known(struct redact *r, const char *kind, struct slice s, struct buf *out)
{
    const char *name;

    if (redact_word(r, kind, s) == ERR_OK && (name = smap_get(&r->words, s)))
        buf_add_str(out, name);
    else
        buf_add_str(out, "***");
}

/* The port behind an address or host, to be kept: ":443". */
static struct slice cut_port(struct slice *s)
{
    const char *colon = s->p && s->n ? memrchr(s->p, ':', s->n) : NULL;
    struct slice port;
    size_t i;

    if (!colon || memchr(s->p, ':', (size_t)(colon - s->p)))
        return (struct slice){NULL, 0};
    port = slice_skip(*s, (size_t)(colon - s->p));
    for (i = 1; i < port.n; i++)
        if (port.p[i] < '0' || port.p[i] > '9')
            return (struct slice){NULL, 0};
    s->n -= port.n;
    return port;
}

static void add_word(struct redact *r, struct slice s, struct buf *out)
{
    struct slice whole = s, port, tail = {NULL, 0};
    struct addr addr;
    const char *dot;
    size_t n = s.n;

    while (n && strchr(".:", s.p[n - 1]))
        n--;
    tail = slice_skip(s, n);
    s.n = n;
    dot = s.p && s.n ? memchr(s.p, '.', s.n) : NULL;
    if (s.n && smap_get(&r->words, s)) {
        add_known(r, "user", s, out);
    } else if (s.n && addr_parse(s, &addr) == ERR_OK) {
        add_known(r, "address", s, out);
    } else if (dot && smap_get(&r->words, slice_skip(s, (size_t)(dot - s.p) + 1))) {
        /* The log's "12.alice". */
        buf_add(out, s.p, (size_t)(dot - s.p) + 1);
        add_known(r, "user", slice_skip(s, (size_t)(dot - s.p) + 1), out);
    } else {
        port = cut_port(&s);
        if (s.n && addr_parse(s, &addr) == ERR_OK)
            add_known(r, "address", s, out);
        else if (is_host(s))
            add_known(r, "host", s, out);
        else if (s.n && smap_get(&r->words, s))
            add_known(r, "user", s, out);
        else
            buf_add_slice(out, s);
        buf_add_slice(out, port);
    }
    if (whole.n)
        buf_add_slice(out, tail);
}

static void add_words(struct redact *r, struct slice s, struct buf *out)
{
    size_t i, from;

    for (i = 0; i < s.n;) {
        from = i;
        while (i < s.n && is_word(s.p[i]))
            i++;
        if (i > from) {
            add_word(r, (struct slice){s.p + from, i - from}, out);
        } else {
            buf_add_char(out, s.p[i]);
            i++;
        }
    }
}

/* Replaces texts from the i-th on; what lies between goes to the words. */
static void add_from(struct redact *r, size_t i, struct slice s, struct buf *out)
{
    const char *at;

    for (; i < r->n; i++) {
        at = s.n >= r->texts[i].text.n ? memmem(s.p, s.n, r->texts[i].text.p, r->texts[i].text.n)
                                       : NULL;
        if (!at)
            continue;
        add_from(r, i + 1, (struct slice){s.p, (size_t)(at - s.p)}, out);
        buf_add_str(out, r->texts[i].name);
        add_from(r, i, slice_skip(s, (size_t)(at - s.p) + r->texts[i].text.n), out);
        return;
    }
    add_words(r, s, out);
}

void redact_add(struct redact *r, struct slice text, struct buf *out)
{
    if (text.n)
        add_from(r, 0, text, out);
}
