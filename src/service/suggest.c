/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/suggest.h"

#include <stdint.h>

#include "base/banned.h"

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' ? '_' : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

size_t suggest_distance(struct slice a, struct slice b)
{
    size_t rows[3][SUGGEST_WORD_MAX + 1], *two = rows[0], *one = rows[1], *now = rows[2], *spare;
    size_t i, j;

    if (a.n > SUGGEST_WORD_MAX || b.n > SUGGEST_WORD_MAX)
        return SIZE_MAX;
    for (j = 0; j <= b.n; j++)
        two[j] = one[j] = j;
    for (i = 1; i <= a.n; i++) {
        now[0] = i;
        for (j = 1; j <= b.n; j++) {
            char x = fold(a.p[i - 1]), y = fold(b.p[j - 1]);

            now[j] = min3(one[j] + 1, now[j - 1] + 1, one[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == fold(b.p[j - 2]) && fold(a.p[i - 2]) == y &&
                two[j - 2] + 1 < now[j])
                now[j] = two[j - 2] + 1;
        }
        spare = two;
        two = one;
        one = now;
        now = spare;
    }
    return one[b.n];
}

int suggest_is_near(size_t distance, size_t n)
{
    size_t most = n / 3;

    if (most < 1)
        most = 1;
    if (most > 5)
        most = 5;
    return distance <= most;
}

const char *suggest_of(struct slice word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX, i;

    for (i = 0; i < n; i++) {
        size_t d = suggest_distance(word, slice_of(words[i]));

        if (d < best_distance) {
            best_distance = d;
            best = words[i];
        }
    }
    return best && suggest_is_near(best_distance, word.n) ? best : NULL;
}
