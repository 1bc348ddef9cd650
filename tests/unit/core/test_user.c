/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/user/user.h"

enum { SERIALS = 4096, MAX_DEVICES = 64 };

/*
 * The slow map: for two devices, known by the serial number in their address, what was written into
 * their pair, and which of them it calls the previous one.
 */
static struct {
    float mark;
    uint16_t previous; /* serial, 0 = nothing written */
} map[SERIALS][SERIALS];
static uint16_t next_serial;

static uint16_t serial(const struct user *u, int index)
{
    return (uint16_t)u->devices[index].addr.lo;
}

static int lane_count(const struct user *u)
{
    return u->lanes ? u->lanes->n : 0;
}

/* Writes a mark into the pair of two lanes, and into the map. */
static void mark(struct user *u, int a, int b, float value)
{
    struct pair *p = lanes_pair(u->lanes, a, b);
    uint16_t x = serial(u, u->lanes->device[a]), y = serial(u, u->lanes->device[b]);

    p->fixed.nats = value;
    p->previous = a > b; /* device x was the previous one */
    map[x][y].mark = map[y][x].mark = value;
    map[x][y].previous = map[y][x].previous = x;
}

static void forget(uint16_t s)
{
    int i;

    for (i = 0; i < SERIALS; i++) {
        map[s][i].mark = map[i][s].mark = 0;
        map[s][i].previous = map[i][s].previous = 0;
    }
}

/* Devices and lanes point at one another, and each pair holds what the map says. */
static void check(const struct user *u)
{
    int i, j, laned = 0;

    for (i = 0; i < u->n; i++) {
        for (j = 0; j < i; j++)
            assert_int_not_equal(serial(u, i), serial(u, j));
        if (u->devices[i].lane == LANE_NONE)
            continue;
        assert_true(u->devices[i].lane < lane_count(u));
        assert_int_equal(u->lanes->device[u->devices[i].lane], i);
        laned++;
    }
    assert_int_equal(laned, lane_count(u));
    for (i = 0; i < lane_count(u); i++) {
        for (j = 0; j < lane_count(u); j++) {
            uint16_t x = serial(u, u->lanes->device[i]), y = serial(u, u->lanes->device[j]);
            const struct pair *p;

            if (i == j)
                continue;
            p = lanes_pair(u->lanes, i, j);
            assert_true(p->fixed.nats == map[x][y].mark);
            if (map[x][y].previous)
                assert_int_equal(p->previous, map[x][y].previous == x ? i > j : j > i);
        }
    }
}

static void add(struct user *u, int64_t now)
{
    int index = -1, n = u->n, rc;

    rc = user_add_device(u, MAX_DEVICES, 0, 0, &index);
    if (n == MAX_DEVICES) {
        assert_int_equal(rc, ERR_TOO_BIG);
        return;
    }
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(index, n);
    assert_int_equal(u->devices[index].lane, LANE_NONE);
    u->devices[index].addr.lo = ++next_serial;
    u->devices[index].last_us = now;
}

/* Which device must lose its lane: the one seen longest ago, if that is not the newcomer itself. */
static int oldest_laned(const struct user *u)
{
    int i, oldest = -1;

    for (i = 0; i < u->n; i++)
        if (u->devices[i].lane != LANE_NONE &&
            (oldest < 0 || u->devices[i].last_us < u->devices[oldest].last_us))
            oldest = i;
    return oldest;
}

static void take_lane(struct user *u, int index)
{
    bool full = lane_count(u) == LIMIT_LANES, had = u->devices[index].lane != LANE_NONE;
    int oldest = oldest_laned(u);

    assert_int_equal(user_take_lane(u, index), ERR_OK);
    if (had || !full) {
        assert_int_not_equal(u->devices[index].lane, LANE_NONE);
        return;
    }
    if (u->devices[oldest].last_us > u->devices[index].last_us) {
        assert_int_equal(u->devices[index].lane, LANE_NONE);
        return;
    }
    assert_int_not_equal(u->devices[index].lane, LANE_NONE);
    assert_int_equal(u->devices[oldest].lane, LANE_NONE);
    forget(serial(u, oldest));
}

static void drop(struct user *u, int index)
{
    forget(serial(u, index));
    user_drop_device(u, index);
}

static void drop_idle(struct user *u, int64_t idle)
{
    int i, left = 0;

    for (i = 0; i < u->n; i++) {
        if (u->devices[i].last_us < idle)
            forget(serial(u, i));
        left += u->devices[i].last_us >= idle;
    }
    user_drop_idle(u, idle);
    assert_int_equal(u->n, left);
    for (i = 0; i < u->n; i++)
        assert_true(u->devices[i].last_us >= idle);
}

static void lanes_agree_with_a_map(void **state)
{
    uint64_t seed = 111;
    int round, i, full = 0;

    (void)state;
    for (round = 0; round < 12; round++) {
        struct user u = {.id = 1};
        int64_t now = 1;

        memset(map, 0, sizeof(map));
        next_serial = 0;
        while (next_serial < 300) {
            uint32_t what = rnd_below(&seed, 100);
            int a = u.n ? (int)rnd_below(&seed, u.n) : 0;

            now++;
            if (what < 12 || u.n == 0)
                add(&u, now);
            else if (what < 40)
                take_lane(&u, a);
            else if (what < 50)
                u.devices[a].last_us = now;
            else if (what < 54)
                drop(&u, a);
            else if (what < 55 && rnd_below(&seed, 4) == 0)
                drop_idle(&u, now - 200);
            else if (what < 56 && rnd_below(&seed, 20) == 0) {
                for (i = 0; i < u.n; i++)
                    forget(serial(&u, i));
                user_drop_lanes(&u);
            } else if (lane_count(&u) > 1) {
                int x = (int)rnd_below(&seed, (uint32_t)lane_count(&u)),
                    y = (int)rnd_below(&seed, (uint32_t)lane_count(&u));

                if (x != y)
                    mark(&u, x, y, (float)now);
            }
            full += lane_count(&u) == LIMIT_LANES;
            check(&u);
        }
        user_release(&u);
    }
    assert_true(full > 1000);
}

static int find(struct user *u, struct addr a, uint16_t inbound, bool by_inbound)
{
    const struct device_key key = {.addr = a, .inbound = inbound, .by_inbound = by_inbound};

    return user_find(u, &key);
}

static void finds_by_address_and_inbound(void **state)
{
    struct user u = {.id = 1};
    uint64_t seed = 112;
    int i, index;

    (void)state;
    for (i = 0; i < 40; i++) {
        assert_int_equal(user_add_device(&u, MAX_DEVICES, 0, 0, &index), ERR_OK);
        u.devices[index].addr = (struct addr){(uint64_t)i / 8, (uint64_t)i % 8};
        u.devices[index].inbound = (uint16_t)(i % 3);
    }
    for (i = 0; i < 5000; i++) {
        struct addr a = {rnd_below(&seed, 6), rnd_below(&seed, 9)};
        uint16_t tag = (uint16_t)rnd_below(&seed, 4);
        bool by_tag = rnd_below(&seed, 2);
        int k, want = -1, got = find(&u, a, tag, by_tag);

        for (k = 0; k < u.n; k++)
            if (addr_eq(u.devices[k].addr, a) && (!by_tag || u.devices[k].inbound == tag))
                want = k;
        assert_int_equal(got, want);
    }
    user_release(&u);
}

/* A spray: what is active, or holds evidence, stays; the oldest of the rest makes room. */
static void traces_give_way_and_evidence_stays(void **state)
{
    struct user u = {.id = 1};
    int i, index;

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_int_equal(user_add_device(&u, 4, 0, 0, &index), ERR_OK);
        u.devices[index].last_us = 10 + i;
        u.devices[index].addr.lo = (uint64_t)i;
    }
    assert_int_equal(user_take_lane(&u, 0), ERR_OK);
    assert_int_equal(user_add_device(&u, 4, 0, 10, &index), ERR_TOO_BIG);
    assert_int_equal(user_add_device(&u, 4, 0, 12, &index), ERR_OK);
    assert_int_equal(u.n, 4);
    u.devices[index].addr.lo = 9;
    assert_true(find(&u, (struct addr){0, 0}, 0, false) >= 0);
    assert_int_equal(find(&u, (struct addr){0, 1}, 0, false), -1);
    assert_true(find(&u, (struct addr){0, 2}, 0, false) >= 0);
    user_release(&u);
}

static void idle_devices_give_way(void **state)
{
    struct user u = {.id = 1};
    int i, index;

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_int_equal(user_add_device(&u, 4, 0, 0, &index), ERR_OK);
        u.devices[index].last_us = 10 + i;
        u.devices[index].addr.lo = (uint64_t)i;
    }
    assert_int_equal(user_add_device(&u, 4, 10, 0, &index), ERR_TOO_BIG);
    assert_int_equal(user_add_device(&u, 4, 12, 0, &index), ERR_OK);
    assert_int_equal(u.n, 3);
    u.devices[index].last_us = 14;
    for (i = 0; i < u.n; i++)
        assert_true(u.devices[i].last_us >= 12);
    user_drop_idle(&u, 100);
    assert_int_equal(u.n, 0);
    assert_ptr_equal(u.devices, u.few);
    assert_int_equal(find(&u, (struct addr){0, 1}, 0, false), -1);
    user_release(&u);
}

/* Two devices become one: it keeps the pairs of the one that had any, and the times of both. */
static void merged_devices_keep_the_evidence(void **state)
{
    int way, i, index;

    (void)state;
    for (way = 0; way < 2; way++) {
        struct user u = {.id = 1};

        for (i = 0; i < 4; i++) {
            assert_int_equal(user_add_device(&u, 8, 0, 0, &index), ERR_OK);
            u.devices[index].addr.lo = (uint64_t)i + 1;
            u.devices[index].first_s = 10 + (uint32_t)i;
            u.devices[index].last_us = 100 + i;
            u.devices[index].lines = 5;
        }
        assert_int_equal(user_take_lane(&u, 1), ERR_OK);
        assert_int_equal(user_take_lane(&u, 3), ERR_OK);
        lanes_pair(u.lanes, 0, 1)->fixed.nats = 6;
        user_merge_devices(&u, way ? 0 : 1, way ? 1 : 0);
        assert_int_equal(u.n, 3);
        index = find(&u, (struct addr){0, 2}, 0, false);
        assert_true(index >= 0);
        assert_int_equal(u.devices[index].first_s, 10);
        assert_int_equal(u.devices[index].last_us, 101);
        assert_int_equal(u.devices[index].lines, 10);
        assert_true(u.devices[index].lane < 2);
        assert_int_equal(u.lanes->device[u.devices[index].lane], index);
        assert_true(lanes_pair(u.lanes, 0, 1)->fixed.nats > 5);
        user_release(&u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_agree_with_a_map),
        cmocka_unit_test(merged_devices_keep_the_evidence),
        cmocka_unit_test(finds_by_address_and_inbound),
        cmocka_unit_test(traces_give_way_and_evidence_stays),
        cmocka_unit_test(idle_devices_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
