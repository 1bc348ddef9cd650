/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An event stream: the same lines however it is cut, none with a line end, none longer than allowed. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/line/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The lines of a reading, each behind its length, so that readings compare as bytes. */
static void take(void *arg, struct slice line)
{
    struct buf *all = arg;

    if (line.n > LIMIT_LINE + 1 ||
        (line.n && (memchr(line.p, '\n', line.n) || memchr(line.p, '\r', line.n))))
        abort();
    if (buf_addf(all, "%zu:", line.n) || buf_add_slice(all, line))
        abort();
}

/* Cuts the text by the bytes of a pattern; none: all at once. A piece has its exact size. */
static uint64_t read_cut(struct slice text, const uint8_t *cuts, size_t n_cuts, struct buf *ret)
{
    struct sse s;
    uint64_t comments;
    size_t i = 0;

    sse_init(&s);
    buf_init(ret, 8 << 20);
    while (text.n) {
        size_t n = n_cuts ? cuts[i++ % n_cuts] % 32u + 1 : text.n;
        char *piece;

        n = n > text.n ? text.n : n;
        piece = malloc(n);
        if (!piece)
            exit(0);
        memcpy(piece, text.p, n);
        if (sse_feed(&s, (struct slice){piece, n}, take, ret))
            abort();
        free(piece);
        text = slice_skip(text, n);
    }
    comments = s.comments;
    sse_release(&s);
    return comments;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t one = 0;
    struct slice text;
    struct buf whole, single, cut;
    uint64_t comments;
    size_t n = size ? data[0] % 8u : 0;

    if (size < n + 1)
        return 0;
    text = (struct slice){(const char *)data + 1 + n, size - 1 - n};
    comments = read_cut(text, NULL, 0, &whole);
    if (read_cut(text, &one, 1, &single) != comments ||
        read_cut(text, data, n + 1, &cut) != comments)
        abort();
    if (!slice_eq(buf_slice(&whole), buf_slice(&single)) ||
        !slice_eq(buf_slice(&whole), buf_slice(&cut)))
        abort();
    buf_release(&whole);
    buf_release(&single);
    buf_release(&cut);
    return 0;
}
