/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/user/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/banned.h"

static int64_t ms(int64_t us)
{
    return us / 1000;
}

int past_reserve(struct past **p)
{
    if (!*p)
        *p = calloc(1, sizeof(**p));
    return *p ? ERR_OK : ERR_NOMEM;
}

int past_note(struct past **p, int64_t at_us)
{
    struct past *v;
    int i;

    if (past_reserve(p))
        return ERR_NOMEM;
    v = *p;
    for (i = v->n; i > 0 && ms(v->at_us[i - 1]) > ms(at_us); i--)
        ;
    if (i > 0 && ms(v->at_us[i - 1]) == ms(at_us))
        return ERR_OK;
    if (v->n == LIMIT_STEPS) {
        if (i == 0)
            return ERR_OK;
        memmove(&v->at_us[0], &v->at_us[1], (size_t)(i - 1) * sizeof(v->at_us[0]));
        v->at_us[i - 1] = at_us;
        return ERR_OK;
    }
    memmove(&v->at_us[i + 1], &v->at_us[i], (size_t)(v->n - i) * sizeof(v->at_us[0]));
    v->at_us[i] = at_us;
    v->n++;
    return ERR_OK;
}

int past_count(const struct past *p, int64_t since_us, int64_t before_us)
{
    int n = 0, i;

    for (i = 0; p && i < p->n; i++)
        n += p->at_us[i] > since_us && ms(p->at_us[i]) < ms(before_us);
    return n;
}

int64_t past_last(const struct past *p)
{
    return p && p->n ? p->at_us[p->n - 1] : 0;
}

int past_forget(struct past **p, int64_t since_us, int64_t until_us)
{
    struct past *v = *p;
    int kept = 0, forgotten, i;

    if (!v)
        return 0;
    for (i = 0; i < v->n; i++)
        if (ms(v->at_us[i]) < ms(since_us) || ms(v->at_us[i]) > ms(until_us))
            v->at_us[kept++] = v->at_us[i];
    forgotten = v->n - kept;
    v->n = kept;
    past_tidy(p);
    return forgotten;
}

void past_tidy(struct past **p)
{
    if (*p && (*p)->n == 0)
        past_free(p);
}

void past_free(struct past **p)
{
    free(*p);
    *p = NULL;
}
