/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "bot/bot_int.h"
#include "base/banned.h"

/* The number of the argument that a placeholder at s names, -1 when s begins with none; its length. */
static int placeholder(struct slice s, char kind, size_t *ret_used)
{
    size_t at = kind ? 2 : 1;

    if (s.n < at + 2 || s.p[0] != '{' || (kind && s.p[1] != kind) || s.p[at] < '0' ||
        s.p[at] >= '0' + BOT_ARGS || s.p[at + 1] != '}')
        return -1;
    *ret_used = at + 2;
    return s.p[at] - '0';
}

static void add_encoded(struct buf *out, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    for (; *text; text++)
        if (strchr(safe, *text))
            buf_add_char(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned char)*text);
}

void path_fill(struct buf *out, const char *tmpl, const char *const *args, bool encode)
{
    struct slice s = slice_of(tmpl);

    while (s.n) {
        size_t used = 1;
        int i = placeholder(s, '\0', &used);

        if (i < 0)
            buf_add_char(out, s.p[0]);
        else if (encode)
            add_encoded(out, args[i]);
        else
            buf_add_str(out, args[i]);
        s = slice_skip(s, used);
    }
}

static json_t *fill_text(const char *text, const char *const *args)
{
    struct slice s = slice_of(text);
    struct buf b;
    size_t used;
    int64_t n;
    bool yes;
    json_t *made;
    int i = placeholder(s, '#', &used);

    if (i >= 0 && used == s.n && !num_int(slice_of(args[i]), INT64_MIN, INT64_MAX, &n))
        return json_integer(n);
    if (i >= 0 && used == s.n)
        return json_string(args[i]);
    i = placeholder(s, '?', &used);
    if (i >= 0 && used == s.n)
        return num_bool(slice_of(args[i]), &yes) ? json_string(args[i]) : json_boolean(yes);
    buf_init(&b, 4 * LIMIT_BOT_ARG);
    path_fill(&b, text, args, false);
    made = b.failed ? NULL : json_string(buf_str(&b));
    buf_release(&b);
    return made;
}

static json_t *fill(json_t *in, const char *const *args)
{
    json_t *out, *value;
    const char *key;
    size_t i;

    if (json_is_string(in))
        return fill_text(json_string_value(in), args);
    if (!json_is_object(in) && !json_is_array(in))
        return json_incref(in);
    out = json_is_object(in) ? json_object() : json_array();
    json_array_foreach(in, i, value)
    {
        if (json_array_append_new(out, fill(value, args)))
            goto failed;
    }
    json_object_foreach(in, key, value)
    {
        json_t *name = fill_text(key, args);
        int rc = name ? json_object_set_new(out, json_string_value(name), fill(value, args)) : -1;

        json_decref(name);
        if (rc)
            goto failed;
    }
    return out;
failed:
    json_decref(out);
    return NULL;
}

json_t *body_fill(const char *tmpl, const char *const *args)
{
    json_t *in = json_loads(tmpl, 0, NULL), *out = in ? fill(in, args) : NULL;

    json_decref(in);
    return out;
}

void text_mark(struct slice text, char out[9])
{
    uint32_t h =
        2166136261U; /* FNV-1a: nobody gains by a collision here, and it stays what it is */
    size_t i;

    for (i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 16777619U;
    snprintf(out, 9, "%08x", (unsigned)h);
}
