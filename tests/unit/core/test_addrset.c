/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdio.h>

#include "base/limits.h"
#include "core/address/addrset.h"

/* What a set must answer: any range of the list holds the address. */
struct list {
    struct addr net[200];
    unsigned bits[200];
    int n;
};

static bool list_has(const struct list *l, struct addr a)
{
    int i;

    for (i = 0; i < l->n; i++)
        if (addr_eq(addr_mask(a, l->bits[i]), l->net[i]))
            return true;
    return false;
}

/* Addresses that lie close together, so that ranges overlap, nest and touch. */
static struct addr near(uint64_t *seed, bool four)
{
    if (four)
        return (struct addr){0, UINT64_C(0xffff) << 32 | 0x05060000 | rnd_below(seed, 4096)};
    return (struct addr){UINT64_C(0x2a0104f800000000) | rnd_below(seed, 16),
                         rnd_below(seed, 4) ? rnd_below(seed, 64) : rnd(seed)};
}

static void agrees_with_a_list(void **state)
{
    uint64_t seed = 21;
    int round, i;

    (void)state;
    for (round = 0; round < 200; round++) {
        static struct list l;
        struct addrset set;
        uint32_t hits = 0;

        l.n = (int)rnd_below(&seed, 60);
        addrset_init(&set);
        for (i = 0; i < l.n; i++) {
            bool four = rnd_below(&seed, 2);
            char text[ADDR_TEXT + 8], host[ADDR_TEXT];
            struct addr a = near(&seed, four);
            unsigned bits = four ? 20 + rnd_below(&seed, 13) : 60 + rnd_below(&seed, 69);

            snprintf(text, sizeof(text), "%s/%u", addr_text(a, host), bits);
            l.bits[i] = four ? bits + 96 : bits;
            l.net[i] = addr_mask(a, l.bits[i]);
            assert_int_equal(addrset_add(&set, slice_of(text), NULL), ERR_OK);
        }
        addrset_seal(&set);
        for (i = 0; i < 2000; i++) {
            struct addr a = near(&seed, rnd_below(&seed, 2));

            assert_int_equal(addrset_has(&set, a), list_has(&l, a));
            hits += list_has(&l, a);
        }
        assert_true(l.n < 10 || hits > 0);
        addrset_release(&set);
    }
}

static void check(const struct addrset *s, const char *text, bool want)
{
    struct addr a;

    assert_int_equal(addr_parse(slice_of(text), &a), ERR_OK);
    if (addrset_has(s, a) != want)
        fail_msg("%s: %d expected", text, want);
}

static void edges_of_ranges(void **state)
{
    struct addrset s;

    (void)state;
    addrset_init(&s);
    assert_int_equal(
        addrset_add_list(&s, SLICE("5.6.7.0/24, 10.0.0.1,,  2001:db8::/32 [::1] 9.9.9.9/32"), NULL),
        ERR_OK);
    addrset_seal(&s);
    check(&s, "5.6.6.255", false);
    check(&s, "5.6.7.0", true);
    check(&s, "5.6.7.255", true);
    check(&s, "5.6.8.0", false);
    check(&s, "10.0.0.0", false);
    check(&s, "10.0.0.1", true);
    check(&s, "10.0.0.2", false);
    check(&s, "::ffff:10.0.0.1", true);
    check(&s, "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false);
    check(&s, "2001:db8::", true);
    check(&s, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true);
    check(&s, "2001:db9::", false);
    check(&s, "::1", true);
    addrset_release(&s);
}

static void whole_families(void **state)
{
    struct addrset s;

    (void)state;
    addrset_init(&s);
    check(&s, "5.6.7.8", false);
    assert_int_equal(addrset_add(&s, SLICE("0.0.0.0/0"), NULL), ERR_OK);
    addrset_seal(&s);
    check(&s, "0.0.0.0", true);
    check(&s, "255.255.255.255", true);
    check(&s, "2a01::1", false);
    assert_int_equal(addrset_add(&s, SLICE("::/0"), NULL), ERR_OK);
    addrset_seal(&s);
    check(&s, "2a01::1", true);
    check(&s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true);
    assert_int_equal(s.n, 1);
    addrset_release(&s);
}

static void says_what_is_wrong(void **state)
{
    static const char *const bad[] = {"1.2.3.4/33", "2001:db8::/129", "1.2.3.4/", "1.2.3.4/-1",
                                      "host",       "1.2.3",          "/8",       "1.2.3.4/8/8"};
    struct addrset s;
    struct err err;
    size_t i;

    (void)state;
    addrset_init(&s);
    for (i = 0; i < ARRAY_LEN(bad); i++) {
        err = (struct err){0};
        assert_int_equal(addrset_add(&s, slice_of(bad[i]), &err), ERR_INVALID);
        assert_non_null(strstr(err.text, bad[i]));
        assert_int_equal(s.n, 0);
    }
    addrset_release(&s);
}

static void keeps_its_maximum(void **state)
{
    struct addrset s;
    char text[32];
    int i;

    (void)state;
    addrset_init(&s);
    for (i = 0; i < LIMIT_CIDRS; i++) {
        snprintf(text, sizeof(text), "5.%d.%d.0", i / 256, i % 256);
        assert_int_equal(addrset_add(&s, slice_of(text), NULL), ERR_OK);
    }
    assert_int_equal(addrset_add(&s, SLICE("6.0.0.0"), NULL), ERR_TOO_BIG);
    addrset_seal(&s);
    check(&s, "5.255.255.0", true);
    check(&s, "6.0.0.0", false);
    addrset_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list), cmocka_unit_test(edges_of_ranges),
        cmocka_unit_test(whole_families),     cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(keeps_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
