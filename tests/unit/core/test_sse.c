/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "core/line/scan.h"
#include "core/line/sse.h"

/* The lines a reader gave, each behind its length, so that two readings compare as bytes. */
struct got {
    struct buf text;
    int lines;
};

static void take(void *arg, struct slice line)
{
    struct got *g = arg;

    g->lines++;
    assert_int_equal(buf_addf(&g->text, "%zu:", line.n), ERR_OK);
    assert_int_equal(buf_add_slice(&g->text, line), ERR_OK);
}

static void got_init(struct got *g)
{
    g->lines = 0;
    buf_init(&g->text, 16 << 20);
}

static bool got_eq(const struct got *a, const struct got *b)
{
    return a->lines == b->lines && slice_eq(buf_slice(&a->text), buf_slice(&b->text));
}

/* Feeds a copy of exact size, so that a byte read too far is seen. */
static void feed(struct sse *s, const char *p, size_t n, struct got *g)
{
    char *copy = malloc(n + !n);

    assert_non_null(copy);
    memcpy(copy, p, n);
    assert_int_equal(sse_feed(s, (struct slice){copy, n}, take, g), ERR_OK);
    free(copy);
}

/* The slow reader: finds the whole text's line ends one by one, then takes each line apart. */
static void obvious(const char *p, size_t n, struct got *g, uint64_t *ret_comments)
{
    size_t at = 0, end;

    *ret_comments = 0;
    for (;;) {
        struct slice value;

        for (end = at; end < n && p[end] != '\n' && p[end] != '\r'; end++)
            ;
        if (end == n)
            return;
        if (end > at && p[at] == ':') {
            ++*ret_comments;
        } else if ((end - at == 4 && memcmp(p + at, "data", 4) == 0) ||
                   (end - at > 4 && memcmp(p + at, "data:", 5) == 0)) {
            value = slice_skip((struct slice){p + at, end - at}, 5);
            if (value.n && value.p[0] == ' ')
                value = slice_skip(value, 1);
            if (value.n > LIMIT_LINE)
                value.n = LIMIT_LINE + 1;
            take(g, value);
        }
        at = end + (p[end] == '\r' && end + 1 < n && p[end + 1] == '\n' ? 2 : 1);
    }
}

/* All at once, byte by byte, and in random pieces: the same lines as the slow reader's. */
static void all_ways(const char *p, size_t n, uint64_t *seed, int cuts, struct got *want)
{
    uint64_t comments;
    int way;

    got_init(want);
    obvious(p, n, want, &comments);
    for (way = 0; way < 2 + cuts; way++) {
        struct got g;
        struct sse s;
        size_t at = 0, len;

        got_init(&g);
        sse_init(&s);
        while (at < n) {
            len = way == 0 ? n : way == 1 ? 1 : rnd_below(seed, way % 2 ? 8 : 300);
            len = len > n - at ? n - at : len;
            feed(&s, p + at, len, &g);
            at += len;
        }
        if (!got_eq(&g, want) || s.comments != comments)
            fail_msg("way %d: %d lines, not %d", way, g.lines, want->lines);
        sse_release(&s);
        buf_release(&g.text);
    }
}

/* Takes request, response head and chunk sizes off a recording; returns the body's length. */
static size_t body_of(char *p, size_t n)
{
    char *head = memmem(p, n, "\r\n\r\n", 4), *at, *out = p;

    assert_non_null(head);
    at = memmem(head + 4, n - (size_t)(head + 4 - p), "\r\n\r\n", 4);
    assert_non_null(at);
    at += 4;
    while (at < p + n) {
        size_t size = 0, left;

        for (; at < p + n && *at != '\r'; at++)
            size = size * 16 + (size_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
        at += 2;
        left = at < p + n ? (size_t)(p + n - at) : 0;
        if (size > left)
            size = left; /* the recording ends inside a chunk */
        memmove(out, at, size);
        out += size;
        at += size + 2;
    }
    return (size_t)(out - p);
}

static void recordings(void **state)
{
    static const char *const names[] = {"coreput_node1",
                                        "coreput_node1_fresh",
                                        "disable_enable_node1",
                                        "disable_enable_node1_fresh",
                                        "v4_node2",
                                        "v5_node1",
                                        "v5_node2"};
    uint64_t seed = 51;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(names); i++) {
        static char p[1 << 20];
        char path[128];
        struct got want;
        size_t n;
        FILE *f;

        snprintf(path, sizeof(path), "tests/data/panel/sse/%s.raw", names[i]);
        f = fopen(path, "rb");
        assert_non_null(f);
        n = fread(p, 1, sizeof(p), f);
        fclose(f);
        n = body_of(p, n);
        all_ways(p, n, &seed, 40, &want);
        assert_true(want.lines >= 20);
        /* Access lines are among them, whole ones. */
        assert_non_null(memmem(want.text.p, want.text.n, " accepted ", 10));
        assert_non_null(memmem(want.text.p, want.text.n, "] email: ", 9));
        buf_release(&want.text);
    }
}

static void random_streams(void **state)
{
    static const char *const words[] = {"data",  "data:",  "data: ", ":",           ": ping",
                                        "\n",    "\r",     "\r\n",   "\n\n",        "\r\n\r\n",
                                        "\r\r",  " ",      "x",      "event: ping", "Data:",
                                        "datax", "data :", "id: 7",  "12",          "\x01"};
    uint64_t seed = 52;
    int i, k, lines = 0;

    (void)state;
    for (i = 0; i < 3000; i++) {
        struct buf b;
        struct got want;

        buf_init(&b, 1 << 16);
        for (k = (int)rnd_below(&seed, 40); k >= 0; k--)
            assert_int_equal(buf_add_str(&b, words[rnd_below(&seed, ARRAY_LEN(words))]), ERR_OK);
        all_ways(b.p, b.n, &seed, 4, &want);
        lines += want.lines;
        buf_release(&want.text);
        buf_release(&b);
    }
    assert_true(lines > 1000);
}

static void one_of_each(void **state)
{
    static const char text[] =
        "data: a\n\ndata:b\r\rdata:  c\r\n\r\n: ping\n\ndata\nevent: x\ndatax: no\ndata: cut off";
    uint64_t seed = 53;
    struct got want;

    (void)state;
    all_ways(text, sizeof(text) - 1, &seed, 10, &want);
    assert_string_equal(buf_str(&want.text), "1:a1:b2: c0:");
    buf_release(&want.text);
}

/* Lines around the maximum, and one without end: cut to a length the scanner calls too long. */
static void endless_lines(void **state)
{
    static const size_t lengths[] = {LIMIT_LINE - 1,  LIMIT_LINE,      LIMIT_LINE + 1,
                                     LIMIT_LINE + 57, LIMIT_LINE + 58, LIMIT_LINE + 59,
                                     3 * LIMIT_LINE};
    uint64_t seed = 54;
    struct scan_rules rules;
    struct record r;
    size_t i;

    (void)state;
    scan_rules_init(&rules);
    for (i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t n = lengths[i] + 7 + 9;
        char *p = malloc(n);
        struct got want;
        struct slice line;

        assert_non_null(p);
        memset(p, 'a', n);
        memcpy(p, "data: ", 6);
        memcpy(p + n - 10, "\ndata: z\r\n", 10);
        all_ways(p, n, &seed, 2, &want);
        assert_int_equal(want.lines, 2);
        line = buf_slice(&want.text);
        slice_cut(&line, ':');
        line.n -= 3; /* "1:z" */
        assert_int_equal(line.n, lengths[i] > LIMIT_LINE ? LIMIT_LINE + 1 : lengths[i]);
        assert_int_equal(scan_line(&rules, line, &r),
                         lengths[i] > LIMIT_LINE ? SCAN_TOO_LONG : SCAN_NOT_ACCESS);
        buf_release(&want.text);
        free(p);
    }
    scan_rules_release(&rules);
}

static void holds_no_more_than_one_line(void **state)
{
    static char piece[65536];
    struct sse s;
    struct got g;
    int i;

    (void)state;
    memset(piece, 'a', sizeof(piece));
    sse_init(&s);
    got_init(&g);
    for (i = 0; i < 64; i++)
        assert_int_equal(sse_feed(&s, (struct slice){piece, sizeof(piece)}, take, &g), ERR_OK);
    assert_true(s.part.cap <= LIMIT_LINE + 128);
    assert_int_equal(sse_feed(&s, SLICE("\ndata: next\n"), take, &g), ERR_OK);
    assert_string_equal(buf_str(&g.text), "4:next");
    buf_release(&g.text);
    sse_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recordings),
        cmocka_unit_test(random_streams),
        cmocka_unit_test(one_of_each),
        cmocka_unit_test(endless_lines),
        cmocka_unit_test(holds_no_more_than_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
