/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/limit/limit.h"

/* The whole chain of engine.md 4 against a slow version that is easy to read. */

static const struct hash_key key = {5, 6};
static const struct slice none = {NULL, 0};

enum { USERS = 40, GROUPS = 6, OWNERS = 4, PATTERNS = 24 };

struct slow_pattern {
    bool suffix;
    char text[8];
    int limit;
    int owner;
};

struct slow {
    struct {
        char name[24];
        bool groups_known, owner_known, hwid_known, excepted;
        bool in[GROUPS];
        int owner, hwid, special; /* owner and special: -1 = none */
    } user[USERS];
    struct slow_pattern pattern[PATTERNS], owned[PATTERNS];
    int n_pattern, n_owned;
    struct limit_options opt;
    int group_limit[GROUPS], group_mode[GROUPS]; /* -1 = none */
    bool group_in[GROUPS], owner_in[OWNERS];
};

static const char *const owners[OWNERS] = {"reza", "sara", "omid", "id"};

static int groups_set(const int *v)
{
    int i, n = 0;

    for (i = 0; i < GROUPS; i++)
        n += v[i] >= 0;
    return n;
}

static bool fits(const struct slow_pattern *p, const char *name)
{
    size_t n = strlen(p->text), m = strlen(name);

    return n <= m && strncmp(p->suffix ? name + m - n : name, p->text, n) == 0;
}

static size_t longest(const struct slow_pattern *p, int n, const char *name)
{
    size_t best = 0;
    int i;

    for (i = 0; i < n; i++)
        if (fits(&p[i], name) && strlen(p[i].text) > best)
            best = strlen(p[i].text);
    return best;
}

/* 0 judged, 1 cannot be told, 2 spared. */
static int slow_groups(const struct slow *s, int u)
{
    bool filter = false, hit = false, off = false;
    int g;

    for (g = 0; g < GROUPS; g++) {
        filter |= s->group_in[g];
        hit |= s->group_in[g] && s->user[u].in[g];
        off |= s->group_mode[g] == MODE_OFF && s->user[u].in[g];
    }
    if ((filter || groups_set(s->group_mode)) && !s->user[u].groups_known)
        return 1;
    return (filter && hit == s->opt.group_exclude) || off ? 2 : 0;
}

static int slow_owner(const struct slow *s, int u)
{
    size_t best = longest(s->owned, s->n_owned, s->user[u].name);
    bool any = false;
    int i, worst = 0;

    for (i = 0; i < OWNERS; i++)
        any |= s->owner_in[i];
    if (!any)
        return 0;
    if (s->user[u].owner_known && s->user[u].owner >= 0)
        return s->owner_in[s->user[u].owner] == s->opt.admin_exclude ? 2 : 0;
    for (i = 0; i < s->n_owned; i++)
        if (best && fits(&s->owned[i], s->user[u].name) && strlen(s->owned[i].text) == best &&
            s->owner_in[s->owned[i].owner] == s->opt.admin_exclude)
            worst = 2;
    if (best)
        return worst;
    return !s->user[u].owner_known ? 1 : s->opt.admin_exclude ? 0 : 2;
}

static int slow_limit(const struct slow *s, int u, enum limit_source *from)
{
    size_t best = longest(s->pattern, s->n_pattern, s->user[u].name);
    int i, limit = -1, a = slow_groups(s, u), b = slow_owner(s, u);
    const char *end;

    if (s->user[u].excepted)
        return *from = LIMIT_FROM_EXCEPTION, 0;
    if (a || b)
        return *from = a == 2 || b == 2 ? LIMIT_FROM_FILTER : LIMIT_FROM_UNKNOWN, 0;
    if (s->user[u].special >= 0)
        return *from = LIMIT_FROM_SPECIAL, s->user[u].special;
    for (i = 0; i < s->n_pattern; i++)
        if (best && fits(&s->pattern[i], s->user[u].name) && strlen(s->pattern[i].text) == best &&
            limit != 0)
            limit = s->pattern[i].limit == 0 || s->pattern[i].limit > limit ? s->pattern[i].limit
                                                                            : limit;
    if (limit >= 0)
        return *from = LIMIT_FROM_PATTERN, limit;
    if (s->opt.from_hwid && !s->user[u].hwid_known)
        return *from = LIMIT_FROM_UNKNOWN, 0;
    if (s->opt.from_hwid && s->user[u].hwid > 0)
        return *from = LIMIT_FROM_HWID, s->user[u].hwid;
    if (groups_set(s->group_limit) && !s->user[u].groups_known)
        return *from = LIMIT_FROM_UNKNOWN, 0;
    for (i = 0; i < GROUPS; i++)
        if (s->user[u].in[i] && s->user[u].groups_known && s->group_limit[i] >= 0 && limit != 0)
            limit = s->group_limit[i] == 0 || s->group_limit[i] > limit ? s->group_limit[i] : limit;
    if (limit >= 0)
        return *from = LIMIT_FROM_GROUP, limit;
    end = strstr(s->user[u].name, ".User");
    if (s->opt.name_suffix && end)
        return *from = LIMIT_FROM_NAME, end[-1] - '0';
    return *from = LIMIT_FROM_GENERAL, 2;
}

static void random_name(uint64_t *seed, char *out, size_t n, bool may_end)
{
    size_t i, len = 3 + rnd_below(seed, 5);

    for (i = 0; i < len && i + 1 < n; i++)
        out[i] = (char)('a' + rnd_below(seed, 2));
    out[i] = '\0';
    if (may_end && rnd_below(seed, 3) == 0)
        snprintf(out + i, n - i, ".%u.User", rnd_below(seed, 10));
}

static void random_pattern(uint64_t *seed, struct slow_pattern *p)
{
    size_t i, len = 1 + rnd_below(seed, 5);

    p->suffix = rnd_below(seed, 2);
    for (i = 0; i < len; i++)
        p->text[i] = (char)('a' + rnd_below(seed, 2));
    p->text[len] = '\0';
    p->limit = (int)rnd_below(seed, 6);
    p->owner = (int)rnd_below(seed, OWNERS);
}

/* The same text twice replaces what was there: so here, too. */
static int put(struct slow_pattern *all, int n, const struct slow_pattern *p)
{
    int i;

    for (i = 0; i < n; i++)
        if (all[i].suffix == p->suffix && strcmp(all[i].text, p->text) == 0)
            break;
    all[i] = *p;
    return i == n ? n + 1 : n;
}

static void random_rules(uint64_t *seed, struct slow *s, struct limits *l)
{
    struct slow_pattern p;
    int i;

    s->opt = (struct limit_options){rnd_below(seed, 3) == 0, rnd_below(seed, 2), rnd_below(seed, 2),
                                    rnd_below(seed, 2)};
    limits_options(l, &s->opt);
    for (i = 0; i < GROUPS; i++) {
        s->group_limit[i] = rnd_below(seed, 8) == 0 ? (int)rnd_below(seed, 5) : -1;
        s->group_mode[i] = rnd_below(seed, 20) == 0 ? (int)rnd_below(seed, 3) : -1;
        s->group_in[i] = rnd_below(seed, 12) == 0;
        if (s->group_limit[i] >= 0)
            assert_int_equal(limits_group(l, i + 1, s->group_limit[i]), ERR_OK);
        if (s->group_mode[i] >= 0)
            assert_int_equal(limits_group_mode(l, i + 1, (enum policy_mode)s->group_mode[i]),
                             ERR_OK);
        if (s->group_in[i])
            assert_int_equal(limits_filter_group(l, i + 1), ERR_OK);
    }
    for (i = 0; i < OWNERS; i++) {
        s->owner_in[i] = rnd_below(seed, 8) == 0;
        if (s->owner_in[i])
            assert_int_equal(limits_filter_admin(l, slice_of(owners[i])), ERR_OK);
    }
    for (i = (int)rnd_below(seed, PATTERNS / 2); i > 0; i--) {
        random_pattern(seed, &p);
        s->n_pattern = put(s->pattern, s->n_pattern, &p);
        assert_int_equal(limits_pattern(l, p.suffix, slice_of(p.text), p.limit), ERR_OK);
    }
    for (i = (int)rnd_below(seed, PATTERNS); i > 0; i--) {
        random_pattern(seed, &p);
        s->n_owned = put(s->owned, s->n_owned, &p);
        assert_int_equal(limits_owner_pattern(l, p.suffix, slice_of(p.text),
                                              slice_of(owners[p.owner])),
                         ERR_OK);
    }
}

static bool taken(const struct slow *s, int u)
{
    int i;

    for (i = 0; i < USERS; i++)
        if (i != u && strcmp(s->user[i].name, s->user[u].name) == 0)
            return true;
    return false;
}

static void random_user(uint64_t *seed, struct slow *s, int u, struct limits *l)
{
    int64_t groups[GROUPS];
    struct limit_person p = {.id = u + 1, .groups = groups};
    int g;

    do
        random_name(seed, s->user[u].name, sizeof(s->user[u].name), true);
    while (taken(s, u));
    p.name = slice_of(s->user[u].name);
    p.groups_known = rnd_below(seed, 3);
    p.owner_known = rnd_below(seed, 3);
    p.hwid_known = rnd_below(seed, 3);
    s->user[u].groups_known |= p.groups_known;
    s->user[u].owner_known |= p.owner_known;
    s->user[u].hwid_known |= p.hwid_known;
    for (g = 0; g < GROUPS && p.groups_known; g++) {
        s->user[u].in[g] = rnd_below(seed, 3) == 0;
        if (s->user[u].in[g])
            groups[p.n_groups++] = g + 1;
    }
    if (p.owner_known) {
        s->user[u].owner = (int)rnd_below(seed, OWNERS + 1) - 1;
        p.owner = s->user[u].owner < 0 ? none : slice_of(owners[s->user[u].owner]);
    }
    if (p.hwid_known)
        p.hwid_limit = s->user[u].hwid = (int)rnd_below(seed, 4);
    assert_true(limits_learn_person(l, &p) >= 0);
}

static void same_as_the_slow_version(void **state)
{
    static const char *const names[] = {"exception", "special", "pattern", "hwid",   "group",
                                        "name",      "general", "filter",  "unknown"};
    unsigned long seen[ARRAY_LEN(names)] = {0};
    uint64_t seed = 20261125;
    int round, u, i;

    (void)state;
    for (round = 0; round < 3000; round++) {
        struct limits *l = limits_new(key), *copy;
        struct slow *s = calloc(1, sizeof(*s));

        assert_non_null(l);
        assert_non_null(s);
        for (u = 0; u < USERS; u++) {
            s->user[u].special = s->user[u].owner = -1;
            random_user(&seed, s, u, l);
        }
        random_rules(&seed, s, l);
        for (u = 0; u < USERS; u++) {
            enum limit_source got_from, want_from;
            int got, want_limit;

            if (rnd_below(&seed, 12) == 0) {
                s->user[u].special = (int)rnd_below(&seed, 5);
                assert_int_equal(limits_special(l, u + 1, none, s->user[u].special), ERR_OK);
            }
            if (rnd_below(&seed, 12) == 0) {
                s->user[u].excepted = true;
                assert_int_equal(limits_except(l, u + 1, none), ERR_OK);
            }
            if (rnd_below(&seed, 3) == 0)
                random_user(&seed, s, u, l); /* the panel has news of him */
            got = limits_of(l, u + 1, 2, &got_from);
            want_limit = slow_limit(s, u, &want_from);
            if (got != want_limit || got_from != want_from)
                fail_msg("round %d, user %s: %d (%s), not %d (%s)", round, s->user[u].name, got,
                         limit_source_name(got_from), want_limit, limit_source_name(want_from));
            seen[want_from]++;
        }
        copy = limits_copy(l);
        assert_non_null(copy);
        for (u = 0; u < USERS; u++) {
            enum limit_source a, b;

            assert_int_equal(limits_of(l, u + 1, 2, &a), limits_of(copy, u + 1, 2, &b));
            assert_int_equal(a, b);
            assert_int_equal(limits_mode(l, u + 1, MODE_ON), limits_mode(copy, u + 1, MODE_ON));
        }
        limits_free(copy);
        limits_free(l);
        free(s);
    }
    for (i = 0; i < (int)ARRAY_LEN(names); i++)
        if (seen[i] < 1000)
            fail_msg("only %lu cases of %s: the test proves little", seen[i], names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_the_slow_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
