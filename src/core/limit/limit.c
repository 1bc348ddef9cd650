/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit/limit_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/banned.h"

static struct limits *make(struct hash_key key)
{
    struct limits *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    imap_init(&l->by_id, key);
    smap_init(&l->by_name, key, 0);
    patterns_init(&l->patterns, key);
    patterns_init(&l->owner_patterns, key);
    smap_init(&l->pattern_owners, key, LIMIT_ADMINS);
    imap_init(&l->group_limits, key);
    imap_init(&l->group_modes, key);
    imap_init(&l->filter_groups, key);
    imap_init(&l->filter_ids, key);
    smap_init(&l->filter_owners, key, LIMIT_ADMINS);
    return l;
}

struct limits *limits_new(struct hash_key key)
{
    struct limits *l = make(key);

    if (!l)
        return NULL;
    l->dir = malloc(sizeof(*l->dir));
    if (!l->dir) {
        free(l);
        return NULL;
    }
    directory_init(l->dir, key);
    return l;
}

void limits_free(struct limits *l)
{
    if (!l)
        return;
    limits_clear_rules(l);
    limits_clear_settings(l);
    if (!l->borrowed) {
        directory_release(l->dir);
        free(l->dir);
    }
    free(l->named);
    free(l);
}

void limits_clear_rules(struct limits *l)
{
    struct smap_slot *slot;
    uint32_t pos = 0;

    imap_release(&l->by_id);
    smap_release(&l->by_name);
    l->n_named = 0;
    patterns_release(&l->patterns);
    patterns_release(&l->owner_patterns);
    while ((slot = smap_next(&l->pattern_owners, &pos)))
        free(slot->val);
    smap_release(&l->pattern_owners);
}

void limits_clear_settings(struct limits *l)
{
    l->opt = (struct limit_options){false};
    imap_release(&l->group_limits);
    imap_release(&l->group_modes);
    imap_release(&l->filter_groups);
    imap_release(&l->filter_ids);
    smap_release(&l->filter_owners);
}

static int put_named(struct limits *l, struct slice name, uint32_t value)
{
    uint32_t *known = smap_get(&l->by_name, name);
    uintptr_t index;

    if (known) {
        index = (uintptr_t)known;
        if (l->named[index - 1] != LIMIT_EXCEPTED)
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
    if (imap_get(&l->by_id, id) == LIMIT_EXCEPTED)
        return ERR_OK;
    return imap_put(&l->by_id, id, value);
}

/* ---- copying ---- */

/* An imap is copied row by row: its places depend on nothing else. */
static int copy_map(struct imap *to, const struct imap *from)
{
    uint32_t i;
    int rc = ERR_OK;

    for (i = 0; !rc && i < from->cap; i++)
        if (from->vals[i] != MAP_FREE)
            rc = imap_put(to, from->keys[i], from->vals[i]);
    return rc;
}

static struct slice key_of(const struct smap_slot *slot)
{
    return (struct slice){slot->key, slot->len};
}

static int copy_names(struct limits *to, const struct limits *from)
{
    struct smap_slot *slot;
    uint32_t pos = 0;
    int rc = ERR_OK;

    while (!rc && (slot = smap_next(&from->by_name, &pos)))
        rc = put_named(to, key_of(slot), from->named[(uintptr_t)slot->val - 1]);
    pos = 0;
    while (!rc && (slot = smap_next(&from->filter_owners, &pos)))
        rc = smap_put(&to->filter_owners, key_of(slot), to);
    return rc;
}

static int copy_patterns(struct limits *to, const struct limits *from)
{
    struct smap_slot *slot;
    uint32_t pos;
    int rc = ERR_OK, side;

    for (side = 0; side < 2; side++) {
        pos = 0;
        while (!rc && (slot = smap_next(&from->patterns.side[side].by_text, &pos)))
            rc = patterns_put(&to->patterns, side, key_of(slot), slot->val);
        pos = 0;
        while (!rc && (slot = smap_next(&from->owner_patterns.side[side].by_text, &pos)))
            rc = limits_owner_pattern(to, side, key_of(slot), slice_of(slot->val));
    }
    return rc;
}

struct limits *limits_copy(struct limits *base)
{
    struct limits *l = make(base->dir->key);

    if (!l)
        return NULL;
    l->dir = base->dir;
    l->borrowed = true;
    l->opt = base->opt;
    if (copy_map(&l->by_id, &base->by_id) || copy_map(&l->group_limits, &base->group_limits) ||
        copy_map(&l->group_modes, &base->group_modes) ||
        copy_map(&l->filter_groups, &base->filter_groups) ||
        copy_map(&l->filter_ids, &base->filter_ids) || copy_names(l, base) ||
        copy_patterns(l, base)) {
        limits_free(l);
        return NULL;
    }
    return l;
}

/* ---- what is entered ---- */

int limits_special(struct limits *l, int64_t id, struct slice name, int limit)
{
    return put_rule(l, id, name, (uint32_t)limit);
}

int limits_except(struct limits *l, int64_t id, struct slice name)
{
    return put_rule(l, id, name, LIMIT_EXCEPTED);
}

int limits_pattern(struct limits *l, bool suffix, struct slice text, int limit)
{
    return patterns_put(&l->patterns, suffix, text, (void *)((uintptr_t)limit + 1));
}

int limits_owner_pattern(struct limits *l, bool suffix, struct slice text, struct slice owner)
{
    char *kept = smap_get(&l->pattern_owners, owner);
    int rc;

    if (owner.n == 0)
        return ERR_INVALID;
    if (!kept) {
        kept = trait_copy(owner);
        if (!kept)
            return ERR_NOMEM;
        rc = smap_put(&l->pattern_owners, owner, kept);
        if (rc) {
            free(kept);
            return rc;
        }
    }
    return patterns_put(&l->owner_patterns, suffix, text, kept);
}

void limits_drop_pattern(struct limits *l, bool suffix, struct slice text)
{
    patterns_drop(&l->patterns, suffix, text);
}

void limits_drop_owner_pattern(struct limits *l, bool suffix, struct slice text)
{
    patterns_drop(&l->owner_patterns, suffix, text);
}

uint32_t limits_matches(const struct limits *l, bool suffix, struct slice text)
{
    uint32_t n = 0, i;

    for (i = 0; i < l->dir->n; i++)
        n += pattern_fits(suffix, text, directory_row_name(l->dir, &l->dir->rows[i]));
    return n;
}

/* ---- the rules that are settings ---- */

void limits_options(struct limits *l, const struct limit_options *opt)
{
    l->opt = *opt;
}

int limits_group(struct limits *l, int64_t group_id, int limit)
{
    return imap_put(&l->group_limits, group_id, (uint32_t)limit);
}

int limits_group_mode(struct limits *l, int64_t group_id, enum policy_mode mode)
{
    return imap_put(&l->group_modes, group_id, (uint32_t)mode);
}

int limits_filter_group(struct limits *l, int64_t group_id)
{
    return imap_put(&l->filter_groups, group_id, 1);
}

int limits_filter_admin(struct limits *l, struct slice owner)
{
    int64_t id;

    if (owner.n == 0)
        return ERR_INVALID;
    if (slice_starts(owner, SLICE("id:")) && !num_int(slice_skip(owner, 3), 1, INT64_MAX, &id))
        return imap_put(&l->filter_ids, id, 1);
    return smap_put(&l->filter_owners, owner, l);
}

/* ---- the directory ---- */

int limits_learn(struct limits *l, int64_t id, struct slice name)
{
    return directory_put(l->dir, id, name);
}

static int learn_groups(struct directory *d, struct directory_row *row,
                        const struct limit_person *p)
{
    uint32_t before = row->groups, now = 0;
    int rc = groupsets_take(&d->groups, p->groups, p->n_groups, &now);

    /* More than can be kept: which filter would hold cannot be told. */
    if (rc && rc != ERR_TOO_BIG)
        return rc;
    groupsets_drop(&d->groups, before);
    row->groups = now;
    return now != before;
}

static int learn_owner(struct directory *d, struct directory_row *row, const struct limit_person *p)
{
    uint32_t now = 0;
    int rc = owners_take(&d->owners, p->owner_id, p->owner, &now);
    bool changed;

    if (rc < 0 && rc != ERR_TOO_BIG)
        return rc;
    changed = rc == 1 || now != row->owner;
    row->owner = now;
    return changed;
}

int limits_learn_person(struct limits *l, const struct limit_person *p)
{
    struct directory *d = l->dir;
    int changed = directory_put(d, p->id, p->name), rc;
    struct directory_row *row = directory_row(d, p->id);

    if (changed < 0 || !row)
        return changed;
    if (p->groups_known) {
        rc = learn_groups(d, row, p);
        if (rc < 0)
            return rc;
        changed |= rc;
    }
    if (p->owner_known) {
        rc = learn_owner(d, row, p);
        if (rc < 0)
            return rc;
        changed |= rc;
    }
    if (p->hwid_known) {
        uint16_t hwid = p->hwid_limit <= 0              ? 0
                        : p->hwid_limit > LIMIT_LARGEST ? LIMIT_LARGEST
                                                        : (uint16_t)p->hwid_limit;

        changed |= row->hwid != hwid;
        row->hwid = hwid;
    }
    return changed;
}

static void tell(const struct directory *d, const struct directory_row *row,
                 struct limit_person *ret)
{
    *ret = (struct limit_person){.id = row->id,
                                 .name = directory_row_name(d, row),
                                 .groups_known = row->groups != 0,
                                 .owner_known = row->owner != 0,
                                 .hwid_known = row->hwid != HWID_UNKNOWN};
    if (row->groups) {
        ret->groups = groupsets_at(&d->groups, row->groups)->ids;
        ret->n_groups = groupsets_at(&d->groups, row->groups)->n;
    }
    if (row->owner > OWNER_NONE) {
        ret->owner_id = owners_at(&d->owners, row->owner)->id;
        ret->owner = slice_of(owners_at(&d->owners, row->owner)->name);
    }
    if (ret->hwid_known)
        ret->hwid_limit = row->hwid;
}

bool limits_person(const struct limits *l, int64_t id, struct limit_person *ret)
{
    const struct directory_row *row = directory_row(l->dir, id);

    if (row)
        tell(l->dir, row, ret);
    return row != NULL;
}

void limits_person_at(const struct limits *l, uint32_t at, struct limit_person *ret)
{
    tell(l->dir, &l->dir->rows[at], ret);
}

struct slice limits_name(const struct limits *l, int64_t id)
{
    return directory_name(l->dir, id);
}

int64_t limits_id(const struct limits *l, struct slice name)
{
    return directory_id(l->dir, name);
}

uint32_t limits_known(const struct limits *l)
{
    return l->dir->n;
}
