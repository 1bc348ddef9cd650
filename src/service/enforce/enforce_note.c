/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_note.h"

#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/stamp.h"
#include "base/banned.h"

enum { NOTE_CHARS = 500, MARK_MAX = 48 };

void note_add_mark(struct buf *out, int64_t until_us, int64_t now_us)
{
    time_t until = (time_t)(until_us / STAMP_SECOND), now = (time_t)(now_us / STAMP_SECOND);
    struct tm a, b;
    char text[32];

    if (until_us == STAMP_NONE) {
        buf_add_str(out, "[pg-limiter until enabled by hand]");
        return;
    }
    localtime_r(&until, &a);
    localtime_r(&now, &b);
    strftime(text, sizeof(text),
             a.tm_yday == b.tm_yday && a.tm_year == b.tm_year ? "%H:%M" : "%Y-%m-%d %H:%M", &a);
    buf_addf(out, "[pg-limiter until %s]", text);
}

/* Where mark stands in note; note.n: nowhere. */
static size_t find(struct slice note, struct slice mark)
{
    size_t i;

    for (i = 0; mark.n && i + mark.n <= note.n; i++)
        if (memcmp(note.p + i, mark.p, mark.n) == 0)
            return i;
    return note.n;
}

bool note_has(struct slice note, struct slice mark)
{
    return find(note, mark) < note.n;
}

static size_t characters(struct slice s)
{
    size_t i, n = 0;

    for (i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* A mark that could not be taken away when its time was over; n 0: none. */
static struct slice stale_mark(struct slice note)
{
    struct slice head = SLICE("[pg-limiter until "), rest = slice_skip(note, find(note, head));
    const char *end = rest.n ? memchr(rest.p, ']', rest.n) : NULL;

    if (!end || end - rest.p > MARK_MAX)
        return (struct slice){NULL, 0};
    return (struct slice){rest.p, (size_t)(end - rest.p) + 1};
}

int note_with(struct slice note, struct slice mark, struct buf *out)
{
    size_t begin = out->n;

    note_without(note, stale_mark(note), out);
    if (out->n > begin)
        buf_add_char(out, ' ');
    buf_add_slice(out, mark);
    if (out->failed)
        return ERR_NOMEM;
    return characters(slice_skip(buf_slice(out), begin)) > NOTE_CHARS ? ERR_TOO_BIG : ERR_OK;
}

void note_without(struct slice note, struct slice mark, struct buf *out)
{
    size_t at = find(note, mark), end = at + mark.n;

    if (at == note.n) {
        buf_add_slice(out, note);
        return;
    }
    /* The blank before it is ours; where it stands first, somebody has written behind it. */
    if (at > 0 && note.p[at - 1] == ' ')
        at--;
    else if (at == 0 && end < note.n && note.p[end] == ' ')
        end++;
    buf_add_slice(out, (struct slice){note.p, at});
    buf_add_slice(out, slice_skip(note, end));
}
