/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stamp.h"
#include "core/judge/verdict.h"
#include "default_policy.h"

#define S STAMP_SECOND

static const int64_t now_us = INT64_C(1762077600) * STAMP_SECOND;
static struct policy policy;

static int setup(void **state)
{
    (void)state;
    policy = default_policy();
    return 0;
}

static bool v4(const struct user *u, int i)
{
    return u->devices[i].addr.hi == 0;
}

/* What is known of the carrier of some device of his: a NAT or not. */
static void some_crowd(struct user *u, uint64_t *seed)
{
    const struct device *d = &u->devices[rnd_below(seed, u->n)];
    struct crowd *c = u->lanes->crowds = calloc(1, sizeof(*c));

    if (!c)
        fail();
    *c = (struct crowd){.place = addr_mask(d->addr, v4(u, (int)(d - u->devices)) ? 112 : 32),
                        .asn = d->asn,
                        .mixed = (uint16_t)rnd_below(seed, 6),
                        .alone = rnd_below(seed, 2),
                        .extra = (float)rnd_below(seed, 40),
                        .chance = (float)rnd_below(seed, 20)};
    u->lanes->n_crowds = 1;
}

/* A user of n random devices: families, carriers, ages, shared sources, lanes, pairs, all at random. */
static void make(struct user *u, uint64_t *seed, int n, int density)
{
    int i, j, index;

    *u = (struct user){.id = 1};
    for (i = 0; i < n; i++) {
        struct device *d;

        if (user_add_device(u, LIMIT_DEVICES_MAX, 0, 0, &index))
            fail();
        d = &u->devices[index];
        if (rnd_below(seed, 3))
            d->addr =
                (struct addr){0, UINT64_C(0xffff) << 32 | rnd_below(seed, 3) << 16 | (unsigned)i};
        else
            d->addr = (struct addr){UINT64_C(0x2a01) << 48 | (uint64_t)rnd_below(seed, 2) << 32 |
                                        (unsigned)i,
                                    0};
        d->last_us =
            now_us - (rnd_below(seed, 4) ? rnd_below(seed, 59) : 61 + rnd_below(seed, 200)) * S;
        d->first_s = (uint32_t)((d->last_us - rnd_below(seed, 240) * S) / S);
        d->shared = rnd_below(seed, 16) == 0;
        d->cdn = rnd_below(seed, 20) == 0;
        d->content = rnd_below(seed, 20) == 0;
        d->outside = rnd_below(seed, 20) == 0;
        d->asn = rnd_below(seed, 3) ? 1 + rnd_below(seed, 3) : 0;
        d->checks = (uint8_t)rnd_below(seed, 5);
        d->checks_run = (uint8_t)rnd_below(seed, 6);
    }
    for (i = 0; i < n; i++)
        if (rnd_below(seed, 8) && user_take_lane(u, i))
            fail();
    for (i = 0; u->lanes && i < u->lanes->n; i++) {
        for (j = 0; j < i; j++) {
            struct pair *p = lanes_pair(u->lanes, i, j);

            *p = (struct pair){.last_us = rnd_below(seed, 10) ? now_us : 0,
                               .fixed.nats = (int)rnd_below(seed, 100) < density ? 8.0f : -1.0f,
                               .adaptive.nats =
                                   (int)rnd_below(seed, 100) < density / 4 ? 9.0f : 2.0f,
                               .near.nats = (int)rnd_below(seed, 100) < density / 8 ? 9.0f : 2.0f};
        }
    }
    if (u->lanes && rnd_below(seed, 2))
        some_crowd(u, seed);
}

static bool one_carrier(const struct user *u, int i, int j)
{
    struct addr a = u->devices[i].addr, b = u->devices[j].addr;

    return v4(u, i) ? a.lo >> 16 == b.lo >> 16 : a.hi >> 32 == b.hi >> 32;
}

static bool common(const struct device *d)
{
    return !d->outside && (d->shared || d->cdn || d->content);
}

static bool plain(const struct device *d)
{
    return !d->outside && !common(d);
}

/*
 * Straight from the rule: never a pair when the families differ, or one carrier deals them out in bursts,
 * unless they are known to belong to two providers.
 */
static bool excused(const struct user *u, int i, int j)
{
    const struct device *a = &u->devices[i], *b = &u->devices[j];
    const struct crowd *c = u->lanes && u->lanes->n_crowds ? u->lanes->crowds : NULL;

    if (policy.group_by != GROUP_AUTO || (a->asn != b->asn && a->asn && b->asn))
        return false;
    if (v4(u, i) != v4(u, j))
        return true;
    if (!c || !one_carrier(u, i, j) || !addr_same_carrier(c->place, a->addr) ||
        (c->asn && a->asn && c->asn != a->asn && b->asn && c->asn != b->asn))
        return false;
    return c->mixed >= 3 && (!c->alone || c->extra >= 1.4 * c->chance + 2);
}

static bool concurrent(const struct user *u, int i, int j, double threshold)
{
    const struct pair *p = lanes_pair(u->lanes, u->devices[i].lane, u->devices[j].lane);

    return p->last_us &&
           (p->fixed.nats >= threshold || p->adaptive.nats >= threshold ||
            p->near.nats >= threshold) &&
           !excused(u, i, j);
}

static bool active(const struct device *d)
{
    return now_us - d->last_us < 60 * S;
}

/* The largest subset of the chosen devices in which every two are joined: every subset is tried. */
static int largest(const int *chosen, int n, bool (*joined)(const struct user *, int, int, double),
                   const struct user *u, double threshold)
{
    uint32_t edge[16] = {0}, set;
    int best = 0, i, j;

    for (i = 0; i < n; i++)
        for (j = 0; j < n; j++)
            if (i != j && joined(u, chosen[i], chosen[j], threshold))
                edge[i] |= 1u << j;
    for (set = 0; set < 1u << n; set++) {
        if (__builtin_popcount(set) <= best)
            continue;
        for (i = 0; i < n; i++)
            if (set >> i & 1 && (set & ~edge[i]) != 1u << i)
                break;
        if (i == n)
            best = __builtin_popcount(set);
    }
    return best;
}

static int brute_concurrent(const struct user *u, double threshold)
{
    int chosen[16], n = 0, i, best;
    bool anyone = false;

    for (i = 0; i < u->n; i++) {
        anyone |= active(&u->devices[i]) && !u->devices[i].outside;
        if (u->devices[i].lane != LANE_NONE && active(&u->devices[i]) && plain(&u->devices[i]))
            chosen[n++] = i;
    }
    best = largest(chosen, n, concurrent, u, threshold);
    return best ? best : anyone;
}

static void largest_set_of_concurrent_devices(void **state)
{
    uint64_t seed = 121;
    int i, seen[17] = {0};

    (void)state;
    for (i = 0; i < 3000; i++) {
        struct user u;
        int want;

        policy.group_by = i % 4 ? GROUP_AUTO : GROUP_IP;
        make(&u, &seed, 1 + (int)rnd_below(&seed, i % 10 ? 12 : 30),
             20 + (int)rnd_below(&seed, 80));
        want = brute_concurrent(&u, 7);
        assert_int_equal(verdict_concurrent(&u, &policy, now_us, 7), want);
        seen[want]++;
        assert_int_equal(verdict_concurrent(&u, &policy, now_us, 1), brute_concurrent(&u, 1));
        user_release(&u);
    }
    policy.group_by = GROUP_AUTO;
    assert_true(seen[1] > 50 && seen[2] > 50 && seen[3] > 50 && seen[4] > 50 && seen[6] > 10);
}

static bool not_excused(const struct user *u, int i, int j, double threshold)
{
    (void)threshold;
    return !excused(u, i, j);
}

/*
 * Of many devices the families only are told apart: every choice of one family for each of the three
 * providers and the unknown one that has no unknown one facing the other family.
 */
static int one_family(const struct user *u, const int *chosen, int n)
{
    int best = 0, choice, i;

    for (choice = 0; choice < 16; choice++) {
        int sum = 0;
        bool four = false, six = false, blind = false;

        for (i = 0; i < n; i++) {
            uint32_t asn = u->devices[chosen[i]].asn;

            if ((choice >> asn & 1) != v4(u, chosen[i]))
                continue;
            sum++;
            four |= v4(u, chosen[i]);
            six |= !v4(u, chosen[i]);
            blind |= asn == 0;
        }
        if (blind && four && six)
            sum = 0;
        best = sum > best ? sum : best;
    }
    /* Nothing of the unknown provider need be chosen. */
    for (choice = 0; choice < 8; choice++) {
        int sum = 0;

        for (i = 0; i < n; i++) {
            uint32_t asn = u->devices[chosen[i]].asn;

            sum += asn && (choice >> (asn - 1) & 1) == v4(u, chosen[i]);
        }
        best = sum > best ? sum : best;
    }
    return best;
}

/* How many of the chosen devices stay when of each excused pair one has to go. */
static int brute_persistent(const struct user *u, double share)
{
    int chosen[64], n = 0, i;
    int least = (int)(policy.persistent_checks * share + 0.5);

    for (i = 0; i < u->n; i++) {
        const struct device *d = &u->devices[i];

        if (!plain(d) || now_us - d->last_us >= policy.persistent_window_us)
            continue;
        if (d->last_us / S - d->first_s >= policy.persistent_span_us * share / S ||
            d->checks >= least)
            chosen[n++] = i;
    }
    if (policy.group_by != GROUP_AUTO)
        return n;
    if (n > 16)
        return one_family(u, chosen, n);
    return largest(chosen, n, not_excused, u, 0);
}

static void persistent_devices(void **state)
{
    uint64_t seed = 122;
    int i, more = 0;

    (void)state;
    for (i = 0; i < 3000; i++) {
        struct user u;
        int want;

        policy.group_by = i % 4 ? GROUP_AUTO : GROUP_SUBNET;
        make(&u, &seed, 1 + (int)rnd_below(&seed, i % 10 ? 12 : 60), 50);
        want = brute_persistent(&u, 1);
        assert_int_equal(verdict_persistent(&u, &policy, now_us, 1), want);
        assert_int_equal(verdict_persistent(&u, &policy, now_us, 0.5), brute_persistent(&u, 0.5));
        assert_true(brute_persistent(&u, 0.5) >= want);
        more += want > 2;
        user_release(&u);
    }
    policy.group_by = GROUP_AUTO;
    assert_true(more > 300);
}

static void tallies(void **state)
{
    uint64_t seed = 123;
    int i, k, limit;

    (void)state;
    for (i = 0; i < 2000; i++) {
        struct user u;
        struct tally t;
        int counted = 0, shared = 0;
        int64_t until, at;

        make(&u, &seed, 1 + (int)rnd_below(&seed, 20), 50);
        for (k = 0; k < u.n; k++) {
            counted += active(&u.devices[k]) && plain(&u.devices[k]);
            shared += active(&u.devices[k]) && common(&u.devices[k]);
        }
        verdict_tally(&u, &policy, now_us, &t);
        assert_int_equal(t.plain, counted);
        assert_int_equal(t.shared, shared);
        assert_int_equal(t.devices, counted ? counted : shared ? 1 : 0);
        /* One second before the given time they outnumber the limit still, then no more. */
        limit = 1 + (int)rnd_below(&seed, 4);
        until = verdict_over_until(&u, &policy, limit);
        if (until == INT64_MIN) {
            int all = 0;

            for (k = 0; k < u.n; k++)
                all += plain(&u.devices[k]);
            assert_true(all <= limit);
        } else {
            at = until - S;
            verdict_tally(&u, &policy, at, &t);
            assert_true(t.plain > limit);
            verdict_tally(&u, &policy, until, &t);
            assert_true(t.plain <= limit);
        }
        user_release(&u);
    }
}

/* Five of one family active at each check, five of the other: the greater family counts. */
static void active_at_every_check(void **state)
{
    struct user u = {.id = 1};
    int i, index;

    (void)state;
    for (i = 0; i < 40; i++) {
        assert_int_equal(user_add_device(&u, 64, 0, 0, &index), ERR_OK);
        u.devices[index].addr = (struct addr){i < 25 ? 0 : UINT64_C(0x2a01) << 48 | (unsigned)i,
                                              UINT64_C(0xffff) << 32 | (unsigned)i << 16};
        if (i >= 25)
            u.devices[index].addr.lo = 0;
        u.devices[index].last_us = now_us - S;
        u.devices[index].checks_run = 3;
    }
    assert_int_equal(verdict_every_check(&u, &policy, now_us, 3), 25);
    assert_int_equal(verdict_every_check(&u, &policy, now_us, 4), 0);
    assert_int_equal(verdict_every_check(&u, &policy, now_us, 0), 0);
    u.devices[0].checks_run = 2;
    u.devices[1].shared = true;
    u.devices[2].last_us = now_us - 60 * S;
    assert_int_equal(verdict_every_check(&u, &policy, now_us, 3), 22);
    policy.group_by = GROUP_IP;
    assert_int_equal(verdict_every_check(&u, &policy, now_us, 3), 37);
    policy.group_by = GROUP_AUTO;
    /* Runs are counted up to 255; so many checks are every check. */
    for (i = 0; i < u.n; i++)
        u.devices[i].checks_run = 255;
    assert_int_equal(verdict_every_check(&u, &policy, now_us, 60000), 23);
    user_release(&u);
}

/* Networks counted one by one: who belongs to a network that is there already adds none. */
static void networks_of_leaked_accounts(void **state)
{
    uint64_t seed = 124;
    int i, k, j, seen[12] = {0};

    (void)state;
    for (i = 0; i < 3000; i++) {
        struct user u;
        int want = 0, got;
        bool any_common = false;

        make(&u, &seed, 1 + (int)rnd_below(&seed, 30), 50);
        for (k = 0; k < u.n; k++) {
            const struct device *d = &u.devices[k];
            bool first = true;

            if (!active(d))
                continue;
            any_common |= common(d);
            if (!plain(d))
                continue;
            /* A known provider counts once a place; an unknown one only where none is known. */
            for (j = 0; j < u.n && first; j++) {
                const struct device *x = &u.devices[j];

                if (j == k || !active(x) || !plain(x) || v4(&u, k) != v4(&u, j) ||
                    !one_carrier(&u, k, j))
                    continue;
                first = !(d->asn == 0 && x->asn != 0) && !(d->asn == x->asn && j < k);
            }
            want += first;
        }
        want += any_common;
        got = verdict_networks(&u, &policy, now_us);
        assert_int_equal(got, want);
        seen[got < 11 ? got : 11]++;
        user_release(&u);
    }
    assert_true(seen[1] > 50 && seen[3] > 50 && seen[6] > 50);
}

/* What a phone with two providers may do, and what one with two families of one may not. */
static void providers_tell_families_apart(void **state)
{
    struct device four = {.addr = {0, UINT64_C(0xffff05010203)}},
                  six = {.addr = {UINT64_C(0x2a01) << 48, 0}};
    struct crowd nat = {.place = {0, UINT64_C(0xffff05010000)}, .mixed = 3};
    struct lanes lanes = {.n_crowds = 1, .crowds = &nat};
    struct user none = {.id = 1}, user = {.id = 1, .lanes = &lanes};

    (void)state;
    assert_true(verdict_excused(&policy, &none, &four, &six));
    four.asn = 7;
    assert_true(verdict_excused(&policy, &none, &four, &six));
    six.asn = 7;
    assert_true(verdict_excused(&policy, &none, &four, &six));
    six.asn = 8;
    assert_false(verdict_excused(&policy, &none, &four, &six));
    six.addr = (struct addr){0, UINT64_C(0xffff05010909)};
    assert_false(verdict_excused(&policy, &user, &four, &six));
    six.asn = 7;
    assert_true(verdict_excused(&policy, &user, &four, &six));
    assert_false(verdict_excused(&policy, &none, &four, &six));
    six.asn = 0;
    assert_true(verdict_excused(&policy, &user, &four, &six));
    policy.group_by = GROUP_IP;
    assert_false(verdict_excused(&policy, &user, &four, &six));
    policy.group_by = GROUP_AUTO;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest_set_of_concurrent_devices),
        cmocka_unit_test(persistent_devices),
        cmocka_unit_test(tallies),
        cmocka_unit_test(active_at_every_check),
        cmocka_unit_test(networks_of_leaked_accounts),
        cmocka_unit_test(providers_tell_families_apart),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
