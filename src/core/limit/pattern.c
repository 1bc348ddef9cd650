/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit/pattern.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

void patterns_init(struct patterns *p, struct hash_key key)
{
    int i;

    *p = (struct patterns){0};
    for (i = 0; i < 2; i++)
        smap_init(&p->side[i].by_text, key, LIMIT_PATTERNS);
}

void patterns_release(struct patterns *p)
{
    int i;

    for (i = 0; i < 2; i++) {
        smap_release(&p->side[i].by_text);
        memset(p->side[i].lengths, 0, sizeof(p->side[i].lengths));
    }
}

int patterns_put(struct patterns *p, bool suffix, struct slice text, void *value)
{
    struct pattern_side *s = &p->side[suffix];
    int rc;

    if (text.n == 0 || text.n > LIMIT_USER_NAME)
        return ERR_INVALID;
    rc = smap_put(&s->by_text, text, value);
    if (!rc)
        s->lengths[(text.n - 1) / 64] |= UINT64_C(1) << ((text.n - 1) % 64);
    return rc;
}

void patterns_drop(struct patterns *p, bool suffix, struct slice text)
{
    /* Its length stays in the set: a probe too many, until the patterns are loaded anew. */
    smap_del(&p->side[suffix].by_text, text);
}

uint32_t patterns_count(const struct patterns *p)
{
    return p->side[0].by_text.n + p->side[1].by_text.n;
}

/* The longest length below `under` that occurs on either side; 0 = none. */
static size_t next_length(const struct patterns *p, size_t under)
{
    int word;

    for (word = 1; word >= 0; word--) {
        uint64_t bits = p->side[0].lengths[word] | p->side[1].lengths[word];
        size_t first = (size_t)word * 64; /* bit i stands for the length first + i + 1 */

        if (under <= first + 1)
            continue;
        if (under - 1 - first < 64)
            bits &= (UINT64_C(1) << (under - 1 - first)) - 1;
        if (bits)
            return first + 64 - (size_t)__builtin_clzll(bits);
    }
    return 0;
}

bool patterns_find(const struct patterns *p, struct slice name, struct pattern_hit *ret_hit)
{
    size_t n = name.n + 1;

    if (name.n == 0)
        return false;
    while ((n = next_length(p, n)) > 0) {
        struct pattern_hit hit = {smap_get(&p->side[0].by_text, (struct slice){name.p, n}),
                                  smap_get(&p->side[1].by_text,
                                           (struct slice){name.p + name.n - n, n})};

        if (hit.prefix || hit.suffix) {
            *ret_hit = hit;
            return true;
        }
    }
    return false;
}

bool pattern_fits(bool suffix, struct slice text, struct slice name)
{
    if (text.n == 0 || text.n > name.n)
        return false;
    return memcmp(suffix ? name.p + name.n - text.n : name.p, text.p, text.n) == 0;
}
