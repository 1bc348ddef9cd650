/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "core/directory.h"
#include "base/banned.h"

/* Values of the rule tables: a limit, or this. Limits end at 10000. */
enum { EXCEPTED = 1 << 20 };

struct limits {
    struct directory dir;
    struct imap by_id;   /* id → limit or EXCEPTED */
    struct smap by_name; /* rules for names whose id is not known; values are index + 1 into … */
    uint32_t *named;     /* … this */
    uint32_t n_named, cap_named;
};

struct limits *limits_new(struct hash_key key)
{
    struct limits *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    directory_init(&l->dir, key);
    imap_init(&l->by_id, key);
    smap_init(&l->by_name, key, 0);
    return l;
}

void limits_free(struct limits *l)
{
    if (!l)
        return;
    directory_release(&l->dir);
    imap_release(&l->by_id);
    smap_release(&l->by_name);
    free(l->named);
    free(l);
}

void limits_clear_rules(struct limits *l)
{
    imap_release(&l->by_id);
    smap_release(&l->by_name);
    l->n_named = 0;
}

static int put_named(struct limits *l, struct slice name, uint32_t value)
{
    uint32_t *known = smap_get(&l->by_name, name);
    uintptr_t index;

    if (known) {
        index = (uintptr_t)known;
        if (l->named[index - 1] != EXCEPTED)
            l->named[index - 1] = value;
        return ERR_OK;
    }
    if (l->n_named == l->cap_named) {
        uint32_t cap = l->cap_named ? l->cap_named * 2 : 16;
        uint32_t *p = realloc(l->named, cap * sizeof(*p));

        if (!p)
            return ERR_NOMEM;
        l->named = p;
        l->cap_named = cap;
    }
    l->named[l->n_named] = value;
    index = ++l->n_named;
    return smap_put(&l->by_name, name, (void *)index);
}

/* An exception is never overruled by a special limit, in whichever order they come. */
static int put_rule(struct limits *l, int64_t id, struct slice name, uint32_t value)
{
    if (id == 0)
        return put_named(l, name, value);
    if (imap_get(&l->by_id, id) == EXCEPTED)
        return ERR_OK;
    return imap_put(&l->by_id, id, value);
}

int limits_special(struct limits *l, int64_t id, struct slice name, int limit)
{
    return put_rule(l, id, name, (uint32_t)limit);
}

int limits_except(struct limits *l, int64_t id, struct slice name)
{
    return put_rule(l, id, name, EXCEPTED);
}

int limits_learn(struct limits *l, int64_t id, struct slice name)
{
    return directory_put(&l->dir, id, name);
}

struct slice limits_name(const struct limits *l, int64_t id)
{
    return directory_name(&l->dir, id);
}

int64_t limits_id(const struct limits *l, struct slice name)
{
    return directory_id(&l->dir, name);
}

uint32_t limits_known(const struct limits *l)
{
    return l->dir.n;
}

int limits_of(const struct limits *l, int64_t id, int general, enum limit_source *ret_source)
{
    uint32_t v = imap_get(&l->by_id, id);

    if (v != EXCEPTED && l->by_name.n) {
        struct slice name = directory_name(&l->dir, id);
        void *index = name.n ? smap_get(&l->by_name, name) : NULL;

        /* What was entered by id is the later word, but an exception is never overruled. */
        if (index && (v == MAP_FREE || l->named[(uintptr_t)index - 1] == EXCEPTED))
            v = l->named[(uintptr_t)index - 1];
    }
    if (v == MAP_FREE) {
        *ret_source = LIMIT_FROM_GENERAL;
        return general;
    }
    *ret_source = v == EXCEPTED ? LIMIT_FROM_EXCEPTION : LIMIT_FROM_SPECIAL;
    return v == EXCEPTED ? 0 : (int)v;
}
