/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "limit_test.h"

#include <string.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* The chain of engine.md 4, each link alone. */

static void learn(struct limits *l, int64_t id, const char *name)
{
    assert_true(limits_learn(l, id, slice_of(name)) >= 0);
}

/* What the panel says of a user in one group (0: in none) of one owner (NULL: nobody's). */
static int tell(struct limits *l, int64_t id, const char *name, int64_t group, const char *owner,
                int hwid)
{
    struct limit_person p = {.id = id,
                             .name = slice_of(name),
                             .groups_known = true,
                             .owner_known = true,
                             .hwid_known = true,
                             .groups = &group,
                             .n_groups = group != 0,
                             .owner = owner ? slice_of(owner) : none,
                             .hwid_limit = hwid};

    return limits_learn_person(l, &p);
}

static int set_up(void **state)
{
    *state = limits_new(key);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    limits_free(*state);
    return 0;
}

static void longest_pattern_wins(void **state)
{
    struct limits *l = *state;

    learn(l, 1, "vip_ann");
    learn(l, 2, "vip");
    learn(l, 3, "vi");
    learn(l, 4, "bob_vip");
    learn(l, 5, "VIP_eve");
    assert_int_equal(limits_pattern(l, false, SLICE("vip"), 3), ERR_OK);
    assert_int_equal(limits_pattern(l, false, SLICE("vip_a"), 7), ERR_OK);
    assert_int_equal(limits_pattern(l, true, SLICE("nn"), 9), ERR_OK);
    want(l, 1, 7, LIMIT_FROM_PATTERN);
    want(l, 2, 3, LIMIT_FROM_PATTERN);
    want(l, 3, 2, LIMIT_FROM_GENERAL);
    want(l, 4, 2, LIMIT_FROM_GENERAL);
    want(l, 5, 2, LIMIT_FROM_GENERAL);
    want(l, 99, 2, LIMIT_FROM_GENERAL);
    /* Evaluated live: another name, another limit. */
    learn(l, 1, "ann");
    want(l, 1, 9, LIMIT_FROM_PATTERN);
    /* The same text again replaces the limit; a special limit stands before it. */
    assert_int_equal(limits_pattern(l, true, SLICE("nn"), 4), ERR_OK);
    want(l, 1, 4, LIMIT_FROM_PATTERN);
    assert_int_equal(limits_special(l, 1, none, 1), ERR_OK);
    want(l, 1, 1, LIMIT_FROM_SPECIAL);
    assert_int_equal(limits_pattern(l, true, none, 4), ERR_INVALID);
    limits_clear_rules(l);
    want(l, 2, 2, LIMIT_FROM_GENERAL);
}

static void a_tie_is_settled_generously(void **state)
{
    struct limits *l = *state;

    learn(l, 1, "abcxyz");
    assert_int_equal(limits_pattern(l, false, SLICE("abc"), 3), ERR_OK);
    assert_int_equal(limits_pattern(l, true, SLICE("xyz"), 5), ERR_OK);
    want(l, 1, 5, LIMIT_FROM_PATTERN);
    assert_int_equal(limits_pattern(l, false, SLICE("abc"), 0), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_PATTERN);
    /* Longer is longer, though less generous. */
    assert_int_equal(limits_pattern(l, true, SLICE("cxyz"), 1), ERR_OK);
    want(l, 1, 1, LIMIT_FROM_PATTERN);
}

static void patterns_of_every_length(void **state)
{
    struct limits *l = *state;
    char name[129];
    int n;

    memset(name, 'a', sizeof(name));
    assert_int_equal(limits_learn(l, 1, (struct slice){name, 128}), 1);
    for (n = 1; n <= 128; n++) {
        assert_int_equal(limits_pattern(l, n & 1, (struct slice){name, (size_t)n}, n), ERR_OK);
        want(l, 1, n, LIMIT_FROM_PATTERN);
    }
    assert_int_equal(limits_pattern(l, true, (struct slice){name, 129}, 1), ERR_INVALID);
    assert_int_equal(limits_learn(l, 2, (struct slice){name, 65}), 1);
    want(l, 2, 65, LIMIT_FROM_PATTERN);
    assert_int_equal(limits_learn(l, 3, (struct slice){name, 64}), 1);
    want(l, 3, 64, LIMIT_FROM_PATTERN);
}

static void the_panels_own_limit(void **state)
{
    struct limits *l = *state;

    learn(l, 1, "ann");
    tell(l, 2, "bob", 0, NULL, 0);
    tell(l, 3, "carl", 0, NULL, 4);
    tell(l, 4, "dora", 0, NULL, 20000);
    want(l, 3, 2, LIMIT_FROM_GENERAL);
    limits_options(l, &(struct limit_options){.from_hwid = true});
    want(l, 1, 0, LIMIT_FROM_UNKNOWN);
    want(l, 2, 2, LIMIT_FROM_GENERAL);
    want(l, 3, 4, LIMIT_FROM_HWID);
    want(l, 4, 10000, LIMIT_FROM_HWID);
    assert_int_equal(limits_pattern(l, false, SLICE("c"), 1), ERR_OK);
    want(l, 3, 1, LIMIT_FROM_PATTERN);
    assert_int_equal(tell(l, 2, "bob", 0, NULL, 0), 0);
    assert_int_equal(tell(l, 2, "bob", 0, NULL, 6), 1);
    want(l, 2, 6, LIMIT_FROM_HWID);
}

static void the_most_generous_group(void **state)
{
    static const int64_t many[] = {9, 3, 7, 3};
    struct limit_person p = {.id = 1,
                             .name = SLICE("ann"),
                             .groups_known = true,
                             .groups = many,
                             .n_groups = ARRAY_LEN(many)};
    struct limits *l = *state;

    assert_int_equal(limits_learn_person(l, &p), 1);
    learn(l, 2, "bob");
    tell(l, 3, "carl", 4, NULL, 0);
    tell(l, 4, "dora", 0, NULL, 0);
    assert_int_equal(limits_group(l, 3, 5), ERR_OK);
    want(l, 1, 5, LIMIT_FROM_GROUP);
    want(l, 2, 0, LIMIT_FROM_UNKNOWN);
    want(l, 3, 2, LIMIT_FROM_GENERAL);
    want(l, 4, 2, LIMIT_FROM_GENERAL);
    assert_int_equal(limits_group(l, 9, 1), ERR_OK);
    want(l, 1, 5, LIMIT_FROM_GROUP);
    assert_int_equal(limits_group(l, 7, 8), ERR_OK);
    want(l, 1, 8, LIMIT_FROM_GROUP);
    assert_int_equal(limits_group(l, 7, 0), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_GROUP);
    limits_clear_settings(l);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    want(l, 2, 2, LIMIT_FROM_GENERAL);
}

static void the_number_in_a_name(void **state)
{
    static const struct {
        const char *name;
        int limit; /* -1: none */
    } cases[] = {
        {"ann.3.User", 3},   {"ann.1.User", 1},      {"ann.10000.User", 10000},
        {"ann.0.User", 0},   {"ann.10001.User", -1}, {"ann.03.User", -1},
        {"ann.3.user", -1},  {"ann3.User", -1},      {"ann..User", -1},
        {"ann.3.Users", -1}, {"3.User", -1},         {".3.User", 3},
        {".User", -1},       {"ann.x3.User", -1},    {"ann.99999999999999999999.User", -1}};
    struct limits *l = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        limits_clear_settings(l);
        learn(l, 1, cases[i].name);
        want(l, 1, 2, LIMIT_FROM_GENERAL);
        limits_options(l, &(struct limit_options){.name_suffix = true});
        if (cases[i].limit < 0)
            want(l, 1, 2, LIMIT_FROM_GENERAL);
        else
            want(l, 1, cases[i].limit, LIMIT_FROM_NAME);
    }
}

static void group_filter(void **state)
{
    struct limits *l = *state;

    learn(l, 1, "ann");
    tell(l, 2, "bob", 5, NULL, 0);
    tell(l, 3, "carl", 6, NULL, 0);
    tell(l, 4, "dora", 0, NULL, 0);
    assert_int_equal(limits_filter_group(l, 5), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_UNKNOWN);
    assert_int_equal(limits_unsure(l), 1);
    assert_true(limits_lacks(l, 1));
    assert_false(limits_lacks(l, 4));
    want(l, 2, 2, LIMIT_FROM_GENERAL);
    want(l, 3, 0, LIMIT_FROM_FILTER);
    want(l, 4, 0, LIMIT_FROM_FILTER);
    limits_options(l, &(struct limit_options){.group_exclude = true});
    want(l, 1, 0, LIMIT_FROM_UNKNOWN);
    want(l, 2, 0, LIMIT_FROM_FILTER);
    want(l, 3, 2, LIMIT_FROM_GENERAL);
    want(l, 4, 2, LIMIT_FROM_GENERAL);
    /* A special limit does not bring a filtered user before the judge; an exception needs no group. */
    assert_int_equal(limits_special(l, 2, none, 1), ERR_OK);
    want(l, 2, 0, LIMIT_FROM_FILTER);
    assert_int_equal(limits_except(l, 1, none), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_EXCEPTION);
    /* He moves. */
    assert_int_equal(tell(l, 2, "bob", 6, NULL, 0), 1);
    want(l, 2, 1, LIMIT_FROM_SPECIAL);
}

static void admin_filter(void **state)
{
    struct limit_person root = {
        .id = 5, .name = SLICE("eve"), .owner_known = true, .owner_id = 7, .owner = SLICE("root")};
    struct limits *l = *state;

    learn(l, 1, "x_ann");
    tell(l, 2, "x_bob", 0, "reza", 0);
    tell(l, 3, "x_carl", 0, "sara", 0);
    tell(l, 4, "x_dora", 0, NULL, 0);
    assert_int_equal(limits_learn_person(l, &root), 1);
    assert_int_equal(limits_filter_admin(l, SLICE("reza")), ERR_OK);
    assert_int_equal(limits_filter_admin(l, SLICE("id:7")), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_UNKNOWN);
    want(l, 2, 2, LIMIT_FROM_GENERAL);
    want(l, 3, 0, LIMIT_FROM_FILTER);
    want(l, 4, 0, LIMIT_FROM_FILTER);
    want(l, 5, 2, LIMIT_FROM_GENERAL);
    /* The owner of that id is called otherwise now: the filter by id still means him. */
    root.owner = SLICE("boss");
    assert_int_equal(limits_learn_person(l, &root), 1);
    want(l, 5, 2, LIMIT_FROM_GENERAL);
    /* A pattern stands in where the panel tells no owner; its word is not overruled. */
    assert_int_equal(limits_owner_pattern(l, false, SLICE("x_"), SLICE("reza")), ERR_OK);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    want(l, 3, 0, LIMIT_FROM_FILTER);
    want(l, 4, 2, LIMIT_FROM_GENERAL);
    /* Two of one length that disagree: who would be spared by one of them is spared. */
    assert_int_equal(limits_owner_pattern(l, true, SLICE("nn"), SLICE("sara")), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_FILTER);
    limits_options(l, &(struct limit_options){.admin_exclude = true});
    want(l, 1, 0, LIMIT_FROM_FILTER);
    want(l, 2, 0, LIMIT_FROM_FILTER);
    want(l, 3, 2, LIMIT_FROM_GENERAL);
    want(l, 4, 0, LIMIT_FROM_FILTER);
}

/* One filter that spares him is enough, whatever the other does not know. */
static void spared_is_more_than_unknown(void **state)
{
    struct limit_person p = {.id = 1,
                             .name = SLICE("ann"),
                             .owner_known = true,
                             .owner = SLICE("reza")};
    struct limits *l = *state;

    assert_int_equal(limits_learn_person(l, &p), 1);
    assert_int_equal(limits_filter_group(l, 5), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_UNKNOWN);
    assert_int_equal(limits_filter_admin(l, SLICE("sara")), ERR_OK);
    want(l, 1, 0, LIMIT_FROM_FILTER);
}

static void modes_of_groups(void **state)
{
    static const int64_t both[] = {3, 5};
    struct limit_person p = {
        .id = 1, .name = SLICE("ann"), .groups_known = true, .groups = both, .n_groups = 2};
    struct limits *l = *state;

    assert_int_equal(limits_learn_person(l, &p), 1);
    learn(l, 2, "bob");
    tell(l, 3, "carl", 4, NULL, 0);
    assert_int_equal(limits_mode(l, 2, MODE_ON), MODE_ON);
    assert_int_equal(limits_group_mode(l, 3, MODE_ON), ERR_OK);
    assert_int_equal(limits_mode(l, 1, MODE_ON), MODE_ON);
    assert_int_equal(limits_mode(l, 2, MODE_ON), MODE_SHADOW);
    want(l, 2, 0, LIMIT_FROM_UNKNOWN);
    assert_int_equal(limits_mode(l, 3, MODE_ON), MODE_ON);
    assert_int_equal(limits_group_mode(l, 5, MODE_SHADOW), ERR_OK);
    assert_int_equal(limits_mode(l, 1, MODE_ON), MODE_SHADOW);
    assert_int_equal(limits_mode(l, 1, MODE_OFF), MODE_OFF);
    want(l, 1, 2, LIMIT_FROM_GENERAL);
    assert_int_equal(limits_group_mode(l, 3, MODE_OFF), ERR_OK);
    assert_int_equal(limits_mode(l, 1, MODE_ON), MODE_OFF);
    want(l, 1, 0, LIMIT_FROM_FILTER);
}

static void what_is_not_told_stays(void **state)
{
    struct limit_person p, got;
    struct limits *l = *state, *over;
    int64_t too_many[65];
    size_t i;

    assert_false(limits_person(l, 1, &got));
    assert_int_equal(tell(l, 1, "ann", 5, "reza", 3), 1);
    learn(l, 1, "anna");
    assert_true(limits_person(l, 1, &got));
    assert_true(got.groups_known && got.owner_known && got.hwid_known);
    assert_int_equal(got.groups[0], 5);
    assert_int_equal(got.hwid_limit, 3);
    assert_true(slice_eq(got.owner, SLICE("reza")));
    assert_int_equal(limits_special(l, 0, SLICE("zoe"), 9), ERR_OK);
    learn(l, 2, "zoe");
    assert_int_equal(limits_pattern(l, true, SLICE("a"), 7), ERR_OK);
    over = limits_copy(l);
    assert_non_null(over);
    want(over, 1, 7, LIMIT_FROM_PATTERN);
    want(over, 2, 9, LIMIT_FROM_SPECIAL);
    assert_int_equal(limits_pattern(over, false, SLICE("an"), 9), ERR_OK);
    want(over, 1, 9, LIMIT_FROM_PATTERN);
    limits_drop_pattern(over, false, SLICE("an"));
    limits_drop_pattern(over, true, SLICE("a"));
    limits_drop_pattern(over, true, SLICE("a"));
    want(over, 1, 2, LIMIT_FROM_GENERAL);
    want(l, 1, 7, LIMIT_FROM_PATTERN);
    assert_int_equal(limits_matches(l, true, SLICE("a")), 1);
    limits_clear_rules(l);
    limits_free(over);
    /* More groups than are kept: which of them matter cannot be told. */
    for (i = 0; i < ARRAY_LEN(too_many); i++)
        too_many[i] = (int64_t)i + 1;
    p = (struct limit_person){.id = 1,
                              .name = SLICE("anna"),
                              .groups_known = true,
                              .groups = too_many,
                              .n_groups = ARRAY_LEN(too_many)};
    assert_int_equal(limits_learn_person(l, &p), 1);
    assert_true(limits_person(l, 1, &got));
    assert_false(got.groups_known);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(longest_pattern_wins),
        T(a_tie_is_settled_generously),
        T(patterns_of_every_length),
        T(the_panels_own_limit),
        T(the_most_generous_group),
        T(the_number_in_a_name),
        T(group_filter),
        T(admin_filter),
        T(spared_is_more_than_unknown),
        T(modes_of_groups),
        T(what_is_not_told_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
