/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdio.h>

#include "base/err.h"
#include "base/stamp.h"
#include "core/online/listing.h"
#include "core/user/user.h"
#include "default_policy.h"

static const uint16_t all = 0xffff;

static bool answered(void *arg, uint16_t node)
{
    return *(const uint16_t *)arg >> node & 1;
}

static struct addr nth(int i)
{
    struct addr a;
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.1.9", 20 + i, i);
    assert_int_equal(addr_parse(slice_of(text), &a), ERR_OK);
    return a;
}

/* A user with n devices, one at each of the first addresses. */
static void make(struct user *u, int n)
{
    int i, index;

    *u = (struct user){.id = 7};
    for (i = 0; i < n; i++) {
        assert_int_equal(user_add_device(u, 64, 0, 0, &index), ERR_OK);
        u->devices[index].addr = nth(i);
    }
}

/* A reading at a second, of n addresses; values in seconds. */
static void read_at(struct user *u, const struct policy *p, int at_s, const int *values, int n,
                    uint16_t nodes)
{
    struct listed_now seen[LIMIT_LANES];
    int i, m = 0;

    for (i = 0; i < n; i++)
        if (values[i] >= 0)
            seen[m++] = (struct listed_now){nth(i), values[i] * STAMP_SECOND, (uint16_t)i, 0};
    listing_take(u, p, seen, (size_t)m, answered, &nodes, 1, at_s * STAMP_SECOND);
}

static void only_excess_is_remembered(void **state)
{
    struct policy p = default_policy();
    struct user u;

    (void)state;
    make(&u, 2);
    read_at(&u, &p, 1000, (int[]){900}, 1, all);
    assert_null(u.listing);
    read_at(&u, &p, 1005, (int[]){900, 950}, 2, all);
    assert_non_null(u.listing);
    assert_non_null(listing_of(&u, 1, 1006 * STAMP_SECOND));
    /* An old reading says nothing of now. */
    assert_null(listing_of(&u, 1, 1200 * STAMP_SECOND));
    read_at(&u, &p, 1010, (int[]){900}, 1, all);
    assert_null(u.listing);
    user_release(&u);
}

static void a_node_that_does_not_answer_breaks_nothing(void **state)
{
    struct policy p = default_policy();
    struct user u;

    (void)state;
    make(&u, 3);
    read_at(&u, &p, 1000, (int[]){900, 950, 960}, 3, all);
    read_at(&u, &p, 1005, (int[]){900, -1, -1}, 3, 0);
    assert_int_equal(u.listing->n, 3);
    /* For too long it does: a sixth of online_hold. */
    read_at(&u, &p, 1305, (int[]){900, 950, -1}, 3, 0);
    assert_int_equal(u.listing->n, 2);
    user_release(&u);
}

/* From 1000 s on both are listed; a moves at 1500 and 3500, b at 2400: each outlives the other in the end. */
static void hold(struct user *u, const struct policy *p, int until_s)
{
    int t;

    for (t = 1000; t <= until_s; t += 10) {
        int a = t < 1500 ? 900 : t < 3500 ? 1500 : 3500, b = t < 2400 ? 950 : 2400;

        read_at(u, p, t, (int[]){a, b}, 2, all);
    }
}

static void both_are_held_when_neither_was_left_behind(void **state)
{
    struct policy p = default_policy();
    struct user u;
    int t;

    (void)state;
    make(&u, 2);
    /* That a outlives b's stream of 2400 is proved at 3300, that b outlives a's of 3500 at 4400. */
    hold(&u, &p, 4390);
    assert_false(listing_held(&u, &p, 0, 1, 4390 * STAMP_SECOND));
    for (t = 4400; t <= 4500; t += 10)
        read_at(&u, &p, t, (int[]){3500, 2400}, 2, all);
    assert_true(listing_held(&u, &p, 0, 1, 4500 * STAMP_SECOND));
    assert_true(listing_held(&u, &p, 1, 0, 4500 * STAMP_SECOND));
    assert_true(listing_present(&u, &p, 0, 4500 * STAMP_SECOND));
    /* Nothing is read any more. */
    assert_false(listing_held(&u, &p, 0, 1, 4700 * STAMP_SECOND));
    /* One of them is of no device, or of one that does not count. */
    u.devices[1].shared = 1;
    assert_false(listing_held(&u, &p, 0, 1, 4500 * STAMP_SECOND));
    u.devices[1].shared = 0;
    u.devices[0].asn = u.devices[1].asn = 77;
    assert_false(listing_held(&u, &p, 0, 1, 4500 * STAMP_SECOND));
    u.devices[1].asn = 78;
    assert_true(listing_held(&u, &p, 0, 1, 4500 * STAMP_SECOND));
    user_release(&u);
}

static void devices_that_move_are_followed(void **state)
{
    struct policy p = default_policy();
    struct user u;

    (void)state;
    make(&u, 4);
    read_at(&u, &p, 1000, (int[]){900, 950, 960, 970}, 4, all);
    user_drop_device(&u, 1);
    /* The last one has taken its place. */
    assert_true(addr_eq(u.devices[1].addr, nth(3)));
    assert_true(addr_eq(listing_of(&u, 1, 1001 * STAMP_SECOND)->addr, nth(3)));
    assert_null(listing_of(&u, 3, 1001 * STAMP_SECOND));
    /* What the list shows is not idle. */
    user_drop_idle(&u, 1001 * STAMP_SECOND);
    assert_int_equal(u.n, 3);
    user_release(&u);
}

static void sets_follow_addresses_that_go(void **state)
{
    struct policy p = default_policy();
    struct user u;
    int t;

    (void)state;
    make(&u, 3);
    read_at(&u, &p, 1000, (int[]){900, 950, 960}, 3, all);
    /* The third moves after the first has appeared, and the first goes. */
    read_at(&u, &p, 1010, (int[]){900, 950, 1005}, 3, all);
    assert_int_equal(u.listing->at[2].after, 3);
    read_at(&u, &p, 1020, (int[]){-1, 950, 1005}, 3, all);
    assert_int_equal(u.listing->n, 2);
    assert_true(addr_eq(u.listing->at[0].addr, nth(2)));
    assert_int_equal(u.listing->at[0].after, 2);
    /* It comes again: nobody has moved since. */
    for (t = 1030; t < 1060; t += 10)
        read_at(&u, &p, t, (int[]){1025, 950, 1005}, 3, all);
    assert_int_equal(u.listing->at[0].after, 2);
    assert_int_equal(u.listing->at[2].after, 0);
    user_release(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_excess_is_remembered),
        cmocka_unit_test(a_node_that_does_not_answer_breaks_nothing),
        cmocka_unit_test(both_are_held_when_neither_was_left_behind),
        cmocka_unit_test(devices_that_move_are_followed),
        cmocka_unit_test(sets_follow_addresses_that_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
