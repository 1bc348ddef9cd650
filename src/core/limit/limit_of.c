/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit/limit_int.h"

#include "base/err.h"
#include "base/num.h"
#include "base/banned.h"

/* ---- who is judged ---- */

/* In the order of what wins: one filter that spares a user is enough, whatever the other cannot tell. */
enum judged { JUDGED, UNSURE, SPARED };

static enum judged worse(enum judged a, enum judged b)
{
    return a > b ? a : b;
}

/* What a rule table says of the groups of a set: calls for the members that are in it. */
static uint32_t best_of(const struct imap *rules, const struct groupset *set, bool zero_is_most)
{
    uint32_t best = MAP_FREE, i;

    for (i = 0; i < set->n; i++) {
        uint32_t v = imap_get(rules, set->ids[i]);

        if (v == MAP_FREE)
            continue;
        if (v == 0 && zero_is_most)
            return 0;
        if (best == MAP_FREE || v > best)
            best = v;
    }
    return best;
}

static bool needs_groups(const struct limits *l)
{
    return l->filter_groups.n || l->group_modes.n || l->group_limits.n;
}

static bool needs_owner(const struct limits *l)
{
    return l->filter_owners.n || l->filter_ids.n;
}

static enum judged by_groups(const struct limits *l, const struct groupset *set)
{
    enum judged j = JUDGED;
    bool in;

    if (l->filter_groups.n) {
        if (!set)
            return UNSURE;
        in = best_of(&l->filter_groups, set, false) != MAP_FREE;
        j = in == l->opt.group_exclude ? SPARED : JUDGED;
    }
    if (l->group_modes.n) {
        if (!set)
            return UNSURE;
        if (best_of(&l->group_modes, set, false) == MODE_OFF)
            j = SPARED;
    }
    return j;
}

static bool is_filtered(const struct limits *l, int64_t id, const char *name)
{
    return (id && imap_get(&l->filter_ids, id) != MAP_FREE) ||
           smap_get(&l->filter_owners, slice_of(name));
}

static enum judged by_name(const struct limits *l, const char *owner)
{
    return is_filtered(l, 0, owner) == l->opt.admin_exclude ? SPARED : JUDGED;
}

/* The panel's word first; an owner pattern stands in where there is none. */
static enum judged by_owner(const struct limits *l, const struct directory_row *row)
{
    struct pattern_hit hit;
    enum judged j = JUDGED;

    if (!needs_owner(l))
        return JUDGED;
    if (row && row->owner > OWNER_NONE) {
        const struct owner_trait *o = owners_at(&l->dir->owners, row->owner);

        return is_filtered(l, o->id, o->name) == l->opt.admin_exclude ? SPARED : JUDGED;
    }
    if (row && patterns_find(&l->owner_patterns, directory_row_name(l->dir, row), &hit)) {
        if (hit.prefix)
            j = by_name(l, hit.prefix);
        if (hit.suffix)
            j = worse(j, by_name(l, hit.suffix));
        return j;
    }
    if (!row || row->owner == 0)
        return UNSURE;
    return l->opt.admin_exclude ? JUDGED : SPARED;
}

static const struct groupset *groups_of(const struct limits *l, const struct directory_row *row)
{
    return row && row->groups ? groupsets_at(&l->dir->groups, row->groups) : NULL;
}

/* ---- the limit ---- */

/* A special limit or LIMIT_EXCEPTED, MAP_FREE when nothing was entered for this user. */
static uint32_t entered(const struct limits *l, int64_t id, struct slice name)
{
    uint32_t v = imap_get(&l->by_id, id);
    void *index;

    if (v == LIMIT_EXCEPTED || l->by_name.n == 0 || name.n == 0)
        return v;
    index = smap_get(&l->by_name, name);
    /* What was entered by id is the later word, but an exception is never overruled. */
    if (index && (v == MAP_FREE || l->named[(uintptr_t)index - 1] == LIMIT_EXCEPTED))
        v = l->named[(uintptr_t)index - 1];
    return v;
}

/* The limit in a name that ends in .N.User; false when it has none. */
static bool name_limit(struct slice name, int *ret_limit)
{
    static const struct slice end = {".User", 5};
    size_t digits;
    int64_t n;

    if (!slice_ends(name, end))
        return false;
    name.n -= end.n;
    for (digits = 0; digits < name.n && digits < 6; digits++)
        if (name.p[name.n - digits - 1] < '0' || name.p[name.n - digits - 1] > '9')
            break;
    if (digits == 0 || digits == name.n || name.p[name.n - digits - 1] != '.' ||
        (digits > 1 && name.p[name.n - digits] == '0'))
        return false;
    if (num_int((struct slice){name.p + name.n - digits, digits}, 0, LIMIT_LARGEST, &n))
        return false;
    *ret_limit = (int)n;
    return true;
}

static int more_generous(int a, int b)
{
    return a == 0 || b == 0 ? 0 : a > b ? a : b;
}

static bool pattern_limit(const struct limits *l, struct slice name, int *ret_limit)
{
    struct pattern_hit hit;

    if (!patterns_find(&l->patterns, name, &hit))
        return false;
    if (!hit.prefix || !hit.suffix)
        *ret_limit = (int)((uintptr_t)(hit.prefix ? hit.prefix : hit.suffix) - 1);
    else
        *ret_limit =
            more_generous((int)((uintptr_t)hit.prefix - 1), (int)((uintptr_t)hit.suffix - 1));
    return true;
}

/* The rules after special limits and patterns. */
static int by_rules(const struct limits *l, const struct directory_row *row, struct slice name,
                    int general, enum limit_source *ret_source)
{
    const struct groupset *set = groups_of(l, row);
    uint32_t v;
    int limit;

    if (l->opt.from_hwid) {
        *ret_source = row && row->hwid != HWID_UNKNOWN ? LIMIT_FROM_HWID : LIMIT_FROM_UNKNOWN;
        if (*ret_source == LIMIT_FROM_UNKNOWN)
            return 0;
        if (row->hwid > 0)
            return row->hwid;
    }
    if (l->group_limits.n) {
        *ret_source = set ? LIMIT_FROM_GROUP : LIMIT_FROM_UNKNOWN;
        if (!set)
            return 0;
        v = best_of(&l->group_limits, set, true);
        if (v != MAP_FREE)
            return (int)v;
    }
    *ret_source = LIMIT_FROM_NAME;
    if (l->opt.name_suffix && name_limit(name, &limit))
        return limit;
    *ret_source = LIMIT_FROM_GENERAL;
    return general;
}

bool limits_lacks(const struct limits *l, int64_t id)
{
    const struct directory_row *row = directory_row(l->dir, id);

    return !row || row->len == 0 || (needs_groups(l) && row->groups == 0) ||
           (needs_owner(l) && row->owner == 0) || (l->opt.from_hwid && row->hwid == HWID_UNKNOWN);
}

int limits_of(const struct limits *l, int64_t id, int general, enum limit_source *ret_source)
{
    const struct directory_row *row = directory_row(l->dir, id);
    struct slice name = row ? directory_row_name(l->dir, row) : (struct slice){NULL, 0};
    uint32_t v = entered(l, id, name);
    enum judged j;
    int limit;

    *ret_source = LIMIT_FROM_EXCEPTION;
    if (v == LIMIT_EXCEPTED)
        return 0;
    j = worse(by_groups(l, groups_of(l, row)), by_owner(l, row));
    *ret_source = j == SPARED ? LIMIT_FROM_FILTER : LIMIT_FROM_UNKNOWN;
    if (j != JUDGED)
        return 0;
    *ret_source = LIMIT_FROM_SPECIAL;
    if (v != MAP_FREE)
        return (int)v;
    *ret_source = LIMIT_FROM_PATTERN;
    if (pattern_limit(l, name, &limit))
        return limit;
    return by_rules(l, row, name, general, ret_source);
}

uint32_t limits_unsure(const struct limits *l)
{
    uint32_t n = 0, i;

    if (!needs_groups(l) && !needs_owner(l) && !l->opt.from_hwid)
        return 0;
    for (i = 0; i < l->dir->n; i++) {
        enum limit_source from;

        limits_of(l, l->dir->rows[i].id, 1, &from);
        n += from == LIMIT_FROM_UNKNOWN;
    }
    return n;
}

enum policy_mode limits_mode(const struct limits *l, int64_t id, enum policy_mode general)
{
    const struct groupset *set;
    uint32_t own;

    if (l->group_modes.n == 0)
        return general;
    set = groups_of(l, directory_row(l->dir, id));
    own = set ? best_of(&l->group_modes, set, false) : MODE_SHADOW;
    return own != MAP_FREE && own > (uint32_t)general ? (enum policy_mode)own : general;
}

const char *limit_source_why(enum limit_source source)
{
    if (source == LIMIT_FROM_FILTER)
        return "a filter or the mode of a group leaves him alone";
    if (source == LIMIT_FROM_UNKNOWN)
        return "his groups, owner or hwid_limit are needed, and the panel has not told them";
    return NULL;
}
