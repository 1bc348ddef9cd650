/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/jout.h"

#include <math.h>

#include "base/stamp.h"
#include "base/banned.h"

void jout_key(struct buf *b, const char *key)
{
    char last = b->n ? b->p[b->n - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        buf_add_char(b, ',');
    if (!key)
        return;
    buf_add_json(b, slice_of(key));
    buf_add_char(b, ':');
}

void jout_open(struct buf *b, const char *key, char bracket)
{
    jout_key(b, key);
    buf_add_char(b, bracket);
}

void jout_close(struct buf *b, char bracket)
{
    buf_add_char(b, bracket);
}

void jout_str(struct buf *b, const char *key, struct slice s)
{
    jout_key(b, key);
    if (s.p)
        buf_add_json(b, s);
    else
        buf_add_str(b, "null");
}

void jout_text(struct buf *b, const char *key, const char *s)
{
    jout_str(b, key, slice_of(s));
}

void jout_int(struct buf *b, const char *key, int64_t v)
{
    jout_key(b, key);
    buf_addf(b, "%lld", (long long)v);
}

void jout_real(struct buf *b, const char *key, double v, int decimals)
{
    jout_key(b, key);
    if (isfinite(v))
        buf_addf(b, "%.*f", decimals, v);
    else
        buf_add_str(b, "null");
}

void jout_bool(struct buf *b, const char *key, bool v)
{
    jout_key(b, key);
    buf_add_str(b, v ? "true" : "false");
}

void jout_time(struct buf *b, const char *key, int64_t us)
{
    char text[STAMP_TEXT];

    jout_text(b, key, us == STAMP_NONE ? NULL : stamp_iso(us, text));
}

void jout_raw(struct buf *b, const char *key, struct slice json)
{
    jout_key(b, key);
    if (json.n)
        buf_add_slice(b, json);
    else
        buf_add_str(b, "null");
}

void jout_list(struct buf *b)
{
    buf_clear(b);
    jout_open(b, NULL, '{');
    jout_open(b, "data", '[');
}

void jout_list_end(struct buf *b, int64_t total)
{
    jout_close(b, ']');
    jout_int(b, "total", total);
    jout_close(b, '}');
}
